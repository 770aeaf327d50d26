"""Where the evidence of a report goes: never over the video that it is evidence of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import ArgumentError, VideoError, output_path

if TYPE_CHECKING:
    from ..scan import ScanReport


def place_for(report: ScanReport, path: str | os.PathLike[str]) -> Path:
    """`path` as `output_path` gives it.

    Raises `ArgumentError` for what is no `ScanReport`, `VideoError` where the scanned file itself would be overwritten.
    """
    if not hasattr(report, "faces") or not hasattr(report, "video"):
        kind = type(report).__name__
        raise ArgumentError(f"a report is what scan_video or scan_image returns, not a {kind} (nor its to_dict())")
    target = output_path(path)
    if target.exists() and Path(report.video).exists() and os.path.samefile(target, report.video):
        raise VideoError(f"{target} is the scanned file itself. Give what is made of it another name.")
    return target
