"""Train the shipped checkpoint from portraits of real people alone, by self-blending.

    SPOTTER_DATA=… python scripts/train_checkpoint.py frames --out runs/checkpoint/frames
    SPOTTER_DATA=… python scripts/train_checkpoint.py clips --start runs/checkpoint/frames/best.safetensors \\
        --out runs/checkpoint/clips

SPOTTER_DATA names a folder with `data/portraits` and `weights/efficientnet-b0-imagenet.safetensors`. The portraits in
data/people/set_aside.txt, which the sample people were mixed from, are left out. People are split by a hash of the file
name: 85 % train, 15 % validation. In stage "frames" the backbone and the frame head learn on pairs of clips of two
frames; in stage "clips" the GRU and its head learn on clips of the deployed length, the backbone held still. Stopped at
any point, the same command goes on. checkpoints/README.md has the commands that made the shipped checkpoint.
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

ORIGIN = {
    "portraits": "official portraits of members of the United States Congress, public domain (unitedstates/images)",
    "imagenet_weights": "EfficientNet-B0, TF-Hub efficientnet/b0/classification/1, Apache-2.0",
}
LIMITS = [
    "Sees traces of a pasted face; neither wholly generated or reenacted video without a blend, nor sound.",
    "Trained and validated on stills set in motion, mostly of older, frontal US politicians in studio light: on real "
    "video, on other people, in coloured light and under hard compression it is wrong far more often than stated here.",
    "Validation people are unseen, but their fakes are made by the same recipe as those of training.",
    "A score is no proof. Never accuse anyone on a score alone.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["frames", "clips"])
    parser.add_argument("--out", required=True, help="folder of the run; best.safetensors and its card end up in it")
    parser.add_argument("--start", help="checkpoint to start from (default: ImageNet weights)")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--rows", type=int, help="train on the first N people only (in the order of their hashes)")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    home = project.data_home()
    if home is None:
        sys.exit("Set SPOTTER_DATA to the folder that holds data/portraits and weights.")
    out = project.output_path(options.out)
    rows = portrait_rows(home / "data" / "portraits", out.parent / ROWS)
    train = [row for row in rows if not is_validation(row["name"])]
    train = sorted(train, key=lambda row: name_hash(row["name"]))[: options.rows]
    val = [row for row in rows if is_validation(row["name"])]
    print(f"{len(train)} people to train on, {len(val)} for validation")
    weights = home / "weights" / "efficientnet-b0-imagenet.safetensors"
    card = {
        "name": "spotter_v1",
        "licence": "MIT",
        "limits": LIMITS,
        "data": {
            "training": "public-domain portraits, set in motion; fakes of them by self-blending; no deepfake was seen",
            "origin": ORIGIN,
            "people": {"all": len(rows), "this_stage": len(train), "validation": len(val)},
            "portraits_sha256": listing_sha256(rows),
            "imagenet_weights_sha256": project.file_sha256(weights),
        },
    }
    common = {"epochs": options.epochs, "restart": options.epochs, "lr": options.lr, "patience": options.epochs}
    common |= {"workers": options.workers, "unfreeze_epoch": -1}
    if options.stage == "frames":
        config, frames = TrainConfig(batch=12, frozen=5, frame_weight=1.0, **common), 2
    else:
        config, frames = TrainConfig(batch=4, frozen=18, frame_weight=0.2, **common), 24
    pairs = ClipDataset(train, load_still, frames, seed=config.seed, selfblend=1.0)
    held = ClipDataset(val, load_still, frames, seed=config.seed + 1, selfblend=1.0)
    with tqdm(total=1.0, desc=out.name, mininterval=20) as bar:
        progress = lambda share: bar.update(share - bar.n)  # noqa: E731
        for record in fit(config, pairs, held, out, options.start or weights, card, progress=progress):
            bar.reset()
            tqdm.write(" ".join(f"{k} {v:.4g}" for k, v in record.items()))


def name_hash(name: str) -> int:
    """A number that orders and divides people, the same everywhere."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def is_validation(name: str) -> bool:
    """Whether a person is one of the 15 % kept for validation."""
    return name_hash(name) % 100 < 15


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
