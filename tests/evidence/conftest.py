"""Fixtures of the room of evidence: a video with a report on it, a browser, what would be displayed."""

from __future__ import annotations

import shutil

import pytest
from makers.report_factory import make_report, make_video

from spotterlib.evidence import scrubber


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("render") / "clip.mp4")


@pytest.fixture(scope="module")
def report(video):
    return make_report(video)


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def shown(monkeypatch):
    """What would be displayed."""
    seen = []
    monkeypatch.setattr(scrubber, "display", lambda *things, **how: seen.append((things[0], how)))
    return seen
