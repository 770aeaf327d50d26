"""Training runs small enough for tests; other processes import them too."""

from __future__ import annotations

import os
import signal

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spotterlib.base import seed_everything
from spotterlib.fakes import Carrier
from spotterlib.model import FEATURES, SpotterNet
from spotterlib.training import ClipDataset, TrainConfig, fit, loop

QUICK = TrainConfig(batch=2, epochs=3, unfreeze_epoch=1, restart=2, precision="fp32", lr=1e-3)
TIMES = ("seconds", "clips_per_second", "waiting")
LANDMARKS = np.array([[38, 40], [58, 40], [48, 53], [40, 62], [56, 62]], np.float32)


class Tiny(SpotterNet):
    """SpotterNet in all that training sees of it, at a thousandth of the work."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.backbone = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(18))
        self.gru = nn.GRU(FEATURES, 4, num_layers=2, batch_first=True, bidirectional=True, dropout=0.3)
        self.head = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
        self.frame_head = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 1))
        self.frozen, self.folded = 0, False

    def stages(self) -> list[nn.Module]:
        return list(self.backbone)

    def feature_maps(self, images: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(images, 7)
        for stage in self.backbone:
            x = x + 0.1 * stage(x)
        return x.repeat(1, FEATURES // 3 + 1, 1, 1)[:, :FEATURES]


def load_face(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """A small picture, fakes greener than reals, no camera needed."""
    picture = np.random.default_rng(row["seed"]).uniform(60, 180, (6, 6, 3)).astype(np.float32)
    picture = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_CUBIC)
    picture[..., 1] += 40 * row["label"]
    valid = np.ones(frames, bool)
    valid[row.get("lost", [])] = False
    return Carrier(
        np.stack([picture.clip(0, 255).astype(np.uint8)] * frames), np.stack([LANDMARKS] * frames),
        np.tile(np.array([8, 8, 88, 88], np.float32), (frames, 1)), valid,
    )  # fmt: skip


def faces(
    count: int, first: int = 0, frames: int = 2, augment: bool = False, selfblend: float = 0.0, **more
) -> ClipDataset:
    rows = [{"seed": first + k, "label": k % 2, "group": str(first + k), **more} for k in range(count)]
    return ClipDataset(rows, load_face, frames, augment=augment, selfblend=selfblend)


def run(out, config: TrainConfig = QUICK, train=None, val=None, **more) -> list[dict]:
    return list(fit(config, train or faces(3), val or faces(4, 100), out, device="cpu", **more))


def untimed(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if key not in TIMES} for record in history]


def weights_of(out) -> dict[str, torch.Tensor]:
    kept = torch.load(out / "last.pt", weights_only=True)
    moments = {f"{n} {k}": v for n, each in kept["optimizer"]["state"].items() for k, v in each.items()}
    return kept["net"] | moments


def same_state(one, other) -> bool:
    a, b = weights_of(one), weights_of(other)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- going on --------------------------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def stop_at(step: int):
    """A progress that raises at the given step of the whole run."""
    seen = []

    def progress(share: float) -> None:
        seen.append(share)
        if len(seen) == step:
            raise Stopped

    return progress


# --- the whole net ---------------------------------------------------------------------------------------------------

WHOLE = TrainConfig(batch=1, epochs=2, frozen=15, unfreeze_epoch=1, precision="fp32", mask_weight=0.5)


def whole_run(out, progress=None) -> list[dict]:
    """Two epochs of two steps; augmented, self-blended; the backbone thaws in the second."""
    pairs = ClipDataset(faces(1).rows + faces(1, 7).rows, load_face, 1, augment=True, selfblend=1.0)
    return list(fit(WHOLE, pairs, faces(2, 50, frames=1), out, device="cpu", progress=progress))


def kill_at(step: int):
    seen = []

    def progress(share: float) -> None:
        seen.append(share)
        if len(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


# --- several processes -----------------------------------------------------------------------------------------------


def without_dropout(net: SpotterNet) -> SpotterNet:
    """Dropout and stochastic depth draw differently in every process; everything else must agree."""
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    net.gru.dropout = 0.0
    net.backbone._global_params = net.backbone._global_params._replace(drop_connect_rate=0.0)
    return net


def shared_run(out: str, lr: str) -> None:
    """Seven rows in batches of three: the last leaves nothing for a second process. Norms learn from the start."""
    torch.set_num_threads(1)
    seed_everything(0)
    loop.SpotterNet = lambda: without_dropout(SpotterNet())
    config = TrainConfig(
        batch=3, epochs=2, frozen=15, unfreeze_epoch=1, precision="fp32", lr=float(lr), mask_weight=0.5
    )
    data = faces(4).rows + faces(3, 7, lost=[0]).rows
    pairs = ClipDataset(data, load_face, 2, augment=True, selfblend=1.0)
    list(fit(config, pairs, faces(2, 50, frames=1), out, device="cpu"))
