"""A face cache as training data."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..base import DataError, output_path
from ..faces import CROP, FRAMES, MIN_USABLE, WIDE, load_cache_table, opened, read_meta, read_wide
from ..fakes import Carrier, draw_moments
from .dataset import ClipDataset


def training_rows(cache: pd.DataFrame, split: str) -> list[dict]:
    """Rows for `ClipDataset`, one a usable video of a split: file, label, group, method, path."""
    usable = cache[(cache["split"] == split) & cache["status"].isin(["ok", "several faces"])]
    columns = ["file", "label", "group", "method", "path"]
    return [{**row, "label": int(row["label"])} for row in usable[columns].to_dict("records")]


def _some_rows(cache: pd.DataFrame, split: str) -> list[dict]:
    """`training_rows`, of which there must be one. Raises `DataError` that says what became of the videos."""
    rows = training_rows(cache, split)
    if not rows:
        found = cache.loc[cache["split"] == split, "status"].value_counts().sort_index()
        told = ", ".join(f"{status}: {count}" for status, count in found.items()) or "it is empty"
        raise DataError(
            f"The part “{split}” has no video to train on ({told}). A video needs a face in {MIN_USABLE} frames of a "
            "window: see what 02 says of each, add longer ones and run it again, or split anew (01)."
        )
    return rows


def load_cached(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """The main face of a cached video as a Carrier of `frames` pictures, 336 px each, the crop's box in their middle.

    With rng, a clip of random start and length from a window with enough of the face; with None, the grid of the first
    such window, its crops exact. Fewer frames than asked are filled up with invalid ones. Raises `DataError` when no
    window has enough.
    """
    with opened(row["file"]) as arrays:
        face, usable = _usable_windows(arrays, row["file"])
        moments, there = arrays[f"clip{face}_times"], arrays[f"clip{face}_valid"]
        window = usable[0] if rng is None else rng.choice(usable)
        inside = arrays[f"track{face}_times"][arrays[f"track{face}_windows"] == window]
        rows = np.searchsorted(moments, inside)
        rows = rows[np.linspace(0, len(rows) - 1, min(frames, len(rows))).round().astype(int)]
        if rng is not None:
            wanted = draw_moments(rng, float(inside[0]), float(inside[-1]), frames)
            drawn = np.unique(np.abs(moments[None] - wanted[:, None]).argmin(1))
            # where the face is missing for a while, a draw may fall into the gap: then the whole window serves
            rows = drawn if there[drawn].sum() >= min(MIN_USABLE, len(drawn)) else rows
        clip = read_wide(arrays, face, rows, exact=rng is None)
    missing, edge = frames - len(rows), (WIDE - CROP) / 2
    marks = np.nan_to_num(clip.crop_landmarks() + np.float32(edge))
    return Carrier(
        np.concatenate([clip.wide, np.zeros((missing, WIDE, WIDE, 3), np.uint8)]),
        np.concatenate([marks, np.zeros((missing, 5, 2), np.float32)]),
        np.tile(np.array([edge, edge, edge + CROP, edge + CROP], np.float32), (frames, 1)),
        np.concatenate([clip.valid, np.zeros(missing, bool)]),
    )


def _usable_windows(arrays: Mapping[str, np.ndarray], file: str) -> tuple[int, np.ndarray]:
    """The first face that can be scored (the main one, as a rule), and its windows that have enough of it."""
    for face in range(read_meta(arrays)["faces"]):
        windows, trust = arrays[f"track{face}_windows"], arrays[f"track{face}_confidences"]
        usable = np.flatnonzero(np.bincount(windows[trust > 0]) >= MIN_USABLE)
        if len(usable):
            return face, usable
    raise DataError(f"{file} has no face in {MIN_USABLE} frames of a window: too little to train on. Leave it out.")


def cached_parts(
    work: str | os.PathLike[str], frames: int = FRAMES, selfblend: float = 0.0, seed: int = 0
) -> tuple[ClipDataset, ClipDataset]:
    """The training and the validation part of the face cache in `work`/cache, as 02 leaves it.

    selfblend: the chance that a real training clip brings a fake of itself; at 1 validation's do too, so that real
    videos alone are enough. Raises `DataError` when there is no cache, or a part of it has no video to train on.
    """
    cache = load_cache_table(output_path(work) / "cache")
    train = ClipDataset(_some_rows(cache, "train"), load_cached, frames, seed, selfblend=selfblend)
    held = _some_rows(cache, "val")
    return train, ClipDataset(held, load_cached, frames, seed, augment=False, selfblend=float(selfblend == 1))
