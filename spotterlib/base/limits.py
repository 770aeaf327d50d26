"""Where long work ends before it is done: it is stopped, or the memory runs out; and freed memory handed back."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from .errors import SpotterError


@contextlib.contextmanager
def stoppable(work: str, kept: str) -> Iterator[None]:
    """Long work that SIGTERM ends as Ctrl-C does: by a `KeyboardInterrupt` that says what was stopped and what is kept.

    work: "The scan of a.mp4"; kept: a sentence on what is there already and how to go on. Around other stoppable work
    the outermost speaks. Outside the main thread, where Python handles no signal, and where the caller handles SIGTERM
    in a way of its own, that signal does what it did. A stop that comes while a library's own code calls back (torch
    writing a file) leaves it as an error of that library's: it is a stop all the same.
    """
    told = False

    def stop(*_: object) -> None:
        nonlocal told
        told = True
        raise KeyboardInterrupt

    free = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if free:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        if not (told or _was_a_stop(error)):
            raise
        raise KeyboardInterrupt(f"{work} was stopped. {kept}") from None
    finally:
        if free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _was_a_stop(error: BaseException | None) -> bool:
    """Whether an error is a `KeyboardInterrupt`, or came of one."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


_NO_MEMORY = (
    "allocate memory",
    "out of memory",
    "Insufficient memory",
    "bad_alloc",
    "bad allocation",
    "new thread",
    "ALLOC_FAILED",
)
_GPUS = ("CUDA", "CUDNN", "CUBLAS", "MPS", "HIP")  # what names a GPU in torch's words


@contextlib.contextmanager
def enough_memory(work: str) -> Iterator[None]:
    """Where the memory runs out in the block, a `SpotterError` says at what; every library has an error of its own."""
    try:
        yield
    except Exception as error:
        found = error.__cause__ if isinstance(error, SpotterError) else error
        told = isinstance(found, RuntimeError) or type(found).__module__ == "cv2"
        short = told and any(words in str(found) for words in _NO_MEMORY)
        refused = getattr(found, "errno", None) in (errno.ENOMEM, errno.EAGAIN)  # the system's words, for threads too
        if not (short or refused or isinstance(found, MemoryError)):
            raise
        remedy = "Close other programs, use fewer workers or smaller batches, or a machine with more."
        if short and any(name in str(found) for name in _GPUS):
            remedy = (
                "It is the GPU's that is full: close what else uses it, take smaller batches, fewer or shorter clips, "
                'or device="cpu".'
            )
        raise SpotterError(f"{work} needs more memory than there is. {remedy}") from error


def give_back() -> None:
    """Hand back what was freed.

    glibc keeps the holes that large pictures leave between small crops that stay, and does not always fill them again:
    ten minutes of 1080p took 6 GB so. Elsewhere than on Linux nothing is done.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
