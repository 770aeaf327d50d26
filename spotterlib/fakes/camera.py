"""How a clip of training is filmed, compressed and cut: one draw for all its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .everyday import EDITS, WORN

PLAIN_WHITE = (1.0, 1.0, 1.0)

CLEAR = 0.55
"""Share of the clips that are filmed and coded well: there the smallest traces can be learned."""

MOST_ROLL = 45.0
"""Degrees by which the heads of training may lean either way: what it teaches may judge no further (`roll_deg`)."""


@dataclass(frozen=True)
class Camera:
    """How one clip is filmed, compressed and cut: one draw for all its frames, and for real and fake of a pair."""

    flip: bool = False
    roll: float = 0.0  # degrees
    side: float = 0.0  # px: length of the crop box after resizing; 0 leaves the size as it is
    gamma: float = 1.0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0  # turns of the colour wheel
    white: tuple[float, float, float] = PLAIN_WHITE  # gains of R, G, B: a wrong white balance
    light: float = 0.0  # lamps and shadows: how far, relative, the light differs over the face, with a tint
    cover: float = 0.0  # size of something in front of the face, in crop sides; 0 nothing
    smooth: float = 0.0  # grey levels: skin is smoothed up to edges of this height, as beauty filters and codecs do
    blur: float = 0.0  # px, σ
    shake: tuple[float, float] = (0.0, 0.0)  # px: motion blur along x and y
    sharpen: float = 0.0  # halos: the share of the detail that is added again
    noise: float = 0.0  # grey levels, σ, new in every frame
    grain: float = 0.0  # px, σ: size of the noise's grains
    jpeg: int = 0  # quality 1…100; 0 none
    crf: int = -1  # of the codec; −1 none
    lead: int = 0  # pictures that the codec sees before each one, so that it predicts it as it does in a video
    drift: tuple[float, float] = (0.0, 0.0)  # px a picture: how all moves through them
    codec: str = "libx264"  # or an older one, see `transcode_frames`
    again: float = 0.0  # a second pass: resized by this factor and compressed anew; 0 none
    shift: tuple[float, float] = (0.0, 0.0)  # of the crop, in its sides, before roll and flip
    zoom: float = 1.0  # of the crop's side: above 1 it holds more
    border: int = cv2.BORDER_REFLECT_101  # OpenCV's, of what turning uncovers
    wear: str = ""  # one of `WORN` before the face
    edit: str = ""  # one of `EDITS`, after all that the camera does
    cut: tuple[float, float] = (0.0, 0.0)  # share of the crop beyond the picture's left (+) or right (−), top or bottom
    seed: int = 0  # of noise, light, cover, what is worn and how it is edited

    @property
    def poor(self) -> bool:
        """Whether small traces are lost on the way."""
        return 0 < self.side < 120 or self.crf > 30 or self.blur > 1 or self.smooth > 12 or np.hypot(*self.shake) > 3


def draw_camera(rng: np.random.Generator, led: bool = False) -> Camera:
    """Draw one clip's camera: light, colour, lens, size and place, and a real codec in most clips.

    led: whether the codec mostly sees more pictures than the clip has (`Camera.lead`), which takes as much longer.
    """

    def maybe(chance: float, value: Callable[[], float], otherwise: float) -> float:
        return float(value()) if rng.uniform() < chance else otherwise

    codec = str(rng.choice(["libx264", "mpeg1video", "mpeg2video", "mpeg4"], p=[0.76, 0.08, 0.06, 0.1]))
    shake = rng.exponential(1.2) if rng.uniform() < 0.25 else 0.0
    angle = rng.uniform(0, np.pi)
    camera = Camera(
        flip=bool(rng.uniform() < 0.5),
        roll=_draw_roll(rng),
        border=int(rng.choice([cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])),
        wear=str(rng.choice(WORN)) if rng.uniform() < 0.15 else "",
        edit=str(rng.choice(EDITS)) if rng.uniform() < 0.3 else "",
        side=maybe(0.9, lambda: np.exp(rng.uniform(np.log(70), np.log(300))), 0.0),
        gamma=maybe(0.6, lambda: np.exp(rng.normal(0, 0.3)), 1.0),
        brightness=maybe(0.5, lambda: rng.uniform(0.55, 1.35), 1.0),
        contrast=maybe(0.5, lambda: rng.uniform(0.65, 1.35), 1.0),
        saturation=maybe(0.6, lambda: np.exp(rng.uniform(np.log(0.3), np.log(1.8))), 1.0),
        hue=maybe(0.4, lambda: rng.normal(0, 0.03), 0.0),
        white=tuple(np.exp(rng.normal(0, 0.12, 3)).tolist()) if rng.uniform() < 0.65 else PLAIN_WHITE,
        light=maybe(0.4, lambda: rng.exponential(0.25), 0.0),
        cover=maybe(0.08, lambda: rng.uniform(0.1, 0.45), 0.0),
        smooth=maybe(0.15, lambda: rng.uniform(5, 30), 0.0),
        blur=maybe(0.3, lambda: rng.uniform(0.3, 1.6), 0.0),
        shake=(float(shake * np.cos(angle)), float(shake * np.sin(angle))),
        sharpen=maybe(0.25, lambda: rng.uniform(0.2, 1.5), 0.0),
        noise=maybe(0.5, lambda: rng.exponential(5.0), 0.0),
        grain=maybe(0.5, lambda: rng.uniform(0.4, 1.2), 0.0),
        jpeg=int(maybe(0.25, lambda: rng.integers(35, 96), 0)),
        crf=int(maybe(0.88, lambda: rng.integers(16, 39), -1)),
        lead=int(rng.choice([0, 1, 2, 3], p=[0.55, 0.2, 0.15, 0.1])) * led,
        drift=tuple(float(v) for v in rng.normal(0, 1.0, 2) * (rng.uniform() < 0.7)),
        codec=codec,
        again=maybe(0.3, lambda: rng.uniform(0.55, 1.5), 0.0),
        shift=tuple(float(v) for v in rng.normal(0, 0.03, 2)),
        zoom=float(np.exp(rng.normal(0, 0.05))),
        cut=tuple(maybe(0.08, lambda: rng.uniform(0.02, 0.22) * rng.choice([-1, 1]), 0.0) for _ in range(2)),
        seed=int(rng.integers(2**31)),
    )
    return camera if rng.uniform() > CLEAR else _cleared(camera, rng)


def _cleared(camera: Camera, rng: np.random.Generator) -> Camera:
    """The same picture, taken by a good phone in good light and coded well."""
    kept = ("flip", "roll", "border", "wear", "edit", "codec", "lead", "drift", "shift", "zoom", "cut", "seed", "light")
    side, crf = float(np.exp(rng.uniform(np.log(160), np.log(330)))), int(rng.integers(15, 28))
    colours = {"gamma": camera.gamma**0.5, "saturation": camera.saturation**0.5}
    return Camera(side=side, crf=crf, **colours, **{name: getattr(camera, name) for name in kept})


def _draw_roll(rng: np.random.Generator) -> float:
    """Degrees: mostly upright or nearly, in a quarter of the clips anything up to the most."""
    kind = rng.uniform()
    return float(rng.normal(0, 6) if kind < 0.45 else rng.uniform(-MOST_ROLL, MOST_ROLL) if kind < 0.7 else 0.0)


PLAIN = Camera()
"""No augmentation: what evaluation and scanning see."""

MOST_CUT = 0.4  # of a crop's side
