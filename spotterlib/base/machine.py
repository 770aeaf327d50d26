"""What the numbers of a run depend on: seeds, the device, and the versions of what computes."""

from __future__ import annotations

import contextlib
import os
import platform
import random
from importlib import metadata


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (CPU and CUDA)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def pick_device(device: str = "auto") -> str:
    """`"cuda"` where a GPU answers, else `"cpu"`; any other name is passed on as it is."""
    if device != "auto":
        return device
    import torch

    # asked so that a notebook can still hand the GPUs to processes of its own (`fit_on_gpus`)
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    names = ["torch", "torchvision", "facenet-pytorch", "efficientnet_pytorch", "opencv-python", "av", "numpy"]
    found = {"python": platform.python_version()}
    for name in ["spotterlib", *names]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
