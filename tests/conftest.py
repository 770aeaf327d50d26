"""Fixtures that many tests share, each made once a session."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from makers.face_clips import manifest_of, moving, stage, synthetic, with_surroundings, write_clip

from spotterlib.base import ROOT, VideoError, data_home
from spotterlib.faces import cache, cache_faces
from spotterlib.model import Detector, SpotterNet, load_checkpoint, save_checkpoint

CARD = {
    "thresholds": {"t_low": 0.5, "t_high": 0.5},
    "calibration": {"clip": {"scale": 1.0, "bias": 0.0}, "frame": {"scale": 1.0, "bias": 0.0}},
}


LONGEST = 2700  # s: the longest test (`make demo`) takes a tenth of it, and four tenths where a machine is shared


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test that hangs fails, and the others go on: after `LONGEST` s, and then every 30 s until it lets go.

    Where Python itself hangs, and hears no signal, pytest's `faulthandler_timeout` (pyproject.toml) ends the whole run.
    """

    def give_up(*_: object) -> None:
        pytest.fail(f"{item.nodeid} had not ended after {LONGEST} s: something waits for ever")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LONGEST, 30)
    try:
        done = yield
        if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
            pytest.exit(f"{item.nodeid} left this process at real-time priority: nothing else gets a turn", 3)
        return done
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of `whole` first: they take longest, and where two files run at a time none should be left alone."""
    items.sort(key=lambda item: item.path.parent.name != "whole")


@pytest.fixture(scope="session", autouse=True)
def _signals() -> Iterator[None]:
    """Ctrl-C is heard by the tests and by what they start, also where a batch system began them with it ignored."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def chromium():
    """Starts Chromium with such flags; the tests of a file skip where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = []

        def start(*flags: str):
            started.append(play.chromium.launch(executable_path=program, args=["--no-sandbox", *flags]))
            return started[-1]

        yield start
        for each in started:
            each.close()


@pytest.fixture(scope="module")
def browser(chromium):
    """Chromium without a graphics card, one for the tests of a file."""
    return chromium("--disable-gpu")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint with seeded random weights whose heatmaps and logits are alive; it decides every video."""
    torch.manual_seed(7)
    net = SpotterNet()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    noise = torch.nn.functional.interpolate(torch.randn(6, 3, 28, 28), size=(224, 224), mode="bicubic")
    with torch.no_grad():
        net.eval()
        for norm in norms:  # normalised by what is seen, so that no layer of random weights dies out
            norm.momentum = None
            norm.train()
        net.feature_maps(noise)
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "random.safetensors", net, CARD)


@pytest.fixture(scope="session")
def detector(checkpoint) -> Detector:
    """The random checkpoint, loaded on the CPU."""
    return load_checkpoint(checkpoint, "cpu")


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """A folder of small videos, 12 frames a second.

    face.mp4: one person, 30 frames, 208×192 px; two.mp4: two people side by side, 12 frames; late.mp4: the person comes
    in at frame 14 of 24; empty.mp4: the stage alone, 24 frames.
    """
    folder = tmp_path_factory.mktemp("clips")
    times = np.arange(30) / 12
    one, other = moving("p01", times), moving("p07", times, seed=1)
    still = np.full((30, 2), 8.0)
    beside = still + np.array([160.0, 0.0])
    late = still[:24].copy()
    late[:14] = np.nan
    write_clip(folder / "face.mp4", stage((208, 192), 30, (one, still)))
    write_clip(folder / "two.mp4", stage((320, 192), 12, (one[:12], still[:12]), (other[:12], beside[:12])))
    write_clip(folder / "late.mp4", stage((208, 192), 24, (one[:24], late)))
    write_clip(folder / "empty.mp4", stage((208, 192), 24))
    return folder


@pytest.fixture(scope="module")
def cached_clips(clips, tmp_path_factory):
    """A folder with the clips and a file that is no video, its cache, and the table of it."""
    root = tmp_path_factory.mktemp("videos")
    for clip in clips.glob("*.mp4"):
        shutil.copy(clip, root)
    (root / "text.mp4").write_text("no video")
    shares = []
    out = tmp_path_factory.mktemp("cache")
    names = ["face.mp4", "two.mp4", "late.mp4", "empty.mp4", "text.mp4", "missing.mp4"]
    table = cache_faces(manifest_of(root, *names), out, progress=shares.append)
    assert shares == pytest.approx(np.arange(1, 7) / 6)
    return root, out, table.set_index("path")


@pytest.fixture
def quick_faces(monkeypatch):
    """Faces without MTCNN: `quick_faces.faces` for any video; `quick_faces.looked` lists the videos looked at."""

    class Quick:
        faces = with_surroundings(synthetic([True] * 24))
        looked: list[str]

    quick_faces = Quick()
    quick_faces.looked = []

    def looked_at(path, **settings):
        quick_faces.looked.append(Path(path).name)
        if Path(path).read_bytes().startswith(b"bad"):
            raise VideoError(f"{path} is no video.")
        return quick_faces.faces

    monkeypatch.setattr(cache, "find_faces", looked_at)
    return quick_faces


@pytest.fixture(scope="session")
def grid_clips() -> list[Path]:
    """The ten real GRID clips (MPEG-1); the test is skipped where SPOTTER_DATA does not lead to them."""
    home = data_home()
    found = sorted((home / "data" / "grid").glob("*.mpg")) if home else []
    if not found:
        pytest.skip("SPOTTER_DATA is unset or holds no data/grid/*.mpg")
    return found


@pytest.fixture(scope="session")
def photograph():
    """Keeps what a browser shows for people to look at: `photograph(page, "a")` writes runs/screenshots/a.png."""
    folder = ROOT / "runs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name, **how: page.screenshot(path=folder / f"{name}.png", **how)


@pytest.fixture
def one_thread():
    """Torch on one thread: sums come out the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
