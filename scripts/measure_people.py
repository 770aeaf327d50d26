"""How much better a checkpoint does on the people that trained it than on others: the price of knowing them by heart.

    SPOTTER_DATA=… python scripts/measure_people.py --out runs/judge [--checkpoint CHECKPOINT]

Frames of 134 portraits that trained and of the 134 that validate, each filmed four times by training's camera, with a
fake of it beside it; the fakes are those of validation. Prints the AUC of the frame head on both. SPOTTER_DATA names a
folder with `data/portraits`.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from train_checkpoint import ROWS, Donors, alike, is_validation, load, portrait_rows

from spotterlib import project
from spotterlib.dataset import ClipDataset
from spotterlib.metrics import auc
from spotterlib.model import load_checkpoint

TIMES = 4
"""How often each portrait is filmed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder that holds or gets portraits.json")
    parser.add_argument("--checkpoint", help="default: the shipped one")
    options = parser.parse_args()
    home = project.data_home()
    if home is None:
        sys.exit("Set SPOTTER_DATA to the folder that holds data/portraits.")
    detector = load_checkpoint(options.checkpoint)
    rows = portrait_rows(home / "data" / "portraits", project.output_path(options.out) / ROWS)
    others = [row for row in rows if is_validation(row["name"])]
    known = [row for row in rows if not is_validation(row["name"])][: len(others)]
    for name, people in (("trained on", known), ("others", others)):
        data = ClipDataset(people, load, 1, 1, selfblend=1.0, donor=Donors(alike(people)))
        clips = [clip for index in range(TIMES * len(people)) for clip in data[index]]
        frames = np.stack([crops[0].permute(1, 2, 0).numpy() for crops, *_ in clips])
        found = auc(np.array([clip[2] for clip in clips]), detector.score_frames(frames))
        print(f"{len(people)} people {name}: AUC {found:.3f}")


if __name__ == "__main__":
    main()
