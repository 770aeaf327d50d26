"""Train the shipped checkpoint from portraits of real people alone, by self-blending.

    SPOTTER_DATA=… python scripts/train_checkpoint.py --out runs/checkpoint

SPOTTER_DATA names a folder with `data/portraits` and `weights/efficientnet-b0-imagenet.safetensors`. The portraits in
data/people/set_aside.txt, which the sample people were mixed from, are left out. People are split by a hash of the file
name: 85 % train, 15 % validation. First the backbone and the frame head learn on pairs of short clips, then the GRU and
its head on clips of the deployed length, the backbone held still. Stopped at any point, the same command goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from tqdm import tqdm

from spotterlib import project
from spotterlib._stills import find_portraits, load_still
from spotterlib.dataset import ClipDataset
from spotterlib.training import TrainConfig, fit

ROWS = "portraits.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/checkpoint")
    parser.add_argument("--epochs", type=int, default=16, help="of the first stage")
    parser.add_argument("--clip-epochs", type=int, default=2, help="of the second stage")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--stage", choices=["frames", "clips", "both"], default="both")
    options = parser.parse_args()
    home = project.data_home()
    if home is None:
        sys.exit("Set SPOTTER_DATA to the folder that holds data/portraits and weights.")
    out = project.output_path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    rows = portrait_rows(home / "data" / "portraits", out / ROWS)
    train = [row for row in rows if not is_validation(row["name"])]
    val = [row for row in rows if is_validation(row["name"])]
    print(f"{len(train)} people to train on, {len(val)} for validation")
    weights = home / "weights" / "efficientnet-b0-imagenet.safetensors"
    card = {
        "name": "spotter_v1",
        "licence": "MIT",
        "data": {
            "training": f"{len(train)} public-domain portraits, set in motion; fakes by self-blending; no deepfake was seen",
            "people": {"train": len(train), "validation": len(val)},
            "portraits_sha256": listing_sha256(rows),
            "imagenet_weights_sha256": project.file_sha256(weights),
        },
    }
    frames_run, clips_run = out / "frames", out / "clips"
    if options.stage in ("frames", "both"):
        config = TrainConfig(
            batch=12, epochs=options.epochs, lr=3e-4, restart=options.epochs, frozen=5, unfreeze_epoch=-1,
            patience=options.epochs, frame_weight=1.0, workers=options.workers,
        )  # fmt: skip
        run(config, train, val, 2, frames_run, weights, card)
    if options.stage in ("clips", "both"):
        config = TrainConfig(
            batch=4, epochs=options.clip_epochs, lr=3e-4, restart=options.clip_epochs, frozen=18, unfreeze_epoch=-1,
            patience=options.clip_epochs, frame_weight=0.2, workers=options.workers,
        )  # fmt: skip
        run(config, train, val, 24, clips_run, frames_run / "best.safetensors", card)
        print(f"Look at {clips_run}; the checkpoint is best.safetensors with best.json beside it.")


def run(config: TrainConfig, train: list[dict], val: list[dict], frames: int, out: Path, start: Path, card: dict) -> None:
    pairs = ClipDataset(train, load_still, frames, seed=config.seed, selfblend=1.0)
    held = ClipDataset(val, load_still, frames, seed=config.seed + 1, selfblend=1.0)
    with tqdm(total=1.0, desc=out.name, mininterval=20) as bar:
        for record in fit(config, pairs, held, out, start, card, progress=lambda share: bar.update(share - bar.n)):
            bar.reset()
            tqdm.write(" ".join(f"{k} {v:.4g}" for k, v in record.items()))


def is_validation(name: str) -> bool:
    """Whether a person is one of the 15 % kept for validation."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100 < 15


def portrait_rows(folder: Path, kept: Path) -> list[dict]:
    """The portraits with a face, found once and kept."""
    if kept.exists():
        return project.read_json(kept)
    aside = (project.ROOT / "data" / "people" / "set_aside.txt").read_text(encoding="utf-8").split()
    with tqdm(total=1.0, desc="faces", mininterval=10) as bar:
        rows = find_portraits(folder, set(aside), lambda share: bar.update(share - bar.n))
    return project.read_json(project.write_json(kept, rows))


def listing_sha256(rows: list[dict]) -> str:
    """One hash over the sha256 of every portrait, in the order of their names."""
    whole = hashlib.sha256()
    for row in sorted(rows, key=lambda r: r["name"]):
        whole.update(f"{row['name']} {project.file_sha256(row['path'])}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    main()
