"""Who is in which video, as the names of the files suggest it: a metadata.csv to look through before it is believed."""

from __future__ import annotations

import re

import pandas as pd

from .manifest import Manifest
from .rows import SCHEMES
from .walk import stem_of

_KINDS = re.compile(
    r"(?:^|[ _.\-])(?:real|original|orig|genuine|fake|deepfakes?|faceswap|face2face|swap(?:ped)?|selfblend|"
    r"manipulated|synthetic|forged|altered|df)(?=$|[ _.\-])",
    re.I,
)
"""Words in a name that tell what a video is, not who is in it."""


def propose_metadata(manifest: Manifest) -> pd.DataFrame:
    """The people in the videos that name nobody, as far as names of files match: path, label, method, ids, and why.

    `033_097` is a fake of 033 and 097, `id0_id1_0000` one of id0 and id1, as known data sets name them; `anna_bob` one
    of anna and bob where there are videos of both; `anna_fake` and `anna` are one. Only names that lead from one video
    to another are taken, so there may be no row. Save it as the folder's metadata.csv once you have looked it through:
    names are no proof.
    """
    table = manifest.table
    free = table[(table["ids"] == "") & ((table["group"] == "") | (table["group"] == table["path"]))]
    stems = {path: _plain(stem_of(path)) for path in table["path"]}
    known = {stem for stem in stems.values() if stem}
    found = {}
    for path, label in free[["path", "label"]].itertuples(index=False):
        people, why = _people(stem_of(path), stems[path], int(label), known)
        if people:
            found[path] = (people, why)
    met = pd.Series([name for people, _ in found.values() for name in people], dtype="str").value_counts()
    rows = [
        (path, int(label), method, ";".join(found[path][0]), found[path][1])
        for path, label, method in free[["path", "label", "method"]].itertuples(index=False)
        if path in found and any(met[name] > 1 for name in found[path][0])
    ]
    return pd.DataFrame(rows, columns=["path", "label", "method", "ids", "why"])


def _plain(stem: str) -> str:
    """A name without the words that tell real from fake."""
    return _KINDS.sub("", stem).strip(" _.-").lower()


def _people(stem: str, plain: str, label: int, known: set[str]) -> tuple[list[str], str]:
    """Who is in a video by its name, and by which rule."""
    for scheme, (real_name, fake_name, before) in SCHEMES.items():
        hit = (fake_name if label else real_name).fullmatch(stem)
        if hit:
            return [before + name.lower() for name in hit.groups()], f"named as in {scheme}"
    parts = re.split(r"[ _.\-]", plain)
    for cut in range(1, len(parts)):
        pair = [re.sub(r"[ _.\-]", "_", "_".join(some)) for some in (parts[:cut], parts[cut:])]
        if label and all(one in {re.sub(r"[ .\-]", "_", name) for name in known} for one in pair):
            return pair, "both names are those of other videos"
    if plain:
        return [re.sub(r"[ .\-]", "_", plain)], "the same name, less words as “fake”"
    return [], ""
