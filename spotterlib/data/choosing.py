"""Which layout a folder of videos is read by: the one that lists most of them, whatever stray folder lies beside."""

from __future__ import annotations

from ..base import DataError
from .known_sets import READERS
from .layouts import possible_layouts, read_folders
from .plain_folders import read_plain
from .rows import CELEB, DFDC, FAKE_AV, FFPP, Found, label_of
from .walk import Tree

_NAMES = {"ffpp": FFPP, "celebdf": CELEB, "dfdc": DFDC, "fakeavceleb": FAKE_AV, "plain": "plain folders"}
_STRAY = 0.1  # of the videos of a data set: not more of others beside it are left out, and said


def read_tree(tree: Tree, layout: str) -> tuple[str, Found]:
    """The layout that a tree has, and what its reader made of it; "auto" chooses.

    Raises `DataError` for a tree of no layout, or one that holds several data sets.
    """
    readers = {**READERS, "plain": read_plain}
    if layout != "auto":
        return layout, readers[layout](tree)
    possible = possible_layouts(tree)
    found: dict[str, Found] = {}
    for name in possible:
        found[name] = readers[name](tree)
        if len(found) == 1 and (len(possible) == 1 or len(_labels(found[name])) == len(tree.videos)):
            return name, found[name]  # no other can list more
    listed = {name: _labels(each) for name, each in found.items()}
    kinds = max(len(set(labels.values())) for labels in listed.values())
    known = sorted((name for name in possible if name != "plain"), key=lambda name: -len(listed[name]))
    for other in known[1:]:
        if len(listed[other].keys() - listed[known[0]].keys()) > _STRAY * len(listed[known[0]]):
            raise DataError(
                f"{tree.root} holds more than one data set ({known[0]}, {other}). Make a manifest of each one."
            )
    # a known data set tells more of each video, and what is misnamed in its own folders is no reason against it
    lost = {n: max(_beyond(listed[n], listed[other]) for other in listed) for n in known}
    good = [n for n in known if lost[n] <= _STRAY * len(listed[n]) and len(set(listed[n].values())) == kinds]
    chosen = good[0] if good else max(listed, key=lambda name: len(listed[name]))
    others = [n for n in listed if n != chosen and (chosen == "plain" or _beyond(listed[chosen], listed[n]))]
    if others:
        told = ", ".join(f"as {_NAMES[name]} {len(listed[name])} (layout {name})" for name in others)
        found[chosen].notes.insert(
            0, f"Read as {_NAMES[chosen]}, {len(listed[chosen])} of {len(tree.videos)} videos are listed; {told}."
        )
    return chosen, found[chosen]


def _beyond(ours: dict[str, int], others: dict[str, int]) -> int:
    """How many videos the other reader lists in folders of which ours lists none."""
    folders = {path.rpartition("/")[0] for path in ours}
    return sum(path.rpartition("/")[0] not in folders for path in others)


def _labels(found: Found) -> dict[str, int]:
    """The videos that a reader lists with a label, by path."""
    if isinstance(found.rows, list):
        return {row[0]: row[1] for row in found.rows}
    given = found.rows["label"] if "label" in found.rows else [""] * len(found.rows)
    labels = {}
    for path, label in zip(found.rows["path"], given, strict=True):
        if (said := label_of(label)) is None:
            said = read_folders(path.rpartition("/")[0])[0]
        if said is not None:
            labels[path] = said
    return labels
