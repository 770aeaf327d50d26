"""One video's faces as one file: an npz of plain arrays and of coded pictures.

The frames that MTCNN saw are kept exactly (PNG, 224 px), so that a cached video gets the score of a scanned one. Every
frame, those between too, is kept with its surroundings (JPEG, 336 px), so that training can move, turn and zoom it.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from ..base import DataError
from ..video import VideoInfo
from .crops import CROP, WIDE, inner_crop
from .tracks import FaceClip, FaceTrack, VideoFaces

CODEC = {"grid": "png", "wide": "jpeg 90 4:4:4"}
_EXACT = (".png", [cv2.IMWRITE_PNG_COMPRESSION, 3])
_WIDE = (
    ".jpg",
    [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
)
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
_TRACK = ("frames", "times", "boxes", "landmarks", "confidences", "windows")
_CLIP = ("times", "boxes", "landmarks", "valid")


def write_faces(file: Path, found: VideoFaces, meta: dict) -> None:
    """Write what `find_faces(…, wide=True)` found, with `meta` (JSON-ready) beside it: the same bytes for the same
    faces, whenever and wherever they are written. Raises OSError."""
    about = {"info": vars(found.info), "windows": found.windows, "coverage": found.coverage}
    arrays: dict[str, np.ndarray] = {"times": found.times}
    for k, (track, clip) in enumerate(zip(found.tracks, found.clips, strict=True)):
        arrays |= {f"track{k}_{name}": getattr(track, name) for name in _TRACK}
        arrays |= {} if track.sizes is None else {f"track{k}_sizes": track.sizes}
        arrays |= {f"clip{k}_{name}": getattr(clip, name) for name in _CLIP}
        grid = np.isin(clip.times, track.times)
        arrays |= _coded(f"clip{k}_exact", clip.frames, clip.valid & grid, *_EXACT)
        arrays |= _coded(f"clip{k}_wide", clip.wide, clip.valid, *_WIDE)
    arrays["meta"] = np.frombuffer(json.dumps({**meta, **about}).encode(), np.uint8)
    np.savez(file, **arrays)


def _coded(name: str, pictures: np.ndarray, kept: np.ndarray, ending: str, options: list[int]) -> dict[str, np.ndarray]:
    """Coded pictures end to end, and where each ends; nothing is stored of one that is not `kept`."""
    codes = [
        cv2.imencode(ending, np.ascontiguousarray(picture[..., ::-1]), options)[1] if keep else np.zeros(0, np.uint8)
        for picture, keep in zip(pictures, kept, strict=True)
    ]
    return {f"{name}_ends": np.cumsum([len(code) for code in codes]), name: np.concatenate(codes)}


def _pictures(arrays: Mapping[str, np.ndarray], name: str) -> Callable[[int], np.ndarray | None]:
    """A reader of single pictures, uint8 RGB, by row; None for one that was not kept."""
    ends, codes = arrays[f"{name}_ends"], arrays[name]

    def picture(row: int) -> np.ndarray | None:
        start, end = int(ends[row - 1]) if row else 0, int(ends[row])
        if start == end:
            return None
        found = cv2.imdecode(codes[start:end], cv2.IMREAD_COLOR)
        if found is None:
            raise ValueError(f"crop {row} of {name} is no picture")
        return found[..., ::-1]

    return picture


@contextlib.contextmanager
def opened(file: str | os.PathLike[str]) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a cache file, none of them pickled; damage, wherever it lies, is a `DataError`."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError as error:
        raise DataError(
            f"{file} is not there: the faces were cached and are gone. Run cache_faces (02) again."
        ) from error
    except _DAMAGE as error:
        raise DataError(
            f"{file} is no whole face cache ({error}). Delete it and run cache_faces (02) again."
        ) from error


def read_meta(arrays: Mapping[str, np.ndarray]) -> dict:
    """What a cache file says of itself."""
    return json.loads(arrays["meta"].tobytes())


def read_cache(file: str | os.PathLike[str], grid_only: bool = False) -> VideoFaces:
    """The faces of one cached video; grid_only leaves out the frames between those that MTCNN saw.

    The frames that it saw are those that a scan cuts, to the pixel. Raises `DataError` when the file is missing or
    damaged.
    """
    with opened(file) as arrays:
        meta = read_meta(arrays)
        tracks, clips = [], []
        for k in range(meta["faces"]):
            sizes = arrays.get(f"track{k}_sizes")
            track = FaceTrack(k, *(arrays[f"track{k}_{name}"] for name in _TRACK), sizes)
            moments = arrays[f"clip{k}_times"]
            rows = np.flatnonzero(np.isin(moments, track.times)) if grid_only else np.arange(len(moments))
            tracks.append(track)
            clips.append(read_crops(arrays, k, rows))
        return VideoFaces(
            VideoInfo(**meta["info"]), arrays["times"], tuple(tuple(w) for w in meta["windows"]), tuple(tracks),
            tuple(clips), meta["coverage"],
        )  # fmt: skip


def read_crops(arrays: Mapping[str, np.ndarray], track: int, rows: np.ndarray) -> FaceClip:
    """Some frames of one cached clip: exact where MTCNN saw them, else out of the JPEG."""
    columns = {name: arrays[f"clip{track}_{name}"][rows] for name in _CLIP}
    frames = np.zeros((len(rows), CROP, CROP, 3), np.uint8)
    exact, wide = _pictures(arrays, f"clip{track}_exact"), None
    for k, row in enumerate(rows):
        if columns["valid"][k]:
            crop = exact(row)
            if crop is None:
                wide = wide or _pictures(arrays, f"clip{track}_wide")
                crop = inner_crop(wide(row))
            frames[k] = crop
    return FaceClip(frames, **columns)


def read_wide(arrays: Mapping[str, np.ndarray], track: int, rows: np.ndarray, exact: bool) -> FaceClip:
    """Some frames of one cached clip with their surroundings, the crops in them exact where asked for and kept so.

    Training takes them as they are coded: a clip whose frames were of two kinds would tell which were on the grid.
    """
    columns = {name: arrays[f"clip{track}_{name}"][rows] for name in _CLIP}
    frames = np.zeros((len(rows), WIDE, WIDE, 3), np.uint8)
    wide, kept = _pictures(arrays, f"clip{track}_wide"), _pictures(arrays, f"clip{track}_exact") if exact else None
    for k, row in enumerate(rows):
        if columns["valid"][k]:
            frames[k] = wide(row)
            crop = kept(row) if kept else None
            if crop is not None:
                inner_crop(frames[k])[:] = crop
    return FaceClip(inner_crop(frames), **columns, wide=frames)
