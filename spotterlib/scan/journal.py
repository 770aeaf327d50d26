"""The rows of a folder scan, one a video, written down as they are finished so that a scan can be taken up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

_COLUMNS = (
    "path", "status", "label", "probability", "confidence", "reason", "faces", "windows", "duration", "coverage",
    "checkpoint", "seconds",
)  # fmt: skip


class Journal:
    """Finished rows by key, on a text file open for "a+". A damaged line is passed over: its video is scanned again."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.rows: dict[str, dict] = {}
        file.seek(0)
        text = file.read()
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
                self.rows[entry["key"]] = dict.fromkeys(_COLUMNS) | entry["row"]
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
        if text and not text.endswith("\n"):  # cut short
            file.write("\n")

    def add(self, key: str, row: dict) -> None:
        """Keep a finished row."""
        self.rows[key] = row
        self.file.write(json.dumps({"key": key, "row": row}) + "\n")
        self.file.flush()


def file_key(video: Path, mark: str) -> str:
    """What a scan of a video is known by: a changed file, or another `mark` (of the checkpoint), has another key."""
    try:
        stat = video.stat()
    except OSError as error:
        return f"{video}|{error.errno}"
    return f"{video}|{stat.st_size}|{stat.st_mtime_ns}|{mark}"


def row_of(path: str, checkpoint: str, **values: object) -> dict:
    """A row: all columns in order, those not given UNDECIDED, 0 or None."""
    row = dict.fromkeys(_COLUMNS) | {"label": "UNDECIDED", "reason": "", "faces": 0, "windows": 0, "seconds": 0.0}
    row |= {"path": path, "checkpoint": checkpoint} | values
    return {key: _printable(value) if isinstance(value, str) else value for key, value in row.items()}


def _printable(text: str) -> str:
    """Text that can be written: bytes of a file name that are no UTF-8 as a backslash and their value."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
