"""Train on a face cache from a terminal, on any number of processes and machines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ..base import output_path, run_main
from ..faces import FRAMES
from ..model import DEFAULT_CHECKPOINT
from .cached import cached_parts
from .loop import fit, stoppable_training
from .settings import TrainConfig


def main(arguments: Sequence[str] | None = None) -> None:
    """`accelerate launch -m spotterlib.training --work runs/mine`: train on 02's cache, on any number of processes."""
    parser = argparse.ArgumentParser(prog="python -m spotterlib.training", description=main.__doc__)
    parser.add_argument("--work", required=True, help="folder of 01 and 02; the run goes into it")
    parser.add_argument("--run", default="train", help="name of the run, a folder under --work (train)")
    parser.add_argument("--start", default=str(DEFAULT_CHECKPOINT), help="checkpoint to start from")
    parser.add_argument("--frames", type=int, default=FRAMES, help="frames a clip")
    parser.add_argument("--selfblend", type=float, default=0.5, help="chance that a real clip brings a fake of itself")
    for name in ("epochs", "batch", "lr", "workers", "seed", "precision", "frozen", "unfreeze_epoch", "average"):
        default = getattr(TrainConfig, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"({default})")
    chosen = vars(parser.parse_args(arguments))
    work, run, start, frames, selfblend = (chosen.pop(name) for name in ("work", "run", "start", "frames", "selfblend"))
    config, out = TrainConfig(**chosen), output_path(work) / run
    with stoppable_training(out):
        train, val = cached_parts(work, frames, selfblend, config.seed)
        for epoch in fit(config, train, val, out, start):
            if os.environ.get("RANK", "0") == "0":
                print("  ".join(f"{key} {value:.4g}" for key, value in epoch.items()), flush=True)


if __name__ == "__main__":
    run_main(main)
