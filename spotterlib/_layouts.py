"""How the known data sets lie on disk: one reader a layout, from a walked tree to table rows and report lines."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache

from ._walk import Tree, folders_of, stem_of
from .project import DataError, parse_json, read_text

COLUMNS = ("path", "label", "dataset", "method", "compression", "group", "ids", "split", "official_split", "mask")
FFPP, DFD, CELEB, DFDC = "FaceForensics++", "DeepFakeDetection", "Celeb-DF v2", "DFDC"
METHODS = {
    name.lower(): name
    for name in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter", "DeepFakeDetection")
}
PATH_NAMES = frozenset(("path", "filename", "file", "filepath", "file path", "file_path", "video", "video_path"))
UNKNOWN = "unknown"  # the method of a fake whose data set does not say how it was made
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

_METHOD = "|".join(METHODS)
FFPP_REAL = re.compile(r"(?:(?:original|real|youtube)_)?(\d{3})", re.I)
FFPP_FAKE = re.compile(rf"(?:(?:{_METHOD})_)?(\d{{3}})_(\d{{3}})(?:_(?:{_METHOD}))?", re.I)
DFD_REAL = re.compile(r"(\d\d)__.+")
DFD_FAKE = re.compile(r"(\d\d)_(\d\d)__.+")
CELEB_REAL = re.compile(r"(id\d+)_\d{4}", re.I)
CELEB_YOUTUBE = re.compile(r"(\d{5})")
CELEB_FAKE = re.compile(r"(id\d+)_(id\d+)_\d{4}", re.I)
SCHEMES = {  # names that give people away wherever the files lie: real, fake, what goes before a number
    FFPP: (FFPP_REAL, FFPP_FAKE, ""),
    DFD: (DFD_REAL, DFD_FAKE, "actor"),
    CELEB: (CELEB_REAL, CELEB_FAKE, ""),
}


@dataclass
class Found:
    """What a layout made of a tree: table rows in the order of COLUMNS, and the files beside the videos it used."""

    rows: list[tuple] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def add(self, path, label, dataset, method="", compression="", ids="", official="") -> None:
        self.rows.append((path, label, dataset, method, compression, "", ids, "", official, ""))


def compression_of(folders: tuple[str, ...]) -> str:
    """`raw`, `c23` or `c40` where a folder is named so or ends so (c0 is raw), else empty."""
    for name in folders:
        found = re.search(r"(?:^|[_-])(raw|c0|c23|c40)$", name)
        if found:
            return found[1].replace("c0", "raw")
    return ""


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


def _is_dfdc_json(tree: Tree, path: str) -> bool:
    content = _read_json(tree, path, Found())
    first = next(iter(content.values()), None) if isinstance(content, dict) else None
    return isinstance(first, dict) and "label" in first


def _dfdc_csvs(tree: Tree, found: Found) -> dict[str, list[dict[str, str]]]:
    """The tables `filename,label` of the validation and test sets, by path; a report line for one that is damaged."""
    tables = {}
    for path in tree.others:
        if path.lower().endswith(".csv"):
            try:
                with open(tree.root / path, encoding="utf-8-sig", errors="replace", newline="") as file:
                    reader = csv.DictReader(file, skipinitialspace=True)
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
        value = {"real": 0, "fake": 1, "0": 0, "1": 1}.get(str(label).strip().lower())
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
    for path, table in _dfdc_csvs(tree, found).items():
        found.used.add(path)
        folder = path.rpartition("/")[0]
        below: dict[str, list[str]] = {}
        for clip in tree.videos:
            if clip.startswith(folder + "/" if folder else ""):
                below.setdefault(clip.rpartition("/")[2], []).append(clip)
        for entry in table:
            name = entry["filename"] or ""
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


READERS = {"ffpp": read_ffpp, "celebdf": read_celeb, "dfdc": read_dfdc}


def _split_in(path: str) -> str:
    """The split that a folder or the file's name stands for, DFDC's way (`validation/`, `test_videos/`), or empty."""
    for name in folders_of(os.path.splitext(path)[0]):
        for word in re.split(r"[^a-z]+", name):
            if SPLIT_NAMES.get(word) in ("val", "test"):
                return SPLIT_NAMES[word]
    return ""


_REAL = (
    "real reals 0_real original originals original_sequences youtube actors celeb-real youtube-real pristine genuine"
)
REAL_FOLDERS = frozenset(_REAL.split())
FAKE_FOLDERS = METHODS.keys() | {"fake", "fakes", "1_fake", "manipulated", "manipulated_sequences", "celeb-synthesis"}


@lru_cache(maxsize=65536)
def read_folders(folder: str) -> tuple[int | None, str, str, str]:
    """What the folders on the way to a file say: label (None: nothing, or both), method, compression, split.

    The method of a fake is a known one of FaceForensics++, else the folder below `fake`, else "unknown".
    """
    names = folders_of(folder)
    real = [i for i, name in enumerate(names) if name in REAL_FOLDERS]
    fake = [i for i, name in enumerate(names) if name in FAKE_FOLDERS]
    label = None if bool(real) == bool(fake) else int(bool(fake))
    method = next((METHODS[name] for name in names if name in METHODS), "") if label else ""
    compression = compression_of(names)
    split = next((SPLIT_NAMES[name] for name in names if name in SPLIT_NAMES), "")
    if label and not method:
        below = folder.split("/")[fake[0] + 1 : fake[0] + 2]
        plain = below and below[0].lower() not in ("videos", "video") and not compression_of((below[0].lower(),))
        method = below[0] if plain and below[0].lower() not in SPLIT_NAMES else UNKNOWN
    return label, method, compression, split


def _lists_paths(tree: Tree, path: str) -> bool:
    """Whether a CSV's first line names a column of paths; a data set may come with a metadata.csv of another kind."""
    with open(tree.root / path, encoding="utf-8-sig", errors="replace") as file:
        return bool(PATH_NAMES & {name.strip(' \n"') for name in re.split(r"[,;\t]", file.readline().lower())})


def detect_layout(tree: Tree) -> str:
    """Which layout a tree has: "ffpp", "celebdf", "dfdc" or "plain". Raises `DataError` for none or several."""
    names = {name for path in (*tree.videos, *tree.others) for name in folders_of(path.rpartition("/")[0])}
    beside = [path for path in tree.others if path.lower() == "metadata.csv"]
    if any(_lists_paths(tree, path) for path in beside):
        return "plain"
    jsons = [path for path in tree.others if path.rpartition("/")[2].lower() == "metadata.json"]
    signs = {
        "ffpp": {"manipulated_sequences", "original_sequences"} & names,
        "celebdf": {"celeb-real", "youtube-real", "celeb-synthesis"} & names,
        "dfdc": any(_is_dfdc_json(tree, path) for path in jsons),
    }
    layouts = [layout for layout, sign in signs.items() if sign]
    if len(layouts) > 1:
        raise DataError(
            f"{tree.root} holds more than one data set ({', '.join(layouts)}). Make a manifest of each one."
        )
    if layouts:
        return layouts[0]
    if names & METHODS.keys() and not {"real", "fake"} & names:
        return "ffpp"
    if names & (REAL_FOLDERS | FAKE_FOLDERS) or beside:
        return "plain"
    if _dfdc_csvs(tree, Found()):
        return "dfdc"
    raise DataError(
        f"{tree.root} has no layout known here ({len(tree.videos)} videos under it). Put videos into real/ and fake/, "
        "add a metadata.csv with the columns path and label, or give the folder that holds original_sequences/ "
        "(FaceForensics++), Celeb-real/ (Celeb-DF) or the DFDC parts with their metadata.json."
    )
