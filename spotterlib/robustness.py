"""What compression, resizing and the like do to the figures: the videos damaged, and looked at again from the start."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from . import _tables
from .cache import cache_faces
from .evaluation import Evaluation
from .manifest import Manifest
from .metrics import auc, bootstrap_intervals, decisions
from .perturb import PERTURBATIONS, Perturbation, perturb_manifest
from .project import DataError, output_path
from .scoring import score_cache

UNTOUCHED = "as it is"
"""Name of the first row: the videos without damage."""


def measure_robustness(
    evaluation: Evaluation,
    manifest: Manifest,
    out: str | os.PathLike[str] = "runs/robustness",
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Judge an evaluation's videos again after each kind of damage: one row a kind, the videos as they are first.

    manifest: where the videos lie; those of its rows that the evaluation has are damaged (`perturb_manifest`), their
    faces found anew, scored, and judged at the same thresholds. Columns: name, kind, strength, found (mean share of
    frames with the face), counts and figures as in `per_method`, and auc_change and fpr_change against the videos as
    they are, the ends of their intervals as _low and _high (NaN under ten groups).

    Everything is kept in `out`, so that a stop costs nothing, and takes there some times the size of the videos.
    progress: called with the share done, 0…1. Raises `DataError` when the evaluation has none of the manifest's videos.
    """
    scored = evaluation.scored
    rows = manifest.table[manifest.table["path"].isin(set(scored["path"]))]
    if rows.empty:
        raise DataError("The manifest has none of the evaluation's videos. Give the one that the faces were cached of.")
    plain = _tables.rounded(_tables.complete(scored[scored["path"].isin(set(rows["path"]))]))
    lines = [_line(plain, plain, evaluation) | {"name": UNTOUCHED, "kind": "", "strength": np.nan}]
    for number, how in enumerate(perturbations):
        damaged = perturb_manifest(replace(manifest, table=rows), output_path(out), how)
        table = cache_faces(damaged, damaged.root / "cache", workers=workers, device=evaluation.detector.device)
        judged = _tables.rounded(_tables.complete(score_cache(evaluation.detector, table)))
        lines.append(_line(judged, plain, evaluation) | {"name": how.name, "kind": how.kind, "strength": how.strength})
        if progress is not None:
            progress((number + 1) / len(perturbations))
    first = ["name", "kind", "strength"]
    table = pd.DataFrame(lines)
    return table[first + [name for name in table if name not in first]]


def _line(judged: pd.DataFrame, plain: pd.DataFrame, evaluation: Evaluation) -> dict[str, Any]:
    """One row: the figures of damaged videos, and by how much they differ from those of the same videos untouched."""
    thresholds = evaluation.point.thresholds
    draws, seed = evaluation.facts["draws"], evaluation.facts["seed"]
    line = _tables.line_of(judged, thresholds, draws, seed)
    line["found"] = float(judged["found"].mean()) if "found" in judged else None
    if judged is plain:
        changed = [f"{name}_change{end}" for name in ("auc", "fpr") for end in ("", "_low", "_high")]
        return line | dict.fromkeys(changed, np.nan)
    labels = judged["label"].to_numpy()
    both = np.column_stack([judged["probability"], plain["probability"]])

    def changes(some: np.ndarray, pair: np.ndarray) -> dict[str, float | None]:
        areas = [auc(some, pair[:, k]) for k in (0, 1)]
        accused = [decisions(some, pair[:, k], thresholds.t_high, thresholds.t_low)["fpr"] for k in (0, 1)]
        return {
            name: None if None in values else values[0] - values[1]
            for name, values in (("auc_change", areas), ("fpr_change", accused))
        }

    drawn = bootstrap_intervals(labels, both, judged["group"], changes, draws, seed)
    for name, change in changes(labels, both).items():
        low, high = drawn.get(name) or (None, None)
        line |= {name: change, f"{name}_low": low, f"{name}_high": high}
    return line
