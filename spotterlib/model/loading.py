"""A checkpoint found, checked against its card, and made ready."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch

from ..base import CheckpointError, DataError, enough_memory, file_sha256, find_input, pick_device
from .cards import read_card
from .checkpoints import DEFAULT_CHECKPOINT, check_size, fill, read_tensors
from .detector import Detector
from .folding import fold
from .network import SpotterNet

_LOG = logging.getLogger(__name__)


def load_checkpoint(path: str | os.PathLike[str] | None = None, device: str = "auto") -> Detector:
    """Load a checkpoint (the shipped one when `path` is None), checked against its card, ready to score.

    path: a .safetensors file; a relative one is looked for in the working directory, then in the clone. Raises
    `CheckpointError` when a file is missing or damaged, the sha256 differs from the card's, the tensors do not fit or a
    weight is not finite; `SpotterError` for a device that is not there. Only tensors are read; nothing in a file is
    executed.
    """
    chosen = pick_device(device)
    place, net, card = read_checkpoint(path)
    with enough_memory(f"{place.name} on {chosen}"):
        net = fold(net).eval().to(chosen, memory_format=torch.channels_last)
    detector = Detector(net, card, chosen, place.stem, file_sha256(place.with_suffix(".json")))
    _LOG.info("loaded %r from %s", detector, place)
    return detector


def read_checkpoint(path: str | os.PathLike[str] | None = None) -> tuple[Path, SpotterNet, dict]:
    """Where a checkpoint lies, its network as it was trained (in evaluation mode, not folded), and its card.

    Everything `load_checkpoint` says of paths and of what it refuses holds here, too.
    """
    remedy = "Give the path of a .safetensors file, or train one (03)."
    try:
        place = find_input(path) if path is not None else DEFAULT_CHECKPOINT
    except DataError as error:
        raise CheckpointError(f"There is no checkpoint: {error} {remedy}") from error
    if not place.is_file():
        raise CheckpointError(f"There is no checkpoint at {place}. {remedy}")
    if place.suffix != ".safetensors":
        raise CheckpointError(f"{place} is not a .safetensors file; Spotter reads no pickles. Convert it first.")
    card = read_card(place)
    check_size(place)
    if file_sha256(place) != card["sha256"]:
        raise CheckpointError(f"{place} is not the file its card describes (sha256 differs). Restore both together.")
    net = SpotterNet()
    fill(net, read_tensors(place), place)
    return place, net.requires_grad_(False).eval(), card
