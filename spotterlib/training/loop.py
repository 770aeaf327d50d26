"""Train SpotterNet: `fit` yields one record an epoch, keeps the best checkpoint, and goes on where it was stopped."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import torch

from ..base import (
    DataError,
    SpotterError,
    enough_memory,
    file_sha256,
    find_input,
    output_path,
    pick_device,
    read_json,
    seed_everything,
    stoppable,
    write_json,
    writing,
)
from ..faces import CROP, FRAMES, MARGIN, WINDOW
from ..fakes import MOST_ROLL
from ..model import MEAN, STD, SpotterNet, fill, load_imagenet, read_tensors, save_checkpoint
from .dataset import ClipDataset
from .loader import ending_at_once, make_loader
from .losses import Batches, MaskHeads, batch_loss, class_weights, validate
from .processes import share_norms, sum_gradients, total
from .resume import RunState, describe, keep_state, restore_state
from .settings import TrainConfig, make_optimizer, pick_precision


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

    A record also has clips_per_second, and waiting: the share of the training time spent waiting for clips. Launched in
    several processes (see `main`), each takes its share of every batch, and the result is that of one process with the
    same `batch`, to rounding; the first process writes the files.

    out: a folder that gets `last.pt` (everything needed to go on), `best.safetensors` with its card (the epoch of the
    highest validation AUC, calibrated on validation) and `history.json`. start: a Spotter checkpoint, or ImageNet
    weights of EfficientNet-B0; None starts from chance. card: what the card is to say besides. resume: go on from
    `last.pt` if it is there, yielding the records of its epochs first; an epoch that was cut off is done anew, to the
    same weights (on a CPU, with as many threads). False forgets the run that `out` holds. progress: called with the
    share of the epoch's steps done. Early stopping looks at validation F1 and never fires before `unfreeze_epoch`. A
    clip without a valid frame teaches nothing and is not judged.

    Raises `DataError` when a part lacks a class, `NotReadyError` when `out` holds a run with other settings, data or
    start, `CheckpointError` when `start` or `last.pt` cannot be read, `SpotterError` when the loss is no number any
    more or the memory runs out, `WriteError` when `out` cannot be written. Ctrl-C and SIGTERM: see `stoppable`.
    """
    folder = output_path(out)
    epochs = _epochs(config, train, val, folder, start, card, device, resume, progress)
    while True:
        with (
            stoppable_training(folder),
            enough_memory(f"The training in {folder}"),
        ):  # an epoch at a time: between two it is the caller's turn
            record = next(epochs, None)
        if record is None:
            return
        yield record


def stoppable_training(folder: Path) -> contextlib.AbstractContextManager[None]:
    kept = f"The epochs finished so far are kept in {folder}: train there with the same settings, and it goes on."
    return stoppable(f"The training in {folder}", kept)


def _epochs(
    config: TrainConfig,
    train: ClipDataset,
    val: ClipDataset,
    folder: Path,
    start: str | os.PathLike[str] | None,
    card: dict | None,
    device: str,
    resume: bool,
    progress: Callable[[float], None] | None,
) -> Iterator[dict]:
    """What `fit` yields."""
    weights = class_weights(train)
    class_weights(val, "validation")
    output_path(folder / "last.pt")  # the folder is there from here on
    accelerator = make_accelerator(config, pick_device(device))
    rank, processes = accelerator.process_index, accelerator.num_processes
    seed_everything(config.seed)
    net, origin = begin(start)
    net.freeze(config.frozen)
    heads = MaskHeads(net).to(accelerator.device) if config.mask_weight else None
    beside = [] if heads is None else list(heads.parameters())
    optimizer, schedule = make_optimizer(net, config, beside)
    net = net.to(memory_format=torch.channels_last)
    state = RunState(history=[], best=-1.0, best_f1=-1.0, waited=0)
    data = {"start": origin["start_sha256"], "train data": describe(train), "val data": describe(val)}
    about = {"config": asdict(config), "data": data}
    parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
    mean = _running_mean(net, config.average) if config.average else None
    if mean is not None:
        parts["mean"] = mean
    if heads is not None:
        parts["heads"] = heads
    going_on = resume and (folder / "last.pt").exists()
    if going_on:
        state = restore_state(folder / "last.pt", about, parts)
    accelerator.wait_for_everyone()  # nobody writes what another is still to read
    if accelerator.is_main_process:
        if going_on:
            write_json(folder / "history.json", state.history)
        else:
            for name in ("last.pt", "history.json"):
                with writing(folder / name):
                    (folder / name).unlink(missing_ok=True)
    yield from state.history
    # without torch's own wrapper for several processes: gradients are summed and norms shared here, to the same result
    # as in one process with the whole batch
    model, optimizer = accelerator.prepare_model(net, evaluation_mode=True), accelerator.prepare(optimizer)
    judged, judging = net, model
    if mean is not None:
        judged = judging = mean.to(accelerator.device).module
    if processes > 1:
        share_norms(net)
    if heads is not None:
        heads.watch(net)
    share = {"workers": config.workers, "rank": rank, "processes": processes}
    train_batches = Batches(make_loader(train, config.batch, True, **share), processes > 1, accelerator.device)
    val_batches = Batches(make_loader(val, config.batch, False, **share), processes > 1, accelerator.device)
    weights = weights.to(accelerator.device)

    with ending_at_once(train_batches.loader, val_batches.loader):
        for epoch in range(len(state.history), config.epochs):
            if epoch == config.unfreeze_epoch:
                state.waited = 0
            if state.waited >= config.patience and epoch > max(config.unfreeze_epoch, 0):
                return
            begun, train_batches.waited = time.perf_counter(), 0.0
            if 0 <= config.unfreeze_epoch <= epoch:
                net.freeze(0)
            # dropout's draws belong to the epoch and the process, not to what came before
            torch.manual_seed(config.seed * 100_003 + epoch + 7919 * rank)
            train_batches.loader.batch_sampler.epoch = epoch
            net.train()
            losses, clips = 0.0, 0.0
            for step, (batch, batch_clips, batch_frames) in enumerate(train_batches):
                sizes = (batch_clips, batch_frames, weights, config.gamma, config.frame_weight)
                loss = batch_loss(accelerator, model, batch, *sizes)[0]
                value = float(loss.detach())
                if heads is not None:
                    loss = loss + config.mask_weight * heads.loss(batch, batch_frames)
                value = total([value], accelerator.device)[0] if processes > 1 else value
                if not math.isfinite(value):
                    remedy = f'Train with a lower rate than {config.lr:g}, or with precision="fp32".'
                    raise SpotterError(f"The loss is no number any more in epoch {epoch}. {remedy}")
                accelerator.backward(loss)
                if processes > 1:
                    sum_gradients([*net.parameters(), *beside])
                accelerator.clip_grad_norm_(net.parameters(), config.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
                if mean is not None:
                    mean.update_parameters(net)
                losses += value * batch_clips
                clips += batch_clips
                if progress is not None:
                    progress((step + 1) / len(train_batches.loader))
            if not clips:
                raise DataError("Not one clip of the training part has a valid frame. Look at its face cache (02).")
            trained = time.perf_counter() - begun
            found = validate(accelerator, judged, judging, val_batches, weights, config)
            record = {
                "epoch": epoch,
                "train_loss": losses / clips,
                **{k: v for k, v in found.items() if k.startswith("val_")},
                "lr": optimizer.param_groups[0]["lr"],
                "lr_backbone": optimizer.param_groups[-1]["lr"],
                "frozen": net.frozen,
                "clips_per_second": clips / trained,
                "waiting": train_batches.waited / trained,
                "seconds": time.perf_counter() - begun,
            }
            schedule.step()
            state.history.append(record)
            better = found["val_auc"] > state.best
            state.best = max(found["val_auc"], state.best)
            gained = found["val_f1"] > state.best_f1 + config.min_gain
            state.waited = 0 if gained else state.waited + 1
            state.best_f1 = found["val_f1"] if gained else state.best_f1
            if accelerator.is_main_process:
                if better:
                    facts = {
                        **_preprocessing(),
                        **(card or {}),
                        "training": {**asdict(config), "epoch": epoch, **origin},
                    }
                    save_checkpoint(folder / "best.safetensors", judged, {**facts, **found["card"]})
                keep_state(folder / "last.pt", state, about, parts)
                write_json(folder / "history.json", state.history)
            yield record


def _running_mean(net: SpotterNet, share: float) -> torch.nn.Module:
    """A net whose weights and batch statistics follow `net`'s slowly (`update_parameters`): an exponential mean.

    The mean over the last steps lies in the middle of where they wander, and errs less on other data than any of them
    (Polyak & Juditsky, 1992; Izmailov et al., 2018).
    """
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(share), use_buffers=True)


def make_accelerator(config: TrainConfig, device: str):
    """Hugging Face's Accelerator on the device asked for, in as many processes as were launched."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # it refuses a second run at another precision otherwise
    accelerator = Accelerator(mixed_precision=pick_precision(config.precision, device), cpu=device == "cpu")
    if accelerator.device.type != torch.device(device).type:
        raise SpotterError(f'{device} was asked for, and {accelerator.device} is what there is. Use device="auto".')
    return accelerator


def begin(start: str | os.PathLike[str] | None) -> tuple[SpotterNet, dict]:
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


def _preprocessing() -> dict:
    net = "EfficientNet-B0, frame head, 2-layer bidirectional GRU (512), mean and max pooling, MLP"
    seen = {"size": CROP, "frames": FRAMES, "window_s": WINDOW, "margin_px": MARGIN, "mean": MEAN, "std": STD}
    about = {**seen, "colour": "RGB", "roll_deg": MOST_ROLL}
    return {"architecture": f"SpotterNet: {net}", "preprocessing": about}


def read_history(out: str | os.PathLike[str]) -> list[dict]:
    """The records of a run's epochs so far."""
    return read_json(output_path(out) / "history.json")


def fit_on_gpus(count: int, config: TrainConfig, train: ClipDataset, val: ClipDataset, out, start) -> None:
    """Run `fit` on several GPUs of this machine, from a notebook; `fit` with the same arguments then tells its epochs.

    Nothing may have used a GPU in the notebook before. Raises `SpotterError` when there are not so many.
    """
    from accelerate import notebook_launcher

    if torch.cuda.device_count() < count:
        raise SpotterError(f"{count} GPUs were asked for, and there are {torch.cuda.device_count()}. Ask for fewer.")
    notebook_launcher(_fit_whole, (config, train, val, out, start), num_processes=count)


def _fit_whole(config: TrainConfig, train: ClipDataset, val: ClipDataset, out, start) -> list[dict]:
    cv2.setNumThreads(1)  # a forked process inherits OpenCV's thread pool without its threads, and hangs in it
    return list(fit(config, train, val, out, start))
