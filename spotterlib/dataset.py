"""Face crops → training batches: clips of random start and length, one augmentation for all frames of a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from . import _torchvision_ops
from .faces import CROP, FRAMES, WINDOW, crop_face
from .selfblend import draw_blend, self_blend
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
    blur: float = 0.0  # px, σ
    noise: float = 0.0  # grey levels, σ, new in every frame
    jpeg: int = 0  # quality 1…100; 0 none
    crf: int = -1  # H.264; −1 none
    again: float = 0.0  # a second pass: resized by this factor and compressed anew; 0 none
    shift: tuple[float, float] = (0.0, 0.0)  # of the crop, in its sides, before roll and flip
    zoom: float = 1.0  # of the crop's side: above 1 it holds more
    cut: tuple[float, float] = (0.0, 0.0)  # share of the crop beyond the picture's left (+) or right (−), top or bottom
    seed: int = 0  # of the noise


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw one clip's camera: spec.md's augmentations, and a real H.264 pass in most clips."""

    def maybe(chance: float, value: Callable[[], float], otherwise: float) -> float:
        return float(value()) if rng.uniform() < chance else otherwise

    return Camera(
        flip=bool(rng.uniform() < 0.5),
        roll=maybe(0.4, lambda: rng.normal(0, 5), 0.0),
        side=maybe(0.9, lambda: np.exp(rng.uniform(np.log(70), np.log(300))), 0.0),
        gamma=maybe(0.5, lambda: np.exp(rng.normal(0, 0.22)), 1.0),
        brightness=maybe(0.5, lambda: rng.uniform(0.65, 1.3), 1.0),
        contrast=maybe(0.5, lambda: rng.uniform(0.7, 1.3), 1.0),
        saturation=maybe(0.6, lambda: np.exp(rng.uniform(np.log(0.4), np.log(2.2))), 1.0),
        hue=maybe(0.4, lambda: rng.normal(0, 0.03), 0.0),
        white=tuple(np.exp(rng.normal(0, 0.14, 3)).tolist()) if rng.uniform() < 0.6 else PLAIN_WHITE,
        blur=maybe(0.3, lambda: rng.uniform(0.3, 1.4), 0.0),
        noise=maybe(0.5, lambda: rng.exponential(4.0), 0.0),
        jpeg=int(maybe(0.25, lambda: rng.integers(35, 96), 0)),
        crf=int(maybe(0.85, lambda: rng.integers(16, 36), -1)),
        again=maybe(0.25, lambda: rng.uniform(0.6, 1.3), 0.0),
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
    clip = _develop(clip, camera)
    clip = _compress(clip, camera.jpeg, camera.crf)
    if camera.again:
        size = tuple(max(32, round(v * camera.again / 2) * 2) for v in clip.shape[2:0:-1])
        boxes = boxes * np.array([size[0] / clip.shape[2], size[1] / clip.shape[1]] * 2)
        smooth = cv2.INTER_AREA if camera.again < 1 else cv2.INTER_LINEAR
        clip = np.stack([cv2.resize(f, size, interpolation=smooth) for f in clip])
        clip = _compress(clip, 0, max(camera.crf, 23))
    for k, picture, box in zip(rows, clip, boxes, strict=True):
        crops[k] = crop_face(picture, box)
    return crops


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


def _develop(clip: np.ndarray, camera: Camera) -> np.ndarray:
    """Colour, blur and sensor noise."""
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
        if camera.hue:
            picture = tv.adjust_hue(picture, float(np.clip(camera.hue, -0.5, 0.5)))
        clip = (picture.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    if camera.blur:
        clip = np.stack([cv2.GaussianBlur(f, (0, 0), camera.blur) for f in clip])
    if camera.noise:
        rng = np.random.default_rng(camera.seed)
        grain = rng.standard_normal(clip.shape, np.float32) * np.float32(camera.noise)
        clip = np.clip(clip + grain + 0.5, 0, 255).astype(np.uint8)
    return clip


def _compress(clip: np.ndarray, jpeg: int, crf: int) -> np.ndarray:
    """JPEG frame by frame, then H.264, as `Camera` has them."""
    if jpeg:
        flag = [cv2.IMWRITE_JPEG_QUALITY, jpeg]
        coded = [cv2.imencode(".jpg", f[..., ::-1], flag)[1] for f in clip]
        clip = np.stack([cv2.imdecode(c, cv2.IMREAD_COLOR)[..., ::-1] for c in coded])
    if crf >= 0:
        clip = transcode_frames(clip, crf)
    return clip


def draw_moments(rng: np.random.Generator | None, start: float, end: float, count: int) -> np.ndarray:
    """Times (count,) in s, evenly spread, at which a clip between `start` and `end` s is looked at.

    Over the whole, or its first 12 s, when rng is None (evaluation). In training over a window of random start and of
    40…100 % of that length, so that the GRU sees the time steps it will meet.
    """
    length = min(end - start, WINDOW)
    if rng is not None:
        length *= rng.uniform(0.4, 1.0)
        start = start + rng.uniform(0, max(end - start - length, 0))
    return np.linspace(start, start + length, count)


class ClipDataset(Dataset):
    """Rows → clips: what a seed, an epoch and a row make of a video or a portrait.

    rows: dicts with `label` (0 real, 1 fake), `group`, and what `load` wants; `still`: true where evaluation needs a
    camera too, for a portrait was never a video. `load(row, rng, frames)` gives a row's Carrier of that many frames,
    its rng None without augment. selfblend: the chance that a real row brings a self-blended fake of itself, in the
    same batch and by the same camera.

    An index is epoch · len + row: every draw comes from (seed, epoch, row) alone, whatever the order, the worker or the
    machine. An item is a list of (frames uint8 (T, 3, 224, 224), valid bool (T,), label 0 or 1, row).
    """

    def __init__(
        self,
        rows: Sequence[dict],
        load: Callable[[dict, np.random.Generator | None, int], Carrier],
        frames: int = FRAMES,
        seed: int = 0,
        augment: bool = True,
        selfblend: float = 0.0,
    ) -> None:
        self.rows, self.load, self.frames = list(rows), load, frames
        self.seed, self.augment, self.selfblend = seed, augment, selfblend

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[tuple[torch.Tensor, torch.Tensor, int, int]]:
        epoch, number = divmod(index, len(self.rows))
        row = self.rows[number]
        rng = np.random.default_rng([self.seed, epoch, number])
        carrier = self.load(row, rng if self.augment else None, self.frames)
        camera = draw_camera(rng) if self.augment or row.get("still") else PLAIN
        clips = [(film(carrier, camera), int(row["label"]))]
        if row["label"] == 0 and rng.uniform() < self.selfblend:
            landmarks = np.where(carrier.valid[:, None, None], carrier.landmarks, np.nan)
            fakes, _ = self_blend(carrier.frames, landmarks, draw_blend(rng))
            clips.append((film(carrier, camera, fakes), 1))
        valid = torch.from_numpy(carrier.valid)
        return [(torch.from_numpy(c).permute(0, 3, 1, 2), valid, label, number) for c, label in clips]


class EpochSampler(Sampler[int]):
    """Indices of one epoch for `ClipDataset`: a seeded shuffle (or the plain order), set by `epoch`."""

    def __init__(self, length: int, seed: int = 0, shuffle: bool = True) -> None:
        self.length, self.seed, self.shuffle, self.epoch = length, seed, shuffle, 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self.length)
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        return iter((order + self.epoch * self.length).tolist())


def collate(items: list[list[tuple]]) -> dict[str, torch.Tensor]:
    """Join items to a batch: frames uint8 (B, T, 3, 224, 224), valid bool (B, T), label int64 (B,), row int64 (B,)."""
    frames, valid, labels, rows = zip(*(clip for item in items for clip in item), strict=True)
    batch = {"frames": torch.stack(frames), "valid": torch.stack(valid)}
    return {**batch, "label": torch.tensor(labels), "row": torch.tensor(rows)}


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def make_loader(dataset: ClipDataset, batch: int, shuffle: bool, workers: int = 0) -> DataLoader:
    """Batches of `batch` rows (a row with its self-blend counts once); the last, smaller one is kept."""
    return DataLoader(
        dataset,
        batch_size=batch,
        sampler=EpochSampler(len(dataset), dataset.seed, shuffle),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_one_thread,
        persistent_workers=workers > 0,
        # a forked worker inherits OpenCV's thread pool without its threads, and hangs in it
        multiprocessing_context="spawn" if workers else None,
        generator=torch.Generator(),  # else a loader draws from torch's own, and dropout would depend on the workers
        pin_memory=torch.cuda.is_available(),
    )
