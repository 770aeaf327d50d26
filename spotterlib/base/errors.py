"""What can go wrong, said to people: every error of Spotter names the file and the remedy."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class SpotterError(Exception):
    """Something a user can mend; the message names the file and the remedy."""


class ArgumentError(SpotterError, ValueError, TypeError):
    """A function was given what it does not take; the message says what it takes."""


class VideoError(SpotterError):
    """A video is missing, is not a video, or could not be written."""


class DataError(SpotterError):
    """A manifest, a split, a data folder or a face cache is missing or wrong."""


class CheckpointError(SpotterError):
    """A checkpoint is missing, damaged, or does not fit its card."""


class NotReadyError(SpotterError):
    """An earlier notebook's result is missing; the message says which to run."""


class WriteError(SpotterError, OSError):
    """A file could not be written: no room, or no right to. What was there before is as it was."""


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """What the system refuses in the block (a full disk, a read-only folder) is a `WriteError` that names `place`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SpotterError):
            raise
        why = error.strerror or str(error)
        refused = WriteError(f"{place} cannot be written ({why}). {write_remedy(error)}")
        refused.strerror = why
        raise refused from error


def write_remedy(error: OSError) -> str:
    """What to do where the system refused to write a file."""
    if errno.ENAMETOOLONG in (error.errno, getattr(error.__cause__, "errno", None)):
        return "Give it a shorter name."
    return "Is there room, and may you write there?"


def shortened(text: str, most: int = 200) -> str:
    """A text of others as one line of a message, cut where it is longer than a name can be."""
    line = " ".join(text.split()) if "\n" in text or "\r" in text else text
    return line if len(line) <= most else line[:most] + "…"
