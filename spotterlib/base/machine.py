"""What the numbers of a run depend on: seeds, the device, and the versions of what computes."""

from __future__ import annotations

import contextlib
import os
import platform
import random
from importlib import metadata

from .errors import SpotterError


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (CPU and CUDA)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def pick_device(device: str = "auto") -> str:
    """`"cuda"` where a GPU answers, else `"cpu"`; any other name as it is. Raises `SpotterError` for one that there is
    not here."""
    if device == "cpu":
        return device
    import torch

    # asked so that a notebook can still hand the GPUs to processes of its own (`fit_on_gpus`)
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    why = _missing(device)
    if why:
        raise SpotterError(f'There is no device {device!r} here ({why}). Use device="auto", which takes what there is.')
    return device


def _missing(device: object) -> str:
    """Why torch cannot compute on a device, "" where it can."""
    import torch

    if not isinstance(device, str):
        return f'a device is named by a text, as "cuda:0", not by {type(device).__name__}'
    try:
        asked = torch.device(device)
    except RuntimeError:
        return "torch knows none of that name"
    if asked.type == "cuda":  # asked of the driver: a process that has used a GPU cannot share it with its children
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return "" if (asked.index or 0) < count else f"GPUs that answer: {count}"
    try:
        torch.zeros(1, device=asked).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):  # each kind has a refusal of its own
        return "torch cannot compute on it"
    return ""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    names = ["torch", "facenet-pytorch", "efficientnet_pytorch", "opencv-python", "av", "numpy"]
    found = {"python": platform.python_version()}
    for name in ["spotterlib", *names]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
