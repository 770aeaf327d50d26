"""Small networks that enlarge a picture: what many face swaps end with, run on real faces.

Their weights come from others (scripts/fetch_upscalers.py says which and under what licence), as ncnn stores them: a
text that lists the layers, and a file with their numbers one after the other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..base import CheckpointError, read_text

_HALF = 0x01306B47
"""How ncnn marks weights of two bytes each."""


@dataclass(frozen=True)
class Upscaler:
    """Layers in a row that make a picture `factor` times as large, on a CPU, in bf16."""

    layers: nn.Sequential
    factor: int
    border: int  # px that its convolutions eat on each side of the small picture
    adds: bool  # whether what comes out is added to the picture enlarged pixel by pixel

    @torch.inference_mode()
    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 RGB (H, W, 3), larger than its border → uint8 RGB (factor · H, factor · W, 3)."""
        x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            found = self.layers(functional.pad(x, (self.border,) * 4, mode="reflect") if self.border else x).float()
        if self.adds:
            found = found + functional.interpolate(x, scale_factor=self.factor, mode="nearest")
        return (found[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)


def load_upscalers(folder: str | os.PathLike[str]) -> list[Upscaler]:
    """The networks of a folder: every `NAME.param` with its `NAME.bin`, in the order of their names.

    Raises `CheckpointError` when there is none, or one is damaged or of other layers than convolutions in a row.
    """
    found = [_read(place) for place in sorted(Path(folder).glob("*.param"))]
    if not found:
        raise CheckpointError(f"{folder} holds no upscaler. Run python scripts/fetch_upscalers.py --out {folder}.")
    return found


def _read(place: Path) -> Upscaler:
    numbers = _Numbers(place.with_suffix(".bin"))
    layers: list[nn.Module] = []
    channels, factor, border, adds = 3, 1, 0, False
    for line in read_text(place).splitlines()[2:]:
        kind, _, *parts = line.split()
        about = dict(part.split("=", 1) for part in parts if "=" in part)
        try:
            if kind in ("Convolution", "Deconvolution"):
                to, side, padding = int(about["0"]), int(about["1"]), int(about.get("4", 0))
                weight, bias = numbers.weights((to, channels, side, side)), numbers.plain(to)
                if kind == "Convolution":
                    layer: nn.Module = nn.Conv2d(channels, to, side, padding=padding)
                    border += side // 2 - padding
                else:
                    factor, weight = factor * int(about["3"]), weight.transpose(0, 1).contiguous()
                    layer = nn.ConvTranspose2d(channels, to, side, stride=int(about["3"]), padding=padding)
                    border += 1  # what lies half outside: its stride's worth of px, cut off by its padding
                layer.weight.data, layer.bias.data = weight, bias
                channels = to
                layers += [layer, nn.LeakyReLU(float(about["-23310"].split(",")[1]))] if "-23310" in about else [layer]
            elif kind == "PReLU":
                layers.append(nn.PReLU(channels))
                layers[-1].weight.data = numbers.plain(channels)
            elif kind == "PixelShuffle":
                factor *= int(about["0"])
                layers.append(nn.PixelShuffle(int(about["0"])))
            elif kind not in ("Input", "Split", "Interp", "BinaryOp"):
                raise CheckpointError(f"{place} has a layer {kind}, which is not known here. Fetch it again.")
            adds |= kind == "BinaryOp"
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(f"{place} is damaged at “{line[:60]}” ({error}). Fetch it again.") from error
    numbers.end()
    net = nn.Sequential(*layers).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return Upscaler(net, factor, border, adds)


class _Numbers:
    """A .bin file, read from its beginning on."""

    def __init__(self, place: Path) -> None:
        if not place.is_file():
            raise CheckpointError(f"{place} is missing. Fetch it again: python scripts/fetch_upscalers.py.")
        self.place, self.data, self.at = place, place.read_bytes(), 0

    def weights(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Two bytes a number, after their mark, filled up to a multiple of four bytes."""
        if int.from_bytes(self.data[self.at : self.at + 4], "little") != _HALF:
            raise CheckpointError(f"{self.place} holds no weights of two bytes where it should. Fetch it again.")
        count = int(np.prod(shape))
        values = self._take(4, np.float16, count).astype(np.float32)
        self.at += 4 + (2 * count + 3) // 4 * 4
        return torch.from_numpy(values.reshape(shape))

    def plain(self, count: int) -> torch.Tensor:
        """Four bytes a number."""
        values = self._take(0, np.float32, count).copy()
        self.at += 4 * count
        return torch.from_numpy(values)

    def _take(self, skip: int, kind: type, count: int) -> np.ndarray:
        start = self.at + skip
        if start + count * np.dtype(kind).itemsize > len(self.data):
            raise CheckpointError(f"{self.place} ends too early. Fetch it again.")
        return np.frombuffer(self.data, kind, count, start)

    def end(self) -> None:
        if self.at != len(self.data):
            raise CheckpointError(f"{self.place} is longer than its layers say. Fetch it again.")
