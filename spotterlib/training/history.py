"""A run's epochs as people read them: what training began with, the table, and what they say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ..base import pick_device, readable, seed_everything
from .dataset import ClipDataset
from .loader import make_loader
from .loop import begin, make_accelerator
from .losses import Batches, class_weights, validate
from .settings import TrainConfig

BEFORE = -1
"""The epoch of the record of what training began with; people see it as epoch 0, and the first one trained as 1."""

BUSY = 0.1
"""Share of the training time that may be spent waiting for clips before it is worth a word."""

_NAMES = {
    "train_loss": "loss, training",
    "val_loss": "loss, validation",
    "val_auc": "AUC, clips",
    "val_frame_auc": "AUC, frames",
    "val_f1": "F1",
    "clips_per_second": "clips a second",
    "waiting": "waiting, share",
}


def judge_start(
    config: TrainConfig,
    train: ClipDataset,
    val: ClipDataset,
    start: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """The record of what training begins with, before it has learned anything here: epoch −1, and the val_… of `fit`.

    start: as in `fit`. Raises `DataError` when a part lacks a class, `CheckpointError` when `start` cannot be read.
    """
    weights = class_weights(train)
    class_weights(val, "validation")
    accelerator = make_accelerator(config, pick_device(device))
    seed_everything(config.seed)
    net = begin(start)[0].to(accelerator.device)
    batches = Batches(make_loader(val, config.batch, False), False, accelerator.device)
    found = validate(accelerator, net, net, batches, weights.to(accelerator.device), config)
    return {"epoch": BEFORE} | {name: value for name, value in found.items() if name.startswith("val_")}


def history_table(history: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The records of `judge_start` and `fit` as a table for people, a row an epoch: 0 is what training began with."""
    index = pd.Index([record["epoch"] + 1 for record in history], name="epoch")
    return readable(pd.DataFrame([{name: record.get(name) for name in _NAMES} for record in history], index), _NAMES)


def history_verdict(history: Sequence[dict[str, Any]], workers: int) -> str:
    """What the records of `judge_start` and `fit` say: the best epoch, whether it is better than what training began
    with, and where the time went. workers: as in the run's `TrainConfig`."""
    trained = [record for record in history if record["epoch"] != BEFORE]
    before = [record["val_auc"] for record in history if record["epoch"] == BEFORE]
    if not trained:
        return "No epoch was trained."
    best = max(trained, key=lambda record: record["val_auc"])
    one = "The one epoch is kept"
    said = f"Of {len(trained)} epochs the best, {best['epoch'] + 1}, is kept" if len(trained) > 1 else one
    said += f": validation AUC {best['val_auc']:.3f}"
    if before:
        gained = best["val_auc"] > before[0]
        said += f", {'above' if gained else 'no better than'} the {before[0]:.3f} that training began with"
    waited = sum(record["waiting"] * record["seconds"] for record in trained) / sum(r["seconds"] for r in trained)
    if waited <= BUSY:
        return f"{said}. Clips were ready in time: waiting for them took {waited:.0%}."
    remedy = f"more than {workers} `workers`" if workers else "`workers` at 1 or 2"
    return f"{said}. Waiting for clips took {waited:.0%} of the training: {remedy} may shorten it, given the cores."
