"""MTCNN: three small networks, each looking more closely at what the one before let pass.

Zhang, Zhang, Li, Qiao, *Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks*, SPL 2016.
The weights lie in facenet-pytorch's wheel; what happens between the networks is done here, step by step as that package
does it, for three reasons: it takes a third of the time, torchvision need not be imported for it, and a candidate
outside the picture is nothing to fall over. `tests/faces/test_mtcnn.py` holds the boxes against the package's own.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from ..base import SpotterError

LEAST_FACE, PYRAMID = 20.0, 0.709  # px of the smallest face that is looked for, and what each step then leaves
THRESHOLDS = (0.6, 0.7, 0.7)
"""How sure each network must be."""

OVERLAPS = (0.5, 0.7, 0.7, 0.7)
"""Overlap above which the surer box stands for both: at one scale, at all, after the second network (IoU), and after
the third (share of the smaller box)."""

_CELL, _STRIDE = 12, 2  # px that the first network sees at once, and between two of its looks
_ROOM = 512  # candidates that a network looks at together
_TABLE = 32  # boxes whose overlaps with all after them are worked out together
_LOADING = threading.Lock()


class _Halved(nn.MaxPool2d):
    """The largest of every 2 × 2 px, fewer at an odd end: in a seventh of what torch takes for one large picture."""

    def __init__(self) -> None:
        super().__init__(2, 2, ceil_mode=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        height, width = input.shape[2:]
        whole = nn.functional.pad(input, (0, width % 2, 0, height % 2), value=-torch.inf)
        lines = torch.maximum(whole[:, :, ::2], whole[:, :, 1::2])
        return torch.maximum(lines[..., ::2], lines[..., 1::2])


class PNet(nn.Module):
    """Pictures (N, 3, H, W) → box regressions (N, 4, h, w) and probabilities of no face and a face (N, 2, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = _Halved()
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.softmax4_1 = nn.Conv2d(32, 2, 1), nn.Softmax(dim=1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.prelu2(self.conv2(self.pool1(self.prelu1(self.conv1(x)))))
        x = self.prelu3(self.conv3(x))
        return self.conv4_2(x), self.softmax4_1(self.conv4_1(x))


class RNet(nn.Module):
    """Pictures (N, 3, 24, 24) → box regressions (N, 4) and probabilities (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.softmax5_1 = nn.Linear(128, 2), nn.Softmax(dim=1)
        self.dense5_2 = nn.Linear(128, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.pool2(self.prelu2(self.conv2(x)))))
        x = self.prelu4(self.dense4(x.permute(0, 3, 2, 1).flatten(1)))  # the order in which its weights were learnt
        return self.dense5_2(x), self.softmax5_1(self.dense5_1(x))


class ONet(nn.Module):
    """Pictures (N, 3, 48, 48) → box regressions (N, 4), five x and five y as shares of the box (N, 10), probabilities
    (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.softmax6_1 = nn.Linear(256, 2), nn.Softmax(dim=1)
        self.dense6_2, self.dense6_3 = nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.conv4(self.pool3(self.prelu3(self.conv3(x)))))
        x = self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1)))
        return self.dense6_2(x), self.dense6_3(x), self.softmax6_1(self.dense6_1(x))


def face_networks(device: str = "cpu") -> dict[str, nn.Module]:
    """MTCNN's three networks by name (pnet, rnet, onet), in the order in which they look at a picture."""
    with _LOADING:
        return _load(device)


@functools.lru_cache(maxsize=2)
def _load(device: str) -> dict[str, nn.Module]:
    found = importlib.util.find_spec("facenet_pytorch")
    if found is None or not found.submodule_search_locations:
        raise SpotterError("facenet-pytorch, which brings the face detector's weights, is not installed. "
                           "Run: pip install facenet-pytorch")  # fmt: skip
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    nets: dict[str, nn.Module] = {"pnet": PNet(), "rnet": RNet(), "onet": ONet()}
    for name, net in nets.items():
        net.load_state_dict(torch.load(folder / f"{name}.pt", map_location="cpu", weights_only=True))
        net.requires_grad_(False).eval().to(device)
    return nets


def find_boxes(picture: np.ndarray, device: str, steps: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces of uint8 RGB (H, W, 3), the surest first: boxes float32 (n, 4) px, landmarks (n, 5, 2) px, confidence (n,).

    steps: of the pyramid that are left out, the smallest faces first.
    """
    sums = cv2.integral(picture).reshape(picture.shape[0] + 1, picture.shape[1] + 1, 3)
    boxes, scores = _proposed(sums, device, steps)
    boxes, scores, moves, _ = _looked_at(sums, boxes, "rnet", 24, THRESHOLDS[1], device)
    kept = surest(boxes, scores, OVERLAPS[2])
    boxes = _squared(_moved(boxes[kept], moves[kept]))
    boxes, scores, moves, marks = _looked_at(sums, boxes, "onet", 48, THRESHOLDS[2], device)
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    points = marks.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
    boxes = _moved(boxes, moves)
    kept = surest(boxes, scores, OVERLAPS[3], of_smaller=True)
    return boxes[kept], points[kept].astype(np.float32), scores[kept]


def _proposed(sums: np.ndarray, device: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the first network sees faces at any scale of the pyramid: square boxes float32 (n, 4) px, scores (n,)."""
    height, width = (side - 1 for side in sums.shape[:2])
    net = face_networks(device)["pnet"]
    scale = _CELL / (LEAST_FACE / PYRAMID**steps)
    least = min(height, width) * scale
    found = [(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))]
    while least >= _CELL:
        size = int(height * scale + 1), int(width * scale + 1)
        small = _averaged(sums, np.array([[0, 0, width, height]]), *size)
        regressions, probabilities = _run(net, small, device)
        score = probabilities[0, 1]
        rows, columns = np.nonzero(score >= np.float32(THRESHOLDS[0]))
        corner = np.stack([columns, rows, columns, rows], axis=1).astype(np.float32) * _STRIDE
        boxes = np.floor((corner + np.array([1, 1, _CELL, _CELL], np.float32)) / np.float32(scale))
        sure = score[rows, columns]
        kept = surest(boxes, sure, OVERLAPS[0])
        found.append((boxes[kept], sure[kept], regressions[0][:, rows, columns].T[kept]))
        scale, least = scale * PYRAMID, least * PYRAMID
    boxes, scores, moves = (np.concatenate(part) for part in zip(*found, strict=True))
    kept = surest(boxes, scores, OVERLAPS[1])
    sides = boxes[kept, 2:] - boxes[kept, :2]
    return _squared(boxes[kept] + moves[kept] * np.tile(sides, 2)), scores[kept]


def _looked_at(
    sums: np.ndarray, boxes: np.ndarray, name: str, side: int, threshold: float, device: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of square boxes (n, 4) those that the network `name` is sure enough of: boxes, scores, regressions, landmarks."""
    height, width = (length - 1 for length in sums.shape[:2])
    whole = np.trunc(boxes).astype(int)
    low = np.maximum(whole[:, :2], 1) - 1
    high = np.minimum(whole[:, 2:], [width, height])
    inside = (high > low).all(1)  # a candidate may lie outside the picture: there is nothing to look at
    boxes, cut = boxes[inside], np.concatenate([low, high], axis=1)[inside]
    net, results = face_networks(device)[name], []
    for start in range(0, len(cut), _ROOM):
        results.append(_run(net, _averaged(sums, cut[start : start + _ROOM], side, side), device))
    if not results:
        none = np.zeros((0, 4), np.float32)
        return none, np.zeros(0, np.float32), none, np.zeros((0, 10), np.float32)
    parts = [np.concatenate(part) for part in zip(*results, strict=True)]
    score = parts[-1][:, 1]
    passed = score > np.float32(threshold)
    return boxes[passed], score[passed], parts[0][passed], parts[1][passed]


def _run(net: nn.Module, pictures: np.ndarray, device: str) -> list[np.ndarray]:
    """What a network says of pictures float32 (N, h, w, 3), 0…255."""
    with torch.inference_mode():
        given = (torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2) - 127.5) * 0.0078125
        if len(given) == 1:  # one large picture is quicker plane by plane, many small ones are not
            given = given.contiguous()
        return [found.float().cpu().numpy() for found in net(given)]


def _averaged(sums: np.ndarray, cut: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pieces `cut` (n, 4) whole px of a picture at another size, each px the mean of those that it covers wholly or in
    part (torch's "area"): float32 (n, height, width, 3). sums: of the picture from its corner on (`cv2.integral`)."""
    edges = []
    for low, high, count in ((cut[:, 1], cut[:, 3], height), (cut[:, 0], cut[:, 2], width)):
        length, step = (high - low)[:, None], np.arange(count)[None]
        edges.append((low[:, None] + step * length // count, low[:, None] - (-(step + 1) * length // count)))
    (top, bottom), (left, right) = edges
    if len(cut) == 1:  # whole lines first: half the numbers to fetch
        lines = sums.take(bottom[0], axis=0) - sums.take(top[0], axis=0)
        found = (lines.take(right[0], axis=1) - lines.take(left[0], axis=1))[None]
    else:
        flat, row = sums.reshape(-1, 3), sums.shape[1]
        corners = [
            flat.take(y[:, :, None] * row + x[:, None, :], axis=0)
            for y, x in ((bottom, right), (top, right), (bottom, left), (top, left))
        ]
        found = corners[0] - corners[1] - corners[2] + corners[3]
    area = (bottom - top)[:, :, None] * (right - left)[:, None, :]
    return found.astype(np.float32) / area[..., None].astype(np.float32)  # whole numbers below 2²⁴: nothing is lost


def surest(boxes: np.ndarray, scores: np.ndarray, most: float, of_smaller: bool = False) -> np.ndarray:
    """Greedy non-maximum suppression: rows (k,) of boxes (n, 4) kept, the surest first; of those that overlap by more
    than `most` (IoU, or of_smaller: share of the smaller box, whose sides then count their last px) the surest."""
    order = np.argsort(scores, kind="stable")[::-1] if of_smaller else np.argsort(-scores, kind="stable")
    last = int(of_smaller)
    boxes = boxes[order]
    area = (boxes[:, 2] - boxes[:, 0] + last) * (boxes[:, 3] - boxes[:, 1] + last)
    kept = np.ones(len(order), bool)
    for start in range(0, len(order), _TABLE):  # a table of overlaps for so many at once, not one row after another
        rows = start + np.flatnonzero(kept[start : start + _TABLE])
        low = np.maximum(boxes[rows, None, :2], boxes[None, start:, :2])
        high = np.minimum(boxes[rows, None, 2:], boxes[None, start:, 2:])
        shared = (high - low + last).clip(0).prod(2)
        both = area[rows, None], area[None, start:]
        whole = np.minimum(*both) if of_smaller else both[0] + both[1] - shared
        for row, gone in zip(rows, shared > most * whole, strict=True):
            if kept[row]:
                kept[start:] &= ~gone
                kept[row] = True
    return order[kept]


def _moved(boxes: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) moved by regressions (n, 4) in sides of theirs, which count their last px."""
    return boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Squares (n, 4) around the middles of boxes (n, 4), as wide as their longer sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True, initial=0)
    corner = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return np.concatenate([corner, corner + longer], axis=1)
