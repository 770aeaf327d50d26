"""The loss of a batch, and the figures of a validation part, in one process or as its share of several.

`validate` calibrates the scores and chooses the thresholds that the checkpoint's card keeps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.special import expit
from torch.nn import functional

from ..base import DataError
from ..metrics import auc, choose_thresholds, fit_calibration
from ..model import SpotterNet, normalise
from .dataset import ClipDataset
from .processes import gathered, total


def focal_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, gamma: float = 2.0) -> torch.Tensor:
    """Focal loss (Lin et al., 2017) a sample: −w_y (1 − p_y)^γ log p_y, for logits (N, 2) and labels (N,) → (N,).

    The class weights (2,) stand outside the focal term: inside it, a 1:4 ratio would weigh 22:1 at p = ½. gamma: 0 is
    cross-entropy; between 0 and 1 the gradient at p = 1 is not finite.
    """
    log_p = functional.log_softmax(logits.float(), dim=1).gather(1, labels[:, None]).squeeze(1)
    return -weights[labels] * (1 - log_p.exp()).clamp(min=0) ** gamma * log_p


def class_weights(data: ClipDataset, part: str = "training") -> torch.Tensor:
    """Weights (2,) for real and fake, inverse to how often a clip of each comes, with mean 1 over the clips.

    Raises `DataError`, which names the part, when one of them never comes.
    """
    reals = sum(1 for row in data.rows if row["label"] == 0)
    fakes = len(data.rows) - reals + reals * data.selfblend
    if not reals or not fakes:
        missing = "fake" if reals else "real"
        raise DataError(f"The {part} part has no {missing} clip. Give it both, or reals only with selfblend=1.")
    return torch.tensor([(reals + fakes) / (2 * reals), (reals + fakes) / (2 * fakes)], dtype=torch.float32)


@dataclass
class Batches:
    """A loader's batches without the clips that have no valid frame, and how long they were waited for."""

    loader: torch.utils.data.DataLoader
    several: bool  # whether other processes have shares of the same batches
    device: torch.device
    waited: float = 0.0  # s

    def __iter__(self) -> Iterator[tuple[dict[str, torch.Tensor], float, float]]:
        """Batches with their clips and valid frames, both counted over all processes; this share may be empty."""
        batches = iter(self.loader)
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - begun
            if batch is None:
                return
            seen = batch["valid"].any(1)
            batch = batch if seen.all() else {key: value[seen] for key, value in batch.items()}
            counts = [float(len(batch["label"])), float(batch["valid"].sum())]
            clips, frames = total(counts, self.device) if self.several else counts
            if clips:
                yield {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}, clips, frames


def batch_loss(
    accelerator,
    model,
    batch: dict,
    clips: float,
    frames: float,
    weights: torch.Tensor,
    gamma: float,
    frame_weight: float,
) -> tuple[torch.Tensor, ...]:
    """(loss, clip logits (B,), frame logits (B, T)) of one batch; clips, frames: what the two means are taken over."""
    valid = batch["valid"]
    with accelerator.autocast():
        if not len(valid):  # a share without a clip still takes part in the joint batch-norm
            nothing = accelerator.unwrap_model(model).feature_maps(normalise(batch["frames"]).flatten(0, 1)).sum() * 0
            return nothing.float(), batch["label"].float(), valid.float()
        clip_logits, frame_logits = model(normalise(batch["frames"]), valid)
    loss = focal_loss(clip_logits, batch["label"], weights, gamma).sum() / clips
    each = torch.stack([torch.zeros_like(frame_logits), frame_logits], dim=-1)[valid]
    labels = batch["label"][:, None].expand_as(valid)[valid]
    loss = loss + frame_weight * focal_loss(each, labels, weights, gamma).sum() / frames
    return loss, clip_logits[:, 1] - clip_logits[:, 0], frame_logits


class MaskHeads(torch.nn.Module):
    """Asks the net's middle (14 × 14) and last (7 × 7) maps of each place whether it is pasted; in training only.

    One answer a picture is soon learned by heart, place by place it is not: who must say where the trace is has to find
    it (Li et al., *Face X-ray*, CVPR 2020, ask for the blending boundary so).
    """

    MIDDLE = 11  # of `SpotterNet.stages`: the last one with maps of 14 × 14

    def __init__(self, net: SpotterNet) -> None:
        super().__init__()
        last = net.stages()[-1][1].num_features
        middle = net.stages()[self.MIDDLE]._bn2.num_features
        self.heads = torch.nn.ModuleList([torch.nn.Conv2d(channels, 1, 1) for channels in (middle, last)])
        self.seen: dict[int, torch.Tensor] = {}

    def watch(self, net: SpotterNet) -> None:
        """Keep the maps of every step of training, of what is not frozen."""
        for number, place in enumerate((net.stages()[self.MIDDLE], net.stages()[-1][1])):
            place.register_forward_hook(lambda _, __, maps, number=number: self._keep(number, maps))

    def _keep(self, number: int, maps: torch.Tensor) -> None:
        if maps.requires_grad:
            self.seen[number] = maps

    def loss(self, batch: dict[str, torch.Tensor], frames: float) -> torch.Tensor:
        """Cross-entropy of the maps kept last with the batch's `pasted`, over the places where that is known.

        Each map's mean over its places and over `frames` frames; the two maps' sum.
        """
        pasted = batch["pasted"][batch["valid"]][:, None]
        known = pasted.isfinite()
        whole = batch["pasted"].new_zeros(())
        for number, maps in self.seen.items():
            maps = functional.silu(maps.float()) if number else maps.float()
            logits = self.heads[number](maps)
            fewer = pasted.shape[-1] // logits.shape[-1]
            target = functional.avg_pool2d(pasted.nan_to_num(), fewer)
            there = functional.avg_pool2d(known.float(), fewer)
            each = functional.binary_cross_entropy_with_logits(logits, target, there, reduction="none")
            whole = whole + each.sum() / (frames * logits.shape[-1] ** 2)
        self.seen.clear()
        return whole


def validate(accelerator, net: SpotterNet, model, batches: Batches, weights: torch.Tensor, config) -> dict:
    """Validation figures, and the card's part that comes from them: calibration and thresholds."""
    net.eval()
    mine: dict[str, list] = {"loss": [], "clip": [], "label": [], "frame": [], "frame_label": []}
    for batch, clips, frames in batches:
        with torch.no_grad():
            sizes = (clips, frames, weights, config.gamma, config.frame_weight)
            loss, clip, each = batch_loss(accelerator, model, batch, *sizes)
        valid, labels = batch["valid"].cpu().numpy(), batch["label"].cpu().numpy()
        mine["loss"].append([float(loss) * clips])
        mine["clip"].append(clip.float().cpu().numpy())
        mine["label"].append(labels)
        mine["frame"].append(each.float().cpu().numpy()[valid])
        mine["frame_label"].append(np.broadcast_to(labels[:, None], valid.shape)[valid])
    if not mine["loss"]:
        raise DataError("Not one clip of the validation part has a valid frame. Look at its face cache (02).")
    joined = {key: np.concatenate(parts) for key, parts in mine.items()}
    shares = gathered(joined) if batches.several else [joined]
    whole = {key: np.concatenate([share[key] for share in shares]) for key in joined}
    logits, labels, each, each_labels = (whole[key] for key in ("clip", "label", "frame", "frame_label"))
    calibration = {}
    for head, z, y in (("clip", logits, labels), ("frame", each, each_labels)):
        scale, bias = fit_calibration(z, y)
        calibration[head] = {"scale": scale, "bias": bias}
    chosen = choose_thresholds(expit(logits * calibration["clip"]["scale"] + calibration["clip"]["bias"]), labels)
    called = logits > 0
    f1 = [2 * (called[labels == k] == k).sum() / max((labels == k).sum() + (called == k).sum(), 1) for k in (0, 1)]
    figures = {"auc": auc(labels, logits), "frame_auc": auc(each_labels, each), "f1": float(np.mean(f1))}
    groups = {row["group"] for row in batches.loader.dataset.rows}
    counts = {"clips": len(labels), "reals": int((labels == 0).sum()), "groups": len(groups)}
    return {
        "val_loss": float(whole["loss"].sum() / len(labels)),
        **{f"val_{name}": value for name, value in figures.items()},
        "card": {"calibration": calibration, "thresholds": asdict(chosen), "validation": {**counts, **figures}},
    }
