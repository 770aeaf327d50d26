"""SpotterNet: EfficientNet-B0 on every frame, a bidirectional GRU over them, one verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from efficientnet_pytorch import EfficientNet
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..base import on_one_core
from .depthwise import DepthwiseConv

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel means and deviations for RGB in 0…1."""

FEATURES = 1280
_AT_ONCE = 3  # pictures: on a CPU, what they need on the way stays in its cache; and 24 make eight parts
_FROZEN_AT_ONCE = 6  # the same for a frozen trunk in training, which all cores share


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
        self.folded = False  # whether it is for scoring alone (`folding`)
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
                x = torch.cat([self._run(part, 0, self.frozen) for part in images.split(_FROZEN_AT_ONCE)])
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
