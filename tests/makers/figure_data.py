"""What figures are drawn of in the tests, and what is read off them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from spotterlib import metrics

NAN = math.nan
LABELS = np.arange(60) % 2
SCORES = np.clip(np.random.default_rng(0).normal(0.35 + 0.3 * LABELS, 0.15), 0, 1)
GROUPS = np.arange(60) // 5
WINDOWS = (
    SimpleNamespace(start=0.0, end=2.0, probability=0.9),
    SimpleNamespace(start=2.0, end=4.0, probability=None),
)


def report(**changes):
    """A scan report as far as a figure looks at it."""
    scores = np.linspace(0.1, 0.9, 100)
    scores[40:60] = NAN
    facts = {
        "times": np.arange(100) / 25,
        "frame_scores": scores,
        "label": "FAKE",
        "probability": 0.87,
        "video": "in/a$b$.mp4",
        "checkpoint": {"t_low": 0.4, "t_high": 0.6},
        "faces": (SimpleNamespace(windows=WINDOWS),),
    }
    return SimpleNamespace(**facts | changes)


def audit(leaking, checked=10, held_out=None, **counts):
    """A leak audit as far as a figure looks at it; leaking None: nothing could be checked."""
    ok = None if leaking is None else leaking == 0
    held_out = checked if held_out is None else held_out
    return SimpleNamespace(ok=ok, leaking=leaking or 0, checked=checked, held_out=held_out, counts=counts)


def manifest_table(split=True):
    rows = [("", 0), ("", 0), ("Deepfakes", 1), ("FaceSwap", 1)]
    names = ["train"] * 7 + ["val"] * 2 + ["test"]
    return pd.DataFrame(
        [{"label": label, "method": method, "group": f"g{at}", "split": names[at] if split else ""}
         for at in range(10) for method, label in rows]
    )  # fmt: skip


def title(figure, panel=0):
    return " ".join(figure.axes[panel].get_title(loc="left").split())


def lines(axes, colour):
    return [line for line in axes.lines if to_hex(line.get_color()) == colour and len(line.get_xdata()) > 2]


HISTORY = [
    {"epoch": 0, "train_loss": 0.7, "val_loss": 0.7, "val_auc": 0.55, "val_frame_auc": 0.5, "lr": 1e-4, "lr_b": 1e-5},
    {"epoch": 1, "train_loss": 0.5, "val_loss": 0.6, "val_auc": 0.81, "val_frame_auc": 0.7, "lr": 1e-5, "lr_b": 1e-6},
    {"epoch": 2, "train_loss": 0.4, "val_loss": None, "val_auc": None},
]
VIDEO = {
    "selective": metrics.selective_curve(SCORES, LABELS).to_dict("records"),
    "share_decided": 0.7,
    "accuracy_decided": 0.9,
}


def method_line(name, auc, low=None, high=None, **changes):
    """A row of `per_method`, as far as the figure looks at it."""
    counts = {"n_fake": 12, "n_real": 24, "n_groups": 12}
    return {"method": name, "compression": "c23", "dataset": "F$F$", "auc": auc, "auc_low": low, "auc_high": high} | (
        counts | changes
    )


METHODS = [method_line("Deepfakes", 0.9, 0.8, 0.95), method_line("NeuralTextures", 0.6), method_line("Lost", None)]
DAMAGE = pd.DataFrame(
    {"name": ["as it is", "H.264 crf 40", "resized to ¼"], "auc": [0.9, 0.8, None], "auc_low": [0.85, 0.7, None],
     "auc_high": [0.95, 0.9, None], "fpr": [0.05, 0.6, 0.3], "fpr_low": [0.0, 0.5, None], "fpr_high": [0.1, 0.7, None]}
)  # fmt: skip
PICTURE = np.full((224, 224, 3), 90, np.uint8)
MISTAKE = {
    "faces": [PICTURE] * 4,
    "heats": [PICTURE + 60] * 4,
    "caption": "real/$x$.mp4: real, called FAKE " + "y" * 99,
}
