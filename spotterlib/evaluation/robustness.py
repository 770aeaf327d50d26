"""What compression, resizing and the like do to the figures: the videos damaged, and looked at again from the start."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..base import DataError, VideoError, atomic_path, named_path, output_path
from ..data import Manifest
from ..faces import cache_faces
from ..metrics import auc, bootstrap_intervals, decisions
from ..scan import score_cache
from ..video import PERTURBATIONS, Perturbation, perturb_video, probe_video
from . import tables
from .measure import Evaluation

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
    faces found anew, scored, and judged at the same thresholds. A video that is not there any more is in no row, also
    not in that of the videos as they are. Columns: name, kind, strength, missing (how many are not there), found (mean
    share of frames with the face), counts and figures as in `per_method`, and auc_change and fpr_change against the
    videos as they are, the ends of their intervals as _low and _high (NaN under ten groups).

    Everything is kept in `out`, so that a stop costs nothing, and takes there some times the size of the videos.
    progress: called with the share done, 0…1. Raises `DataError` when the evaluation has none of the manifest's videos,
    or none of them is there.
    """
    scored = evaluation.scored
    rows = manifest.table[manifest.table["path"].isin(set(scored["path"]))]
    if rows.empty:
        raise DataError("The manifest has none of the evaluation's videos. Give the one that the faces were cached of.")
    asked = len(rows)
    if perturbations:
        rows = _there(rows, Path(manifest.root))
    missing = {"missing": asked - len(rows)}
    plain = tables.rounded(tables.complete(scored[scored["path"].isin(set(rows["path"]))]))
    lines = [_line(plain, plain, evaluation) | {"name": UNTOUCHED, "kind": "", "strength": np.nan} | missing]
    for number, how in enumerate(perturbations):
        damaged = perturb_manifest(replace(manifest, table=rows), output_path(out), how)
        table = cache_faces(damaged, damaged.root / "cache", workers=workers, device=evaluation.detector.device)
        if (table["status"] == "missing").any():
            raise DataError(f"Videos under {manifest.root} went away while they were damaged. Run it again.")
        judged = tables.rounded(tables.complete(score_cache(evaluation.detector, table)))
        about = {"name": how.name, "kind": how.kind, "strength": how.strength}
        lines.append(_line(judged, plain, evaluation) | about | missing)
        if progress is not None:
            progress((number + 1) / len(perturbations))
    first = ["name", "kind", "strength", "missing"]
    table = pd.DataFrame(lines)
    return table[first + [name for name in table if name not in first]]


def perturb_manifest(
    manifest: Manifest,
    out: str | os.PathLike[str],
    how: Perturbation,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Manifest:
    """Every video of a manifest after `how`, in a folder of its own under `out`: the same rows, another root.

    The files keep their names, and each is an MP4 inside. One that is there and younger than its source is kept. A
    video that cannot be read is copied as it is, so that it fails there as it does here and is counted; one that is
    missing stays missing. progress: called with the share done, 0…1. Raises `VideoError` when one cannot be written.
    """
    root = output_path(named_path(out) / re.sub(r"[^0-9a-z.]+", "-", f"{how.kind} {how.strength:.4g} seed {seed}"))
    for number, name in enumerate(manifest.table["path"]):
        source, target = Path(manifest.root) / name, root / name
        if source.is_file() and not (target.exists() and target.stat().st_mtime_ns > source.stat().st_mtime_ns):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                probe_video(source)
            except VideoError:
                with atomic_path(target) as temporary:
                    shutil.copyfile(source, temporary)
            else:
                perturb_video(source, target, how, seed)
        if progress is not None:
            progress((number + 1) / len(manifest.table))
    return replace(manifest, root=root)


def _there(rows: pd.DataFrame, root: Path) -> pd.DataFrame:
    """The rows whose videos are there. Raises `DataError` when none is."""
    kept = rows[[(root / path).is_file() for path in rows["path"]]]
    if kept.empty:
        raise DataError(
            f"Not one of the {len(rows)} videos is under {root} any more (the first: {rows['path'].iloc[0]}): there is "
            "nothing to damage. Put them back, say where they are (Manifest.load(…, root=…)), or name no damage."
        )
    return kept


def _line(judged: pd.DataFrame, plain: pd.DataFrame, evaluation: Evaluation) -> dict[str, Any]:
    """One row: the figures of damaged videos, and by how much they differ from those of the same videos untouched."""
    thresholds = evaluation.point.thresholds
    draws, seed = evaluation.facts["draws"], evaluation.facts["seed"]
    line = tables.line_of(judged, thresholds, draws, seed)
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
