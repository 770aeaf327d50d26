"""Real faces as small networks give them back, kept on disk: what seamless and generated fakes are made of.

A decoding is a picture of the same size as the one it is of, so what is done to the one (motion, camera) can be done
to the other. Three of each head: "self", the picture as it comes out of a diffusion model's decoder; "swap", the same
of the picture with another person's face in it, laid in before the encoder or between the latents, so that no seam is
left; "restored", the picture, mostly with another's face in it, reduced until its detail is gone and enlarged by a
network that invents some, as many face swaps end.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..base import atomic_path
from .selfblend import draw_blend, fitted, region_mask, soft_mask
from .stills import cut_head

DECODINGS = ("self", "swap", "restored")


class Autoencoder(Protocol):
    """What makes latents of a picture, and a picture of latents: `model.load_autoencoder`'s."""

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """uint8 RGB (H, W, 3) → latents float32 (h, w, C)."""

    def decode(self, latents: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Latents → uint8 RGB of `size` (H, W)."""


class Upscaler(Protocol):
    """What enlarges a picture: `model.load_upscalers`'s."""

    factor: int

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 RGB (H, W, 3) → uint8 RGB (factor · H, factor · W, 3)."""


_FACE = (72, 192)  # px: side of the crop box that a decoder works at, from … to
_SMALL = (40, 112)  # the same of a restored face, before it is enlarged


def decoding_path(folder: str | os.PathLike[str], row: dict, kind: str) -> Path:
    """Where the decoding of a row's head is kept; kind: one of `DECODINGS`."""
    return Path(folder) / f"{Path(row['path']).stem}_{kind}.png"


def make_decodings(
    rows: Sequence[dict],
    near: dict[int, list[int]],
    folder: str | os.PathLike[str],
    autoencoder: Autoencoder,
    upscalers: Sequence[Upscaler],
    numbers: Sequence[int] | None = None,
) -> int:
    """Decode the heads (`head_rows`) that are not decoded yet, in every way; returns how many pictures were made.

    near: for each row the rows whose face it may wear (`nearest`); without one there is no "swap". numbers: which of
    the rows (None: all), so that several processes can share the work. Each picture comes from the
    row's name alone, so a stopped run goes on to the same ones. A second of a core makes some seven of them. Raises
    `DataError` when a picture cannot be read.
    """
    root, made = Path(folder), 0
    root.mkdir(parents=True, exist_ok=True)
    for number in range(len(rows)) if numbers is None else numbers:
        row = rows[number]
        for way, kind in enumerate(DECODINGS):
            place = decoding_path(root, row, kind)
            others = near.get(number, ())
            if place.exists() or (kind == "swap" and not len(others)):
                continue
            rng = np.random.default_rng([zlib.crc32(row["name"].encode()), way])
            worn = len(others) and kind != "self" and (kind == "swap" or rng.uniform() < 0.6)
            donor = rows[int(rng.choice(others))] if worn else None
            if kind == "restored":
                picture = restore_head(row, donor, rng, upscalers)
            else:
                picture = decode_head(row, donor, rng, autoencoder)
            with atomic_path(place) as temporary:
                temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
            made += 1
    return made


def decode_head(row: dict, donor: dict | None, rng: np.random.Generator, autoencoder: Autoencoder) -> np.ndarray:
    """A head as the decoder gives it back, uint8 RGB of the size it has; with the donor's face, where one is given.

    Drawn: the size that the decoder works at, noise or a low-pass in the latents, and whether all goes through twice.
    """
    picture, box, marks = cut_head(row)
    side = float(box[2] - box[0])
    scale = min(float(np.exp(rng.uniform(*np.log(_FACE)))) / side, 1.0)
    if donor is None:
        latents = autoencoder.encode(_shrunk(picture, scale))
    else:
        latents = _worn(picture, marks, donor, scale, rng, autoencoder)
    spread, style = float(latents.std()), rng.uniform()
    if style < 0.45:  # what a sampler that stops early leaves
        noise = rng.standard_normal(latents.shape, np.float32)
        latents = latents + noise * np.float32(spread * rng.uniform(0.02, 0.3))
    elif style < 0.65:
        soft = cv2.GaussianBlur(latents, (0, 0), float(rng.uniform(0.4, 0.9)))
        latents = latents + np.float32(rng.uniform(0.2, 0.7)) * (soft - latents)
    size = _shrunk(picture, scale).shape[:2]
    decoded = autoencoder.decode(latents, size)
    if rng.uniform() < 0.2:
        decoded = autoencoder.decode(autoencoder.encode(decoded), size)
    if scale == 1:
        return decoded
    enlarge = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    return cv2.resize(decoded, picture.shape[1::-1], interpolation=enlarge)


def restore_head(row: dict, donor: dict | None, rng: np.random.Generator, upscalers: Sequence[Upscaler]) -> np.ndarray:
    """A head reduced and enlarged again by one of the upscalers, uint8 RGB of the size it has; with the donor's face,
    where one is given.

    Drawn: how small it becomes, whether a JPEG spoils it there, who enlarges it, and how often.
    """
    picture, box, marks = cut_head(row)
    size, scale = picture.shape[1::-1], float(np.exp(rng.uniform(*np.log(_SMALL)))) / float(box[2] - box[0])
    if donor is not None:
        laid, mask = _laid(picture, marks, donor, rng)
        picture = _mixed(picture, laid, mask)
    found = _shrunk(picture, min(scale, 1.0))
    if rng.uniform() < 0.3:
        coded = cv2.imencode(".jpg", found, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 91))])[1]
        found = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    factors = sorted({upscaler.factor for upscaler in upscalers})
    factor = int(rng.choice(factors))  # first how much, then who: most of them do the least
    able = [upscaler for upscaler in upscalers if upscaler.factor == factor]
    found = able[int(rng.integers(len(able)))](found)
    if found.shape[0] < 0.6 * size[1] and rng.uniform() < 0.6:
        found = able[int(rng.integers(len(able)))](found)
    way = cv2.INTER_AREA if found.shape[0] > size[1] else int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return cv2.resize(found, size, interpolation=way)


def _worn(
    picture: np.ndarray,
    marks: np.ndarray,
    donor: dict,
    scale: float,
    rng: np.random.Generator,
    autoencoder: Autoencoder,
) -> np.ndarray:
    """Latents of a head that wears the donor's face: laid in as pixels, or mixed as latents."""
    laid, mask = _laid(picture, marks, donor, rng)
    if rng.uniform() < 0.5:
        return autoencoder.encode(_shrunk(_mixed(picture, laid, mask), scale))
    base, face = (autoencoder.encode(_shrunk(p, scale)) for p in (picture, laid))
    share = cv2.resize(mask, base.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None]
    return base + share * (face - base)


def _laid(
    picture: np.ndarray, marks: np.ndarray, donor: dict, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The donor's face laid onto a picture, uint8 (H, W, 3), and the soft mask (H, W) of what of it is taken."""
    other, _, own = cut_head(donor)
    blend = draw_blend(rng, str(rng.choice(["whole", "face", "inner"], p=[0.4, 0.4, 0.2])), least=1.0)
    unit = max(float(np.hypot(*(marks[1] - marks[0]))), 4.0)
    hard = region_mask(blend.outline, marks, picture.shape[:2])
    return fitted(other, own, picture, marks, hard, blend.match), soft_mask(hard, blend, unit)


def _mixed(picture: np.ndarray, laid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (picture + mask[..., None] * (laid.astype(np.float32) - picture) + 0.5).astype(np.uint8)


def _shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    return picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
