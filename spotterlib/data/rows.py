"""What a row of a table of videos says, and the names by which known data sets say it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COLUMNS = ("path", "label", "dataset", "method", "compression", "group", "ids", "split", "official_split", "mask")
FFPP, DFD, CELEB, DFDC = "FaceForensics++", "DeepFakeDetection", "Celeb-DF v2", "DFDC"
FAKE_AV = "FakeAVCeleb"
METHODS = {
    name.lower(): name
    for name in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter", "DeepFakeDetection")
}
_LABELS = dict.fromkeys(("real", "original", "pristine", "genuine"), 0)
_LABELS |= dict.fromkeys(("fake", "deepfake", "manipulated", *METHODS), 1)
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


def label_of(text: str) -> int | None:
    """0 real, 1 fake, as a table says it in whatever case; None for what is neither, a probability say.

    `1.0` and `1,0` are 1: a spreadsheet writes numbers so.
    """
    word = text.strip().lower()
    number = re.fullmatch(r"([01])(?:[.,]0*)?", word)
    return int(number[1]) if number else _LABELS.get(word)


def compression_of(folders: tuple[str, ...]) -> str:
    """`raw`, `c23` or `c40` where a folder is named so or ends so (c0 is raw), else empty."""
    for name in folders:
        found = re.search(r"(?:^|[_-])(raw|c0|c23|c40)$", name)
        if found:
            return found[1].replace("c0", "raw")
    return ""
