"""How good a checkpoint is on videos of people it has never seen, in figures that can be defended.

The leak audit comes before the first score; thresholds come from the card or from validation, never from the videos
that they are judged on; a video without a score is counted. The same inputs give the same `evaluation.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..base import DataError, find_input, to_json, versions
from ..data import Manifest, build_manifest
from ..faces import cache_faces, load_cache_table
from ..metrics import Thresholds, verdicts
from ..model import Detector, load_checkpoint
from ..scan import score_cache
from ..splits import audit_table
from . import tables
from .cautions import notes_on, teaching_notes
from .point import ORIGIN, OperatingPoint, card_point

Source = str | os.PathLike[str] | Manifest | pd.DataFrame
"""What can be evaluated: a manifest, the table of a face cache, or where either of them, or a data folder, lies."""


def evaluate(
    checkpoint: str | os.PathLike[str] | Detector | None,
    data: Source,
    split: str | None = "auto",
    point: OperatingPoint | None = None,
    against: str | os.PathLike[str] | Detector | None = None,
    cache: str | os.PathLike[str] = "runs/evaluation/cache",
    allow_leak: bool = False,
    device: str = "auto",
    draws: int = 1000,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Audit, score and judge: a checkpoint on any data set, at thresholds that were chosen elsewhere.

    data: a manifest (or the path of one, or of a data folder), whose faces are found and kept in `cache`; or the table
    of a face cache (or its folder). split: the part to judge, None for all of it, as with another data set; "auto" is
    the part "test" of data that are split, and all of those that are not. point: the thresholds; None takes the card's.
    against: a second checkpoint, judged at its own card's thresholds on the same videos; every difference gets an
    interval. progress: called with the share done, 0…1.

    Raises `DataError` when the split leaks, or is the one for training, unless `allow_leak` (then every figure is
    marked), and as `evaluate_table` does; `CheckpointError` when a checkpoint cannot be used.
    """
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    rival = load_checkpoint(against, device) if against and not isinstance(against, Detector) else against
    point = card_point(detector) if point is None else point
    if not isinstance(point, OperatingPoint):
        raise DataError(ORIGIN)
    source = _opened(data)
    whole = source.table if isinstance(source, Manifest) else source
    if split == "auto":
        split = "test" if "split" in whole and whole["split"].fillna("").ne("").any() else None
    part = _part(whole, split)
    leak = check_leak(whole, split)
    if leak["ok"] is False and not allow_leak:
        raise DataError(
            f"{leak['verdict']} Figures on it would be too good. Judge a part that shares nobody with the others (01 "
            "splits by group), or say allow_leak=True: then every figure is marked."
        )
    if isinstance(source, Manifest):
        part = cache_faces(replace(source, table=part), cache, workers=workers, device=detector.device)
    part = part.sort_values([name for name in ("path", "dataset") if name in part], kind="stable")
    share = 1.0 if rival is None else 0.5
    scored = score_cache(detector, part, progress=(lambda done: progress(share * done)) if progress else None)
    facts = evaluate_table(scored, point, split, draws, seed)
    scored = tables.there(scored)
    if leak["ok"] is None:
        facts["notes"].insert(0, leak["verdict"])
    facts |= {"leak": leak, "checkpoint": _about(detector), "data": _data_facts(scored), "versions": versions()}
    facts |= {"verdicts": _verdict_rows(scored, point.thresholds), "against": None}
    facts["notes"] += teaching_notes(detector, rival, scored["path"].tolist())
    if rival is not None:
        part = tables.there(part)
        beside = score_cache(rival, part, progress=(lambda done: progress((1 + done) / 2)) if progress else None)
        facts["against"] = _compared(scored, beside, point, rival, draws, seed)
        rows = _verdict_rows(beside, card_point(rival).thresholds)
        for row, other in zip(facts["verdicts"], rows, strict=True):
            row |= {f"{name}_against": other[name] for name in ("probability", "verdict")}
    return Evaluation(json.loads(to_json(facts)), scored, detector, point)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found. facts: everything, ready for JSON; scored: one row a video, with its cache file and
    scores, in the order of `facts["verdicts"]`; detector and point: what was judged, at which thresholds."""

    facts: dict[str, Any]
    scored: pd.DataFrame
    detector: Detector
    point: OperatingPoint

    @property
    def leaks(self) -> bool:
        """Whether a leak was found and the figures were wanted all the same."""
        return self.facts["leak"]["ok"] is False

    def __repr__(self) -> str:
        video, ok = self.facts["video"], self.facts["leak"]["ok"]
        mark = {False: " LEAKING SPLIT:", None: " NOT CHECKED FOR LEAKS:"}.get(ok, "")
        ends = video["intervals"]["auc"]
        between = "" if ends is None else f" (95 %: {ends[0]:.2f} to {ends[1]:.2f})"
        area = "no AUC" if video["auc"] is None else f"AUC {video['auc']:.3f}{between}"
        accused, missed = video["confusion"]["real"]["fake"], video["confusion"]["fake"]["real"]
        return (
            f"{self.detector.name}:{mark} {area} on {video['n']} videos, groups: {self.facts['n_groups']}; "
            f"{accused} of {video['n_real']} reals accused, {missed} of {video['n_fake']} fakes called REAL, "
            f"{video['n_undecided']} undecided, {video['n_unscored']} without a score"
        )


def evaluate_table(
    scored: pd.DataFrame, point: OperatingPoint, split: str | None = "test", draws: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """The figures of scored videos, ready for JSON: the same table and seed give the same text.

    Columns: path, label, probability; optional split, dataset, compression, method, group, ids, status, uncalibrated,
    frame_probability, frame_scores. `split` picks the rows (None: all of them). Keys: `video` (the verdict's level:
    `binary_metrics`, calibration, `intervals`), `frame` and `frame_mean` (the frame head, ranking only), `per_method`,
    `per_dataset`, `per_compression`, `groups` (counts group by group), `status`, `missing` (paths of those whose status
    says that there is no file: they are in no figure), `notes`. An interval is None under ten groups: show the counts.
    Raises `DataError` when a column or the split is missing, or when the thresholds were chosen on any of these videos,
    groups or people.
    """
    if not isinstance(point, OperatingPoint):
        raise DataError(ORIGIN)
    part = _part(scored, split)
    videos = tables.rounded(tables.complete(tables.there(part)))
    missing = sorted(part.loc[part["status"] == "missing", "path"]) if "status" in part else []
    shared = sorted(tables.tokens_of(videos) & point.chosen_on)
    if shared:
        raise DataError(
            f"The thresholds were chosen on these very videos or people ({len(shared)} in common; the first: "
            f"{shared[0]}). Choose them on a validation part that shares nobody with the videos they are judged on."
        )
    thresholds = point.thresholds
    options = (thresholds, draws, seed)
    result = {
        "split": split,
        "thresholds": asdict(thresholds) | {"origin": point.origin},
        "n_groups": videos["group"].nunique(),
        "seed": seed,
        "draws": draws,
        "video": tables.video_level(videos, *options),
        **tables.frame_level(videos, draws, seed),
        "per_method": tables.per_method(videos, *options).to_dict("records"),
        "per_dataset": tables.per_part(videos, "dataset", *options),
        "per_compression": tables.per_part(videos, "compression", *options),
        "groups": tables.group_counts(videos, thresholds),
        "status": videos["status"].value_counts().sort_index().to_dict(),
        "missing": missing,
        "notes": notes_on(videos, missing, point, split),
    }
    return json.loads(to_json(result))


def check_leak(table: pd.DataFrame, split: str | None) -> dict[str, Any]:
    """The leak audit of a table with splits, for JSON: ok (None: there was nothing to compare), verdict, counts, …."""
    nothing = {"ok": None, "counts": {}, "share_of_test_fakes": None, "unknown": None}
    if split is None:
        return nothing | {
            "verdict": "Not checked: all of it is judged, and whether its people were trained on is not known."
        }
    if split == "train":
        return nothing | {"ok": False, "verdict": "This part is for training: who learned from it knows its people."}
    if table["split"].replace("", np.nan).nunique() < 2:
        return nothing | {
            "verdict": "Not checked: there is no other part, and whether its people were trained on is not known."
        }
    audit = audit_table(table)
    names = ("ok", "verdict", "counts", "share_of_test_fakes", "unknown")
    return {name: getattr(audit, name) for name in names}


def _part(table: pd.DataFrame, split: str | None) -> pd.DataFrame:
    """The rows of a split. Raises `DataError` that says what there is."""
    if split is None:
        return table
    there = sorted(set(table["split"].dropna()) - {""}) if "split" in table else []
    if split not in there:
        have = f"It has {', '.join(there)}." if there else "It is not split: split=None takes all of it."
        raise DataError(f"There is no video in the split “{split}”. {have}")
    return table[table["split"] == split]


def _opened(data: Source) -> Manifest | pd.DataFrame:
    """A manifest, or the table of a face cache."""
    if isinstance(data, Manifest | pd.DataFrame):
        return data
    place = find_input(data)
    if place.is_file():
        return Manifest.load(place)
    return load_cache_table(place) if (place / "cache.csv").is_file() else build_manifest(place)


def _about(detector: Detector) -> dict[str, Any]:
    """Which checkpoint: its name, the hashes of its weights and of its card, and what the card says of scores."""
    card = detector.card
    whole = hashlib.sha256(to_json(card).encode()).hexdigest()
    said = {"training": card["data"].get("training", "")} if isinstance(card.get("data"), dict) else {}
    return {
        "name": detector.name,
        "sha256": card["sha256"],
        "card_sha256": whole,
        "calibration": card["calibration"],
        **said,
    }


def _data_facts(scored: pd.DataFrame) -> dict[str, Any]:
    """Which videos: how many, of which data sets, and a hash of the table's rows."""
    rows = tables.complete(scored)[["dataset", "path", "label", "method", "compression", "group", "status"]]
    return {
        "videos": len(rows),
        "datasets": sorted(set(rows["dataset"])),
        "sha256": hashlib.sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest(),
    }


def _verdict_rows(scored: pd.DataFrame, thresholds: Thresholds) -> list[dict[str, Any]]:
    """Every video with its verdict at these thresholds; a video without a score is UNDECIDED, as in a scan."""
    videos = tables.rounded(tables.complete(scored))
    said = pd.Series(verdicts(videos["probability"], thresholds.t_high, thresholds.t_low)).str.upper()
    videos["verdict"] = said.replace("UNSCORED", "UNDECIDED")
    names = ["path", "label", "dataset", "method", "compression", "group", "status", "probability", "verdict"]
    return videos[names].to_dict("records")


def _compared(
    scored: pd.DataFrame, beside: pd.DataFrame, point: OperatingPoint, rival: Detector, draws: int, seed: int
) -> dict[str, Any]:
    """A second checkpoint on the same videos: its figures, and every difference with its interval."""
    first, second = (tables.rounded(tables.complete(table)) for table in (scored, beside))
    theirs = card_point(rival)
    found = tables.differences(
        first["label"], first["group"], (first["probability"], second["probability"]),
        (point.thresholds, theirs.thresholds), draws, seed,
    )  # fmt: skip
    thresholds = asdict(theirs.thresholds) | {"origin": theirs.origin}
    video = tables.video_level(second, theirs.thresholds, draws, seed)
    return {"checkpoint": _about(rival), "thresholds": thresholds, "video": video, "differences": found}
