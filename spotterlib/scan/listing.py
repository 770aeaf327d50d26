"""What a folder scan looks at, and what it leaves out: never without a word."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..base import DataError, find_input
from ..video import VIDEO_SUFFIXES


@dataclass
class Listing:
    """Videos under a root, sorted; closed: folders that cannot be read; left_out: (path, why) of everything else."""

    root: Path
    videos: list[Path] = field(default_factory=list)
    closed: list[OSError] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)


def list_folder(folder: str | os.PathLike[str], besides: Path | None = None) -> Listing:
    """List a folder of videos. Linked folders are followed, each folder once; files are counted by why they stay out.

    besides: where the results of the scan lie, whose own tables are no part of the folder. Raises `DataError` when it
    is no folder.
    """
    root = find_input(folder)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. For one video use scan_video.")
    found = Listing(root)
    hidden, others = 0, Counter()
    for path in _files(found):
        if path.parent == besides and path.name in ("scans.csv", "scans.json", "scans.jsonl"):
            continue
        if path.name.startswith("."):
            hidden += 1
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            found.videos.append(path)
        else:
            others[path.suffix.lower() or "no ending"] += 1
    found.videos.sort()
    if others:
        kinds = [f"{ending} {count}" for ending, count in sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))]
        named = ", ".join(kinds[:8]) + (", …" if len(kinds) > 8 else "")
        remedy = "scan_video takes any ending, scan_image pictures."
        told = f"{_files_of(others.total())} without the ending of a video ({named}): {remedy}"
        found.left_out.append((root, told))
    if hidden:
        found.left_out.append((root, f"{_files_of(hidden)} whose names begin with a dot: hidden, so not looked at."))
    return found


def _files_of(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _files(found: Listing) -> list[Path]:
    """All files under the root, what is linked after what lies there; fills `closed`, and `left_out` with links."""
    files: list[Path] = []
    seen: set[tuple[int, int]] = set()
    real, starts = found.root.resolve(), [found.root]
    while starts:
        start = starts.pop(0)
        if start != found.root and real.is_relative_to(start.resolve()) and real != start.resolve():
            found.left_out.append((start, "A link to a folder that holds this one: only what is in this one is meant."))
            continue
        for at, folders, names in os.walk(start, onerror=found.closed.append):
            about = os.stat(at)
            if (about.st_dev, about.st_ino) in seen:
                found.left_out.append((Path(at), "A link to a folder that is listed under another name already."))
                folders.clear()
                continue
            seen.add((about.st_dev, about.st_ino))
            folders.sort()
            starts += [Path(at, name) for name in folders if os.path.islink(os.path.join(at, name))]
            files += [Path(at, name) for name in names]
    return files
