"""Cached faces → a table of scores, one row a video: what `scan_video` says of a file, without its heatmaps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pandas as pd
from scipy.special import expit

from ..base import CheckpointError, enough_memory
from ..faces import MIN_USABLE, VideoFaces, read_cache
from ..metrics import combine_odds, verdicts
from ..model import Detector, load_checkpoint
from .usable import windows_of

_TOGETHER = 4  # videos whose windows are scored as one batch
_READERS = 4  # threads that decode the next crops while these are scored


def score_cache(
    checkpoint: str | os.PathLike[str] | Detector | None,
    cache: pd.DataFrame,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Score cached videos as `scan_video` scores files: the table of `cache_faces` with five more columns.

    probability: calibrated P(fake) of the video, NaN where nothing could be scored; uncalibrated: the same from raw
    logits; verdict: "REAL", "FAKE", "UNDECIDED"; frame_scores: tuple of the calibrated scores of the strongest face's
    frames, one by one, () without a probability; frame_probability: their mean, NaN without one. Raises `DataError`
    for a damaged cache file, `CheckpointError` for a checkpoint that gives no number.
    """
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    scored: list[dict] = []
    for found in _read_ahead(cache["file"].tolist()):
        with enough_memory(f"Scoring {len(cache)} cached videos"):
            scored += _score_together(detector, found)
        if progress is not None:
            progress(len(scored) / len(cache))
    columns = ["probability", "uncalibrated", "verdict", "frame_scores", "frame_probability"]
    added = pd.DataFrame(scored, columns=columns)
    return pd.concat([cache.reset_index(drop=True).drop(columns=columns, errors="ignore"), added], axis=1)


def _read_ahead(files: Sequence[str]) -> Iterator[list[VideoFaces | None]]:
    """The faces of a few videos at a time, None for one that has no cache file."""
    chunks = [files[start : start + _TOGETHER] for start in range(0, len(files), _TOGETHER)]
    with ThreadPoolExecutor(_READERS) as pool:

        def begin(chunk: Sequence[str]) -> list[Future | None]:
            return [pool.submit(read_cache, file, grid_only=True) if file else None for file in chunk]

        coming = [begin(chunk) for chunk in chunks[:1]]
        for number in range(len(chunks)):
            now = coming.pop()
            coming += [begin(chunk) for chunk in chunks[number + 1 : number + 2]]
            yield [future.result() if future else None for future in now]


def _score_together(detector: Detector, videos: Sequence[VideoFaces | None]) -> list[dict]:
    """A row of scores for each video, all their windows scored as one batch."""
    owners, pictures, masks = [], [], []
    for number, faces in enumerate(videos):
        for face in range(len(faces.tracks) if faces else 0):
            rows, valid = windows_of(faces.tracks[face], faces.clips[face], detector.most_roll)
            for window in np.flatnonzero(valid.any(1)):
                frames = faces.clips[face].frames[rows[window]]
                owners.append((number, face))
                pictures.append(np.where(valid[window][:, None, None, None], frames, np.uint8(0)))
                masks.append(valid[window])
    scored: list[dict[int, list[tuple[float, np.ndarray, int]]]] = [{} for _ in videos]
    if owners:
        whole, each = detector.clip_logits(np.stack(pictures), np.stack(masks))
        for (number, face), logit, frames, mask in zip(owners, whole, each, masks, strict=True):
            scored[number].setdefault(face, []).append((float(logit), frames[mask], int(mask.sum())))
    return [_row(detector, faces) for faces in scored]


def _row(detector: Detector, faces: dict[int, list[tuple[float, np.ndarray, int]]]) -> dict:
    """The scores of a video from those of its windows, face by face: (logit, frame logits, usable frames) of each."""
    found = []
    for windows in faces.values():
        logits = np.array([logit for logit, _, usable in windows if usable >= MIN_USABLE])
        if len(logits):
            if not np.isfinite(logits).all():
                raise CheckpointError(f"{detector.name} gives no number for a cached video. Restore the checkpoint.")
            frames = np.concatenate([frames for _, frames, _ in windows])
            found.append((combine_odds(detector.calibrated(logits, "clip")), combine_odds(expit(logits)), frames))
    if not found:
        return {"probability": np.nan, "uncalibrated": np.nan, "verdict": "UNDECIDED", "frame_scores": (),
                "frame_probability": np.nan}  # fmt: skip
    p = combine_odds([face[0] for face in found])
    strongest = max(found, key=lambda face: face[0])
    frames = detector.calibrated(strongest[2], "frame")
    t_low, t_high = detector.thresholds
    return {
        "probability": p,
        "uncalibrated": combine_odds([face[1] for face in found]),
        "verdict": str(verdicts([p], t_high, t_low)[0]).upper(),
        "frame_scores": tuple(frames.tolist()),
        "frame_probability": float(frames.mean()),
    }
