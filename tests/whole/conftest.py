"""Fixtures of what goes through several rooms: one small clip, and a kernel that runs notebooks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import papermill
import pytest
from jupyter_client.manager import KernelManager
from makers.face_clips import moving, stage, write_clip

from spotterlib.notebook import read_records
from spotterlib.notebook.runner import find_notebook, notebook_parameters

FRAMES = 9


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """One person who does not exist, small and short."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    person = moving("p01", np.arange(FRAMES) / 12, height=96)
    return write_clip(path, stage((112, 104), FRAMES, (person, np.full((FRAMES, 2), 4.0))))


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all notebooks (starting one takes longer than a notebook): `run` executes one by papermill and
    returns its records, `execute` code of its own in what that left."""
    manager = KernelManager(kernel_name="python3", transport="ipc")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=480)

    def run(name: str, out: Path, **parameters) -> dict:
        assert set(parameters) <= set(notebook_parameters(name))
        client.execute_interactive("%reset -f", silent=True, timeout=480)
        papermill.execute_notebook(
            find_notebook(name), out, parameters, progress_bar=False, km=manager, execution_timeout=900
        )
        return read_records(out)

    def execute(code: str) -> None:
        reply = client.execute_interactive(code, timeout=480, output_hook=lambda _: None)["content"]
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", []))

    yield SimpleNamespace(run=run, execute=execute)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def headless(kernel):
    """Run a notebook by papermill and return its records."""
    return kernel.run
