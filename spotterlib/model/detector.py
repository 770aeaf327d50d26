"""A checkpoint ready to score: crops in, calibrated probabilities out."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch

from ..base import CheckpointError, DataError, enough_memory, file_sha256, find_input, pick_device
from .checkpoints import DEFAULT_CHECKPOINT, check_size, fill, read_card, read_tensors, roll_of
from .folding import fold
from .network import SpotterNet, normalise


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

    @property
    def most_roll(self) -> float:
        """How far a head may lean, in degrees either way, for this checkpoint to judge it: as far as it was trained."""
        return roll_of(self.card)

    @property
    def looks_for(self) -> str:
        """What this checkpoint was taught to see, as words: `looks_for` of its card. Older ones know pasted faces."""
        return str(self.card.get("looks_for") or "a pasted face")

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


def load_checkpoint(path: str | os.PathLike[str] | None = None, device: str = "auto") -> Detector:
    """Load a checkpoint (the shipped one when `path` is None), checked against its card, ready to score.

    path: a .safetensors file; a relative one is looked for in the working directory, then in the clone. Raises
    `CheckpointError` when a file is missing or damaged, the sha256 differs from the card's, the tensors do not fit or a
    weight is not finite; `SpotterError` for a device that is not there. Only tensors are read; nothing in a file is
    executed.
    """
    chosen = pick_device(device)
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
    with enough_memory(f"{place.name} on {chosen}"):
        net = fold(net.requires_grad_(False)).eval().to(chosen, memory_format=torch.channels_last)
    return Detector(net, card, chosen, place.stem)
