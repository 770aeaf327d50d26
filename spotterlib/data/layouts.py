"""Which layouts a folder of videos may have, and what folders' names say of the videos in them."""

from __future__ import annotations

import csv
import posixpath
from functools import lru_cache

from ..base import DataError
from ..video import is_video
from .csv_head import csv_mark, csv_names
from .fakeavceleb import FAKE_AV_FOLDERS
from .known_sets import dfdc_csvs, is_dfdc_json
from .rows import METHODS, PATH_NAMES, SPLIT_NAMES, UNKNOWN, Found, compression_of
from .walk import Tree, folders_of, slashed, stem_of

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


def lists_videos(tree: Tree, path: str, loosely: bool = False) -> bool:
    """Whether a CSV names one of the tree's videos, in whatever column; a data set may come with one of another kind.

    loosely: by its name without folders, or without its ending, too. True of a table that cannot be read: it may be
    meant, and whoever reads it says what is wrong.
    """
    known = {*tree.videos, *(path for path, _ in tree.problems if is_video(path))}
    if loosely:
        known |= {name for path in tree.videos for name in (path.rpartition("/")[2], stem_of(path))}
    try:
        with open(tree.root / path, encoding="utf-8-sig", newline="") as file:
            mark, _ = csv_mark(file)
            cells = (cell.strip() for line in csv.reader(file, delimiter=mark) for cell in line)
            return any(cell in known or (is_video(cell) and _in_tree(tree, cell) in known) for cell in cells if cell)
    except (OSError, ValueError, csv.Error):
        return True


def _in_tree(tree: Tree, path: str) -> str:
    """A path as a table may say it, as the tree does."""
    return posixpath.normpath(slashed(path)).removeprefix(f"{tree.root.as_posix()}/")


def possible_layouts(tree: Tree) -> list[str]:
    """The layouts that a tree has signs of, known data sets before "plain". Raises `DataError` for none."""
    names = {name for path in (*tree.videos, *tree.others) for name in folders_of(path.rpartition("/")[0])}
    beside = [path for path in tree.others if path.lower() == "metadata.csv"]
    if any(PATH_NAMES & set(csv_names(tree.root / path)) and lists_videos(tree, path) for path in beside):
        return ["plain"]
    jsons = [path for path in tree.others if path.rpartition("/")[2].lower() == "metadata.json"]
    signs = {
        "ffpp": {"manipulated_sequences", "original_sequences"} & names,
        "celebdf": {"celeb-real", "youtube-real", "celeb-synthesis"} & names,
        "dfdc": any(is_dfdc_json(tree, path) for path in jsons),
        "fakeavceleb": FAKE_AV_FOLDERS.keys() & names,
    }
    layouts = [layout for layout, sign in signs.items() if sign]
    if not layouts and names & METHODS.keys() and not {"real", "fake"} & names:
        layouts = ["ffpp"]
    if names & (REAL_FOLDERS | FAKE_FOLDERS) or beside:
        layouts.append("plain")
    if not layouts and dfdc_csvs(tree, Found()):
        layouts = ["dfdc"]
    if layouts:
        return layouts
    raise DataError(
        f"{tree.root} has no layout known here ({len(tree.videos)} videos under it). Put videos into real/ and fake/, "
        "add a metadata.csv with the columns path and label, or give the folder that holds original_sequences/ "
        "(FaceForensics++), Celeb-real/ (Celeb-DF), RealVideo-RealAudio/ (FakeAVCeleb) or the DFDC parts with their "
        "metadata.json."
    )
