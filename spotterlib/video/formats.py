"""Which endings a video has."""

from __future__ import annotations

import os

_ENDINGS = ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .mpe .m2v .ts .mts .m2ts .wmv .flv .3gp .ogv .vob .mxf"
VIDEO_ENDINGS = frozenset(_ENDINGS.split())


def is_video(path: str) -> bool:
    """Whether a name ends as videos do."""
    return os.path.splitext(path)[1].lower() in VIDEO_ENDINGS


VIDEO_SUFFIXES = VIDEO_ENDINGS | {".gif"}
"""File endings looked for in folders; a file named outright may have any ending."""
