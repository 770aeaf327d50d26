"""Where the evidence of a report goes: never over the video that it is evidence of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import ArgumentError, VideoError, output_path, own_name

if TYPE_CHECKING:
    from ..scan import ScanReport


def place_for(report: ScanReport, path: str | os.PathLike[str] | None) -> Path:
    """`path` as `output_path` gives it; None: `runs/<own name>_spotter.mp4`.

    Raises `ArgumentError` for what is no `ScanReport`, `VideoError` where the scanned file itself would be overwritten.
    """
    if not hasattr(report, "faces") or not hasattr(report, "video"):
        kind = type(report).__name__
        raise ArgumentError(f"a report is what scan_video or scan_image returns, not a {kind} (nor its to_dict())")
    target = output_path(path if path is not None else Path("runs") / f"{own_name(report.video)}_spotter.mp4")
    if target.exists() and Path(report.video).exists() and os.path.samefile(target, report.video):
        raise VideoError(f"{target} is the scanned file itself. Give what is made of it another name.")
    return target
