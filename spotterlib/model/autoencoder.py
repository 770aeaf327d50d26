"""A small neural decoder, taef2: what the last stage of a diffusion model leaves in a picture, made from real faces."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from .checkpoints import fill, read_tensors

CELL = 8
"""Pixels a latent stands for, along each side."""

_WIDTH, _LATENT = 64, 32


class _Block(nn.Module):
    """Three convolutions round a shortcut; `pooled` ones first add what a wide layer of single pixels says."""

    def __init__(self, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
        if pooled:
            wide = nn.Conv2d(_WIDTH, 4 * _WIDTH, 1, bias=False), nn.GroupNorm(4, 4 * _WIDTH), nn.ReLU()
            self.pool = nn.Sequential(*wide, nn.Conv2d(4 * _WIDTH, _WIDTH, 1, bias=False))
        self.pooled = pooled

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.pooled:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class _Squash(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * torch.tanh(x / 3)


def _conv(from_: int = _WIDTH, to: int = _WIDTH, **more) -> nn.Conv2d:
    return nn.Conv2d(from_, to, 3, padding=1, **more)


def _encoder() -> nn.Sequential:
    parts: list[nn.Module] = [_conv(3), _Block(False)]
    for step in range(3):
        parts += [_conv(stride=2, bias=False), *(_Block(step == 2) for _ in range(3))]
    return nn.Sequential(*parts, _conv(to=_LATENT))


def _decoder() -> nn.Sequential:
    parts: list[nn.Module] = [_Squash(), _conv(_LATENT), nn.ReLU()]
    for step in range(3):
        parts += [*(_Block(step == 0) for _ in range(3)), nn.Upsample(scale_factor=2), _conv(bias=False)]
    return nn.Sequential(*parts, _Block(False), _conv(to=3))


@dataclass(frozen=True)
class Autoencoder:
    """taef2 by Ollin Boer Bohan (madebyollin/taesd, MIT): pictures ↔ latents, on one device, in bf16."""

    encoder: nn.Module
    decoder: nn.Module
    device: str

    @torch.inference_mode()
    def encode(self, picture: np.ndarray) -> np.ndarray:
        """uint8 RGB (H, W, 3) → latents float32 (⌈H/8⌉, ⌈W/8⌉, 32); sides are filled up to whole cells by mirroring."""
        height, width = picture.shape[:2]
        whole = cv2.copyMakeBorder(picture, 0, -height % CELL, 0, -width % CELL, cv2.BORDER_REFLECT_101)
        with torch.autocast(self.device, torch.bfloat16):
            latents = self.encoder(_tensor(whole, self.device) / 255)
        return latents[0].float().permute(1, 2, 0).cpu().numpy()

    @torch.inference_mode()
    def decode(self, latents: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Latents (h, w, 32) → uint8 RGB of `size` (H, W), cut from the upper left of the 8h × 8w pixels."""
        with torch.autocast(self.device, torch.bfloat16):
            picture = self.decoder(_tensor(latents, self.device))
        picture = picture[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        return (picture[: size[0], : size[1]] * 255 + 0.5).astype(np.uint8)


def _tensor(values: np.ndarray, device: str) -> torch.Tensor:
    """(H, W, C) → float32 (1, C, H, W) on the device."""
    whole = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None].float()
    return whole.to(device).contiguous(memory_format=torch.channels_last)


def load_autoencoder(folder: str | os.PathLike[str], device: str = "cpu") -> Autoencoder:
    """taef2 from a folder with `taef2-encoder.safetensors` and `taef2-decoder.safetensors`.

    Raises `CheckpointError` when one is missing, damaged or something else.
    """
    halves = {"encoder": _encoder(), "decoder": _decoder()}
    for name, net in halves.items():
        place = Path(folder) / f"taef2-{name}.safetensors"
        fill(net, read_tensors(place), place)
        net.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)
    return Autoencoder(halves["encoder"], halves["decoder"], device)
