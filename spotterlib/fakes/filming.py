"""Film a clip as its camera says: light and colour, resizing, codecs, and the cut of the crop."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch

from ..faces import CROP, crop_face
from ..video import transcode_frames
from .camera import MOST_CUT, PLAIN, PLAIN_WHITE, Camera
from .carriers import Carrier
from .everyday import edited, worn


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
    pictures = pictures[rows]
    if camera.wear:
        pictures = worn(pictures, carrier.landmarks[rows], camera.wear, camera.seed)
    clip, boxes = _stage(pictures, carrier.boxes[rows], camera)
    if camera.lead:
        clip = _led(clip, camera)
    clip = _develop(_light(clip, boxes, camera), camera)
    if camera.edit:
        clip = edited(clip, boxes, camera.edit, camera.seed)
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
    kept = ("flip", "roll", "border", "side", "shift", "zoom", "cut")
    bare = replace(PLAIN, **{name: getattr(camera, name) for name in kept})
    pictures = np.full((*masks.shape, 3), 255, np.uint8)
    pictures[..., 0] = masks * 255 + 0.5
    crops = film(carrier, bare, pictures)
    crops[crops[..., 1] < 255] = 0  # beyond the picture's edge, where a crop is padded
    shares = crops[..., 0].astype(np.float32) / 255
    return np.stack([cv2.resize(share, (cells, cells), interpolation=cv2.INTER_AREA) for share in shares])


def film_points(carrier: Carrier, camera: Camera) -> np.ndarray:
    """Where `film` shows the five points: float64 (T, 5, 2), as shares of the crop's sides, NaN for one that it cuts
    off and where not valid. Each is filmed as a soft spot, so that it goes every way that a pixel goes."""
    points = np.full((len(carrier.frames), 5, 2), np.nan)
    down, across = (np.arange(side) + 0.5 for side in carrier.frames.shape[1:3])
    middles = (np.arange(CROP) + 0.5) / CROP
    wide = np.maximum(0.03 * (carrier.boxes[:, 2] - carrier.boxes[:, 0]), 1)[:, None]
    for k in range(5):
        x, y = carrier.landmarks[:, k, 0, None], carrier.landmarks[:, k, 1, None]
        spots = np.exp(-0.5 * ((y - down) / wide) ** 2)[:, :, None] * np.exp(-0.5 * ((x - across) / wide) ** 2)[:, None]
        light = film_mask(carrier, camera, np.nan_to_num(spots).astype(np.float32), CROP)
        for row in np.flatnonzero(light.max((1, 2)) > 0.4):
            whole = light[row].sum(dtype=np.float64)
            points[row, k] = light[row].sum(0) @ middles / whole, light[row].sum(1) @ middles / whole
    return points


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
            low[axis] = max(low[axis], min(edge, boxes[:, axis].min() + MOST_CUT * side))
        elif cut < 0:
            edge = np.median(boxes[:, axis + 2]) + cut * side
            high[axis] = min(high[axis], max(edge, boxes[:, axis + 2].max() - MOST_CUT * side))
    low, high = np.floor(low), np.ceil(high)  # whole pixels: what is not resized or turned is not softened either
    size = tuple(int(v) for v in np.maximum(np.round((high - low) * scale / 2).astype(int) * 2, 32))
    move = cv2.getRotationMatrix2D(tuple(float(v) for v in middle), camera.roll, scale)
    move[:, 2] += (middle - low) * scale - middle
    if camera.flip:
        move = np.array([[-1.0, 0.0, size[0] - 1.0], [0.0, 1.0, 0.0]]) @ np.concatenate([move, [[0, 0, 1]]])
    if scale < 0.7:  # warpAffine does not average: shrink softly
        pictures = [cv2.GaussianBlur(picture, (0, 0), 0.35 / scale) for picture in pictures]
    clip = [cv2.warpAffine(picture, move, size, borderMode=camera.border) for picture in pictures]
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
            picture = picture.pow(camera.gamma)
        if camera.brightness != 1:
            picture = (picture * camera.brightness).clamp(0, 1)
        if camera.contrast != 1:
            picture = _between(_grey(picture).mean((1, 2, 3), keepdim=True), picture, camera.contrast)
        if camera.saturation != 1:
            picture = _between(_grey(picture), picture, camera.saturation)
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


def _grey(picture: torch.Tensor) -> torch.Tensor:
    """The brightness (T, 1, H, W) of RGB (T, 3, H, W), by the weights of BT.601."""
    red, green, blue = picture.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue)[:, None]


def _between(dull: torch.Tensor, picture: torch.Tensor, amount: float) -> torch.Tensor:
    """From what it would be without any (amount 0) to the picture (1), and beyond; 0…1."""
    return (amount * picture + (1 - amount) * dull).clamp(0, 1)


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
