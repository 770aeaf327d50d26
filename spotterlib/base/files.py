"""Files that are written whole or not at all, and text and JSON that are read with care."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import DataError, writing
from .paths import named_path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it replaces `path` if the block succeeds and vanishes if it fails.

    Raises `WriteError` where nothing can be written.
    """
    final = named_path(path)
    with writing(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        # a short name of its own (a name of 250 characters has no room for a suffix), the ending kept for encoders
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=".spotter-", suffix=final.suffix[-16:])
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """`value` as JSON has it: numpy numbers and arrays become Python's, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def to_json(value: Any, indent: int | None = 1) -> str:
    """`value` as strict JSON text (no NaN: what was not measured is null)."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write `value` as strict JSON, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(value) + "\n", encoding="utf-8")
    return Path(path)


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError`, also for what is nested too deeply to be read, and for half a
    letter (a lone surrogate), which no file can hold again."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


LARGEST_TEXT = 1 << 28
"""Bytes of the largest text that is read whole: a sparse file costs its maker nothing, and its reader the memory."""


def read_text(path: str | os.PathLike[str], errors: str = "strict") -> str:
    """The text of an ordinary file: a pipe would keep its reader waiting for ever. Raises `OSError`, `ValueError`."""
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode):
        raise OSError("it is no ordinary file")
    if about.st_size > LARGEST_TEXT:
        raise OSError(f"it has {about.st_size:,} bytes, and at most {LARGEST_TEXT:,} are read")
    return Path(path).read_text(encoding="utf-8", errors=errors)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file. Raises `DataError` that names the file when it is missing or no JSON."""
    try:
        return parse_json(read_text(path))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.") from error
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}). Make it again, or restore it.") from error


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The file's SHA-256 as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
