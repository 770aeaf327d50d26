"""Splits that do not leak: rows joined by any shared person or source stay on one side, and an audit that proves it.

assign.py deals the rows out, audit.py searches for leaks; here is what a user calls.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..base import DataError, find_input
from ..data import EMPTY, Manifest, build_manifest, complete_table, read_csv
from ..video import is_video
from .assign import SPLITS, assign, component_names, components, official_parts, seeded_hash
from .audit import KINDS, LeakAudit, audit_table, tokens_of


def split_by_group(
    manifest: Manifest, fractions: Sequence[float] = (0.70, 0.15, 0.15), seed: int = 0, official: bool = True
) -> Manifest:
    """Assign every video to train, val or test so that no person, source or group is in two of them.

    Videos that share an id, or a group, are one component, over any number of steps; a component is never cut.
    Components go, largest first, to the split that is furthest behind in what they hold (label × method, counted in
    videos); a hash of seed and name breaks ties, so neither file order nor machine matters. Each split gets a component
    with both labels where there are enough of them. The column group becomes the component's name.

    fractions: of the videos, for train, val, test; they add up to 1. What could not be met is in `.notes`.
    official: keep a data set's own split where it has one with a val or test part. What shares a person with its test
    (or val) part but is not in it goes to no split ("") and is named in the notes.
    Raises `DataError` for fractions that are not three numbers from 0 to 1 adding up to 1, or a manifest of nothing.
    """
    fractions = _fractions(fractions)
    if manifest.table.empty:
        raise DataError("The manifest has no video to split.")
    table = manifest.table.reset_index(drop=True)
    tokens = tokens_of(table)
    component = components(len(table), tokens)
    allowed, dropped = official_parts(table, tokens, component) if official else ([SPLITS] * len(table), [])
    kept = np.ones(len(table), dtype=bool)
    kept[dropped] = False
    if official:  # with the conflicting rows gone, the parts fall apart into components of their own
        component = components(len(table), tokens[kept[tokens["row"]]])
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(kept):
        rows_of[component[row]].append(int(row))
    names = component_names(tokens, component, rows_of)
    strata = table["method"].where(table["label"] == 1, "\0real").tolist()
    order = sorted(rows_of, key=lambda c: (-len(rows_of[c]), seeded_hash(seed, names[c]), names[c]))
    held = [Counter(strata[row] for row in rows_of[c]) for c in order]
    choices = [tuple(s for s in SPLITS if all(s in allowed[row] for row in rows_of[c])) for c in order]
    places = assign(held, choices, fractions)
    split, group = [""] * len(table), [""] * len(table)
    for c, place in zip(order, places, strict=True):
        for row in rows_of[c]:
            split[row], group[row] = place, names[c]
    table["split"], table["group"] = pd.Series(split, dtype="str"), pd.Series(group, dtype="str")
    notes = _notes(table, tokens, fractions, dropped, held)
    return _with_split(manifest, table, "group", fractions, seed, official=official, notes=notes)


def split_by_file(manifest: Manifest, fractions: Sequence[float] = (0.70, 0.15, 0.15), seed: int = 0) -> Manifest:
    """Shuffle the files and cut: the split that leaks, here only to be shown beside `split_by_group`.

    Same fractions and errors; depends on seed and paths alone.
    """
    fractions = _fractions(fractions)
    table = manifest.table.reset_index(drop=True)
    shuffled = sorted(range(len(table)), key=[seeded_hash(seed, path) for path in table["path"]].__getitem__)
    ends = np.round(np.cumsum(fractions) * len(table)).astype(int)
    rank = np.empty(len(table), dtype=int)
    rank[shuffled] = np.arange(len(table))
    table["split"] = pd.Series(np.array(SPLITS)[np.searchsorted(ends[:2], rank, side="right")], dtype="str")
    notes = ["Split by file, to show the leak: do not train on it."]
    return _with_split(manifest, table, "file", fractions, seed, notes=notes)


def audit_split(split: Manifest | str | os.PathLike[str]) -> LeakAudit:
    """Find every video of val or test that shares a person, a source, a group or its own file with another split.

    split: a manifest, or anyone's CSV (path, split; also label, ids, group where known), or a folder with train, val
    and test in it, whatever else lies below. Where no ids are given, names of FaceForensics++ and Celeb-DF tell them.
    Without a column split a manifest's official split is judged. Videos and lines of it that could not be judged, say
    for want of a label, are counted in the verdict. Raises `DataError` when there is no split at all.
    """
    out: list[tuple[str, str]] = []
    if isinstance(split, Manifest):
        table, source = split.table, "The manifest"
    else:
        place = find_input(split)
        source = str(place)
        if place.is_dir():
            built = build_manifest(place)
            table, problems = built.table, built.report.itertuples(index=False)
            out = [(path, why) for path, why in problems if is_video(path) and why != EMPTY]
        else:
            table, out = complete_table(read_csv(place), None, source)
    left_out = f" Not judged: {len(out)}, the first {out[0][0]}: {out[0][1]}." if out else ""
    column, parts = _split_column(table)
    table = table.assign(split=table[column])
    if not parts:
        raise DataError(
            f"{source} has no split to judge. Give a column split with train, val and test, folders of these names, or "
            f"run split_by_group on it first.{left_out}"
        )
    audit = audit_table(table)
    return replace(audit, verdict=audit.verdict + left_out)


def compare_audits(audits: Mapping[str, LeakAudit], manifest: Manifest | None = None) -> pd.DataFrame:
    """Audits side by side: held-out videos, how many could be checked and leak, by kind; test fakes; the verdict.

    audits: name → audit. manifest: where its videos came with a split of their own, that is judged as one column more.
    """
    if manifest is not None and _split_column(manifest.table)[1] > 1:
        audits = {**audits, "as it came": audit_split(manifest)}
    kinds = [kind for kind in KINDS if any(audit.counts[kind] for audit in audits.values())]
    rows: dict[str, list] = {
        "held-out videos": [audit.held_out for audit in audits.values()],
        "of these checked": [audit.checked for audit in audits.values()],
        "of these leak": ["not checked" if audit.ok is None else audit.leaking for audit in audits.values()],
    }
    rows |= {f"leak as {kind}": [audit.counts[kind] for audit in audits.values()] for kind in kinds}
    shares = [audit.share_of_test_fakes for audit in audits.values()]
    rows["test fakes that leak"] = ["none to check" if share is None else f"{share:.1%}" for share in shares]
    rows["verdict"] = [audit.verdict.partition(":")[0] for audit in audits.values()]
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(audits), dtype=object)


def _split_column(table: pd.DataFrame) -> tuple[str, int]:
    """The column that says how a table is split, its data set's own where it has no other; and in how many parts."""
    column = "split" if (table["split"] != "").any() else "official_split"
    return column, table[column].replace("", None).nunique()


def _fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    values = tuple(float(value) for value in fractions)
    if len(values) != 3 or not all(0 <= value <= 1 for value in values) or abs(sum(values) - 1) > 1e-6:
        raise DataError(f"The fractions {values} should be three numbers for train, val and test that add up to 1.")
    return values


def _with_split(manifest: Manifest, table: pd.DataFrame, by: str, fractions, seed: int, **more) -> Manifest:
    made = {"by": by, "fractions": list(fractions), "seed": seed, **more}
    return replace(manifest, table=table, settings={**manifest.settings, "split": made})


def _notes(table: pd.DataFrame, tokens: pd.DataFrame, fractions, dropped: list[int], held: list[Counter]) -> list[str]:
    """What a reader must know about this split, one sentence each."""
    notes = []
    inside = table[table["split"] != ""]
    largest = max((sum(counts.values()) for counts in held), default=0)
    for split, asked in zip(SPLITS, fractions, strict=True):
        part = inside[inside["split"] == split]
        got = len(part) / max(len(inside), 1)
        if abs(got - asked) > 0.02:
            notes.append(
                f"{split} holds {100 * got:.1f} % of the videos, {100 * asked:.0f} % were asked: a group is never cut "
                f"({len(held)} groups, the largest of {largest} videos)."
            )
        if asked == 0:
            continue
        for label, name in ((0, "real"), (1, "fake")):
            if (table["label"] == label).any() and not (part["label"] == label).any():
                notes.append(f"{split} has no {name} video: there are too few groups with one.")
        methods = set(inside.loc[inside["label"] == 1, "method"]) - set(part["method"])
        if methods and (part["label"] == 1).any():
            notes.append(f"{split} has no fake of {', '.join(sorted(methods))}.")
        groups = part["group"].nunique()
        if split == "test" and 0 < groups < 10:
            notes.append(
                f"test has {groups} groups: figures on fewer than ten show that the code runs and prove little."
            )
    if dropped:
        out = set(tokens.loc[tokens["row"].isin(dropped), "token"])
        shared = sorted(out & set(tokens.loc[tokens["row"].isin(inside.index[inside["split"] != "train"]), "token"]))
        few = ", ".join(token.partition(":")[2] for token in shared[:12]) + (", …" if len(shared) > 12 else "")
        notes.append(
            f"{len(dropped)} videos are in no split: they show people of the official val or test part ({len(shared)}: "
            f"{few}). If too few are left to train on, take this data set as a test of a detector trained on another, "
            "or split it by groups alone with official=False."
        )
    alone = tokens["token"].str.startswith("path:").sum()
    if alone:
        notes.append(
            f"{alone} of {len(table)} videos name no person, source or group, so each was taken as its own: if two of "
            "them share one, this split may leak and no audit can see it. A metadata.csv with path and group mends it."
        )
    return notes
