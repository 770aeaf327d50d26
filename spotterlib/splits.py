"""Splits that do not leak: rows joined by any shared person or source stay on one side, and an audit that proves it."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ._audit import KINDS, LeakAudit, audit_table, tokens_of
from ._walk import EMPTY, is_video
from .manifest import Manifest, build_manifest, complete_table, read_csv
from .project import DataError, find_input

SPLITS = ("train", "val", "test")


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
    component = _components(len(table), tokens)
    allowed, dropped = _official(table, tokens, component) if official else ([SPLITS] * len(table), [])
    kept = np.ones(len(table), dtype=bool)
    kept[dropped] = False
    if official:  # with the conflicting rows gone, the parts fall apart into components of their own
        component = _components(len(table), tokens[kept[tokens["row"]]])
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(kept):
        rows_of[component[row]].append(int(row))
    names = _names(tokens, component, rows_of)
    strata = table["method"].where(table["label"] == 1, "\0real").tolist()
    order = sorted(rows_of, key=lambda c: (-len(rows_of[c]), _hash(seed, names[c]), names[c]))
    held = [Counter(strata[row] for row in rows_of[c]) for c in order]
    choices = [tuple(s for s in SPLITS if all(s in allowed[row] for row in rows_of[c])) for c in order]
    places = _assign(held, choices, fractions)
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
    shuffled = sorted(range(len(table)), key=[_hash(seed, path) for path in table["path"]].__getitem__)
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
    """Audits side by side: held-out videos that leak by kind, the share of test fakes that do, and the verdict.

    audits: name → audit. manifest: where its videos came with a split of their own, that is judged as one column more.
    """
    if manifest is not None and _split_column(manifest.table)[1] > 1:
        audits = {**audits, "as it came": audit_split(manifest)}
    kinds = [kind for kind in KINDS if any(audit.counts[kind] for audit in audits.values())]
    rows: dict[str, list] = {kind: [audit.counts[kind] for audit in audits.values()] for kind in kinds}
    shares = [audit.share_of_test_fakes for audit in audits.values()]
    rows["test fakes that leak"] = ["no test fakes" if share is None else f"{share:.1%}" for share in shares]
    rows["verdict"] = [audit.verdict.partition(":")[0] for audit in audits.values()]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(audits), dtype=object)
    return table.rename_axis("held-out videos that leak")


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


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def _components(rows: int, tokens: pd.DataFrame) -> np.ndarray:
    """Component number of each row (int (rows,)): rows and tokens are the two sides of one graph."""
    codes, names = pd.factorize(tokens["token"])
    size = rows + len(names)
    edges = coo_array((np.ones(len(codes), dtype=np.int8), (tokens["row"], codes + rows)), shape=(size, size))
    return connected_components(edges, directed=False)[1][:rows]


def _names(tokens: pd.DataFrame, component: np.ndarray, rows_of: dict[int, list[int]]) -> dict[int, str]:
    """A component's name: the smallest group its author gave, else its smallest id, else its path."""
    smallest = tokens["token"].groupby(component[tokens["row"]]).min()  # "group:" < "id:" < "path:"
    smallest = smallest[smallest.index.isin(list(rows_of))]
    names = smallest.str.partition(":")[2]
    twice = names.duplicated(keep=False) & ~smallest.str.startswith("group:")
    return names.where(~twice, smallest).to_dict()


def _official(table: pd.DataFrame, tokens: pd.DataFrame, component: np.ndarray) -> tuple[list[tuple], list[int]]:
    """What each row may be in, and the rows that may be in none: they share a token with another official part."""
    given = table["official_split"].where(table["official_split"].isin(SPLITS), "").to_numpy(dtype=object)
    parts = {d: set(given[table["dataset"] == d]) - {""} for d in table["dataset"].unique()}
    # "train" on every row is no split: DFDC's parts, without its validation and test sets, are free
    known = table["dataset"].map({d: bool(names & {"val", "test"}) for d, names in parts.items()}).to_numpy(dtype=bool)
    given[~known] = ""
    allowed: list[tuple[str, ...]] = [SPLITS] * len(table)
    official = pd.DataFrame({"component": component, "given": given})
    named = official[official["given"] != ""].groupby("component")["given"].agg(set).to_dict()
    mixed = np.array([len(named.get(c, ())) > 1 for c in component], dtype=bool)
    dropped: set[int] = set()
    joined = tokens[mixed[tokens["row"]]]
    for part in ("test", "val"):
        inside = [row for row in np.flatnonzero(mixed & (given == part)) if row not in dropped]
        shared = set(joined.loc[joined["row"].isin(inside), "token"])
        others = set(joined.loc[joined["token"].isin(shared), "row"]) - set(inside)
        dropped |= {int(row) for row in others if given[row] != part and not (part == "val" and given[row] == "test")}
    for row, (c, dataset) in enumerate(zip(component, table["dataset"], strict=True)):
        if c in named:
            part = given[row] if mixed[row] else next(iter(named[c]))
            lacking = tuple(s for s in ("val", "test") if s not in parts[dataset]) if known[row] else ()
            allowed[row] = (part,) if part in ("val", "test") else ("train", *lacking)
    return allowed, sorted(dropped)


def _assign(held: list[Counter], choices: list[tuple[str, ...]], fractions: tuple[float, ...]) -> list[str]:
    """A split for each component (largest first): freely, and again with one lent to a split left without."""
    places = _greedy(held, choices, fractions, {})
    wanted = [s for s, f in zip(SPLITS, fractions, strict=True) if f > 0]
    labels = [{name == "\0real" for name in counts} for counts in held]
    both = [i for i, found in enumerate(labels) if len(found) == 2]
    enough = len(both) >= len(wanted)

    def lacks(split: str) -> bool:
        inside = [labels[i] for i, place in enumerate(places) if place == split]
        return not any(len(found) == 2 for found in inside) if enough else len(set().union(*inside)) < 2

    if not any(lacks(split) for split in wanted):
        return places
    lent: dict[int, str] = {}
    pinned = {choice[0] for choice in choices if len(choice) == 1}
    open_to = [split for split in wanted if split not in pinned]
    spare = [i for i in both if len(choices[i]) > 1][-len(open_to) :] if open_to else []
    for split, i in zip(open_to, spare, strict=False):  # the smallest with both labels, train the largest of them
        if split in choices[i]:
            lent[i] = split
    for label in (True, False):  # where too few hold both labels, one of each
        have = {lent[i] for i in lent if label in labels[i]}
        for split in open_to:
            free = [i for i in range(len(held)) if i not in lent and label in labels[i] and split in choices[i]]
            if split not in have and free:
                lent[free[-1]] = split
    return _greedy(held, choices, fractions, lent)


def _greedy(held: list[Counter], choices, fractions: tuple[float, ...], lent: dict[int, str]) -> list[str]:
    """Place components in order: among the splits not yet full, where their kinds are furthest behind.

    "Furthest behind" is Webster's rule of apportionment, (have + half)/fraction, summed over kinds weighed by rarity.
    No split ends above its share by a whole component, and none below by more than the largest (unless lent or
    official ones forbid it). `fsum` rounds exactly, so equal costs are equal on every machine.
    """
    total = Counter()
    for counts in held:
        total.update(counts)
    share = dict(zip(SPLITS, fractions, strict=True))
    target = {s: share[s] * sum(total.values()) for s in SPLITS}
    have: dict[str, Counter] = {s: Counter() for s in SPLITS}
    size: dict[str, int] = dict.fromkeys(SPLITS, 0)
    last: dict[str, list[int]] = {s: [] for s in SPLITS}
    places = [lent.get(i, choice[0] if len(choice) == 1 else "") for i, choice in enumerate(choices)]

    def put(i: int, split: str, sign: int = 1) -> None:
        for kind, number in held[i].items():
            have[split][kind] += sign * number
            size[split] += sign * number

    def cost(i: int, s: str) -> float:
        if not share[s]:
            return math.inf
        terms = [n / total[kind] * ((have[s][kind] + n / 2) / share[s] / total[kind]) for kind, n in held[i].items()]
        return math.fsum(terms)

    for i, place in enumerate(places):
        if place:
            put(i, place)
    for i, place in enumerate(places):
        if not place:
            behind = [s for s in choices[i] if size[s] < target[s] - 1e-9]
            places[i] = min(behind or choices[i], key=lambda s, i=i: cost(i, s))
            put(i, places[i])
            last[places[i]].append(i)
    largest = max((sum(counts.values()) for counts in held), default=0)
    while True:  # two splits a little over can leave the third short by more than one component: give it their last
        short = max(SPLITS, key=lambda s: target[s] - size[s])
        over = [s for s in SPLITS if size[s] > target[s] and last[s] and short in choices[last[s][-1]]]
        if target[short] - size[short] <= largest or not over:
            return places
        giver = max(over, key=lambda s: size[s] - target[s])
        i = last[giver].pop()
        put(i, giver, -1)
        put(i, short)
        last[short].append(i)
        places[i] = short


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
