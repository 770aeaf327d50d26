"""Work that is stopped says what is kept; freed memory goes back."""

from __future__ import annotations

import io
import os
import signal
import threading

import psutil
import pytest
import torch

from spotterlib.base import CheckpointError, limits, stoppable


@pytest.fixture
def untouched():
    """SIGTERM has no handler before, and must have none after."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    yield
    left = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert left is signal.SIG_DFL


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_outermost_work_says_what_is_kept(untouched, how):
    with pytest.raises(KeyboardInterrupt) as caught, stoppable("The whole", "Half is there."):  # noqa: SIM117
        with stoppable("A part", "Nothing is there."):
            os.kill(os.getpid(), how)
            threading.Event().wait(60)
    assert str(caught.value) == "The whole was stopped. Half is there."
    assert caught.value.__suppress_context__, "one sentence, not three tracebacks"


class Stopping(io.RawIOBase):
    """A file to which torch writes; the signal comes once, while it does."""

    def __init__(self, how: signal.Signals) -> None:
        self.how, self.heard = how, 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.heard += 1
        if self.heard == 2:  # inside a record, which torch then finds to be too short
            os.kill(os.getpid(), self.how)
        return len(data)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_a_library_makes_an_error_of_its_own_of_is_a_stop(untouched, how):
    with pytest.raises(RuntimeError) as library:  # what torch makes of it, without us
        torch.save({"a": torch.zeros(9)}, Stopping(signal.SIGINT))
    assert isinstance(library.value.__context__, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt, match=r"^The whole was stopped\. Half is there\.$"):  # noqa: SIM117
        with stoppable("The whole", "Half is there."):
            torch.save({"a": torch.zeros(9)}, Stopping(how))
    with pytest.raises(KeyboardInterrupt, match=r"^The whole was stopped"), stoppable("The whole", ""):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise CheckpointError("It cannot be read.") from stop


def test_work_that_ends_or_fails_is_none_of_its_business(untouched):
    with stoppable("The whole", ""):
        pass
    with pytest.raises(KeyError), stoppable("The whole", ""):
        raise KeyError


def test_a_handler_of_the_callers_own_stays_in_charge(untouched):
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    with stoppable("The whole", ""):
        os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [1]
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [1, 1]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_another_thread_works_without_a_handler(untouched):
    seen = []

    def work():
        with stoppable("The whole", ""):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert seen == [signal.SIG_DFL]


def test_freed_memory_goes_back_to_the_system():
    if limits._trim() is None:
        pytest.skip("only glibc is asked to")
    kept, before = [], psutil.Process().memory_info().rss
    for _ in range(40_000):  # 200 MB in pieces too small for pages of their own, and a small one on top that stays
        kept.append(bytearray(5000))
    top, kept = bytearray(5000), None
    limits.give_back()
    assert psutil.Process().memory_info().rss - before < 60e6 and top is not None
