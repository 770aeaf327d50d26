"""How much better a checkpoint does on the people that trained it than on others: the price of knowing them by heart.

    SPOTTER_DATA=… python benchmarks/measure_people.py --out runs/judge

Frames of 134 portraits that trained and of the 134 that validate, each filmed four times by training's camera, with a
fake of it beside it; the fakes are those of validation. Prints the AUC of the frame head on both. SPOTTER_DATA names a
folder with `data/portraits`; their faces are kept under `--out`, as `judge_checkpoint.py` keeps them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from spotterlib.base import ROOT, command_line, need_data, output_path, run_main
from spotterlib.fakes import Forgery, head_rows, nearest
from spotterlib.metrics import auc
from spotterlib.model import load_checkpoint
from spotterlib.training import ClipDataset

sys.path.insert(0, str(ROOT / "scripts"))  # whom the checkpoint was trained on
from train_checkpoint import ROWS, is_validation, load, portrait_rows

TIMES = 4
"""How often each portrait is filmed."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = command_line(__doc__, "checkpoint", "device", out="runs/judge").parse_args(arguments)
    home = need_data("data/portraits")
    detector = load_checkpoint(options.checkpoint, options.device)
    out = output_path(options.out)
    rows = head_rows(portrait_rows(home / "data" / "portraits", out / ROWS), out / "heads")
    others = [row for row in rows if is_validation(row["name"])]
    known = [row for row in rows if not is_validation(row["name"])][: len(others)]
    for name, people in (("trained on", known), ("others", others)):
        forgery = Forgery(own=2, foreign=1, near=nearest(people))
        data = ClipDataset(people, load, 1, 1, selfblend=1.0, forgery=forgery)
        clips = [clip for index in range(TIMES * len(people)) for clip in data[index]]
        frames = np.stack([crops[0].permute(1, 2, 0).numpy() for crops, *_ in clips])
        found = auc(np.array([clip[2] for clip in clips]), detector.score_frames(frames))
        print(f"{len(people)} people {name}: AUC {found:.3f}")


if __name__ == "__main__":
    run_main(main)
