"""A file that changes or goes away while it is read: FFmpeg takes either for the end of the video, and says nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..base import VideoError

_PIECE = 1 << 20  # bytes


@contextlib.contextmanager
def unchanged(place: Path) -> Iterator[None]:
    """A file that is as it was when the block ends, else a `VideoError`: one that grows has been seen in part."""
    before = _state(place)
    try:
        yield
    except VideoError:
        check_readable(place, before[0])
        raise
    check_readable(place, before[0])
    if _state(place) != before:
        raise VideoError(
            f"{place} changed while it was read. If it is still being written or copied, wait until it is whole (or "
            "copy what is there) and try again."
        )


def check_readable(place: Path, start: int) -> None:
    """Read a file from byte `start` on, at least its last piece. Raises `VideoError` where the system cannot."""
    try:
        with open(place, "rb") as file:
            file.seek(max(0, min(start, place.stat().st_size - 1)))
            while file.read(_PIECE):
                pass
    except OSError as error:
        raise _gone(place, error) from error


def _state(place: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns."""
    try:
        status = place.stat()
    except OSError as error:
        raise _gone(place, error) from error
    return status.st_size, status.st_mtime_ns


def _gone(place: Path, error: OSError) -> VideoError:
    return VideoError(
        f"{place} cannot be read to its end ({error.strerror}). Is its disk or network share still there, and may you "
        "read it? Then try again."
    )
