"""The known data sets as they lie on disk: one reader each, from a walked tree to table rows and report lines.

A new layout is a reader in `READERS`, its name in `LAYOUTS` (manifest.py) and `_NAMES` (choosing.py), its signs in
`possible_layouts` (layouts.py), and how it names its files (rows.py).
"""

from __future__ import annotations

import csv
import os
import posixpath
import re

from ..base import parse_json, read_text
from .csv_head import csv_mark
from .fakeavceleb import read_fakeavceleb
from .rows import (
    CELEB,
    CELEB_FAKE,
    CELEB_REAL,
    CELEB_YOUTUBE,
    DFD,
    DFD_FAKE,
    DFD_REAL,
    DFDC,
    FFPP,
    FFPP_FAKE,
    FFPP_REAL,
    METHODS,
    SPLIT_NAMES,
    UNKNOWN,
    Found,
    compression_of,
    label_of,
)
from .walk import Tree, folders_of, slashed, stem_of


def _read_json(tree: Tree, path: str, found: Found):
    """The content of a JSON file of the data set, or None and a report line."""
    try:
        return parse_json(read_text(tree.root / path))
    except (OSError, ValueError) as error:
        found.problems.append((path, f"it cannot be read as JSON ({error})"))
        return None


def _ffpp_official(tree: Tree, found: Found) -> dict[str, str]:
    """Identity → official split, from splits/{train,val,test}.json: lists of pairs of names."""
    official: dict[str, str] = {}
    for path in tree.others:
        name = path.rpartition("/")[2].lower()
        if name not in ("train.json", "val.json", "test.json"):
            continue
        pairs = _read_json(tree, path, found)
        if pairs is None:
            continue
        if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
            found.problems.append((path, "not a list of pairs of names: the official split was not taken from it"))
            continue
        found.used.add(path)
        split = name.removesuffix(".json")
        for identity in (str(identity).zfill(3) for pair in pairs for identity in pair):
            if official.setdefault(identity, split) != split:
                found.problems.append((path, f"it names {identity}, which is in another list too: it gets no split"))
                official[identity] = ""
    return official


def _ffpp_tables(tree: Tree, found: Found) -> None:
    """The tables of the flat mirror (`csv/FF++_Metadata.csv`, `csv/Deepfakes.csv`, …): what they list and is not here.

    They say nothing of a video that its folder does not. Most people have a part of the set: one line a table.
    """

    def below(folder: str) -> set[str]:
        start = folder + "/" if folder else ""
        return {row[0].removeprefix(start) for row in found.rows if row[0].startswith(start)}

    for path in tree.others:
        if path.lower().endswith(".csv"):
            try:
                with open(tree.root / path, encoding="utf-8-sig", errors="replace", newline="") as file:
                    mark, _ = csv_mark(file)
                    reader = csv.DictReader(file, delimiter=mark)
                    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
                    if not {"file path", "label"} <= set(reader.fieldnames):
                        continue
                    listed = {posixpath.normpath(slashed(row["file path"])) for row in reader if row["file path"]}
                    found.used.add(path)
                    folder = path.rpartition("/")[0]  # they lie in csv/, and paths count from the folder above
                    here = max(len(listed & below(base)) for base in (folder, folder.rpartition("/")[0]))
                    if here < len(listed):
                        problem = f"it lists {len(listed)} videos, of which {here} are here"
                        found.problems.append((path, problem))
            except (OSError, csv.Error) as error:
                found.problems.append((path, f"it cannot be read as a CSV ({error})"))


def read_ffpp(tree: Tree) -> Found:
    """FaceForensics++: the official tree or the flat mirror, any subset, with the actors of DeepFakeDetection.

    Ids: the target and source numbers (`033;097`), for actors `actor01`. Masks are joined by method and name.
    """
    found = Found()
    official = _ffpp_official(tree, found)
    masks: dict[tuple[str, str], str] = {}
    for path in tree.videos:
        folders, stem = folders_of(path.rpartition("/")[0]), stem_of(path)
        method = next((METHODS[name] for name in folders if name in METHODS), "")
        if "masks" in folders:
            masks[method, stem] = path
            continue
        if not method and not any(name.startswith("original") or name in ("youtube", "actors") for name in folders):
            found.problems.append((path, "in no folder of FaceForensics++: neither original nor a method"))
            continue
        pair = (FFPP_FAKE if method else FFPP_REAL).fullmatch(stem) if method != DFD else None
        acted = (DFD_FAKE if method else DFD_REAL).fullmatch(stem) if method in ("", DFD) else None
        if not (pair or acted):
            expected = ("01_02__scene__8CHARS" if method == DFD else "033_097") if method else "097 or 01__scene"
            found.problems.append((path, f"not a name of FaceForensics++ here ({expected} was expected)"))
            continue
        ids = pair.groups() if pair else tuple("actor" + number for number in acted.groups())
        splits = {official.get(identity, "") for identity in ids}
        if len(splits) > 1:
            found.problems.append(
                (path, "its two people are in different official splits: it keeps its row, and has no official split")
            )
        dataset = FFPP if pair else DFD
        compression = compression_of(folders) or compression_of((tree.root.name.lower(),))
        split = splits.pop() if len(splits) == 1 else ""
        found.add(path, int(bool(method)), dataset, method, compression, ";".join(ids), split)
    named = {(row[3], stem_of(row[0])) for row in found.rows}
    found.rows = [(*row[:-1], masks.get((row[3], stem_of(row[0])), "") if row[1] else "") for row in found.rows]
    lone = [path for (method, stem), path in masks.items() if not method or (method, stem) not in named]
    found.problems += [(path, "a mask without its fake") for path in lone]
    _ffpp_tables(tree, found)
    if found.rows and not official:
        found.notes.append("No splits/train.json, val.json, test.json here: pairs are taken from the file names.")
    return found


def read_celeb(tree: Tree) -> Found:
    """Celeb-DF v2, with or without a `videos` level, any letter case; the testing list gives the official split.

    Ids: `id0`, for swaps target and source (`id0;id1`), for YouTube clips `youtube00170`. In the list 1 means real.
    """
    kinds = {
        "celeb-real": (0, CELEB_REAL, ""),
        "youtube-real": (0, CELEB_YOUTUBE, "youtube"),
        "celeb-synthesis": (1, CELEB_FAKE, ""),
    }
    found = Found()
    listed: dict[tuple[str, str], str] = {}
    for path in tree.others:
        if path.rpartition("/")[2].lower() == "list_of_testing_videos.txt":
            found.used.add(path)
            try:
                lines = read_text(tree.root / path, errors="replace").removeprefix("\ufeff").splitlines()
            except OSError as error:
                found.problems.append((path, f"it cannot be read ({error}): no official split was taken from it"))
                continue
            for line in lines:
                label, name = (*line.replace("\\", "/").split(maxsplit=1), "", "")[:2]
                folder = next((part for part in folders_of(name) if part in kinds), "")
                if label in ("0", "1") and folder:
                    listed[folder, stem_of(name.strip()).lower()] = label
                elif line.strip():
                    found.problems.append((path, f"not understood: {line.strip()[:80]}"))
    met = set()
    for path in tree.videos:
        folders, stem = folders_of(path.rpartition("/")[0]), stem_of(path).lower()
        folder = next((name for name in folders if name in kinds), "")
        if not folder:
            found.problems.append((path, "in no folder of Celeb-DF: Celeb-real, YouTube-real or Celeb-synthesis"))
            continue
        label, names, before = kinds[folder]
        match = names.fullmatch(stem)
        if not match:
            found.problems.append((path, f"not a name of Celeb-DF's folder {folder}"))
            continue
        key = (folder, stem)
        met.add(key)
        if key in listed and listed[key] != str(1 - label):
            found.problems.append((path, "the testing list gives it the other label: the folder's was taken"))
        official = ("test" if key in listed else "train") if listed else ""
        ids = ";".join(before + identity for identity in match.groups())
        found.add(path, label, CELEB, "Celeb-synthesis" if label else "", ids=ids, official=official)
    missing = "in the testing list, but there is no such video"
    found.problems += [("/".join(key), missing) for key in listed if key not in met]
    return found


def is_dfdc_json(tree: Tree, path: str) -> bool:
    content = _read_json(tree, path, Found())
    first = next(iter(content.values()), None) if isinstance(content, dict) else None
    return isinstance(first, dict) and "label" in first


def dfdc_csvs(tree: Tree, found: Found) -> dict[str, list[dict[str, str]]]:
    """The tables `filename,label` of the validation and test sets, by path; a report line for one that is damaged."""
    tables = {}
    for path in tree.others:
        if path.lower().endswith(".csv"):
            try:
                with open(tree.root / path, encoding="utf-8-sig", errors="replace", newline="") as file:
                    mark, _ = csv_mark(file)
                    reader = csv.DictReader(file, skipinitialspace=True, delimiter=mark)
                    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
                    if {"filename", "label"} <= set(reader.fieldnames):
                        tables[path] = list(reader)
            except (OSError, csv.Error) as error:
                found.problems.append((path, f"it cannot be read as a CSV ({error})"))
    return tables


def read_dfdc(tree: Tree) -> Found:
    """DFDC: train parts with metadata.json, validation and test with a CSV `filename,label` (0/1 or REAL/FAKE).

    Ids: the original's name, and the part's folder where there are three parts or more (its actors recur within it).
    """
    found = Found()
    videos = set(tree.videos)
    broken = dict(tree.problems)
    claimed: set[str] = set()

    def claim(path: str, label: str, source: str, **details) -> None:
        value = label_of(str(label))
        if path in claimed:
            found.problems.append((path, f"listed twice (again in {source})"))
        elif path not in videos:
            if path not in broken:
                found.problems.append((path, f"listed in {source}, but there is no such video"))
        elif value is None:
            found.problems.append((path, f"{source} gives it the label {label!r}, which is neither REAL nor FAKE"))
        else:
            found.add(path, value, DFDC, UNKNOWN if value else "", **details)
        claimed.add(path)

    parts = {}
    for path in tree.others:
        if path.rpartition("/")[2].lower() == "metadata.json":
            content = _read_json(tree, path, found)
            if isinstance(content, dict) and all(isinstance(entry, dict) for entry in content.values()):
                parts[path] = content
                found.used.add(path)
            elif content is not None:
                found.problems.append((path, "not a table of clips as DFDC has it"))
    train = [path for path in parts if not _split_in(path)]
    for path, content in parts.items():
        folder = path.rpartition("/")[0]
        part = [folder.rpartition("/")[2]] if len(train) >= 3 and path in train and folder else []
        for name, entry in content.items():
            ids = ";".join([stem_of(str(entry.get("original") or name)), *part])
            official = _split_in(path) or "train"
            if "label" in entry:  # the test set's own metadata.json has none: its CSV tells
                claim(f"{folder}/{name}".lstrip("/"), entry["label"], path, ids=ids, official=official)
    for path, table in dfdc_csvs(tree, found).items():
        found.used.add(path)
        folder = path.rpartition("/")[0]
        below: dict[str, list[str]] = {}
        for clip in tree.videos:
            if clip.startswith(folder + "/" if folder else ""):
                below.setdefault(clip.rpartition("/")[2], []).append(clip)
        for entry in table:
            name = slashed(entry["filename"] or "")
            clip, same = f"{folder}/{name}".lstrip("/"), below.get(name.rpartition("/")[2], [])
            if clip not in videos and len(same) == 1:
                clip = same[0]
            official = _split_in(clip) or _split_in(path)
            claim(clip, entry["label"], path, ids=stem_of(name), official=official)
    unnamed = "no metadata.json or CSV names it with a label"
    found.problems += [(clip, unnamed) for clip in tree.videos if clip not in claimed]
    if any(row[1] for row in found.rows):
        found.notes.append("DFDC: some fakes are fake in the sound only, and its tables do not say which.")
    if 0 < len(train) < 3:
        found.notes.append(
            f"DFDC: {len(train)} train part(s), too few to keep each in one split: clips are joined by their original "
            "alone, and the same actors may be on both sides. Three parts or more are kept whole."
        )
    return found


READERS = {"ffpp": read_ffpp, "celebdf": read_celeb, "dfdc": read_dfdc, "fakeavceleb": read_fakeavceleb}


def _split_in(path: str) -> str:
    """The split that a folder or the file's name stands for, DFDC's way (`validation/`, `test_videos/`), or empty."""
    for name in folders_of(os.path.splitext(path)[0]):
        for word in re.split(r"[^a-z]+", name):
            if SPLIT_NAMES.get(word) in ("val", "test"):
                return SPLIT_NAMES[word]
    return ""
