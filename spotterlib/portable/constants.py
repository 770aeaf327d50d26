"""Every constant that an app needs beside the graphs, written by the package that uses them itself."""

from __future__ import annotations

from ..faces import face_numbers
from ..scan import pose_numbers


def app_constants() -> dict[str, object]:
    """JSON-ready: what `spotterlib.faces.face_numbers` says, and under `pose` what `spotterlib.scan.pose_numbers` does.

    Several windows or faces are joined by the mean of their odds p / (1 − p) (`spotterlib.combine_odds`).
    """
    return {**face_numbers(), "pose": pose_numbers()}
