"""Tables as CSV that a spreadsheet shows and never computes, and that read back to what they were.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, whatever the CSV means by it; the name
of a video may be one. Such a path is written with `./` before it, which leads to the same file for whoever reads the
table; any other such text with an apostrophe, which `from_cells` takes away again. Where a language writes numbers with
a comma, a spreadsheet begins a cell after every `;`, and in quotes it may not see a line's end as text: an apostrophe
stands there, too.
"""

from __future__ import annotations

import csv
import math
import numbers
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from .files import atomic_path

PATHS = ("path", "mask")
"""Columns of paths."""

_COMPUTED = re.compile(r"'*[\s=+\-@＝＋－＠]")  # blanks and the wide signs too, which some programs pass over or narrow

_BEGUN = re.compile(r"([;\t\r\n])(?=[\s']*[=+\-@＝＋－＠])")  # where a cell begins for some, inside one of ours
_BROKEN = re.compile(r"([;\t\r\n])'(?=[\s']*[=+\-@＝＋－＠])")  # the same, with our apostrophe


def to_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A copy of a table in which no text is a formula; numbers stay as they are."""
    return _changed(table, _path_cell, _text_cell)


def from_cells(table: pd.DataFrame) -> pd.DataFrame:
    """What `to_cells` made a copy of."""
    return _changed(table, _path_of_cell, _text_of_cell)


def _changed(table: pd.DataFrame, of_path: Callable[[str], str], of_text: Callable[[str], str]) -> pd.DataFrame:
    changed = table.copy()
    for column in table.columns:
        change = of_path if column in PATHS else of_text
        if not pd.api.types.is_numeric_dtype(table[column]):
            cells = [change(value) if isinstance(value, str) else value for value in table[column]]
            changed[column] = pd.Series(cells, index=table.index, dtype=table[column].dtype)
    return changed


def _path_cell(text: str) -> str:
    text = _BEGUN.sub(r"\1'", text)
    return f"./{text}" if _COMPUTED.match(text) else text


def _path_of_cell(text: str) -> str:
    text = text[2:] if text.startswith("./") and _COMPUTED.match(text[2:]) else text
    return _BROKEN.sub(r"\1", text)


def _text_cell(text: str) -> str:
    text = _BEGUN.sub(r"\1'", text)
    return f"'{text}" if _COMPUTED.match(text) else text


def _text_of_cell(text: str) -> str:
    text = text[1:] if text.startswith("'") and _COMPUTED.match(text[1:]) else text
    return _BROKEN.sub(r"\1", text)


def csv_text(table: pd.DataFrame) -> str:
    """A table as the text of a CSV without its index, lines ended by a line feed, safe to open in a spreadsheet."""
    text = to_cells(table).to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # which Python quotes not, and readers take for the end of a line: a name could begin one
        text = to_cells(table).to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame) -> Path:
    """Write a table as such a CSV, whole or not at all. Raises `WriteError`."""
    with atomic_path(path) as temporary:
        temporary.write_text(csv_text(table), encoding="utf-8", newline="")
    return Path(path)


def read_table(path: str | os.PathLike[str], **how: Any) -> pd.DataFrame:
    """The table that `write_csv` wrote, an empty cell as an empty text; how: `pandas.read_csv`'s own, as are errors."""
    return from_cells(pd.read_csv(path, keep_default_na=False, **how))


def readable(table: pd.DataFrame, names: dict[str, str] | None = None, digits: int = 3) -> pd.DataFrame:
    """A table for people: columns and rows called as `names` says, "_" as a blank in the others; numbers with so many
    digits after the point, whole ones without, a pair as an interval; "–" where there is none."""
    said = names or {}

    def title(name: object) -> object:
        return said.get(name, name.replace("_", " ")) if isinstance(name, str) else name

    def cell(value: Any) -> Any:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if isinstance(value, list | tuple) and len(value) == 2:
            return " to ".join(str(cell(end)) for end in value)
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            return f"{value:.{digits}f}"
        return value

    cells = {title(name): [cell(value) for value in table[name]] for name in table}
    index = pd.Index([title(name) for name in table.index], name=table.index.name)
    return pd.DataFrame(cells, index, dtype=object)
