"""A checkpoint as a folder of ONNX graphs, with all that a verdict needs beside them."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import SpotterError, atomic_path, file_sha256, output_path, write_json
from ..model import ABOUT, read_checkpoint
from .constants import app_constants


def export_onnx(checkpoint: str | os.PathLike[str] | None, folder: str | os.PathLike[str]) -> Path:
    """Write a checkpoint (the shipped one when None) as ONNX graphs that need no torch; returns the folder.

    * `trunk.onnx`: crops `pictures` uint8 RGB (N, 224, 224, 3) → `features` (N, 1280), `frame_logits` (N,) and `heat`
      (N, 7, 7) ≥ 0, the frame head's class activation. Weights in float16, as the checkpoint has them: 8.3 MB.
    * `recurrent.onnx`: `features` (T, 1280) of the frames of one face in one window, in order → `logit` (1,), fake −
      real. Weights in int8, a scale a row: 11.4 MB.
    * `pnet.onnx`, `rnet.onnx`, `onet.onnx`: MTCNN's networks, which find faces: `pictures` float32 RGB 0…255 (N, 3, H,
      W) → `probabilities`, `regressions`, and `landmarks` of the last: 2.0 MB together.
    * `recogniser.onnx`: aligned faces `pictures` float32 RGB 0…255 (N, 3, 150, 150) → `points` (N, 128), which lie near
      each other for one person. Weights as they are shipped, most of them a byte each: 6.5 MB.
    * `spotter.json`: name; the checkpoint's card, whose calibration turns a logit into P(fake) = 1 / (1 + exp(−(scale ·
      logit + bias))); every constant of how faces are found, followed and cut; bytes and sha256 of each file.

    All compute in float32; probabilities differ from torch's by 1e-3 at most (tests/portable/test_export.py), and
    `Detector.from_onnx` reads the folder. Raises `CheckpointError` as `load_checkpoint` does, `WriteError` when it
    cannot be written, `SpotterError` when onnx is not installed. A file is written whole or not at all, and
    `spotter.json` last.
    """
    try:
        from .finders import finder_writers
        from .networks import write_recurrent, write_trunk
        from .recogniser import write_recogniser
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise SpotterError('onnx is not installed. Run: pip install "spotterlib[onnx]"') from error
    place, net, card = read_checkpoint(checkpoint)
    writers = {"trunk": lambda path: write_trunk(path, net), "recurrent": lambda path: write_recurrent(path, net)}
    writers |= {**finder_writers(), "recogniser": write_recogniser}
    out, files = output_path(folder), {}
    for name, write in writers.items():
        with atomic_path(out / f"{name}.onnx") as temporary:
            write(temporary)
            files[f"{name}.onnx"] = {"bytes": temporary.stat().st_size, "sha256": file_sha256(temporary)}
    named = {"name": place.stem, "card": card, "card_sha256": file_sha256(place.with_suffix(".json"))}
    write_json(out / ABOUT, {**named, "constants": app_constants(), "files": files})
    return out
