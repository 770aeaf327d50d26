"""Checkpoints: weights as safetensors, read, checked and written with their card."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..base import CheckpointError, atomic_path, file_sha256, named_path, write_json
from .cards import check_card
from .network import SpotterNet

_LARGEST = 1 << 30  # bytes of a checkpoint: sixteen times what the weights take in fp32
_KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)  # of numbers in a checkpoint
SHIPPED = "spotter_v2"
"""The checkpoint that Spotter ships: weights and card of this name lie in `shipped/`, inside the package."""

DEFAULT_CHECKPOINT = Path(__file__).with_name("shipped") / f"{SHIPPED}.safetensors"


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
        check_size(path)
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint at {path}.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no whole safetensors file ({error}). Copy or download it again.") from error


def check_size(path: str | os.PathLike[str]) -> None:
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
    path = named_path(path)
    check_card(card)
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
