"""Train SpotterNet: `fit` yields one record an epoch, keeps the best checkpoint, and goes on where it was stopped."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.special import expit
from torch.nn import functional

from ._resume import RunState, describe, keep_state, restore_state
from .dataset import ClipDataset, make_loader
from .faces import CROP, FRAMES, MARGIN, WINDOW
from .metrics import auc, choose_thresholds, fit_calibration
from .model import MEAN, STD, SpotterNet, fill, load_imagenet, normalise, read_tensors, save_checkpoint
from .project import (
    DataError,
    SpotterError,
    file_sha256,
    find_input,
    output_path,
    pick_device,
    read_json,
    seed_everything,
    write_json,
)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; the defaults are spec.md's."""

    batch: int = 8  # rows a step; a row with its self-blended fake counts once
    epochs: int = 25
    lr: float = 1e-4
    weight_decay: float = 1e-4
    restart: int = 5  # epochs to the first warm restart (T₀); each period is twice the one before (T_mult = 2)
    eta_min: float = 1e-6
    gamma: float = 2.0  # of the focal loss
    frame_weight: float = 0.5  # of the frame head's loss beside the clip head's
    patience: int = 7  # epochs without gain before stopping, counted anew from `unfreeze_epoch` on
    min_gain: float = 0.005  # in validation F1, over the last epoch that gained
    clip_norm: float = 1.0
    frozen: int = 14  # of 18 backbone stages, until `unfreeze_epoch`: the last 3 blocks and the last convolution train
    unfreeze_epoch: int = 10  # from this epoch on the whole backbone trains (-1: never)
    unfreeze_rate: float = 0.1  # the newly trained stages' rate, relative to lr
    precision: str = "auto"  # "fp32", "bf16", "fp16", or bf16 where the hardware has it
    workers: int = 0  # processes that prepare clips
    seed: int = 0


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


def pick_precision(precision: str, device: str) -> str:
    """ "no", "bf16" or "fp16" as Accelerate names them; for "auto", what the hardware does well."""
    if precision != "auto":
        return "no" if precision == "fp32" else precision
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    # asked of oneDNN, which not every build of torch has
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return "bf16" if device == "cpu" and torch.backends.mkldnn.is_available() and asked and asked() else "no"


def make_optimizer(
    net: SpotterNet, config: TrainConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with two parameter groups, and cosine annealing with warm restarts.

    What trains from the start has lr; the stages that join at `unfreeze_epoch` have a group, and so a base rate, of
    their own: the scheduler scales both, and the lower rate stays lower.
    """
    late = {id(p) for stage in net.stages()[: config.frozen] for p in stage.parameters()}
    groups = [
        {"params": [p for p in net.parameters() if id(p) not in late], "lr": config.lr},
        {"params": [p for p in net.parameters() if id(p) in late], "lr": config.lr * config.unfreeze_rate},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, config.restart, 2, config.eta_min)
    return optimizer, schedule


def fit(
    config: TrainConfig,
    train: ClipDataset,
    val: ClipDataset,
    out: str | os.PathLike[str],
    start: str | os.PathLike[str] | None = None,
    card: dict | None = None,
    device: str = "auto",
    resume: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Iterator[dict]:
    """Train, and yield one record an epoch: epoch, train_loss, val_loss, val_auc, val_frame_auc, val_f1, lr, ….

    out: a folder that gets `last.pt` (everything needed to go on), `best.safetensors` with its card (the epoch of the
    highest validation AUC, calibrated on validation) and `history.json`. start: a Spotter checkpoint, or ImageNet
    weights of EfficientNet-B0; None starts from chance. card: what the card is to say besides. resume: go on from
    `last.pt` if it is there, yielding the records of its epochs first; an epoch that was cut off is done anew, to the
    same weights (on a CPU, with as many threads). False forgets the run that `out` holds. progress: called with the
    share of the epoch's steps done. Early stopping looks at validation F1 and never fires before `unfreeze_epoch`. A
    clip without a valid frame teaches nothing and is not judged.

    Raises `DataError` when a part lacks a class, `NotReadyError` when `out` holds a run with other settings, data or
    start, `CheckpointError` when `start` or `last.pt` cannot be read, `SpotterError` when the loss is no number any
    more.
    """
    weights = class_weights(train)
    class_weights(val, "validation")
    folder = output_path(out)
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = _accelerator(config, pick_device(device))
    seed_everything(config.seed)
    net, origin = _begin(start)
    net.freeze(config.frozen)
    optimizer, schedule = make_optimizer(net, config)
    net = net.to(memory_format=torch.channels_last)
    state = RunState(history=[], best=-1.0, best_f1=-1.0, waited=0)
    data = {"start": origin["start_sha256"], "train data": describe(train), "val data": describe(val)}
    about = {"config": asdict(config), "data": data}
    parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
    if resume and (folder / "last.pt").exists():
        state = restore_state(folder / "last.pt", about, parts)
        write_json(folder / "history.json", state.history)
        yield from state.history
    else:
        for name in ("last.pt", "history.json"):
            (folder / name).unlink(missing_ok=True)
    model, optimizer = accelerator.prepare(net, optimizer)
    train_loader = make_loader(train, config.batch, True, config.workers)
    val_loader = make_loader(val, config.batch, False, config.workers)
    weights = weights.to(accelerator.device)

    for epoch in range(len(state.history), config.epochs):
        if epoch == config.unfreeze_epoch:
            state.waited = 0
        if state.waited >= config.patience and epoch > max(config.unfreeze_epoch, 0):
            return
        begun = time.perf_counter()
        if 0 <= config.unfreeze_epoch <= epoch:
            net.freeze(0)
        torch.manual_seed(config.seed * 100_003 + epoch)  # dropout's draws belong to the epoch, not to what came before
        train_loader.sampler.epoch = epoch
        net.train()
        total, clips = 0.0, 0
        for step, batch in enumerate(_seen(train_loader)):
            loss = _loss(accelerator, model, batch, weights, config)[0]
            value = float(loss.detach())
            if not math.isfinite(value):
                remedy = f'Train with a lower rate than {config.lr:g}, or with precision="fp32".'
                raise SpotterError(f"The loss is no number any more in epoch {epoch}. {remedy}")
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(net.parameters(), config.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            total += value * len(batch["label"])
            clips += len(batch["label"])
            if progress is not None:
                progress((step + 1) / len(train_loader))
        if not clips:
            raise DataError("Not one clip of the training part has a valid frame. Look at its face cache (02).")
        trained = time.perf_counter() - begun
        found = _validate(accelerator, net, model, val_loader, weights, config)
        record = {
            "epoch": epoch,
            "train_loss": total / clips,
            **{k: v for k, v in found.items() if k.startswith("val_")},
            "lr": optimizer.param_groups[0]["lr"],
            "lr_backbone": optimizer.param_groups[-1]["lr"],
            "frozen": net.frozen,
            "clips_per_second": clips / trained,
            "seconds": time.perf_counter() - begun,
        }
        schedule.step()
        state.history.append(record)
        if found["val_auc"] > state.best:
            state.best = found["val_auc"]
            facts = {**_preprocessing(), **(card or {}), "training": {**asdict(config), "epoch": epoch, **origin}}
            save_checkpoint(folder / "best.safetensors", net, {**facts, **found["card"]})
        gained = found["val_f1"] > state.best_f1 + config.min_gain
        state.waited = 0 if gained else state.waited + 1
        state.best_f1 = found["val_f1"] if gained else state.best_f1
        keep_state(folder / "last.pt", state, about, parts)
        write_json(folder / "history.json", state.history)
        yield record


def _accelerator(config: TrainConfig, device: str):
    """Hugging Face's Accelerator on the device asked for, in one process."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # it refuses a second run at another precision otherwise
    accelerator = Accelerator(mixed_precision=pick_precision(config.precision, device), cpu=device == "cpu")
    if accelerator.device.type != torch.device(device).type:
        raise SpotterError(f'{device} was asked for, and {accelerator.device} is what there is. Use device="auto".')
    if accelerator.num_processes > 1:
        raise SpotterError("Training runs in one process: start it with plain python, not through a launcher.")
    return accelerator


def _begin(start: str | os.PathLike[str] | None) -> tuple[SpotterNet, dict]:
    """A net from a Spotter checkpoint, from ImageNet weights, or from chance; and which, for the card."""
    net = SpotterNet()
    if start is None:
        return net, {"start": None, "start_sha256": None}
    place = find_input(start)
    tensors = read_tensors(place)
    if any(key.startswith("gru.") for key in tensors):
        fill(net, tensors, place)
    else:
        load_imagenet(net, place)
    return net, {"start": place.name, "start_sha256": file_sha256(place)}


def _seen(loader) -> Iterator[dict[str, torch.Tensor]]:
    """The loader's batches, without the clips that have no valid frame."""
    for batch in loader:
        seen = batch["valid"].any(1)
        if seen.any():
            yield batch if seen.all() else {key: value[seen] for key, value in batch.items()}


def _loss(accelerator, model, batch: dict, weights: torch.Tensor, config: TrainConfig) -> tuple[torch.Tensor, ...]:
    """(loss, clip logits (B,), frame logits (B, T)) of one batch."""
    batch = {key: value.to(accelerator.device, non_blocking=True) for key, value in batch.items()}
    with accelerator.autocast():
        clip_logits, frame_logits = model(normalise(batch["frames"]), batch["valid"])
    loss = focal_loss(clip_logits, batch["label"], weights, config.gamma).mean()
    valid = batch["valid"]
    each = torch.stack([torch.zeros_like(frame_logits), frame_logits], dim=-1)[valid]
    labels = batch["label"][:, None].expand_as(valid)[valid]
    loss = loss + config.frame_weight * focal_loss(each, labels, weights, config.gamma).mean()
    return loss, clip_logits[:, 1] - clip_logits[:, 0], frame_logits


def _validate(accelerator, net: SpotterNet, model, loader, weights: torch.Tensor, config: TrainConfig) -> dict:
    """Validation figures, and the card's part that comes from them: calibration and thresholds."""
    net.eval()
    losses, clip_logits, frame_logits, clip_labels, frame_labels = [], [], [], [], []
    for batch in _seen(loader):
        with torch.no_grad():
            loss, clip, frames = _loss(accelerator, model, batch, weights, config)
        valid, labels = batch["valid"].numpy(), batch["label"].numpy()
        losses.append(float(loss) * len(labels))
        clip_logits.append(clip.float().cpu().numpy())
        clip_labels.append(labels)
        frame_logits.append(frames.float().cpu().numpy()[valid])
        frame_labels.append(np.broadcast_to(labels[:, None], valid.shape)[valid])
    if not losses:
        raise DataError("Not one clip of the validation part has a valid frame. Look at its face cache (02).")
    logits, labels = np.concatenate(clip_logits), np.concatenate(clip_labels)
    each, each_labels = np.concatenate(frame_logits), np.concatenate(frame_labels)
    calibration = {}
    for head, z, y in (("clip", logits, labels), ("frame", each, each_labels)):
        scale, bias = fit_calibration(z, y)
        calibration[head] = {"scale": scale, "bias": bias}
    chosen = choose_thresholds(expit(logits * calibration["clip"]["scale"] + calibration["clip"]["bias"]), labels)
    called = logits > 0
    f1 = [2 * (called[labels == k] == k).sum() / max((labels == k).sum() + (called == k).sum(), 1) for k in (0, 1)]
    figures = {"auc": auc(labels, logits), "frame_auc": auc(each_labels, each), "f1": float(np.mean(f1))}
    groups = {row["group"] for row in loader.dataset.rows}
    counts = {"clips": len(labels), "reals": int((labels == 0).sum()), "groups": len(groups)}
    return {
        "val_loss": sum(losses) / len(labels),
        **{f"val_{name}": value for name, value in figures.items()},
        "card": {"calibration": calibration, "thresholds": asdict(chosen), "validation": {**counts, **figures}},
    }


def _preprocessing() -> dict:
    net = "EfficientNet-B0, frame head, 2-layer bidirectional GRU (512), mean and max pooling, MLP"
    seen = {"size": CROP, "frames": FRAMES, "window_s": WINDOW, "margin_px": MARGIN, "mean": MEAN, "std": STD}
    return {"architecture": f"SpotterNet: {net}", "preprocessing": {**seen, "colour": "RGB"}}


def read_history(out: str | os.PathLike[str]) -> list[dict]:
    """The records of a run's epochs so far."""
    return read_json(output_path(out) / "history.json")
