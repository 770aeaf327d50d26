"""Face crops on disk: every video is looked at once, and training, evaluation and inspection read the result."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from .dataset import Carrier, draw_moments
from .faces import CROP, MIN_USABLE, FaceClip, FaceTrack, VideoFaces, find_faces
from .manifest import Manifest
from .project import DataError, VideoError, atomic_path, output_path, write_json
from .video import VideoInfo

STATUSES = ("ok", "several faces", "short", "no face", "unreadable")
"""What became of a video: ok (one face), several faces (all kept, the main one first), short (a face, but in too few frames
for a verdict), no face, unreadable."""

BETWEEN = 2
"""Frames kept between every two of the detection grid: 24 → 70 a window, for random starts in training."""

_VERSION = 1
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_TRACK = ("frames", "times", "boxes", "landmarks", "confidences", "windows")
_CLIP = ("times", "boxes", "landmarks", "valid")


def cache_faces(
    manifest: Manifest,
    out: str | os.PathLike[str] = "runs/cache",
    max_windows: int = 4,
    workers: int = 1,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Find and cut the faces of every video of a manifest; returns, and writes to `out`/cache.csv, one row a video.

    The manifest's columns, and: file (absolute path of the cached faces, "" if there are none), status (see `STATUSES`),
    reason, faces, found (share of the main face's grid frames in which it was found), bytes, seconds. Resumable: a video
    whose size, time of change and settings are those of its cache file is not looked at again; files are written whole
    or not at all. workers: processes (joblib's backend, so a cluster's can be put under it).
    """
    place = output_path(out)
    place.mkdir(parents=True, exist_ok=True)
    jobs = [
        delayed(_cache_one)(str(manifest.root), path, str(place), max_windows, device) for path in manifest.table["path"]
    ]
    if not jobs:
        raise DataError("The manifest has no video to cache faces of.")
    found = []
    for number, row in enumerate(Parallel(n_jobs=workers, return_as="generator")(jobs)):
        found.append(row)
        if progress is not None:
            progress((number + 1) / len(jobs))
    table = pd.concat([manifest.table.reset_index(drop=True), pd.DataFrame(found)], axis=1)
    with atomic_path(place / "cache.csv") as temporary:
        table.assign(file=[os.path.basename(f) for f in table["file"]]).to_csv(temporary, index=False)
    write_json(place / "cache.json", {"root": str(manifest.root), "max_windows": max_windows, "between": BETWEEN})
    return table


def load_cache_table(out: str | os.PathLike[str]) -> pd.DataFrame:
    """The table that `cache_faces` left in a folder. Raises `DataError` when there is none."""
    place = output_path(out)
    if not (place / "cache.csv").is_file():
        raise DataError(f"{place} holds no face cache. Run cache_faces, or notebook 02, first.")
    table = pd.read_csv(place / "cache.csv", keep_default_na=False, dtype={"path": str, "group": str, "file": str})
    table["file"] = [str(place / Path(name).name) if name else "" for name in table["file"]]
    return table


def _cache_one(root: str, path: str, out: str, max_windows: int, device: str) -> dict:
    """Cache one video, or say why not."""
    if device == "cpu":
        cv2.setNumThreads(1)
    begun = time.perf_counter()
    video = Path(root) / path
    name = f"{video.stem[:60]}-{hashlib.sha256(path.encode()).hexdigest()[:12]}.npz"
    file = Path(out) / name
    try:
        stat = video.stat()
        key = [_VERSION, stat.st_size, stat.st_mtime_ns, max_windows, BETWEEN]
        kept = _read_meta(file)
        if kept is None or kept["key"] != key:
            found = find_faces(video, between=BETWEEN, max_windows=max_windows, device=device)
            kept = _write(file, found, key)
    except (VideoError, OSError) as error:
        return {"file": "", "status": "unreadable", "reason": str(error), "faces": 0, "found": 0.0, "bytes": 0,
                "seconds": round(time.perf_counter() - begun, 2)}
    return {
        "file": str(file) if kept["faces"] else "",
        **{k: kept[k] for k in ("status", "reason", "faces", "found")},
        "bytes": file.stat().st_size,
        "seconds": round(time.perf_counter() - begun, 2),
    }


def _status(found: VideoFaces) -> tuple[str, str]:
    if not found.tracks:
        return "no face", "no face was found in any frame looked at"
    usable = max(int(np.bincount(track.windows[track.valid]).max()) for track in found.tracks)
    if usable < MIN_USABLE:
        return "short", f"a face in {usable} frames of a window at most; {MIN_USABLE} are needed for a verdict"
    return ("several faces", f"{len(found.tracks)} faces") if len(found.tracks) > 1 else ("ok", "")


def _write(file: Path, found: VideoFaces, key: list) -> dict:
    status, reason = _status(found)
    share = float(found.tracks[0].valid.mean()) if found.tracks else 0.0
    meta = {
        "key": key, "status": status, "reason": reason, "faces": len(found.tracks), "found": share,
        "info": vars(found.info), "windows": found.windows, "coverage": found.coverage, "frames": len(found.times),
    }
    arrays: dict[str, np.ndarray] = {"times": found.times}
    for k, (track, clip) in enumerate(zip(found.tracks, found.clips, strict=True)):
        arrays |= {f"track{k}_{name}": getattr(track, name) for name in _TRACK}
        arrays |= {f"clip{k}_{name}": getattr(clip, name) for name in _CLIP}
        coded = [cv2.imencode(".jpg", f[..., ::-1], _QUALITY)[1] if ok else np.zeros(0, np.uint8)
                 for f, ok in zip(clip.frames, clip.valid, strict=True)]
        arrays[f"clip{k}_ends"] = np.cumsum([len(c) for c in coded])
        arrays[f"clip{k}_jpeg"] = np.concatenate(coded)
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(file) as temporary:
        np.savez(temporary, **arrays)
    return meta


def _open(file: str | os.PathLike[str]):
    """The arrays of a cache file, none of them pickled."""
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} is no whole face cache ({error}). Delete it and run cache_faces (02) again.") from error


def _read_meta(file: Path) -> dict | None:
    """What a cache file says of itself; None when there is none or it is damaged (it is then made anew)."""
    if not file.is_file():
        return None
    try:
        with _open(file) as arrays:
            return json.loads(arrays["meta"].tobytes())
    except (DataError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def read_cache(file: str | os.PathLike[str], grid_only: bool = False) -> VideoFaces:
    """The faces of one cached video; grid_only leaves out the frames between those that MTCNN saw.

    Raises `DataError` when the file is missing or damaged.
    """
    with _open(file) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        tracks, clips = [], []
        for k in range(meta["faces"]):
            track = FaceTrack(k, *(arrays[f"track{k}_{name}"] for name in _TRACK))
            moments = arrays[f"clip{k}_times"]
            rows = np.flatnonzero(np.isin(moments, track.times)) if grid_only else np.arange(len(moments))
            tracks.append(track)
            clips.append(_decode(arrays, k, rows))
        return VideoFaces(
            VideoInfo(**meta["info"]), arrays["times"], tuple(tuple(w) for w in meta["windows"]), tuple(tracks),
            tuple(clips), meta["coverage"],
        )  # fmt: skip


def _decode(arrays, track: int, rows: np.ndarray) -> FaceClip:
    """Some frames of one cached clip."""
    columns = {name: arrays[f"clip{track}_{name}"][rows] for name in _CLIP}
    ends, coded = arrays[f"clip{track}_ends"], arrays[f"clip{track}_jpeg"]
    frames = np.zeros((len(rows), CROP, CROP, 3), np.uint8)
    for k, row in enumerate(rows):
        if columns["valid"][k]:
            start = int(ends[row - 1]) if row else 0
            frames[k] = cv2.imdecode(coded[start : int(ends[row])], cv2.IMREAD_COLOR)[..., ::-1]
    return FaceClip(frames, **columns)


def training_rows(cache: pd.DataFrame, split: str) -> list[dict]:
    """Rows for `ClipDataset`, one a usable video of a split: file, label, group, method, path."""
    usable = cache[(cache["split"] == split) & cache["status"].isin(["ok", "several faces"])]
    columns = ["file", "label", "group", "method", "path"]
    return [{**row, "label": int(row["label"])} for row in usable[columns].to_dict("records")]


def load_cached(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """The main face of a cached video as a Carrier of `frames` crops, each a picture of its own with the box all of it.

    With rng, a clip of random start and length; with None, the grid of the video's first window. Fewer frames than asked
    are filled up with invalid ones.
    """
    with _open(row["file"]) as arrays:
        moments, windows = arrays["clip0_times"], arrays["track0_windows"]
        grid = arrays["track0_times"]
        if rng is None:
            rows = np.searchsorted(moments, grid[windows == 0])
            rows = rows[np.linspace(0, len(rows) - 1, min(frames, len(rows))).round().astype(int)]
        else:
            window = int(rng.integers(windows.max() + 1))
            inside = grid[windows == window]
            wanted = draw_moments(rng, float(inside[0]), float(inside[-1]), frames)
            rows = np.unique(np.abs(moments[None] - wanted[:, None]).argmin(1))
        clip = _decode(arrays, 0, rows)
    missing = frames - len(rows)
    marks = np.nan_to_num(clip.crop_landmarks())
    whole = np.array([0, 0, CROP, CROP], np.float32)
    return Carrier(
        np.concatenate([clip.frames, np.zeros((missing, CROP, CROP, 3), np.uint8)]),
        np.concatenate([marks, np.zeros((missing, 5, 2), np.float32)]),
        np.tile(whole, (frames, 1)),
        np.concatenate([clip.valid, np.zeros(missing, bool)]),
    )
