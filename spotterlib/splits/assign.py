"""Which rows go to which split: rows joined by people and sources, whole components dealt out."""

from __future__ import annotations

import hashlib
import math
from collections import Counter

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SPLITS = ("train", "val", "test")


def seeded_hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def components(rows: int, tokens: pd.DataFrame) -> np.ndarray:
    """Component number of each row (int (rows,)): rows and tokens are the two sides of one graph."""
    codes, names = pd.factorize(tokens["token"])
    size = rows + len(names)
    edges = coo_array((np.ones(len(codes), dtype=np.int8), (tokens["row"], codes + rows)), shape=(size, size))
    return connected_components(edges, directed=False)[1][:rows]


def component_names(tokens: pd.DataFrame, component: np.ndarray, rows_of: dict[int, list[int]]) -> dict[int, str]:
    """A component's name: the smallest group its author gave, else its smallest id, else its path."""
    smallest = tokens["token"].groupby(component[tokens["row"]]).min()  # "group:" < "id:" < "path:"
    smallest = smallest[smallest.index.isin(list(rows_of))]
    names = smallest.str.partition(":")[2]
    twice = names.duplicated(keep=False) & ~smallest.str.startswith("group:")
    return names.where(~twice, smallest).to_dict()


def official_parts(table: pd.DataFrame, tokens: pd.DataFrame, component: np.ndarray) -> tuple[list[tuple], list[int]]:
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


def assign(held: list[Counter], choices: list[tuple[str, ...]], fractions: tuple[float, ...]) -> list[str]:
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
