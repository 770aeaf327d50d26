"""One maker for a file: among threads, processes and machines on one disk, and after one of them was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .project import DataError


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """A full disk or a read-only folder is a `DataError`, never a video's fault."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{place} cannot be written ({error.strerror or error}). Is there room, and may you write there? "
            "What is cached already stays valid."
        ) from error


@contextlib.contextmanager
def claimed(final: Path, wait: bool = True) -> Iterator[Path | None]:
    """Yield the temporary file of `final` to its one maker; None to others, who may also `wait` until it is free.

    What the block writes there becomes `final`; where it fails, or writes nothing, `final` stays as it was. The
    temporary has one name and a lock of the system's (flock), which ends with its owner: after a SIGKILL nothing has to
    be cleaned up or to expire, for the next maker takes over what was left. Having waited, look at `final` again.
    Raises `DataError` where nothing can be written.
    """
    part = final.with_name(f".{final.stem}.part{final.suffix}")
    with writing(final.parent):
        lock = _lock(part, wait)
    if lock is None:
        yield None
        return
    kept = False
    try:
        yield part
        with writing(final.parent):
            if part.stat().st_size:
                os.replace(part, final)
                kept = True  # from here on a file of the temporary's name is somebody else's
    finally:
        if not kept:
            part.unlink(missing_ok=True)
        os.close(lock)


def _lock(part: Path, wait: bool) -> int | None:
    """A descriptor that holds the lock of the file now at `part`, emptied; None where another has it."""
    while True:
        handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        locked = False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            # while this one waited, the file may have become the final one, or have been removed
            if part.exists() and os.path.samestat(os.fstat(handle), os.stat(part)):
                os.ftruncate(handle, 0)
                locked = True
                return handle
        except BlockingIOError:
            return None
        except FileNotFoundError:
            continue  # removed between two looks
        finally:
            if not locked:
                os.close(handle)
