"""SpotterNet as ONNX graphs, run by onnxruntime: what `export_onnx` writes, read. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import CheckpointError, DataError, SpotterError, file_sha256, find_input, parse_json, read_text
from .cards import check_card

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ABOUT = "spotter.json"
"""The file beside the graphs that says what they are."""

_GRAPHS = ("trunk.onnx", "recurrent.onnx")
_AT_ONCE = 6  # pictures: what they need on the way stays in a processor's cache


@dataclass(frozen=True)
class OnnxNet:
    """In the place of a `SpotterNet`: `trunk` looks at pictures, `recurrent` at the frames of a face in order."""

    trunk: InferenceSession
    recurrent: InferenceSession

    def explain(self, clips: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Clips (N, T, 224, 224, 3) and valid (N, T) → fake − real (N,), frame logits (N, T), heat (N, T, 7, 7) ≥ 0.

        What is not valid is NaN, and has no heat. Heat: the class activation of the frame head.
        """
        whole = np.full(len(clips), np.nan, np.float32)
        each = np.full(valid.shape, np.nan, np.float32)
        heat = np.zeros((*valid.shape, 7, 7), np.float32)
        for row in np.flatnonzero(valid.any(1)):
            features, each[row, valid[row]], heat[row, valid[row]] = self.look(clips[row][valid[row]])
            whole[row] = self.recurrent.run(["logit"], {"features": features})[0][0]
        return whole, each, heat

    def look(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Crops (N, 224, 224, 3) → features (N, 1280), frame logits (N,), heat (N, 7, 7)."""
        parts = [np.ascontiguousarray(pictures[at : at + _AT_ONCE]) for at in range(0, len(pictures), _AT_ONCE)]
        looked = [self.trunk.run(["features", "frame_logits", "heat"], {"pictures": part}) for part in parts]
        return [np.concatenate(found) for found in zip(*looked, strict=True)]


def read_onnx(folder: str | os.PathLike[str]) -> tuple[OnnxNet, dict, str, str]:
    """The network of a folder, its card, its name and the SHA-256 of the card's file; refuses what `Detector.from_onnx`
    says."""
    remedy = "Export the checkpoint again: spotterlib.export_onnx(checkpoint, folder)."
    try:
        import onnxruntime
    except ImportError as error:
        raise SpotterError('onnxruntime is not installed. Run: pip install "spotterlib[onnx]"') from error
    try:
        place = find_input(folder)
    except DataError as error:
        raise CheckpointError(f"There is no exported checkpoint: {error} {remedy}") from error
    try:
        about = parse_json(read_text(place / ABOUT))
        card, files = about["card"], about["files"]
        name, card_sha256 = str(about["name"]), str(about["card_sha256"])
        check_card(card)
        changed = [graph for graph in _GRAPHS if file_sha256(place / graph) != files[graph]["sha256"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{place} holds no whole export of a checkpoint ({error!r}). {remedy}") from error
    if changed:
        raise CheckpointError(f"{place / changed[0]} is not the file that {ABOUT} describes (sha256 differs). {remedy}")
    return OnnxNet(*(_session(onnxruntime, place / graph) for graph in _GRAPHS)), card, name, card_sha256


def _session(onnxruntime, path: Path) -> InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what it warns of is nothing that a user can mend
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, by version
        raise CheckpointError(f"{path} cannot be read by onnxruntime {onnxruntime.__version__} ({error}).") from error
