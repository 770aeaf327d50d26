"""What a file's metadata say of where it comes from."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import VideoError
from .decode import open_container

RESULT = "Spotter diagnostic video: a copy of another video with the evidence painted on it"
"""The comment in the metadata of a diagnostic video, kept by whoever packs it anew."""


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a video is a diagnostic video of Spotter's own, by its metadata; no frame is decoded."""
    if not Path(path).is_file():  # who opens a pipe waits for ever
        return False
    try:
        with open_container(Path(path)) as container:
            told = {name.lower(): text for name, text in container.metadata.items()}
    except VideoError:
        return False
    return told.get("comment", "").startswith(RESULT.partition(":")[0])
