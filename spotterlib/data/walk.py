"""A walk over a folder of videos: what is there, and what is wrong with it from outside. Nothing here opens a video."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ..video import VIDEO_ENDINGS, is_video

TABLE_ENDINGS = frozenset((".csv", ".json", ".txt"))  # what a layout may open to learn about the videos
EMPTY = "an empty file (0 bytes): it keeps its row, but no video can be read from it"


@dataclass
class Tree:
    """What a walk found: paths relative to the root with `/`, sorted; problems are (path, why it was left out)."""

    root: Path
    videos: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def stem_of(path: str) -> str:
    """File name without folders and ending."""
    return os.path.splitext(path.rpartition("/")[2])[0]


def slashed(path: str) -> str:
    """A path as a table says it, which may have been written on Windows, with `/`."""
    return path.strip().replace("\\", "/")


@lru_cache(maxsize=65536)
def folders_of(folder: str) -> tuple[str, ...]:
    """The folder names on the way to a file, in lower case."""
    return tuple(folder.lower().split("/")) if folder else ()


def name_problem(name: str) -> str:
    """Why a name on disk cannot stand in a table, or an empty text."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return "its name holds a control character: rename it"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    if os.path.splitext(name)[1] == "" and name.lower() in VIDEO_ENDINGS:
        return "it has no name before its ending: rename it"
    return ""


def file_problem(path: str | os.PathLike[str]) -> str:
    """What a look from outside says against a file: empty text, or the reason. `EMPTY` alone leaves it in the table."""
    try:
        status = os.stat(path)
    except OSError:
        return "a link that leads nowhere" if os.path.islink(path) else "there is no such file"
    if not stat.S_ISREG(status.st_mode):
        return "not an ordinary file"
    if not os.access(path, os.R_OK):
        return "it may not be read (permission denied)"
    return EMPTY if status.st_size == 0 else ""


def walk_tree(root: Path) -> Tree:
    """List every file under `root` in an order that no disk decides. Linked folders are followed, each folder once."""
    tree = Tree(root)
    seen: set[tuple[int, int]] = set()
    folders, links = [("", str(root))], []
    while folders or links:
        prefix, folder = folders.pop() if folders else links.pop(0)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                tree.problems.append((prefix.rstrip("/"), "a link to a folder that was already read"))
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            tree.problems.append((prefix.rstrip("/") or ".", f"the folder cannot be read ({error.strerror})"))
            continue
        for entry in listed:
            path = prefix + entry.name
            problem = name_problem(entry.name)
            if problem:
                tree.problems.append((path.encode("utf-8", "backslashreplace").decode(), problem))
            elif os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False):
                if is_video(entry.name):
                    tree.problems.append((path, "a folder that is named like a video"))
                if entry.name.startswith("."):
                    tree.problems.append((path, "a hidden folder: not looked into"))
                else:
                    (links if entry.is_symlink() else folders).append((path + "/", entry.path))
            elif not is_video(entry.name):
                plain = entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)
                opened = os.path.splitext(entry.name)[1].lower() in TABLE_ENDINGS and path.lower() != "metadata.csv"
                problem = "" if plain and not opened else file_problem(entry.path)  # who reads a pipe waits for ever
                if problem in ("", EMPTY):
                    tree.others.append(path)
                else:
                    tree.problems.append((path, problem))
            elif entry.name.startswith("."):
                tree.problems.append((path, "a hidden file (some systems leave such beside every video)"))
            else:
                problem = file_problem(entry.path)
                if problem:
                    tree.problems.append((path, problem))
                if problem in ("", EMPTY):
                    tree.videos.append(path)
    tree.videos.sort()
    tree.others.sort()
    return tree


def other_problems(others: list[str]) -> list[tuple[str, str]]:
    """Report lines for files that are no videos; a folder full of one kind (frames, say) gets one line."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in others:
        kinds[path.rpartition("/")[0], os.path.splitext(path)[1].lower()].append(path)
    problems = []
    for (folder, ending), paths in kinds.items():
        what = f"no video ending ({ending})" if ending else "no ending"
        if len(paths) > 20:
            problems.append((folder or ".", f"{len(paths)} files here have {what}"))
        else:
            said = "left aside: a table that this layout does not read" if ending == ".csv" else f"it has {what}"
            problems += [(path, said) for path in paths]
    return problems
