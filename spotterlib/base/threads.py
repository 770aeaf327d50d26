"""Threads on which torch computes with one core each: what it finds there is the same on any number of cores."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

_LOCK = threading.Lock()


def on_one_core(function: Callable[..., Any], *given: Any) -> Future:
    """Begin `function(*given)` on a thread whose torch uses one core; as many at once as torch has cores here.

    The last bits of torch's sums depend on how many threads share them, and a cached box must not. Its setting of that
    number is no help: it holds for the whole process, where others may be computing.
    """
    with _LOCK:
        pool = _pool()
    return pool.submit(function, *given)


def _settle() -> None:
    torch.get_num_threads()  # a new thread takes the common number when it first asks: later, it would undo ours
    torch.set_num_threads(1)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    count = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, "one-core", initializer=_settle)
    together = threading.Barrier(count)  # nobody is ready before all are there: none is left to begin later
    try:
        for begun in [pool.submit(together.wait) for _ in range(count)]:
            begun.result()
    except BaseException:  # no room for one more thread: those that wait for it would wait, and the process, for ever
        together.abort()
        pool.shutdown(wait=False)
        raise
    torch.set_num_threads(count)  # threads that begin later take the number that was set last
    return pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of its parent's threads
