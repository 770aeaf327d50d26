"""Fixtures of the room of scans."""

from __future__ import annotations

import pytest

from spotterlib.scan import scan_video


@pytest.fixture(scope="session")
def reports(clips, detector):
    """Real scans of the four clips."""
    return {name: scan_video(clips / f"{name}.mp4", detector) for name in ("face", "two", "late", "empty")}
