"""Freed memory, handed back to the system."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


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
