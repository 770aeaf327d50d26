"""Tables of scores in the tests of evaluation: known methods, groups and parts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import expit

from spotterlib.evaluation import card_point
from spotterlib.metrics import Thresholds
from spotterlib.model import Detector

NAN = math.nan
AT = Thresholds(0.3, 0.6)
CARD = {
    "sha256": "0" * 64,
    "thresholds": {"t_low": 0.3, "t_high": 0.6},
    "calibration": {"clip": {"scale": 2.0, "bias": 0.0}, "frame": {"scale": 1.0, "bias": 0.0}},
    "data": {"training": "nothing at all"},
}


def detector_of(name: str = "stub", **card) -> Detector:
    return Detector(None, CARD | card, "cpu", name)


POINT = card_point(detector_of())


def forgery_table(groups: int = 12, seed: int = 0, split: str = "test", first: int = 0) -> pd.DataFrame:
    """Each group: two reals and a fake by each of two methods, the second method harder to see."""
    random = np.random.default_rng(seed)
    rows = []
    for group in range(first, first + groups):
        for number, (name, label, shift) in enumerate((("", 0, -1), ("", 0, -1), ("Swap", 1, 1), ("Neural", 1, 0))):
            p = float(expit(random.normal() + shift))
            rows.append(
                {"path": f"g{group:02d}/{number}.mp4", "label": label, "group": f"g{group}", "method": name,
                 "split": split, "dataset": "made", "compression": "c23", "ids": f"p{group}", "probability": p,
                 "uncalibrated": p**2, "frame_probability": p / 2, "frame_scores": (p / 3, p / 2, 2 * p / 3),
                 "status": "ok", "file": f"{p}"}
            )  # fmt: skip
    return pd.DataFrame(rows)


def both_parts() -> pd.DataFrame:
    """Twelve test groups and twelve others for validation."""
    return pd.concat([forgery_table(), forgery_table(seed=1, split="val", first=20)], ignore_index=True)
