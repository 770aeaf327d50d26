"""What a reader must know before believing the figures of an evaluation, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import pandas as pd

from ..metrics import MIN_GROUPS
from ..model import DEFAULT_CHECKPOINT, Detector, read_card
from .point import OperatingPoint


def notes_on(videos: pd.DataFrame, missing: list[str], point: OperatingPoint, split: str | None) -> list[str]:
    """What the videos and the thresholds are worth. missing: paths of those that were not there, and are in no row."""
    notes = []
    if missing:
        notes.append(
            f"Videos that are not there: {len(missing)} of {len(videos) + len(missing)}, the first {missing[0]}. They "
            "are in no figure. Put them back and cache them again (02)."
        )
    groups = videos["group"].nunique()
    if groups < MIN_GROUPS:
        notes.append(f"Groups: {groups}, fewer than {MIN_GROUPS}. No interval is given, and nothing is proved.")
    for label, name in enumerate(("real", "fake")):
        some = videos.loc[(videos["label"] == label) & videos["probability"].notna(), "group"].nunique()
        if groups >= MIN_GROUPS and 0 < some < MIN_GROUPS / 2:
            notes.append(f"Groups with a {name}: {some}, fewer than {MIN_GROUPS // 2}. No interval rests on them.")
    alone = int(videos["group"].str.startswith("file ").sum())
    if alone:
        notes.append(f"Videos that name no group: {alone}. Each was taken as its own; intervals may be too narrow.")
    lost = int(videos["probability"].isna().sum())
    if lost:
        notes.append(f"Videos without a score: {lost} of {len(videos)}. They count as missed, never as left out.")
    reals = int((videos["label"] == 0).sum())
    if 0 < reals < 100:
        notes.append(f"Reals: {reals}. A false positive rate of 1 % cannot be measured on fewer than 100.")
    if split == "val" or (split is None and "split" in videos and (videos["split"] == "val").any()):
        notes.append("The epoch, the calibration and the card's thresholds were chosen on validation: this flatters.")
    taught = int((videos["split"] == "train").sum()) if "split" in videos else 0
    if taught:
        notes.append(f"Videos of the part for training: {taught}. If this checkpoint learned from them, this flatters.")
    if not point.chosen_on:
        notes.append(f"The thresholds are those of {point.origin}.")
    if point.caution:
        notes.append(point.caution)
    return notes


def teaching_notes(detector: Detector, rival: Detector | None, paths: Sequence[str]) -> list[str]:
    """Whether the checkpoints may have learned from these very people, as far as their cards tell.

    A card names the clips that it was taught (`data.people.*_taught`), and which checkpoint training began with. The
    audit of a split knows nothing of either.
    """
    judged = [detector] if rival is None else [detector, rival]
    shipped = read_card(DEFAULT_CHECKPOINT)
    notes = []
    for one in judged:
        begun = _training(one.card).get("start_sha256")
        inherited = begun is not None and begun == shipped["sha256"]
        taught = _taught(one.card) | (_taught(shipped) if inherited else set())
        known = [path for path in paths if PurePath(path).stem in taught]
        if known:
            notes.append(
                f"Videos named as those that {one.name} learned from: {len(known)} of {len(paths)}, the first "
                f"{known[0]}. On them its figures flatter."
            )
        elif inherited:
            notes.append(
                f"Training of {one.name} began with {DEFAULT_CHECKPOINT.stem}, so whom that one had learned from it "
                "knows, too; the audit sees the videos of this split alone."
            )
    if rival is not None and not _taught(rival.card) & {PurePath(path).stem for path in paths}:
        data = rival.card.get("data")
        learned = data.get("training", "") if isinstance(data, dict) else ""
        notes.append(
            f"{rival.name} was trained on other data{f' ({learned})' if learned else ''}. Nobody has checked whether "
            "people of these videos are in it; where they are, its figures flatter, and the comparison is unfair."
        )
    return notes


def _training(card: dict) -> dict:
    about = card.get("training")
    return about if isinstance(about, dict) else {}


def _taught(card: dict) -> set[str]:
    """The clips that a card says it was taught, by their names without ending."""
    data = card.get("data")
    people = data.get("people", {}) if isinstance(data, dict) else {}
    lists = people.items() if isinstance(people, dict) else ()
    return {str(name) for key, names in lists if key.endswith("_taught") and isinstance(names, list) for name in names}
