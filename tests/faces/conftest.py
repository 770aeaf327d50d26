"""Fixtures of the room of faces."""

from __future__ import annotations

import pytest

from spotterlib.faces import find_faces


@pytest.fixture(scope="session")
def found(clips):
    """Faces of face.mp4, with one frame more in each gap of the grid."""
    return find_faces(clips / "face.mp4", between=1)
