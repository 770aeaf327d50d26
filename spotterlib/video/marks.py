"""What a file's metadata say of where it comes from."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import VideoError
from .decode import open_container

RESULT = "Spotter diagnostic video: a copy of another video with the evidence painted on it"
"""The comment in the metadata of a diagnostic video, kept by whoever packs it anew."""

SYNTHETIC = "Spotter synthetic video: a face was pasted here to train and test a detector; what it shows never happened"
"""The comment in the metadata of every fake and mask that `make_fakes` writes."""


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a video is a diagnostic video of Spotter's own, by its metadata; no frame is decoded."""
    return _comment(path).startswith(RESULT.partition(":")[0])


def is_synthetic(path: str | os.PathLike[str]) -> bool:
    """Whether a video is a fake, or the mask of one, that Spotter wrote, by its metadata; no frame is decoded."""
    return _comment(path).startswith(SYNTHETIC.partition(":")[0])


def _comment(path: str | os.PathLike[str]) -> str:
    """The comment in a video's metadata, "" where it has none or is no video."""
    if not Path(path).is_file():  # who opens a pipe waits for ever
        return ""
    try:
        with open_container(Path(path)) as container:
            said = [container.metadata, *(stream.metadata for stream in container.streams)]  # Ogg has it on the stream
            told = {name.lower(): text for each in reversed(said) for name, text in each.items()}
    except VideoError:
        return ""
    return told.get("comment", "")
