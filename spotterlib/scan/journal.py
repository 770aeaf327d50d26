"""The rows of a folder scan, one a video, written down as they are finished so that a scan can be taken up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from ..base import DataError, shortened

_COLUMNS = (
    "path", "status", "label", "probability", "confidence", "reason", "faces", "windows", "duration", "coverage",
    "checkpoint", "seconds",
)  # fmt: skip


class Journal:
    """Finished rows by key, on a text file open for "a+". A damaged line is passed over: its video is scanned again.

    root: the folder that their paths are relative to. Raises `DataError` where the file is of another one: its rows
    and the table made of them would be lost, or mixed up with this one's.
    """

    def __init__(self, file: TextIO, root: Path) -> None:
        self.file, self.root = file, str(root)
        self.rows: dict[str, dict] = {}
        self.named = False  # whether the file tells its root
        file.seek(0)
        text = file.read()
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
                key, row = entry.get("key"), dict.fromkeys(_COLUMNS) | entry.get("row", {})
                of = entry.get("root") or _root_of(key, row["path"])
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue
            if of not in ("", self.root):
                raise DataError(
                    f"{file.name} is of another folder, {shortened(str(of))}, and this one is {self.root}. Give "
                    "another out= for it; or move that file away, and all of this one's videos are scanned."
                )
            self.named = True
            if "row" in entry:
                self.rows[key] = row
        if text and not text.endswith("\n"):  # cut short
            file.write("\n")

    def add(self, key: str, row: dict) -> None:
        """Keep a finished row."""
        self.rows[key] = row
        self._write({"key": key, "root": self.root, "row": row})

    def name_root(self) -> None:
        """See that the file tells its root, though not one row may be worth keeping."""
        if not self.named:
            self._write({"root": self.root})

    def _write(self, entry: dict) -> None:
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        self.named = True


def _root_of(key: str, path: str) -> str:
    """The root of a row that does not name it, as rows did not once; "" where nothing tells."""
    video = key.rsplit("|", 3)[0]
    return video[: -len(path) - 1] if video.endswith(f"/{path}") else ""


def file_key(video: Path, mark: str) -> str:
    """What a scan of a video is known by: a changed file, or another `mark` (of the checkpoint), has another key."""
    try:
        stat = video.stat()
    except OSError as error:
        return f"{video}|{error.errno}"
    return f"{video}|{stat.st_size}|{stat.st_mtime_ns}|{mark}"


def row_of(path: str, checkpoint: str, **values: object) -> dict:
    """A row: all columns in order, those not given empty, 0 or None. Only what was judged has a label."""
    row = dict.fromkeys(_COLUMNS) | {"reason": "", "faces": 0, "windows": 0, "seconds": 0.0}
    row |= {"path": path, "checkpoint": checkpoint} | values
    return {key: _printable(value) if isinstance(value, str) else value for key, value in row.items()}


def _printable(text: str) -> str:
    """Text that can be written: bytes of a file name that are no UTF-8 as a backslash and their value."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
