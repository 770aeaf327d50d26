"""FakeAVCeleb as it lies on disk: four folders, by what of picture and sound is fake, and a `meta_data.csv`."""

from __future__ import annotations

import csv
import os
import re

from ..video import is_video
from .csv_head import csv_mark, csv_names
from .rows import FAKE_AV, UNKNOWN, Found
from .walk import Tree, slashed

FAKE_AV_FOLDERS = {
    "realvideo-realaudio": 0,
    "realvideo-fakeaudio": 0,  # a voice put to pictures that are real: there is nothing in them to find
    "fakevideo-realaudio": 1,
    "fakevideo-fakeaudio": 1,
}
"""The data set's folders (its categories A, B, C and D), and the label of their pictures."""

_COLUMNS = {"source", "target1", "method", "category", "type"}


def is_fakeavceleb_csv(path: str | os.PathLike[str]) -> bool:
    """Whether a CSV is the data set's own table."""
    return set(csv_names(path)) >= _COLUMNS


def read_fakeavceleb(tree: Tree) -> Found:
    """FakeAVCeleb: `RealVideo-RealAudio/African/men/id00076/00109.mp4`, …; `meta_data.csv` tells methods and people.

    The label is the picture's, whatever the sound is. Ids: the people, as numbered by the data set (`id00076;id00476`):
    whose video it is, and whose face or voice was put in.
    """
    found = Found()
    listed: dict[str, tuple[str, str]] = {}
    for path in tree.others:
        if path.lower().endswith(".csv") and is_fakeavceleb_csv(tree.root / path):
            found.used.add(path)
            listed |= _listed(tree, path, found)
    voices = 0
    met = set()
    for path in tree.videos:
        key = _in_set(path)
        if not key:
            found.problems.append((path, "in no folder of FakeAVCeleb: RealVideo-RealAudio, FakeVideo-RealAudio, …"))
            continue
        met.add(key)
        kind = key.partition("/")[0]
        voices += kind == "realvideo-fakeaudio"
        method, people = listed.get(key, (UNKNOWN, ""))
        ids = ";".join(dict.fromkeys(re.findall(r"(?<![a-z0-9])id\d+", f"{people} {key}")))
        label = FAKE_AV_FOLDERS[kind]
        found.add(path, label, FAKE_AV, method if label else "", ids=ids)
    absent = "listed in meta_data.csv, but there is no such video"
    found.problems += [(key, absent) for key in listed if key not in met]
    if voices:
        found.notes.append(
            f"FakeAVCeleb: {voices} videos of RealVideo-FakeAudio count as real: their sound is fake, their pictures "
            "are not, and only pictures are looked at."
        )
    if not listed:
        found.notes.append("FakeAVCeleb: no meta_data.csv here, so how the fakes were made is unknown.")
    return found


def _listed(tree: Tree, path: str, found: Found) -> dict[str, tuple[str, str]]:
    """By place in the data set: the method and the text that names the people, of every line of `meta_data.csv`.

    Its column `path` holds the file's name, and a column after it, without a name, the folder.
    """
    lines: dict[str, tuple[str, str]] = {}
    try:
        with open(tree.root / path, encoding="utf-8-sig", errors="replace", newline="") as file:
            mark, _ = csv_mark(file)
            reader = csv.reader(file, delimiter=mark)
            names = [name.strip().lower() for name in next(reader, [])]
            for line in reader:
                line = [slashed(field) for field in line]
                row = dict.fromkeys(names, "") | dict(zip(names, line, strict=False))
                file_name = next((field for field in line if is_video(field)), "")
                folder = next((field for field in line if "/" in field and _in_set(field + "/")), "")
                key = _in_set(file_name) or _in_set(f"{folder}/{file_name}")
                if key and file_name:
                    people = " ".join([*(row.get(name, "") for name in ("source", "target1", "target2")), file_name])
                    lines[key] = (row["method"] or UNKNOWN, people.lower())
                elif any(line):
                    found.problems.append((path, f"not understood: {mark.join(line)[:80]}"))
    except (OSError, csv.Error) as error:
        found.problems.append((path, f"it cannot be read as a CSV ({error})"))
    return lines


def _in_set(path: str) -> str:
    """The path from the data set's own folder on, in lower case; empty where it leads through none."""
    parts = path.lower().split("/")
    start = next((i for i, part in enumerate(parts[:-1]) if part in FAKE_AV_FOLDERS), None)
    return "" if start is None else "/".join(parts[start:])
