"""Notebook 05 in a kernel that is restarted on the way: what a reader does where something seems stuck."""

from __future__ import annotations

import os

import nbformat
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from makers.bounded import until
from makers.face_clips import moving, stage, write_clip

from spotterlib.base import ROOT
from spotterlib.notebook import list_notebooks
from spotterlib.video import probe_video

FRAMES = 96  # so many that writing the diagnostic video takes seconds


class Notebook:
    """The code cells of 05, run one by one in a kernel that sits in notebooks/, as JupyterLab runs them."""

    def __init__(self, **parameters) -> None:
        (place,) = [place for place in list_notebooks() if place.stem == "05_inspect"]
        cells = [cell.source for cell in nbformat.read(place, as_version=4).cells if cell.cell_type == "code"]
        given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        self.cells = [cells[0] + "\n" + given, *cells[1:]]
        env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.manager, self.client = start_new_kernel(cwd=str(ROOT / "notebooks"), env=env)

    def run(self, number: int) -> str:
        """The error that a cell ends in, `""` for none."""
        reply = self.client.execute_interactive(self.cells[number], timeout=600, output_hook=lambda _: None)["content"]
        return reply.get("ename", "") and f"{reply['ename']}: {reply['evalue']}"

    def place(self, words: str) -> int:
        """The number of the one cell with these words."""
        (number,) = [k for k, cell in enumerate(self.cells) if words in cell]
        return number

    def restart(self) -> None:
        """What the button does: interrupt, ask to end, and start again."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=120)


@pytest.fixture
def opened(tmp_path):
    """05 on a small clip, and the folder of its results."""
    still = np.full((FRAMES, 2), 8.0)
    frames = stage((160, 160), FRAMES, (moving("p01", np.arange(FRAMES) / 24, 144), still))
    clip = write_clip(tmp_path / "a.mp4", frames, fps=24)
    notebook = Notebook(video=str(clip), out=str(tmp_path / "out"))
    yield notebook, tmp_path / "out"
    notebook.client.stop_channels()
    notebook.manager.shutdown_kernel(now=True)


def test_a_kernel_restarted_in_the_middle_of_05_costs_nothing_but_the_time(opened):
    notebook, out = opened
    writes = notebook.place("write_diagnostic_video(report")
    assert [notebook.run(k) for k in range(writes)] == [""] * writes
    # in the middle of the writing: the diagnostic video has begun, under a name that is not its own
    notebook.client.execute(notebook.cells[writes])
    until(lambda: list(out.glob(".spotter-*.mp4")), "diagnostic video being written")
    notebook.restart()
    assert not list(out.glob(".spotter-*")) and not list(out.glob("*.mp4")), "nothing half-written stays"

    later = notebook.run(notebook.place("plot_compared(report"))
    assert later.startswith("NameError: name 'plot_compared' is not defined"), "a later cell first says what is missing"

    assert [notebook.run(k) for k in range(len(notebook.cells))] == [""] * len(notebook.cells)
    assert sorted(place.suffix for place in out.iterdir()) == [".html", ".json", ".mp4"]
    assert not [place for place in out.iterdir() if place.name.startswith(".")]
    assert probe_video(next(out.glob("*.mp4"))).frames == FRAMES
