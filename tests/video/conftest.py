"""Fixtures of the room of videos."""

from __future__ import annotations

import pytest
from makers.video_files import FPS, picture

from spotterlib.video import write_video


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """24 frames, 12 a second, 64×48."""
    return write_video(tmp_path_factory.mktemp("video") / "plain.mp4", (picture(n) for n in range(24)), FPS, crf=10)
