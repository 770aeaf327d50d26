"""Fixtures of the room of evidence: a video with a report on it, what would be displayed."""

from __future__ import annotations

import pytest
from makers.report_factory import make_report, make_video

from spotterlib.evidence import scrubber


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("render") / "clip.mp4")


@pytest.fixture(scope="module")
def report(video):
    return make_report(video)


@pytest.fixture
def shown(monkeypatch):
    """What would be displayed."""
    seen = []
    monkeypatch.setattr(scrubber, "display", lambda *things, **how: seen.append((things[0], how)))
    return seen
