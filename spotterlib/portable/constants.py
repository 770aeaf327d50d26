"""Every constant that an app needs beside the graphs, written by the package that uses them itself."""

from __future__ import annotations

from ..faces import face_numbers
from ..scan import pose_numbers

GPU_APART = 1e-3
"""By how much a frame's P(fake) may differ on a reader's graphics card before a page uses the processor instead."""


def app_constants() -> dict[str, object]:
    """JSON-ready: what `spotterlib.faces.face_numbers` says, under `pose` what `spotterlib.scan.pose_numbers` does, and
    under `graphics_card` what a page needs to know before it trusts one.

    Several windows or faces are joined by the mean of their odds p / (1 − p) (`spotterlib.combine_odds`).
    """
    return {**face_numbers(), "pose": pose_numbers(), "graphics_card": {"most_apart": GPU_APART}}
