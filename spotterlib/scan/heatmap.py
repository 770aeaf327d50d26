"""Temporal Grad-CAM: which cells of which frames speak for "fake", through the whole temporal model; and what of it is
shown."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import torch

from ..base import ArgumentError, on_one_core
from ..model import FEATURES, Detector, OnnxNet, SpotterNet, normalise

_CUDNN = threading.Lock()


@contextlib.contextmanager
def _plain_recurrence(cuda: bool) -> Iterator[None]:
    """Keep cuDNN out of the GRU: it refuses a backward in eval mode, and plain kernels do not.

    The switch is one for the whole process: two threads that turn it off and on in turn would undo each other.
    """
    if not cuda:
        yield
        return
    with _CUDNN, torch.backends.cudnn.flags(enabled=False):
        yield


def grad_cam(
    net: SpotterNet, frames: torch.Tensor, valid: torch.Tensor, target: str = "clip"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One forward, and one backward no deeper than the last convolution, for all clips and frames at once.

    frames (B, T, 3, 224, 224) float, normalised; valid (B, T) bool with at least one True a clip; net in eval mode.
    Returns clip logits (B, 2), frame logits (B, T) and heatmaps (B, T, 7, 7) ≥ 0 in raw units, 0 where not valid.
    Selvaraju et al., *Grad-CAM*, ICCV 2017: ReLU(Σ_k α_k A_k) with α_k the mean over the cells of ∂y/∂A_k. A is the map
    that is pooled (after the last convolution's norm and activation); y is the fake logit minus the real logit,
    whatever the verdict, so that heat always means "evidence of manipulation". target: "clip"; "frame" puts the frame
    head's logits in y's place, each of which knows its own frame alone. Raises `ArgumentError` for another, and for an
    exported net, whose graphs have no gradients.
    """
    if not isinstance(net, SpotterNet):
        raise ArgumentError("grad_cam wants a SpotterNet: load the .safetensors that this net was exported from.")
    if target not in ("clip", "frame"):
        raise ArgumentError(f'target is "clip" or "frame", not {target!r}')
    pictures = frames[valid].contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        maps = net.feature_maps(pictures).float()
    if maps.device.type == "cpu":  # so that heat, too, is the same on any number of cores
        return on_one_core(_explain, net, maps, valid, target).result()
    return _explain(net, maps, valid, target)


def _explain(
    net: SpotterNet, maps: torch.Tensor, valid: torch.Tensor, target: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `grad_cam` gives, from the maps (N, 1280, 7, 7) of the valid frames."""
    with torch.enable_grad(), _plain_recurrence(maps.is_cuda):
        maps = maps.clone().requires_grad_(True)
        features = maps.new_zeros(*valid.shape, FEATURES)
        features[valid] = maps.mean((2, 3))
        logits = net.clip_logits(features, valid)
        frame_logits = net.frame_logits(features) * valid
        explained = logits[:, 1] - logits[:, 0] if target == "clip" else frame_logits
        (gradient,) = torch.autograd.grad(explained.sum(), maps)
    with torch.no_grad():
        heat = torch.relu((gradient.mean((2, 3), keepdim=True) * maps).sum(1))
        heatmaps = heat.new_zeros(*valid.shape, *heat.shape[1:])
        heatmaps[valid] = heat
    return logits.detach(), frame_logits.detach(), heatmaps


def explain_clips(
    detector: Detector, clips: np.ndarray, valid: np.ndarray, batch: int = 2, target: str = "clip"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw logits and heatmaps of uint8 RGB clips (N, T, 224, 224, 3) with valid bool (N, T).

    Returns clip logits float32 (N,) as fake − real, frame logits (N, T), both NaN where nothing is valid, and heatmaps
    float32 (N, T, 7, 7) as `grad_cam` has them. Safe to call from several threads.
    """
    if isinstance(detector.net, OnnxNet):  # a graph has no gradients: its heat is the frame head's
        return detector.net.explain(clips, valid)
    count, length = valid.shape
    whole = np.full(count, np.nan, np.float32)
    each = np.full((count, length), np.nan, np.float32)
    heat = np.zeros((count, length, 7, 7), np.float32)
    usable = np.flatnonzero(valid.any(1))
    for start in range(0, len(usable), batch):
        rows = usable[start : start + batch]
        mask = torch.from_numpy(valid[rows]).to(detector.device)
        frames = normalise(torch.from_numpy(clips[rows]).to(detector.device).permute(0, 1, 4, 2, 3))
        logits, frame_logits, heatmaps = grad_cam(detector.net, frames, mask, target)
        whole[rows] = (logits[:, 1] - logits[:, 0]).cpu().numpy()
        each[rows] = torch.where(mask, frame_logits, torch.nan).cpu().numpy()
        heat[rows] = heatmaps.cpu().numpy()
    return whole, each, heat


def shown_heat(raw: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The heat of frames, 0 … 1: where is each frame's own map, how strong its own score.

    raw: float (T, 7, 7) ≥ 0, Grad-CAM; scores: float (T,) calibrated P(fake) of each frame 0 … 1, NaN where there is
    none. Returns float32 (T, 7, 7) whose hottest cell in each frame is its score, all 0 without a score and where no
    cell spoke for "fake". How large raw maps are depends on their place in the window, for the recurrent net weighs its
    ends more: docs/heat.md has what was measured.
    """
    top = raw.max((1, 2), keepdims=True, initial=0)
    shape = np.divide(raw, top, out=np.zeros(raw.shape, np.float64), where=top > 0)
    return (np.nan_to_num(scores)[:, None, None] * shape).astype(np.float32)
