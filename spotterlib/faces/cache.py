"""Face crops on disk: every video is looked at once, and training, evaluation and inspection read the result."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ..base import (
    DataError,
    VideoError,
    claimed,
    csv_text,
    enough_memory,
    inside,
    keeping,
    named_path,
    output_path,
    own_name,
    pick_device,
    read_table,
    stoppable,
    tidy,
    to_json,
)
from ..data import Manifest
from .cache_file import CODEC, opened, read_meta, write_faces
from .find import find_faces
from .numbers import cropping
from .tracks import MIN_USABLE, FaceTrack, VideoFaces

STATUSES = ("ok", "several faces", "short", "no face", "unreadable", "missing")
"""What became of a video: ok (one face), several faces (all kept, the main one first), short (a face, but in too
few frames for a verdict), no face, unreadable, missing (there is no such file: nothing is known of it)."""

BETWEEN = 2
"""Frames kept between every two of the detection grid: 24 → 70 a window, for random starts in training."""

_VERSION = 3
_TEXT = "path dataset method compression group ids split official_split mask file status reason"
_FOUND = ("status", "reason", "faces", "found", "confidence", "jump")


def cache_faces(
    manifest: Manifest,
    out: str | os.PathLike[str] = "runs/cache",
    max_windows: int = 4,
    workers: int = 1,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Find and cut the faces of every video of a manifest; returns a table of one row a video, kept as `out`/cache.csv.

    The manifest's columns, and: file (absolute path of the cached faces, "" if there are none), status (`STATUSES`),
    reason, faces; of the main face: found (share of the grid frames that have it), confidence (mean, 0…1) and jump
    (largest step of its box between two of them, in sides of the box); bytes; and, not in the CSV, seconds.

    Resumable: a video that is cached is not looked at again unless its size or time of change is another; files are
    written whole or not at all, and a run that was killed at any moment and started again leaves the same bytes as one
    that was not. Any number of processes may work on one `out` at a time: they share the videos out, each done once.
    Other settings (windows, margin, detector, …) have a folder of their own in `out`; cache.csv is of the last run.
    workers: processes (joblib's backend, so a cluster's can be put under it: `joblib.parallel_config(backend="dask")`).
    Raises `DataError` when the manifest is empty, not one of its videos is there, or `out` cannot be written;
    `SpotterError` for a device that is not there.
    """
    if manifest.table.empty:
        raise DataError("The manifest has no video to cache faces of.")
    device = pick_device(device)  # now: for want of it every single video would be unreadable
    settings = {"version": _VERSION, "max_windows": max_windows, "between": BETWEEN, "codec": CODEC, **cropping()}
    told = to_json(settings) + "\n"
    with keeping(named_path(out)):
        place = output_path(out)
        folder = place / f"faces-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "settings.json", told)
    cache_one = functools.partial(_cache_one, str(manifest.root), str(folder), max_windows, device, workers != 1)
    paths, rows = manifest.table["path"].tolist(), {}
    kept = f"The videos cached so far are kept in {place}: cache them again, and it goes on with the others."
    with stoppable(f"Caching faces in {place}", kept), _workers_alive(kept), warnings.catch_warnings():
        # joblib renews a worker that has grown by 300 MB (torch keeps kernels for every picture size): no job is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        for wait in (False, True):  # what another process has in hand comes last, for then it is done
            left = [number for number in range(len(paths)) if number not in rows]
            jobs = (delayed(cache_one)(paths[number], wait) for number in left)
            for number, row in zip(left, Parallel(n_jobs=workers, return_as="generator")(jobs), strict=True):
                if row is not None:
                    rows[number] = row
                    if progress is not None:
                        progress(len(rows) / len(paths))
    found = pd.DataFrame([rows[number] for number in range(len(paths))])
    if (found["status"] == "missing").all():  # moved, or on a disk that is away: cache.csv stays as it was
        raise DataError(f"{_nothing_under(manifest.root, paths)} {kept}")
    table = pd.concat([manifest.table.reset_index(drop=True), found], axis=1)
    kept = table.drop(columns="seconds")
    kept["file"] = [f"{folder.name}/{os.path.basename(file)}" if file else "" for file in kept["file"]]
    _write(place / "cache.csv", csv_text(kept))
    return table


def _nothing_under(root: Path, paths: list[str]) -> str:
    """That none of a manifest's videos is there, and what to do."""
    return (
        f"Not one of the {len(paths)} videos of the manifest is under {root} (the first: {paths[0]}). If they were "
        "moved, say where they are: Manifest.load(…, root=…), or make the split anew (01)."
    )


@contextlib.contextmanager
def _workers_alive(kept: str) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise DataError(
            f"A worker process was ended from outside, as where memory runs out. {kept} Use fewer workers."
        ) from error


def _write(file: Path, text: str) -> None:
    with claimed(file) as part, keeping(file):
        part.write_text(text, encoding="utf-8")


def load_cache_table(out: str | os.PathLike[str]) -> pd.DataFrame:
    """The table that `cache_faces` left in a folder, without seconds. Raises `DataError` when there is none."""
    place = output_path(out)
    if not (place / "cache.csv").is_file():
        raise DataError(f"{place} holds no face cache. Run cache_faces, or notebook 02, first.")
    try:
        text = dict.fromkeys(_TEXT.split(), str)
        table = read_table(place / "cache.csv", dtype=text)
        table["file"] = [str(inside(place, name)) if name else "" for name in table["file"]]
    except (ValueError, KeyError, OSError) as error:
        raise DataError(f"{place / 'cache.csv'} cannot be read ({error}). Run cache_faces (02) again.") from error
    return table


def _cache_one(
    root: str, folder: str, max_windows: int, device: str, spread: bool, path: str, wait: bool
) -> dict | None:
    """Cache one video, or say why not; None where another process is at it and `wait` is false.

    spread: one of several processes, which leave each other's cores alone.
    """
    if spread and device == "cpu":
        cv2.setNumThreads(1)
    begun = time.perf_counter()
    video = Path(root) / path
    file = Path(folder) / f"{own_name(video)}.npz"  # of its whole path: two data sets may share a cache
    row: dict = {"file": "", "status": "unreadable", "reason": ""}
    row |= {"faces": 0, "found": 0.0, "confidence": 0.0, "jump": 0.0, "bytes": 0}
    try:
        stat = video.stat()
        key = [Path(folder).name, stat.st_size, stat.st_mtime_ns]
        kept = _cached(file, key)
        if kept is None:
            with claimed(file, wait) as part:
                if part is None:
                    return None
                kept = _cached(file, key)  # by whoever had it before
                if kept is None:
                    with enough_memory(f"Finding the faces of {video}"):
                        found = find_faces(video, between=BETWEEN, max_windows=max_windows, device=device, wide=True)
                    kept = {"key": key, **_told(found)}
                    with keeping(file.parent):
                        write_faces(part, found, kept)
        else:
            tidy(file)
    except VideoError as error:
        row["reason"] = str(error)
    except FileNotFoundError:
        row |= {"status": "missing", "reason": f"{video} is not there. Put it back, and cache it again."}
    except OSError as error:
        row["reason"] = f"{video} cannot be looked at ({error.strerror}). Is it there, and may you read it?"
    else:
        row |= {name: kept[name] for name in _FOUND}
        row |= {"file": str(file) if kept["faces"] else "", "bytes": file.stat().st_size}
    return row | {"seconds": round(time.perf_counter() - begun, 2)}


def _cached(file: Path, key: list) -> dict | None:
    """What a cache file says of itself; None when there is none of this key or it is damaged (it is then made anew)."""
    if not file.is_file():
        return None
    try:
        with opened(file) as arrays:
            meta = read_meta(arrays)
            return meta if meta["key"] == key else None
    except DataError:
        return None


def _told(found: VideoFaces) -> dict:
    """What is said of a video: the columns `_FOUND`."""
    status, reason = _status(found)
    row = {"status": status, "reason": reason, "faces": len(found.tracks), "found": 0.0, "confidence": 0.0, "jump": 0.0}
    if found.tracks:
        main = found.tracks[0]
        sure = float(main.confidences[main.valid].mean())
        jump = _jump(main.on((found.info.width, found.info.height)))
        row |= {"found": float(main.valid.mean()), "confidence": round(sure, 4), "jump": round(jump, 3)}
    return row


def _status(found: VideoFaces) -> tuple[str, str]:
    if not found.tracks:
        return "no face", "no face was found in any frame looked at"
    usable = max(int(np.bincount(track.windows[track.valid]).max()) for track in found.tracks)
    if usable < MIN_USABLE:
        return "short", f"a face in {usable} frames of a window at most; {MIN_USABLE} are needed for a verdict"
    return ("several faces", f"{len(found.tracks)} faces") if len(found.tracks) > 1 else ("ok", "")


def _jump(track: FaceTrack) -> float:
    """Largest step of the box between two grid frames of a window, in its sides: of its centre, or of its size."""
    boxes, windows = track.boxes[track.valid].astype(np.float64), track.windows[track.valid]
    side = boxes[:, 2] - boxes[:, 0]
    moved = np.linalg.norm(np.diff(boxes[:, :2] + boxes[:, 2:], axis=0) / 2, axis=1) / np.minimum(side[1:], side[:-1])
    steps = np.maximum(moved, np.abs(np.diff(np.log(side))))[windows[1:] == windows[:-1]]
    return float(steps.max(initial=0.0))
