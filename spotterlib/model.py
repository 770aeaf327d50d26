"""SpotterNet: EfficientNet-B0 on every frame, a bidirectional GRU over them, one verdict; and its checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from efficientnet_pytorch import EfficientNet
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ._depthwise import DepthwiseConv
from ._folding import fold
from ._threads import on_one_core
from .project import ROOT, CheckpointError, atomic_path, file_sha256, parse_json, pick_device, read_text, write_json

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel means and deviations for RGB in 0…1 (spec.md)."""

FEATURES = 1280
_AT_ONCE = 6  # pictures: on a CPU, what they need on the way stays in its cache; and 24 make four parts
_LARGEST = 1 << 30  # bytes of a checkpoint: sixteen times what the weights take in fp32
_KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)  # of numbers in a checkpoint
DEFAULT_CHECKPOINT = ROOT / "checkpoints" / "spotter_v1.safetensors"


def normalise(frames: torch.Tensor) -> torch.Tensor:
    """uint8 RGB (…, 3, H, W) → float32, ImageNet mean and deviation."""
    mean = torch.tensor(MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - mean) / std


class SpotterNet(nn.Module):
    """Frames of one face → clip logits and frame logits.

    Input (B, T, 3, 224, 224) float, normalised, and valid (B, T) bool; a frame that is not valid has no influence.
    Output: clip logits (B, 2) for real, fake; frame logits (B, T) for fake, from a head on the 1280 features before the
    GRU, 0 where not valid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EfficientNet.from_name("efficientnet-b0", include_top=False)
        self.backbone.set_swish(memory_efficient=False)
        for block in self.backbone._blocks:
            block._depthwise_conv = DepthwiseConv(block._depthwise_conv)
        self.gru = nn.GRU(FEATURES, 512, num_layers=2, batch_first=True, bidirectional=True, dropout=0.3)
        self.head = nn.Sequential(
            nn.Linear(2048, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 128), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(128, 2),
        )  # fmt: skip
        self.frame_head = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 1))
        self.folded = False  # whether it is for scoring alone (`_folding`)
        self.frozen = 0  # how many of `stages()`, from the first on, do not train

    def stages(self) -> list[nn.Module]:
        """The backbone's parts from the picture on: stem, 16 blocks, last convolution (18 in all)."""
        trunk = self.backbone
        return [
            nn.ModuleList([trunk._conv_stem, trunk._bn0]),
            *trunk._blocks,
            nn.ModuleList([trunk._conv_head, trunk._bn1]),
        ]

    def freeze(self, count: int) -> SpotterNet:
        """Keep the first `count` of the 18 stages from learning and from moving their batch-norm statistics."""
        self.frozen = count
        for number, stage in enumerate(self.stages()):
            stage.requires_grad_(number >= count)
        return self.train(self.training)

    def train(self, mode: bool = True) -> SpotterNet:
        """As torch's, except that frozen stages stay in evaluation mode, batch-norm and stochastic depth included."""
        super().train(mode)
        for stage in self.stages()[: self.frozen]:
            stage.eval()
        return self

    def feature_maps(self, images: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, 224, 224) → maps (N, 1280, 7, 7) after the last convolution, its norm and activation."""
        last = len(self.stages())
        if self._shared_out(images):
            return torch.cat(_in_turn(lambda part: self._run(part, 0, last), images.split(_AT_ONCE)))
        x, first = images, 0
        if self.training and self.frozen and images.device.type == "cpu" and not images.requires_grad:
            with torch.no_grad():
                x = torch.cat([self._run(part, 0, self.frozen) for part in images.split(_AT_ONCE)])
            first = self.frozen
        return self._run(x, first, last)

    def _shared_out(self, values: torch.Tensor) -> bool:
        """Whether to compute on threads of one core each: a score is then the same on any number of cores."""
        return self.folded and values.device.type == "cpu" and not torch.is_grad_enabled()

    def _run(self, x: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """The stages from `first` to before `last`."""
        trunk = self.backbone
        for number in range(first, last):
            if number == 0:
                x = trunk._swish(trunk._bn0(trunk._conv_stem(x)))
            elif number <= len(trunk._blocks):
                block = trunk._blocks[number - 1]
                # stochastic depth grows with depth, and is off in a frozen block
                rate = trunk._global_params.drop_connect_rate * (number - 1) / len(trunk._blocks)
                x = block(x, drop_connect_rate=rate if block.training else 0.0)
            else:
                x = trunk._swish(trunk._bn1(trunk._conv_head(x)))
        return x

    def clip_logits(self, features: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Features (B, T, 1280) and valid (B, T) → clip logits (B, 2); the GRU meets the valid frames only, in order.

        A clip without a valid frame is read as one frame of zeros: its logits mean nothing.
        """
        if self._shared_out(features):
            return torch.cat(_in_turn(self._clip_logits, features.split(1), valid.split(1)))
        return self._clip_logits(features, valid)

    def _clip_logits(self, features: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            order = torch.argsort((~valid).int(), dim=1, stable=True)  # the valid frames first, in order
            packed_features = features.gather(1, order[..., None].expand_as(features))
            lengths, longest = valid.sum(1).clamp(min=1), features.shape[1]
            packed = pack_padded_sequence(packed_features, lengths.cpu(), batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=longest)
            there = (torch.arange(longest, device=features.device)[None] < lengths[:, None])[..., None]
            mean = (states * there).sum(1) / lengths[:, None]
            peak = states.masked_fill(~there, -torch.inf).amax(1)
            return self.head(torch.cat([mean, peak], dim=1))

    def frame_logits(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, 1280) → frame logits (…)."""
        with torch.autocast(features.device.type, enabled=False):
            return self.frame_head(features.float()).squeeze(-1)

    def forward(self, frames: torch.Tensor, valid: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        if valid is None:
            valid = torch.ones(frames.shape[:2], dtype=torch.bool, device=frames.device)
        pooled = self.feature_maps(frames[valid].contiguous(memory_format=torch.channels_last)).mean((2, 3)).float()
        features = pooled.new_zeros(*frames.shape[:2], FEATURES)
        features[valid] = pooled
        return self.clip_logits(features, valid), self.frame_logits(features) * valid


def _in_turn(function: Callable[..., torch.Tensor], *parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The results of `function` for every part, each found on a thread of one core; no gradients."""
    begun = [on_one_core(torch.no_grad()(function), *part) for part in zip(*parts, strict=True)]
    return [job.result() for job in begun]


def load_imagenet(net: SpotterNet, path: str | os.PathLike[str]) -> SpotterNet:
    """Put ImageNet weights (an `efficientnet_pytorch` B0 state dict as safetensors) into the backbone.

    Raises `CheckpointError` when the file is missing, damaged or holds anything else.
    """
    state = {key: value for key, value in read_tensors(path).items() if not key.startswith("_fc.")}
    fill(net.backbone, state, path)
    return net


def fill(module: nn.Module, state: dict[str, torch.Tensor], path: str | os.PathLike[str]) -> None:
    """Put tensors read from `path` into a module: exactly those that it has, all finite; else `CheckpointError`."""
    own = module.state_dict()
    odd = [key for key, value in state.items() if value.dtype not in _KINDS or value.shape != own.get(key, value).shape]
    if odd:
        found = f"{odd[0]} is {str(state[odd[0]].dtype).removeprefix('torch.')} {tuple(state[odd[0]].shape)}"
        raise CheckpointError(f"{path} holds the weights of something else: {found}. Restore it.")
    broken = [key for key, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise CheckpointError(f"{path} has weights that are no numbers ({broken[0]}). Restore it.")
    try:
        module.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 300 else reason[:300] + "…"
        raise CheckpointError(f"{path} holds the weights of something else: {reason}") from error


def read_tensors(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises `CheckpointError` when it is missing or damaged."""
    try:
        _check_size(path)
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint at {path}.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no whole safetensors file ({error}). Copy or download it again.") from error


def _check_size(path: str | os.PathLike[str]) -> None:
    """Raise `CheckpointError` for a file that is far too large: hashing it takes hours, reading it all the memory."""
    size = os.stat(path).st_size
    if size > _LARGEST:
        raise CheckpointError(f"{path} has {size:,} bytes, and at most {_LARGEST:,} are read: it is no checkpoint.")


def save_checkpoint(path: str | os.PathLike[str], net: SpotterNet, card: dict) -> Path:
    """Write `path` (weights: fp16, batch-norm in fp32) and its card, the same name ending in .json; returns `path`.

    The card gets the weights' sha256. It must have `thresholds` {t_low, t_high} and `calibration` {clip, frame}, each
    {scale, bias}: `ValueError`, `KeyError` or `TypeError` otherwise. Raises `CheckpointError`, and writes nothing, when
    a weight is no number in fp16; `WriteError` when the disk is full.
    """
    path = Path(path)
    _check_card(card)
    norm = tuple(f"{name}." for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d))
    state = {}
    for key, value in net.state_dict().items():
        value = value.detach().cpu()
        keep = not value.is_floating_point() or key.startswith(norm)
        state[key] = (value if keep else value.half()).contiguous().clone()
        if not state[key].isfinite().all():
            raise CheckpointError(f"{path} was not written: {key} holds what is no number. Train with a lower rate.")
    # both are whole before either gets its name: a stop leaves the old pair, the new pair or, for an instant, two that
    # do not belong together, which `load_checkpoint` refuses
    with atomic_path(path) as weights, atomic_path(path.with_suffix(".json")) as beside:
        try:
            save_file(state, weights)
        except SafetensorError as error:  # its own kind for what the disk says
            raise OSError(str(error)) from error
        write_json(beside, {**card, "sha256": file_sha256(weights)})
    return path


@dataclass(frozen=True)
class Detector:
    """A loaded checkpoint: the net, folded for scoring, on its device, and its card."""

    net: SpotterNet
    card: dict
    device: str
    name: str

    @property
    def thresholds(self) -> tuple[float, float]:
        """(t_low, t_high): REAL at p ≤ t_low, FAKE at p ≥ t_high."""
        return float(self.card["thresholds"]["t_low"]), float(self.card["thresholds"]["t_high"])

    def calibrated(self, logits: np.ndarray, head: str) -> np.ndarray:
        """Probabilities of "fake" (N,) for raw logits (N,) of the head "clip" or "frame"."""
        fitted = self.card["calibration"][head]
        scaled = np.asarray(logits, np.float64) * fitted["scale"] + fitted["bias"]
        return 0.5 * (1 + np.tanh(scaled / 2))

    def clip_logits(
        self, clips: np.ndarray, valid: np.ndarray | None = None, batch: int = 4
    ) -> tuple[np.ndarray, np.ndarray]:
        """Raw logits, float32, of uint8 RGB clips (N, T, 224, 224, 3): of clips (N,) as fake − real, of frames (N, T).

        valid: bool (N, T), all by default; a clip without a valid frame and a frame that is not valid are NaN.
        Raises `ValueError` when an array has another shape or dtype.
        """
        clips = np.asarray(clips)
        if clips.ndim != 5 or clips.shape[2:] != (224, 224, 3) or clips.dtype != np.uint8:
            raise ValueError(f"clips must be uint8 (N, T, 224, 224, 3), not {clips.dtype} {clips.shape}")
        valid = np.ones(clips.shape[:2], bool) if valid is None else np.asarray(valid, bool)
        if valid.shape != clips.shape[:2]:
            raise ValueError(f"valid must be bool {clips.shape[:2]}, not {valid.shape}")
        whole = np.full(len(clips), np.nan, np.float32)
        frames = np.full(clips.shape[:2], np.nan, np.float32)
        usable = np.flatnonzero(valid.any(1))
        for start in range(0, len(usable), batch):
            rows = usable[start : start + batch]
            mask = torch.from_numpy(valid[rows]).to(self.device)
            pictures = torch.from_numpy(clips[rows]).to(self.device).permute(0, 1, 4, 2, 3)
            with torch.inference_mode():
                logits, each = self.net(normalise(pictures), mask)
            whole[rows] = (logits[:, 1] - logits[:, 0]).float().cpu().numpy()
            frames[rows] = torch.where(mask, each, torch.nan).float().cpu().numpy()
        return whole, frames

    def score_clips(self, clips: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probability of "fake", float64 (N,), of uint8 RGB clips (N, T, 224, 224, 3).

        valid: bool (N, T), all by default; a clip without a valid frame is NaN (not scored), never a guess.
        """
        return self.calibrated(self.clip_logits(clips, valid)[0], "clip")

    def score_frames(self, frames: np.ndarray) -> np.ndarray:
        """Calibrated probability of "fake", float64 (N,), of single uint8 RGB crops (N, 224, 224, 3)."""
        frames = np.asarray(frames)
        if frames.ndim != 4 or frames.shape[1:] != (224, 224, 3) or frames.dtype != np.uint8:
            raise ValueError(f"frames must be uint8 (N, 224, 224, 3), not {frames.dtype} {frames.shape}")
        found = np.full(len(frames), np.nan)
        for start in range(0, len(frames), 64):
            part = np.array(frames[start : start + 64], order="C")  # torch reads no array that runs backwards
            pictures = torch.from_numpy(part).to(self.device).permute(0, 3, 1, 2)
            with torch.inference_mode():
                pictures = normalise(pictures).contiguous(memory_format=torch.channels_last)
                features = self.net.feature_maps(pictures).mean((2, 3))
                found[start : start + 64] = self.net.frame_logits(features).float().cpu().numpy()
        return self.calibrated(found, "frame")


def read_card(path: str | os.PathLike[str]) -> dict:
    """The card beside a checkpoint.

    Raises `CheckpointError` when it is missing, no JSON, or lacks what a verdict needs.
    """
    place = Path(path).with_suffix(".json")
    try:
        card = parse_json(read_text(place))
        _check_card(card)
        if not isinstance(card["sha256"], str):
            raise TypeError("sha256 is no text")
    except FileNotFoundError as error:
        raise CheckpointError(f"{place} is missing: a checkpoint is useless without its card. Restore it.") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{place} is no card of a Spotter checkpoint ({error!r}). Restore it.") from error
    return card


def _check_card(card: dict) -> None:
    """Raise `KeyError`, `TypeError` or `ValueError` when a card lacks what a verdict needs, or it makes no sense."""
    t_low, t_high = (float(card["thresholds"][name]) for name in ("t_low", "t_high"))
    if not 0 < t_low <= t_high < 1:
        raise ValueError(f"the thresholds must satisfy 0 < t_low ≤ t_high < 1, not {t_low} and {t_high}")
    for head in ("clip", "frame"):
        scale, bias = (float(card["calibration"][head][name]) for name in ("scale", "bias"))
        if not (0 < scale < np.inf and np.isfinite(bias)):
            raise ValueError(f"the calibration of the {head} head needs a scale > 0 and a finite bias")


def load_checkpoint(path: str | os.PathLike[str] | None = None, device: str = "auto") -> Detector:
    """Load a checkpoint (the shipped one when `path` is None), checked against its card, ready to score.

    path: a .safetensors file; a relative one is looked for in the working directory, then in the clone. Raises
    `CheckpointError` when a file is missing or damaged, the sha256 differs from the card's, the tensors do not fit or a
    weight is not finite. Only tensors are read; nothing in a file is executed.
    """
    place = Path(path).expanduser() if path is not None else DEFAULT_CHECKPOINT
    if not place.is_absolute() and not place.exists():
        place = ROOT / place
    if not place.is_file():
        remedy = "Give the path of a .safetensors file, or train one (03)."
        raise CheckpointError(f"There is no checkpoint at {place}. {remedy}")
    if place.suffix != ".safetensors":
        raise CheckpointError(f"{place} is not a .safetensors file; Spotter reads no pickles. Convert it first.")
    card = read_card(place)
    _check_size(place)
    if file_sha256(place) != card["sha256"]:
        raise CheckpointError(f"{place} is not the file its card describes (sha256 differs). Restore both together.")
    net = SpotterNet()
    fill(net, read_tensors(place), place)
    chosen = pick_device(device)
    net = fold(net.requires_grad_(False)).eval().to(chosen, memory_format=torch.channels_last)
    return Detector(net, card, chosen, place.stem)
