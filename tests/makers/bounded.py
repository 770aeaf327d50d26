"""Waiting with an end: whatever a test waits for is given up after a time, and the test fails with the reason."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest


def finished(command: list[str] | str, limit: float = 900, **how) -> subprocess.CompletedProcess[str]:
    """Run a command, `how` as `subprocess.Popen` takes it, and return its end and what it printed.

    It has no terminal and nothing to read. After `limit` s it is ended with all its children (`subprocess.run` ends the
    command alone, and then waits for children that hold its pipes), and the test fails with what was said.
    """
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    run = subprocess.Popen(command, text=True, errors="replace", start_new_session=True, **pipes, **how)
    try:
        out, err = run.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        end(run)
        out, err = run.communicate(timeout=30)
        pytest.fail(f"{command} had not ended after {limit} s. It said: {out[-2000:]}{err[-2000:]}")
    finally:
        end(run)
    return subprocess.CompletedProcess(command, run.returncode, out, err)


def end(run: subprocess.Popen, patience: float = 0) -> None:
    """End a process and its children, by SIGTERM where there are `patience` s for it, else by SIGKILL."""
    if run.poll() is not None:
        return
    try:
        family = [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]
    except psutil.NoSuchProcess:
        family = []
    for how in (signal.SIGTERM, signal.SIGKILL) if patience else (signal.SIGKILL,):
        for process in family:
            if process.is_running():
                process.send_signal(how)
        family = psutil.wait_procs(family, timeout=patience or 30)[1]
    run.poll()


def first_line(run: subprocess.Popen, limit: float = 4800) -> str:
    """The first line that a process prints; it fails, and the process is ended, when none comes within `limit` s."""
    if not select.select([run.stdout], [], [], limit)[0]:
        end(run)
        pytest.fail(f"{run.args} had printed nothing after {limit} s. It said: {run.communicate(timeout=30)[1] or ''}")
    return run.stdout.readline()


def signalled(pipe: int, limit: float = 480) -> None:
    """Take the one byte that another process writes into a pipe when it is there; fail when none comes."""
    if not select.select([pipe], [], [], limit)[0]:
        pytest.fail(f"another process should have said within {limit} s that it is there")
    os.read(pipe, 1)


def until(there: Callable[[], bool], what: str, limit: float = 480) -> None:
    """Wait until something is there; fail, naming it, when it is not within `limit` s."""
    last = time.monotonic() + limit
    while not there():
        if time.monotonic() > last:
            pytest.fail(f"after {limit} s there was still no {what}")
        time.sleep(0.05)
