"""How a CSV begins: what stands between its fields, and the names of its columns."""

from __future__ import annotations

import os
import re
from typing import TextIO


def csv_mark(file: TextIO) -> tuple[str, int]:
    """What stands between the fields of an open CSV, and how many lines to leave out before the names (0 or 1).

    Comma, semicolon or tab, whichever its first line has most of. Excel writes a line `sep=;` before the names; then
    that one. The file is left where the names begin.
    """
    first = file.readline()
    said = re.fullmatch(r"sep=(.)", first.strip('\r\n"'), re.I)
    if said:
        return said[1], 1
    file.seek(0)
    return max(",;\t", key=first.count), 0


def csv_names(path: str | os.PathLike[str]) -> list[str]:
    """The column names of a CSV, in lower case; [] where it cannot be read, and anything of what is no CSV."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            mark, _ = csv_mark(file)
            return [name.strip(' \r\n"').lower() for name in file.readline().split(mark)]
    except OSError:
        return []
