"""How a clip is filmed, compressed and cut in training: `draw_camera` draws it once, `film` does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from . import _torchvision_ops
from .faces import CROP, crop_face
from .video import transcode_frames

_torchvision_ops.ensure()
from torchvision.transforms.v2 import functional as tv  # noqa: E402 - only after the missing operators are declared


@dataclass(frozen=True)
class Carrier:
    """Moving faces before they are filmed: frames uint8 RGB (T, H, W, 3), landmarks float32 (T, 5, 2) px, square crop
    boxes float32 (T, 4) px, valid bool (T,). Where not valid, the others may hold anything."""

    frames: np.ndarray
    landmarks: np.ndarray
    boxes: np.ndarray
    valid: np.ndarray


PLAIN_WHITE = (1.0, 1.0, 1.0)


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
    cut: tuple[float, float] = (0.0, 0.0)  # share of the crop beyond the picture's left (+) or right (−), top or bottom
    seed: int = 0  # of noise, light and cover

    @property
    def poor(self) -> bool:
        """Whether small traces are lost on the way."""
        return 0 < self.side < 120 or self.crf > 30 or self.blur > 1 or self.smooth > 12 or np.hypot(*self.shake) > 3


def draw_camera(rng: np.random.Generator, led: bool = False) -> Camera:
    """Draw one clip's camera: spec.md's augmentations, and a real codec in most clips.

    led: whether the codec mostly sees more pictures than the clip has (`Camera.lead`), which takes as much longer.
    """

    def maybe(chance: float, value: Callable[[], float], otherwise: float) -> float:
        return float(value()) if rng.uniform() < chance else otherwise

    codec = str(rng.choice(["libx264", "mpeg1video", "mpeg2video", "mpeg4"], p=[0.76, 0.08, 0.06, 0.1]))
    shake = rng.exponential(1.2) if rng.uniform() < 0.25 else 0.0
    angle = rng.uniform(0, np.pi)
    return Camera(
        flip=bool(rng.uniform() < 0.5),
        roll=maybe(0.4, lambda: rng.normal(0, 5), 0.0),
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
        lead=int(rng.choice([0, 1, 2, 3], p=[0.3, 0.2, 0.3, 0.2])) * led,
        drift=tuple(float(v) for v in rng.normal(0, 1.0, 2) * (rng.uniform() < 0.7)),
        codec=codec,
        again=maybe(0.3, lambda: rng.uniform(0.55, 1.5), 0.0),
        shift=tuple(float(v) for v in rng.normal(0, 0.03, 2)),
        zoom=float(np.exp(rng.normal(0, 0.05))),
        cut=tuple(maybe(0.08, lambda: rng.uniform(0.02, 0.22) * rng.choice([-1, 1]), 0.0) for _ in range(2)),
        seed=int(rng.integers(2**31)),
    )


PLAIN = Camera()
"""No augmentation: what evaluation and scanning see."""

_MOST_CUT = 0.4  # of a crop's side


def film(carrier: Carrier, camera: Camera, frames: np.ndarray | None = None) -> np.ndarray:
    """Film, compress and cut a carrier: uint8 RGB (T, 224, 224, 3), 0 where not valid.

    frames: pictures to film in the carrier's place (its self-blended fake); the same camera gives the same geometry.
    """
    pictures = carrier.frames if frames is None else frames
    crops = np.zeros((len(pictures), CROP, CROP, 3), np.uint8)
    rows = np.flatnonzero(carrier.valid)
    if not len(rows):
        return crops
    if camera == PLAIN:
        for k in rows:
            crops[k] = crop_face(pictures[k], carrier.boxes[k])
        return crops
    clip, boxes = _stage(pictures[rows], carrier.boxes[rows], camera)
    if camera.lead:
        clip = _led(clip, camera)
    clip = _develop(_light(clip, boxes, camera), camera)
    clip = _compress(clip, camera.jpeg, camera.crf, camera.codec)
    if camera.again:
        size = tuple(max(32, round(v * camera.again / 2) * 2) for v in clip.shape[2:0:-1])
        boxes = boxes * np.array([size[0] / clip.shape[2], size[1] / clip.shape[1]] * 2)
        smooth = cv2.INTER_AREA if camera.again < 1 else cv2.INTER_LINEAR
        clip = np.stack([cv2.resize(f, size, interpolation=smooth) for f in clip])
        clip = _compress(clip, 0, max(camera.crf, 23))
    clip = clip[camera.lead :: camera.lead + 1]
    for k, picture, box in zip(rows, clip, boxes, strict=True):
        crops[k] = crop_face(picture, box)
    return crops


def film_mask(carrier: Carrier, camera: Camera, masks: np.ndarray, cells: int) -> np.ndarray:
    """Masks float32 (T, H, W), 0…1, cut as `film` cuts the pictures: each cell's mean, float32 (T, cells, cells)."""
    kept = ("flip", "roll", "side", "shift", "zoom", "cut")
    bare = replace(PLAIN, **{name: getattr(camera, name) for name in kept})
    pictures = np.full((*masks.shape, 3), 255, np.uint8)
    pictures[..., 0] = masks * 255 + 0.5
    crops = film(carrier, bare, pictures)
    crops[crops[..., 1] < 255] = 0  # beyond the picture's edge, where a crop is padded
    shares = crops[..., 0].astype(np.float32) / 255
    return np.stack([cv2.resize(share, (cells, cells), interpolation=cv2.INTER_AREA) for share in shares])


def _stage(pictures: np.ndarray, boxes: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The surroundings of the face as the camera frames them: pictures of one even size, and the crop boxes in them."""
    height, width = pictures.shape[1:3]
    side = float(np.median(boxes[:, 2] - boxes[:, 0]))
    scale = camera.side / side if camera.side else 1.0
    middle = (boxes[:, :2] + boxes[:, 2:]).mean(0) / 2
    low = np.minimum(boxes[:, :2].min(0), middle - 0.62 * side) - 0.06 * side
    high = np.maximum(boxes[:, 2:].max(0), middle + 0.62 * side) + 0.06 * side
    low, high = np.maximum(low, 0), np.minimum(high, [width, height])
    for axis, cut in enumerate(
        camera.cut
    ):  # the picture's edge runs through the crop, and no frame loses its face to it
        if cut > 0:
            edge = np.median(boxes[:, axis]) + cut * side
            low[axis] = max(low[axis], min(edge, boxes[:, axis].min() + _MOST_CUT * side))
        elif cut < 0:
            edge = np.median(boxes[:, axis + 2]) + cut * side
            high[axis] = min(high[axis], max(edge, boxes[:, axis + 2].max() - _MOST_CUT * side))
    low, high = np.floor(low), np.ceil(high)  # whole pixels: what is not resized or turned is not softened either
    size = tuple(int(v) for v in np.maximum(np.round((high - low) * scale / 2).astype(int) * 2, 32))
    move = cv2.getRotationMatrix2D(tuple(float(v) for v in middle), camera.roll, scale)
    move[:, 2] += (middle - low) * scale - middle
    if camera.flip:
        move = np.array([[-1.0, 0.0, size[0] - 1.0], [0.0, 1.0, 0.0]]) @ np.concatenate([move, [[0, 0, 1]]])
    if scale < 0.7:  # warpAffine does not average: shrink softly
        pictures = [cv2.GaussianBlur(picture, (0, 0), 0.35 / scale) for picture in pictures]
    clip = [cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REFLECT_101) for picture in pictures]
    # boxes count from the edge of the first pixel, warpAffine from its middle
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 + np.array(camera.shift) * side - 0.5
    centres = centres @ move[:, :2].T + move[:, 2] + 0.5
    half = (boxes[:, 2:3] - boxes[:, 0:1]) / 2 * scale * camera.zoom
    return np.stack(clip), np.concatenate([centres - half, centres + half], axis=1)


def _led(clip: np.ndarray, camera: Camera) -> np.ndarray:
    """Each picture behind `lead` copies of itself that drift towards it: (T, H, W, 3) → (T · (lead + 1), H, W, 3).

    A clip's own pictures are half a second apart, or alone: a codec would code each from scratch, as it does few of a
    video's. Noise comes later, new in each copy.
    """
    size, moved = clip.shape[2:0:-1], []
    for picture in clip:
        for k in range(camera.lead, 0, -1):
            move = np.array([[1.0, 0.0, -k * camera.drift[0]], [0.0, 1.0, -k * camera.drift[1]]])
            moved.append(cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REFLECT_101))
        moved.append(picture)
    return np.stack(moved)


def _light(clip: np.ndarray, boxes: np.ndarray, camera: Camera) -> np.ndarray:
    """Light and shadow over the face, and things in front of it: what is uneven in real pictures, too."""
    if not camera.light and not camera.cover:
        return clip
    rng = np.random.default_rng([camera.seed, 1])
    height, width = clip.shape[1:3]
    if camera.light:
        nodes = int(rng.integers(2, 5))
        field = rng.normal(0, 1, (nodes, nodes, 1)) + 0.25 * rng.normal(0, 1, (nodes, nodes, 3))
        field = cv2.resize((field * camera.light).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        gain = np.exp(np.clip(field, -1.5, 0.7))
        clip = np.stack([cv2.multiply(f, gain, dtype=cv2.CV_8U) for f in clip])
    if camera.cover:
        side = float(np.median(boxes[:, 2] - boxes[:, 0]))
        middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0) + rng.uniform(-0.5, 0.5, 2) * side
        axes = camera.cover * side * rng.uniform(0.25, 1.0, 2) / 2 + 1
        thing = np.zeros((height, width), np.float32)
        if rng.uniform() < 0.6:
            shape = (tuple(map(float, middle)), tuple(map(float, 2 * axes)), float(rng.uniform(0, 180)))
            cv2.ellipse(thing, shape, 1.0, -1, cv2.LINE_AA)
        else:
            corner = cv2.boxPoints((tuple(map(float, middle)), tuple(map(float, 2 * axes)), float(rng.normal(0, 15))))
            cv2.fillPoly(thing, [np.round(corner).astype(np.int32)], 1.0, cv2.LINE_AA)
        thing = cv2.GaussianBlur(thing, (0, 0), float(rng.uniform(0.4, 2.0)))[..., None]
        paint = cv2.resize(rng.normal(0, rng.uniform(2, 40), (6, 6, 3)).astype(np.float32), (width, height))
        paint = np.clip(paint + rng.uniform(0, 255, 3), 0, 255).astype(np.float32)
        clip = (clip + thing * (paint - clip) + 0.5).astype(np.uint8)
    return clip


def _develop(clip: np.ndarray, camera: Camera) -> np.ndarray:
    """Colour, lens, motion blur, and the camera's own smoothing, sharpening and noise."""
    colours = ("gamma", "brightness", "contrast", "saturation", "hue", "white")
    if any(getattr(camera, name) != getattr(PLAIN, name) for name in colours):
        picture = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
        if camera.white != PLAIN_WHITE:
            picture = (picture * torch.tensor(camera.white).view(3, 1, 1)).clamp(0, 1)
        if camera.gamma != 1:
            picture = tv.adjust_gamma(picture, camera.gamma)
        if camera.brightness != 1:
            picture = tv.adjust_brightness(picture, camera.brightness)
        if camera.contrast != 1:
            picture = tv.adjust_contrast(picture, camera.contrast)
        if camera.saturation != 1:
            picture = tv.adjust_saturation(picture, camera.saturation)
        shown = np.ascontiguousarray(picture.permute(0, 2, 3, 1).numpy())
        if camera.hue:
            shown = np.stack([_turn_hue(f, camera.hue) for f in shown])
        clip = (shown.clip(0, 1) * 255).round().astype(np.uint8)
    if camera.smooth:
        clip = np.stack([cv2.bilateralFilter(np.ascontiguousarray(f), 5, camera.smooth, 3.0) for f in clip])
    if camera.blur:
        clip = np.stack([cv2.GaussianBlur(f, (0, 0), camera.blur) for f in clip])
    length = float(np.hypot(*camera.shake))
    if length > 0.3:
        kernel = _streak(camera.shake)
        clip = np.stack([cv2.filter2D(f, -1, kernel) for f in clip])
    if camera.sharpen:
        amount = camera.sharpen
        clip = np.stack([cv2.addWeighted(f, 1 + amount, cv2.GaussianBlur(f, (0, 0), 1.2), -amount, 0) for f in clip])
    if camera.noise:
        rng = np.random.default_rng(camera.seed)
        noise = rng.standard_normal(clip.shape, np.float32)
        if camera.grain:  # as strong as before, for a blur takes away 1 / (2 σ √π) of it
            weaker = max(1.0, 2 * camera.grain * np.sqrt(np.pi))
            noise = np.stack([cv2.GaussianBlur(f, (0, 0), camera.grain) for f in noise]) * np.float32(weaker)
        clip = np.clip(clip + noise * np.float32(camera.noise) + 0.5, 0, 255).astype(np.uint8)
    return clip


def _turn_hue(frame: np.ndarray, share: float) -> np.ndarray:
    """Turn the hues of RGB float32 (H, W, 3) 0…1 by a share of the circle, as torchvision does, ten times faster."""
    colours = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    colours[..., 0] = (colours[..., 0] + 360 * np.float32(share)) % 360
    return cv2.cvtColor(colours, cv2.COLOR_HSV2RGB)


def _streak(shake: tuple[float, float]) -> np.ndarray:
    """A motion blur's kernel: a line of this extent (px), float32 with sum 1."""
    reach = int(np.ceil(np.hypot(*shake) / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for part in np.linspace(-0.5, 0.5, 16):
        x, y = reach + part * shake[0], reach + part * shake[1]
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            kernel[y0 + dy, x0 + dx] += (1 - abs(x - x0 - dx)) * (1 - abs(y - y0 - dy))
    return kernel / kernel.sum()


def _compress(clip: np.ndarray, jpeg: int, crf: int, codec: str = "libx264") -> np.ndarray:
    """JPEG frame by frame, then the codec, as `Camera` has them."""
    if jpeg:
        flag = [cv2.IMWRITE_JPEG_QUALITY, jpeg]
        coded = [cv2.imencode(".jpg", f[..., ::-1], flag)[1] for f in clip]
        clip = np.stack([cv2.imdecode(c, cv2.IMREAD_COLOR)[..., ::-1] for c in coded])
    if crf >= 0:
        clip = transcode_frames(clip, crf, codec=codec)
    return clip
