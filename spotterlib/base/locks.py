"""One maker for a file: among threads, processes and machines on one disk, and after one of them was killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import DataError, write_remedy


@contextlib.contextmanager
def keeping(place: Path) -> Iterator[None]:
    """A full disk or a read-only folder is a `DataError`, never a video's fault."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{place} cannot be written ({error.strerror or error}). {write_remedy(error)} "
            "What is cached already stays valid."
        ) from error


@contextlib.contextmanager
def claimed(final: Path, wait: bool = True) -> Iterator[Path | None]:
    """Yield the temporary file of `final`, empty, to its one maker; None to others, who may `wait` till it is free.

    What the block writes there becomes `final`; where it fails, or writes nothing, `final` stays as it was. A lock of
    the system's (`filelock`) says who the maker is, and ends with its owner: after a SIGKILL nothing has to be cleaned
    up or to expire, for the next maker takes over what was left. Having waited, look at `final` again. Raises
    `DataError` where nothing can be written.
    """
    part = final.with_name(f".{final.stem}.part{final.suffix}")
    lock = FileLock(_lock_of(final), blocking=wait, poll_interval=0.01, thread_local=False)
    with keeping(final.parent), contextlib.suppress(Timeout):
        lock.acquire()
    if not lock.is_locked:
        yield None
        return
    try:
        with keeping(final.parent):
            part.write_bytes(b"")
        yield part
        with keeping(final.parent):
            if part.stat().st_size:
                os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)
        # while it is held: whoever waits for it sees that its name is gone, and begins anew. Windows removes it itself
        with contextlib.suppress(PermissionError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def tidy(final: Path) -> None:
    """Take away the lock of a maker that was killed when `final` had its name already: nobody would claim it again."""
    if _lock_of(final).exists():
        with claimed(final, wait=False):
            pass


def _lock_of(final: Path) -> Path:
    return final.with_name(f".{final.stem}.lock")
