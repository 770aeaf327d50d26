"""Every constant that an app needs beside the graphs, written by the package that uses them itself."""

from __future__ import annotations

from ..evidence import heat_numbers
from ..faces import face_numbers
from ..scan import pose_numbers, zone_numbers

APART = 1e-3
"""By how much a probability may differ on a graphics card for it to be used: as much as graphs differ from torch."""

LONGEST = 20
"""s within which a graphics card must have been tried, and that the page waits for one of its answers."""


def app_constants() -> dict[str, object]:
    """JSON-ready: what `spotterlib.faces.face_numbers` says; `pose`, `zones` and `heat`: what `pose_numbers` and
    `zone_numbers` of `spotterlib.scan` and `heat_numbers` of `spotterlib.evidence` do; `graphics`: when a graphics card
    is used, `apart` (a probability) and `longest` (s).

    Several windows or faces are joined by the mean of their odds p / (1 − p) (`spotterlib.combine_odds`).
    """
    own = {"pose": pose_numbers(), "zones": zone_numbers(), "heat": heat_numbers()}
    return {**face_numbers(), **own, "graphics": {"apart": APART, "longest": LONGEST}}
