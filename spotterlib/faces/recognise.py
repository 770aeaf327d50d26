"""Who is who: faces as points of a space in which one person's lie near each other (`embed_faces`, `distances`).

The network is dlib's ResNet of 2017 (Davis King; a ResNet-34 with half the filters, without batch norm but a scale and
a shift a channel), its weights as `@vladmandic/face-api` ships them: a byte each. An embedding lives in memory for as
long as it is compared, and is written nowhere.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.nn import functional

from ..base import CheckpointError, pick_device

RECOGNISER = Path(__file__).with_name("shipped") / "faces_dlib_resnet.safetensors"
CHIP = 150
"""Side in px of the aligned face that the network sees."""

_MEAN = (122.782, 117.001, 104.298)
_WIDTHS = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))  # filters, and blocks, of each stage
# where dlib puts the middles of the eyes, the tip of the nose and the corners of the mouth, as shares of a chip's side
_POINTS = np.array(
    [[0.3170, 0.3107], [0.6699, 0.3107], [0.4934, 0.5104], [0.3361, 0.6868], [0.6507, 0.6868]], np.float32
)
_LOADING = threading.Lock()


class _Layer(nn.Module):
    """Convolution, a scale and a shift a channel."""

    def __init__(self, inputs: int, outputs: int, side: int = 3, stride: int = 1) -> None:
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding)
        self.scale = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) * self.scale[:, None, None] + self.shift[:, None, None]


class _Block(nn.Module):
    """Two layers and what goes past them; `down`: at half the size, past them as means, missing channels as zeros."""

    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = _Layer(inputs, outputs, stride=2 if down else 1)
        self.conv2 = _Layer(outputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(functional.relu(self.conv1(x)))
        past = functional.avg_pool2d(x, 2) if self.down else x
        height, width = (max(a, b) for a, b in zip(out.shape[2:], past.shape[2:], strict=True))
        out, past = (functional.pad(y, (0, width - y.shape[3], 0, height - y.shape[2])) for y in (out, past))
        past = functional.pad(past, (0, 0, 0, 0, 0, out.shape[1] - past.shape[1]))
        return functional.relu(out + past)


class FaceNet(nn.Module):
    """Aligned faces, float RGB 0…255 (N, 3, 150, 150) → embeddings (N, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Layer(3, 32, side=7, stride=2)
        blocks, inputs = [], 32
        for stage, (width, count) in enumerate(_WIDTHS):
            for number in range(count):
                blocks.append(_Block(inputs, width, down=number == 0 and stage > 0))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(256, 128, bias=False)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        x = (faces - faces.new_tensor(_MEAN)[:, None, None]) / 256
        x = functional.max_pool2d(functional.relu(self.first(x)), 3, 2)
        return self.last(self.blocks(x).mean((2, 3)))


def aligned(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A face turned upright and cut as dlib does: uint8 RGB (150, 150, 3) from a crop (H, W, 3) and its five points."""
    matrix, _ = cv2.estimateAffinePartial2D(landmarks.astype(np.float32), _POINTS * CHIP, method=cv2.LMEDS)
    if matrix is None:
        matrix = np.float32([[CHIP / crop.shape[1], 0, 0], [0, CHIP / crop.shape[0], 0]])
    return cv2.warpAffine(crop, matrix, (CHIP, CHIP), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def embed_faces(crops: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], device: str = "cpu") -> np.ndarray:
    """Embeddings float32 (N, 128) of crops, uint8 RGB (H, W, 3), with their five points (5, 2) px each."""
    if not len(crops):
        return np.zeros((0, 128), np.float32)
    device = pick_device(device)
    with _LOADING:
        net = _load(device)
    chips = np.stack([aligned(crop, points) for crop, points in zip(crops, landmarks, strict=True)])
    found = []
    with torch.inference_mode():
        for start in range(0, len(chips), 16):
            part = torch.from_numpy(chips[start : start + 16]).to(device).permute(0, 3, 1, 2).float()
            found.append(net(part).float().cpu().numpy())
    return np.concatenate(found)


def face_recogniser() -> tuple[FaceNet, tuple[float, float, float]]:
    """The network that `embed_faces` runs, on the CPU, and the colour that it takes from a face: RGB 0…255."""
    with _LOADING:
        return _load("cpu"), _MEAN


def recognising_numbers() -> dict[str, object]:
    """The constants of this file, JSON-ready: side of an aligned face, px, and its five points as shares of it."""
    return {"chip": CHIP, "points": np.round(_POINTS.astype(float), 4).tolist()}


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far apart (n, m) embeddings (n, 128) and (m, 128) are: dlib takes two under 0.6 for one person."""
    return np.linalg.norm(one[:, None] - other[None], axis=-1)


@functools.lru_cache(maxsize=2)
def _load(device: str) -> FaceNet:
    """The network with its weights, opened out from a byte each."""
    remedy = f"Restore {RECOGNISER} from the clone."
    try:
        with safe_open(RECOGNISER, "pt") as file:
            ranges = json.loads(file.metadata()["ranges"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"People cannot be told apart: {error}. {remedy}") from error
    for name, (scale, least) in ranges.items():
        state[name] = state[name].float() * scale + least
    net = FaceNet()
    try:
        net.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{RECOGNISER} holds something else. {remedy}") from error
    return net.requires_grad_(False).eval().to(device)
