"""Face crops on disk: every video is looked at once, and training, evaluation and inspection read the result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
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
"""What became of a video: ok (one face), several faces (all kept, the main one first), short (a face, but in too
few frames for a verdict), no face, unreadable."""

BETWEEN = 2
"""Frames kept between every two of the detection grid: 24 → 70 a window, for random starts in training."""

_VERSION = 1
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_TEXT = "path dataset method compression group ids split official_split mask file status reason"
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
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

    The manifest's columns, and: file (absolute path of the cached faces, "" if there are none), status (`STATUSES`),
    reason, faces, found (share of the main face's grid frames in which it was found), bytes, seconds. Resumable: a
    video whose size, time of change and settings are those of its cache file is not looked at again; files are written
    whole or not at all. workers: processes (joblib's backend, so a cluster's can be put under it). Raises `DataError`
    when the manifest is empty or `out` cannot be written.
    """
    if manifest.table.empty:
        raise DataError("The manifest has no video to cache faces of.")
    with _writing(Path(out)):
        place = output_path(out)
        place.mkdir(parents=True, exist_ok=True)
    root, paths = str(manifest.root), manifest.table["path"]
    jobs = [delayed(_cache_one)(root, path, str(place), max_windows, device, workers != 1) for path in paths]
    found = []
    with warnings.catch_warnings():
        # joblib renews a worker that has grown by 300 MB (torch keeps kernels for every picture size): no job is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        for number, row in enumerate(Parallel(n_jobs=workers, return_as="generator")(jobs)):
            found.append(row)
            if progress is not None:
                progress((number + 1) / len(jobs))
    table = pd.concat([manifest.table.reset_index(drop=True), pd.DataFrame(found)], axis=1)
    with _writing(place):
        with atomic_path(place / "cache.csv") as temporary:
            table.assign(file=[os.path.basename(f) for f in table["file"]]).to_csv(temporary, index=False)
        write_json(place / "cache.json", {"root": root, "max_windows": max_windows, "between": BETWEEN})
    return table


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    """A full disk or a read-only folder is a `DataError`, never a video's fault."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{place} cannot be written ({error.strerror or error}). Is there room, and may you write there? "
            "What is cached already stays valid."
        ) from error


def load_cache_table(out: str | os.PathLike[str]) -> pd.DataFrame:
    """The table that `cache_faces` left in a folder. Raises `DataError` when there is none."""
    place = output_path(out)
    if not (place / "cache.csv").is_file():
        raise DataError(f"{place} holds no face cache. Run cache_faces, or notebook 02, first.")
    try:
        text = dict.fromkeys(_TEXT.split(), str)
        table = pd.read_csv(place / "cache.csv", keep_default_na=False, dtype=text)
        table["file"] = [str(place / Path(name).name) if name else "" for name in table["file"]]
    except (ValueError, KeyError, OSError) as error:
        raise DataError(f"{place / 'cache.csv'} cannot be read ({error}). Run cache_faces (02) again.") from error
    return table


def _cache_one(root: str, path: str, out: str, max_windows: int, device: str, spread: bool) -> dict:
    """Cache one video, or say why not. spread: one of several processes, which leave each other's cores alone."""
    if spread and device == "cpu":
        cv2.setNumThreads(1)
    begun = time.perf_counter()
    video = Path(root) / path
    file = Path(out) / _file_name(path)
    row: dict = {"file": "", "status": "unreadable", "reason": "", "faces": 0, "found": 0.0, "bytes": 0}
    try:
        stat = video.stat()
        key = [_VERSION, stat.st_size, stat.st_mtime_ns, max_windows, BETWEEN]
        kept, found = _read_meta(file, key), None
        if kept is None:
            found = find_faces(video, between=BETWEEN, max_windows=max_windows, device=device)
    except VideoError as error:
        row["reason"] = str(error)
    except OSError as error:
        row["reason"] = f"{video} cannot be looked at ({error.strerror}). Is it there, and may you read it?"
    else:
        with _writing(Path(out)):
            kept = kept or _write(file, found, key)
            row |= {name: kept[name] for name in ("status", "reason", "faces", "found")}
            row |= {"file": str(file) if kept["faces"] else "", "bytes": file.stat().st_size}
    return row | {"seconds": round(time.perf_counter() - begun, 2)}


def _file_name(path: str) -> str:
    """A cache file's name: what can be read of the video's, short and plain enough for every disk, and its own hash."""
    readable = re.sub(r"[^\w.-]+", "_", Path(path).stem)[:40]
    return f"{readable}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}.npz"


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
        "key": key,
        "status": status,
        "reason": reason,
        "faces": len(found.tracks),
        "found": share,
        "info": vars(found.info),
        "windows": found.windows,
        "coverage": found.coverage,
        "frames": len(found.times),
    }
    arrays: dict[str, np.ndarray] = {"times": found.times}
    for k, (track, clip) in enumerate(zip(found.tracks, found.clips, strict=True)):
        arrays |= {f"track{k}_{name}": getattr(track, name) for name in _TRACK}
        arrays |= {f"clip{k}_{name}": getattr(clip, name) for name in _CLIP}
        coded = [
            cv2.imencode(".jpg", f[..., ::-1], _QUALITY)[1] if ok else np.zeros(0, np.uint8)
            for f, ok in zip(clip.frames, clip.valid, strict=True)
        ]
        arrays[f"clip{k}_ends"] = np.cumsum([len(c) for c in coded])
        arrays[f"clip{k}_jpeg"] = np.concatenate(coded)
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(file) as temporary:
        np.savez(temporary, **arrays)
    return meta


@contextlib.contextmanager
def _opened(file: str | os.PathLike[str]) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a cache file, none of them pickled; damage, wherever it lies, is a `DataError`."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except _DAMAGE as error:
        raise DataError(
            f"{file} is no whole face cache ({error}). Delete it and run cache_faces (02) again."
        ) from error


def _read_meta(file: Path, key: list) -> dict | None:
    """What a cache file says of itself; None when there is none of this key or it is damaged (it is then made anew)."""
    if not file.is_file():
        return None
    try:
        with _opened(file) as arrays:
            meta = json.loads(arrays["meta"].tobytes())
            return meta if meta["key"] == key else None
    except DataError:
        return None


def read_cache(file: str | os.PathLike[str], grid_only: bool = False) -> VideoFaces:
    """The faces of one cached video; grid_only leaves out the frames between those that MTCNN saw.

    Raises `DataError` when the file is missing or damaged.
    """
    with _opened(file) as arrays:
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


def _decode(arrays: Mapping[str, np.ndarray], track: int, rows: np.ndarray) -> FaceClip:
    """Some frames of one cached clip."""
    columns = {name: arrays[f"clip{track}_{name}"][rows] for name in _CLIP}
    ends, coded = arrays[f"clip{track}_ends"], arrays[f"clip{track}_jpeg"]
    frames = np.zeros((len(rows), CROP, CROP, 3), np.uint8)
    for k, row in enumerate(rows):
        if columns["valid"][k]:
            start = int(ends[row - 1]) if row else 0
            picture = cv2.imdecode(coded[start : int(ends[row])], cv2.IMREAD_COLOR)
            if picture is None:
                raise ValueError(f"crop {row} of face {track} is no picture")
            frames[k] = picture[..., ::-1]
    return FaceClip(frames, **columns)


def training_rows(cache: pd.DataFrame, split: str) -> list[dict]:
    """Rows for `ClipDataset`, one a usable video of a split: file, label, group, method, path."""
    usable = cache[(cache["split"] == split) & cache["status"].isin(["ok", "several faces"])]
    columns = ["file", "label", "group", "method", "path"]
    return [{**row, "label": int(row["label"])} for row in usable[columns].to_dict("records")]


def load_cached(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """The main face of a cached video as a Carrier of `frames` crops, each a picture of its own with the box all of it.

    With rng, a clip of random start and length from a window with enough of the face; with None, the grid of the first
    such window. Fewer frames than asked are filled up with invalid ones. Raises `DataError` when no window has enough.
    """
    with _opened(row["file"]) as arrays:
        face, usable = _usable_windows(arrays, row["file"])
        moments, there = arrays[f"clip{face}_times"], arrays[f"clip{face}_valid"]
        window = usable[0] if rng is None else rng.choice(usable)
        inside = arrays[f"track{face}_times"][arrays[f"track{face}_windows"] == window]
        rows = np.searchsorted(moments, inside)
        rows = rows[np.linspace(0, len(rows) - 1, min(frames, len(rows))).round().astype(int)]
        if rng is not None:
            wanted = draw_moments(rng, float(inside[0]), float(inside[-1]), frames)
            drawn = np.unique(np.abs(moments[None] - wanted[:, None]).argmin(1))
            # where the face is missing for a while, a draw may fall into the gap: then the whole window serves
            rows = drawn if there[drawn].sum() >= min(MIN_USABLE, len(drawn)) else rows
        clip = _decode(arrays, face, rows)
    missing = frames - len(rows)
    marks = np.nan_to_num(clip.crop_landmarks())
    whole = np.array([0, 0, CROP, CROP], np.float32)
    return Carrier(
        np.concatenate([clip.frames, np.zeros((missing, CROP, CROP, 3), np.uint8)]),
        np.concatenate([marks, np.zeros((missing, 5, 2), np.float32)]),
        np.tile(whole, (frames, 1)),
        np.concatenate([clip.valid, np.zeros(missing, bool)]),
    )


def _usable_windows(arrays: Mapping[str, np.ndarray], file: str) -> tuple[int, np.ndarray]:
    """The first face that can be scored (the main one, as a rule), and its windows that have enough of it."""
    for face in range(json.loads(arrays["meta"].tobytes())["faces"]):
        windows, trust = arrays[f"track{face}_windows"], arrays[f"track{face}_confidences"]
        usable = np.flatnonzero(np.bincount(windows[trust > 0]) >= MIN_USABLE)
        if len(usable):
            return face, usable
    raise DataError(f"{file} has no face in {MIN_USABLE} frames of a window: too little to train on. Leave it out.")
