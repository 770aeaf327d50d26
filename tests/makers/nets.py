"""Networks with random weights for the tests, and what they look at."""

from __future__ import annotations

import numpy as np
import torch

from spotterlib.model import SpotterNet

CARD = {
    "name": "made by a test",
    "thresholds": {"t_low": 0.4, "t_high": 0.7},
    "calibration": {"clip": {"scale": 2.0, "bias": -0.5}, "frame": {"scale": 0.5, "bias": 0.25}},
}


def make_net() -> SpotterNet:
    """Random weights, and batch-norm statistics that keep the activations alive."""
    torch.manual_seed(0)
    net = SpotterNet()
    with torch.no_grad():
        net.frame_head[1].weight *= 10
    return net.eval()


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, 3, 224, 224, generator=torch.Generator().manual_seed(seed))


def crops(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 224, 224, 3), dtype=np.uint8)
