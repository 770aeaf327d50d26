"""What happens to a video on its way: compression, resizing, blur, noise, brightness, lost frames, a second encoding.

Two kinds of use: `perturb_frames`, for a picture or a clip; and `perturb_video`, which writes the damaged video anew,
so that finding the face and cutting it out suffer too, as they would with an upload. A new damage is a function of
frames, its kind in `_on_frames`, and a line of `PERTURBATIONS`.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..base import DataError, VideoError, named_path, output_path, writing
from .read import iterate_frames, probe_video
from .write import transcode_frames, write_video

_KEPT_CRF = 10
"""What is not about compression is written this well, so that the codec adds next to nothing."""


@dataclass(frozen=True)
class Perturbation:
    """One kind of damage at one strength; `name` is what tables and figures call it.

    kind and strength: "compress" crf 0…51 · "shrink" factor 0…1 of both sides · "blur" Gaussian σ in px of a picture
    whose shorter side is 360 · "noise" Gaussian σ in grey levels of 255 · "brightness" factor · "drop" share of the
    frames lost, 0…1 · "recompress" crf of both encodings.
    """

    name: str
    kind: str
    strength: float


PERTURBATIONS = (
    *(Perturbation(f"H.264 crf {crf}", "compress", crf) for crf in (23, 28, 34, 40, 45)),
    Perturbation("resized to ½", "shrink", 1 / 2),
    Perturbation("resized to ¼", "shrink", 1 / 4),
    Perturbation("blur 1 px", "blur", 1.0),
    Perturbation("blur 2 px", "blur", 2.0),
    Perturbation("noise 5", "noise", 5.0),
    Perturbation("noise 15", "noise", 15.0),
    Perturbation("darker ×0.5", "brightness", 0.5),
    Perturbation("brighter ×1.5", "brightness", 1.5),
    Perturbation("half the frames lost", "drop", 0.5),
    Perturbation("encoded twice, crf 28", "recompress", 28),
)
"""The damage that an evaluation looks at, from mild to hard within each kind."""


def compress(frames: np.ndarray, crf: int) -> np.ndarray:
    """Through H.264 at a crf of 0 (lossless) … 51 and back, the same shape; odd sides are padded for the codec."""
    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return transcode_frames(even, crf)[:, :height, :width]


def recompress(frames: np.ndarray, crf: int) -> np.ndarray:
    """Through H.264 twice; what sends a video on cuts it first, so the second encoding starts one frame later.

    Groups of pictures and key frames then fall elsewhere, as they do when an upload is encoded again. The first frame
    comes from the first encoding alone.
    """
    once = compress(frames, crf)
    return np.concatenate([once[:1], compress(once[1:], crf)]) if len(once) > 1 else compress(once, crf)


def shrink(frames: np.ndarray, factor: float) -> np.ndarray:
    """Both sides times `factor` (area averaging), at least 2 px each; it stays small, as a small upload does."""
    height, width = (max(2, round(side * factor)) for side in frames.shape[-3:-1])

    def resized(frame: np.ndarray) -> np.ndarray:
        return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)

    return _each(frames, resized)


def blur(frames: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur whose σ in px is meant for a shorter side of 360 px, and grows with the picture."""
    scaled = sigma * min(frames.shape[-3:-1]) / 360
    return _each(frames, lambda frame: cv2.GaussianBlur(frame, (0, 0), scaled)) if scaled > 0 else frames


def add_noise(frames: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of σ grey levels (of 255), new in every frame, pixel and channel."""

    def noisy(frame: np.ndarray) -> np.ndarray:
        grain = rng.standard_normal(frame.shape, dtype=np.float32)
        return np.clip(frame + sigma * grain + 0.5, 0, 255).astype(np.uint8)

    return _each(frames, noisy)


def change_brightness(frames: np.ndarray, factor: float) -> np.ndarray:
    """Grey levels times `factor`, cut off at 255."""
    table = np.clip(np.arange(256) * factor + 0.5, 0, 255).astype(np.uint8)
    return table[frames]


def kept_frames(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which of `count` frames arrive when each but the first is lost with probability `share`: bool (count,)."""
    kept = rng.uniform(size=count) >= share
    kept[:1] = True
    return kept


def drop_frames(frames: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A lost frame shows the last one that arrived, as a player does: uint8 (T, H, W, 3), the same shape."""
    kept = kept_frames(len(frames), share, rng)
    return frames[np.maximum.accumulate(np.where(kept, np.arange(len(frames)), 0))]


def perturb_frames(frames: np.ndarray, how: Perturbation, rng: np.random.Generator) -> np.ndarray:
    """Frames uint8 RGB (T, H, W, 3) of one clip after `how`; (T, h, w, 3), smaller after "shrink".

    Raises `DataError` for a kind that is not in `Perturbation`.
    """
    return _on_frames(how, rng)(frames)


def _each(frames: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return change(frames) if frames.ndim == 3 else np.stack([change(frame) for frame in frames])


def _on_frames(how: Perturbation, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "compress": lambda frames: compress(frames, int(how.strength)),
        "recompress": lambda frames: recompress(frames, int(how.strength)),
        "shrink": lambda frames: shrink(frames, how.strength),
        "blur": lambda frames: blur(frames, how.strength),
        "noise": lambda frames: add_noise(frames, how.strength, rng),
        "brightness": lambda frames: change_brightness(frames, how.strength),
        "drop": lambda frames: drop_frames(frames, how.strength, rng),
    }
    if how.kind not in changes:
        raise DataError(f"There is no perturbation of kind {how.kind!r}. Choose one of: {', '.join(changes)}.")
    return changes[how.kind]


def choose_perturbations(names: str) -> tuple[Perturbation, ...]:
    """Perturbations by name, separated by semicolons; "all" is `PERTURBATIONS`, "" none.

    Raises `DataError` that lists the names for one that is not known.
    """
    known = {how.name: how for how in PERTURBATIONS}
    if names.strip() == "all":
        return PERTURBATIONS
    asked = [name.strip() for name in names.split(";") if name.strip()]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise DataError(f"There is no perturbation {unknown[0]!r}. Choose from: {'; '.join(known)}; or say all.")
    return tuple(known[name] for name in dict.fromkeys(asked))


def perturb_video(path: str | os.PathLike[str], out: str | os.PathLike[str], how: Perturbation, seed: int = 0) -> Path:
    """Write a video's pictures anew after `how`, one by one, with their times; the sound is left out.

    Damage other than compression is written at crf 10. Lost frames are missing from the file while the others keep
    their times; the second of two encodings begins at the second frame. The draws of noise and losses depend on `seed`
    and the file's name alone. A relative `out` lies under the clone; returns its path. Raises `VideoError` when the
    video cannot be read or `out` not be written.
    """
    source, final = named_path(path), output_path(out)
    fps = probe_video(source).fps
    rng = np.random.default_rng([seed, zlib.crc32(source.name.encode("utf-8", "surrogateescape"))])
    if final.exists() and os.path.samefile(source, final):
        raise VideoError(f"{final} is the video itself. Write the perturbed one somewhere else.")
    if how.kind == "recompress":
        with writing(final), tempfile.TemporaryDirectory(dir=final.parent, prefix=".spotter-") as folder:
            once = _write(Path(folder) / "once.mp4", _timed(source), fps, int(how.strength))
            return _write(final, _from_second(_timed(once)), fps, int(how.strength))
    if how.kind == "compress":
        return _write(final, _timed(source), fps, int(how.strength))
    if how.kind == "drop":
        return _write(final, _arriving(_timed(source), how.strength, rng), fps, _KEPT_CRF)
    change = _on_frames(how, rng)
    return _write(final, ((time, change(frame)) for time, frame in _timed(source)), fps, _KEPT_CRF)


def _timed(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    return ((time, frame) for _, time, frame in iterate_frames(path))


def _from_second(timed: Iterator[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    """All but the first, where there is more than one."""
    first = next(timed)
    second = next(timed, first)
    yield second
    yield from timed


def _arriving(
    timed: Iterator[tuple[float, np.ndarray]], share: float, rng: np.random.Generator
) -> Iterator[tuple[float, np.ndarray]]:
    for number, kept in enumerate(timed):
        if rng.uniform() >= share or number == 0:
            yield kept


def _write(path: Path, timed: Iterable[tuple[float, np.ndarray]], fps: float, crf: int) -> Path:
    """Write pictures that come with their times, without holding them."""
    waiting: deque[float] = deque()

    def pictures() -> Iterator[np.ndarray]:
        for time, frame in timed:
            waiting.append(time)
            yield frame

    def times() -> Iterator[float]:
        while waiting:  # `write_video` takes a picture, then its time
            yield waiting.popleft()

    return write_video(path, pictures(), fps, crf, times=times())
