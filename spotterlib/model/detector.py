"""A checkpoint ready to score: crops in, calibrated probabilities out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base import ArgumentError
from .cards import looks_for_of, roll_of
from .runtime import OnnxNet, read_onnx

if TYPE_CHECKING:
    from .network import SpotterNet


@dataclass(frozen=True)
class Detector:
    """A loaded checkpoint: the net (torch's, folded for scoring, on its device; or onnxruntime's) and its card; the
    card's file by its SHA-256."""

    net: SpotterNet | OnnxNet
    card: dict
    device: str
    name: str
    card_sha256: str = ""

    def __repr__(self) -> str:
        t_low, t_high = self.thresholds
        return f"Detector({self.name!r} on {self.device}: REAL up to {t_low:.2f}, FAKE from {t_high:.2f})"

    @staticmethod
    def from_onnx(folder: str | os.PathLike[str]) -> Detector:
        """The detector of a folder that `export_onnx` wrote: onnxruntime scores, and torch is not even imported.

        It scores and scans like the checkpoint that was exported, on the CPU; probabilities differ by 1e-3 at most.
        Heat is the frame head's class activation, for a graph has no gradients. Raises `CheckpointError` when the
        folder is not whole, `SpotterError` when onnxruntime is not installed.
        """
        net, card, name, card_sha256 = read_onnx(folder)
        return Detector(net, card, "cpu", name, card_sha256)

    @property
    def thresholds(self) -> tuple[float, float]:
        """(t_low, t_high): REAL at p ≤ t_low, FAKE at p ≥ t_high."""
        return float(self.card["thresholds"]["t_low"]), float(self.card["thresholds"]["t_high"])

    @property
    def stills(self) -> tuple[float, float, float, float, bool]:
        """For still pictures: scale and bias of the frame head's logit, t_low, t_high, and whether the card has them of
        its own (`stills`); else they are the frame head's, and the thresholds of videos."""
        own = self.card.get("stills")
        fitted = own["calibration"] if own else self.card["calibration"]["frame"]
        cuts = (own or self.card)["thresholds"]
        return (
            *(float(fitted[k]) for k in ("scale", "bias")),
            *(float(cuts[k]) for k in ("t_low", "t_high")),
            bool(own),
        )

    @property
    def most_roll(self) -> float:
        """How far a head may lean, in degrees either way, for this checkpoint to judge it: as far as it was trained."""
        return roll_of(self.card)

    @property
    def looks_for(self) -> str:
        """What this checkpoint was taught to see, as words."""
        return looks_for_of(self.card)

    def calibrated(self, logits: np.ndarray, head: str) -> np.ndarray:
        """Probabilities of "fake" (N,) for raw logits (N,) of the head "clip" or "frame", or of that on a "still"."""
        if head == "still":
            scale, bias = self.stills[:2]
        else:
            scale, bias = (self.card["calibration"][head][name] for name in ("scale", "bias"))
        scaled = np.asarray(logits, np.float64) * scale + bias
        return 0.5 * (1 + np.tanh(scaled / 2))

    def clip_logits(
        self, clips: np.ndarray, valid: np.ndarray | None = None, batch: int = 4
    ) -> tuple[np.ndarray, np.ndarray]:
        """Raw logits, float32, of uint8 RGB clips (N, T, 224, 224, 3): of clips (N,) as fake − real, of frames (N, T).

        valid: bool (N, T), all by default; a clip without a valid frame and a frame that is not valid are NaN.
        Raises `ArgumentError` when an array has another shape or dtype.
        """
        clips = _array(clips)
        if clips.ndim != 5 or clips.shape[2:] != (224, 224, 3) or clips.dtype != np.uint8:
            raise ArgumentError(f"clips must be uint8 (N, T, 224, 224, 3), not {clips.dtype} {clips.shape}")
        valid = np.ones(clips.shape[:2], bool) if valid is None else np.asarray(valid, bool)
        if valid.shape != clips.shape[:2]:
            raise ArgumentError(f"valid must be bool {clips.shape[:2]}, not {valid.shape}")
        whole = np.full(len(clips), np.nan, np.float32)
        frames = np.full(clips.shape[:2], np.nan, np.float32)
        usable = np.flatnonzero(valid.any(1))
        for start in range(0, len(usable), batch):
            rows = usable[start : start + batch]
            whole[rows], each = self._logits(clips[rows], valid[rows])
            frames[rows] = np.where(valid[rows], each, np.nan)
        return whole, frames

    def score_clips(self, clips: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probability of "fake", float64 (N,), of uint8 RGB clips (N, T, 224, 224, 3).

        valid: bool (N, T), all by default; a clip without a valid frame is NaN (not scored), never a guess.
        """
        return self.calibrated(self.clip_logits(clips, valid)[0], "clip")

    def score_frames(self, frames: np.ndarray) -> np.ndarray:
        """Calibrated probability of "fake", float64 (N,), of single uint8 RGB crops (N, 224, 224, 3)."""
        frames = _array(frames)
        if frames.ndim != 4 or frames.shape[1:] != (224, 224, 3) or frames.dtype != np.uint8:
            raise ArgumentError(f"frames must be uint8 (N, 224, 224, 3), not {frames.dtype} {frames.shape}")
        found = np.full(len(frames), np.nan)
        for start in range(0, len(frames), 64):
            part = np.array(frames[start : start + 64], order="C")  # torch reads no array that runs backwards
            found[start : start + 64] = self._frame_logits(part)
        return self.calibrated(found, "frame")

    # The two places where the network itself is run. torch is imported here, and not with the file: whoever scores by
    # `from_onnx` needs none of it.

    def _logits(self, clips: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clips (N, T, 224, 224, 3), each with a valid frame → fake − real (N,), frame logits (N, T)."""
        if isinstance(self.net, OnnxNet):
            return self.net.explain(clips, valid)[:2]
        import torch

        from .network import normalise

        mask = torch.from_numpy(valid).to(self.device)
        pictures = torch.from_numpy(clips).to(self.device).permute(0, 1, 4, 2, 3)
        with torch.inference_mode():
            logits, each = self.net(normalise(pictures), mask)
        return (logits[:, 1] - logits[:, 0]).float().cpu().numpy(), each.float().cpu().numpy()

    def _frame_logits(self, frames: np.ndarray) -> np.ndarray:
        """Crops (N, 224, 224, 3) → frame logits (N,)."""
        if isinstance(self.net, OnnxNet):
            return self.net.look(frames)[1]
        import torch

        from .network import normalise

        pictures = torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            pictures = normalise(pictures).contiguous(memory_format=torch.channels_last)
            features = self.net.feature_maps(pictures).mean((2, 3))
            return self.net.frame_logits(features).float().cpu().numpy()


def _array(given: object) -> np.ndarray:
    """What was given as an array; `ArgumentError` for what is none."""
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"crops come as one uint8 array, not as {type(given).__name__} ({error}).") from error
