"""Train the shipped checkpoint from real faces alone, portraits and five short videos, by self-blending.

    SPOTTER_DATA=… python scripts/train_checkpoint.py anew --out runs/checkpoint

SPOTTER_DATA names a folder with `data/portraits`, `data/grid` and `weights/efficientnet-b0-imagenet.safetensors`. The
portraits in data/people/set_aside.txt, which the sample people were mixed from, are left out. People are split by a
hash of the file name: 85 % train, 15 % validation; five speakers of GRID train, the other five only judge. A fake is a
self-blend, or a blend with one of the portraits most alike. In stage "frames" the backbone and the frame head learn on
pairs of single frames; in stage "clips" the GRU and its head learn on clips of the deployed length, the backbone held
still; "anew" is one after the other. Stopped at any point, the same command goes on; a run that starts from another
wants a `--seed` of its own. `--out` gets best.safetensors and its card. checkpoints/README.md has the commands that
made the shipped checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from spotterlib.base import ROOT, command_line, file_sha256, need_data, output_path, read_json, run_main, write_json
from spotterlib.fakes import Carrier, Donor, clip_row, find_portraits, load_clip, load_still, marked
from spotterlib.model import SpotterNet, read_card, read_tensors, save_checkpoint
from spotterlib.training import ClipDataset, TrainConfig, fit

WEIGHTS = "weights/efficientnet-b0-imagenet.safetensors"
ROWS, CLIPS = "portraits.json", "grid.json"

TEACH = ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a")
JUDGE = ("lwbsza", "pwij3p", "sbia1a", "sbwe5n", "swiz3n")
"""GRID's speakers: those that are trained on, and those that are only judged."""

TEACHINGS, JUDGINGS = 12, 8
"""How often each of them comes in an epoch, filmed anew every time: there are five of them to 787 portraits."""

EPOCHS = {"frames": 52, "clips": 1}
PEOPLE = {"frames": None, "clips": 320}
"""Of each stage, where nothing else is asked for; None: all people."""

ALIKE = 30
"""How many portraits count as alike."""

AVERAGE = 0.998
"""Of the weights, a step (`TrainConfig.average`), in stage "frames"."""

FOREIGN = 0.33
"""Share of the fakes that wear the face of a portrait alike."""

PLACES = 0.5
"""Weight of the loss that asks where a face is pasted (`TrainConfig.mask_weight`), in stage "frames"."""

DECAY = 0.02
"""AdamW's, in stage "frames"."""

ORIGIN = {
    "portraits": "official portraits of members of the United States Congress, public domain (unitedstates/images)",
    "grid": "GRID audiovisual sentence corpus (Cooke, Barker, Cunningham, Shao, 2006), CC BY 4.0",
    "imagenet_weights": "EfficientNet-B0, TF-Hub efficientnet/b0/classification/1, Apache-2.0",
}
LIMITS = [
    "Sees traces of a pasted face; neither wholly generated or reenacted video without a blend, nor sound.",
    "Trained and validated mostly on stills set in motion, of older, frontal US politicians in studio light: on real "
    "video, on other people and in hard light it is wrong more often than stated here.",
    "Validation people are unseen, but their fakes are made by the same recipe as those of training.",
    "A score is no proof. Never accuse anyone on a score alone.",
]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "seed", out="runs/checkpoint")
    parser.add_argument("stage", choices=["frames", "clips", "anew"], help="what is trained; anew: one after the other")
    parser.add_argument(
        "--start",
        nargs="+",
        help="checkpoint to start from, or several, whose mean is taken (default: ImageNet weights)",
    )
    parser.add_argument("--epochs", type=int, help="of a stage (default: 52 of frames, 1 of clips)")
    parser.add_argument("--lr", type=float, default=3e-4, help="learning rate of the first epoch")
    parser.add_argument(
        "--rows", type=int, help="train on the first N people only, in the order of their hashes (clips: 320, else all)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    options = parser.parse_args(arguments)
    home = need_data("data/portraits", "data/grid", WEIGHTS)
    out = output_path(options.out)
    if options.stage != "anew":
        train(options.stage, options, home, out, options.start)
        return
    frames = train("frames", options, home, out / "frames", options.start)
    options.epochs = options.rows = None
    train("clips", options, home, out / "clips", [str(frames)])


def train(stage: str, options: argparse.Namespace, home: Path, out: Path, start: list[str] | None) -> Path:
    """One stage, or what is left of it; returns its best checkpoint."""
    epochs = options.epochs or EPOCHS[stage]
    count = options.rows or PEOPLE[stage]
    rows = portrait_rows(home / "data" / "portraits", out.parent / ROWS)
    people = [row for row in rows if not is_validation(row["name"])]
    people = sorted(people, key=lambda row: name_hash(row["name"]))[:count]
    val = [row for row in rows if is_validation(row["name"])]
    print(f"{stage}: {len(people)} people to train on, {len(val)} for validation")
    weights = home / WEIGHTS
    card = {
        "name": "spotter_v1",
        "licence": "MIT",
        "limits": LIMITS,
        "data": {
            "training": "public-domain portraits set in motion, and five real clips; fakes of them by self-blending "
            "and by blending people who look alike; no deepfake was seen",
            "origin": ORIGIN,
            "people": {"all": len(rows), "this_stage": len(people), "validation": len(val)},
            "portraits_sha256": listing_sha256(rows),
            "imagenet_weights_sha256": file_sha256(weights),
        },
    }
    common = {"epochs": epochs, "restart": epochs, "lr": options.lr, "patience": epochs}
    common |= {"workers": options.workers, "unfreeze_epoch": -1, "seed": options.seed}
    if stage == "frames":
        own = {"frame_weight": 1.0, "mask_weight": PLACES, "average": AVERAGE, "weight_decay": DECAY}
        config, frames = TrainConfig(batch=12, frozen=5, **own, **common), 1
    else:
        config, frames = TrainConfig(batch=4, frozen=18, frame_weight=0.2, **common), 24
    grid = grid_rows(home / "data" / "grid", out.parent / CLIPS)
    often = TEACHINGS if count is None else 5
    people += [row for row in grid if row["group"] in TEACH for _ in range(often)]
    val += [row for row in grid if row["group"] in JUDGE for _ in range(JUDGINGS)]
    pairs, held = (  # held is the same in every run
        ClipDataset(part, load, frames, seed, selfblend=1.0, donor=Donors(alike(part)))
        for part, seed in ((people, config.seed), (val, 1))
    )
    first = mean_of(start, out) if start else weights
    with tqdm(total=1.0, desc=out.name, mininterval=20) as bar:
        progress = lambda share: bar.update(share - bar.n)  # noqa: E731
        for record in fit(config, pairs, held, out, first, card, progress=progress):
            bar.reset()
            tqdm.write(" ".join(f"{k} {v:.4g}" for k, v in record.items()))
    return out / "best.safetensors"


def mean_of(paths: list[str], out: Path) -> Path:
    """A checkpoint with the mean weights of several, kept as `out`/start.safetensors; of one, that one."""
    if len(paths) == 1:
        return Path(paths[0])
    states = [read_tensors(path) for path in paths]
    whole = {
        name: sum(state[name].float() for state in states) / len(states) if first.is_floating_point() else first
        for name, first in states[0].items()
    }
    net = SpotterNet()
    net.load_state_dict(whole)
    out.mkdir(parents=True, exist_ok=True)
    return save_checkpoint(out / "start.safetensors", net, read_card(paths[0]))


def load(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """A portrait set in motion, or a stretch of a real video."""
    return (load_still if row.get("still") else load_clip)(row, rng, frames)


@dataclass(frozen=True)
class Donors:
    """The faces that fakes wear, but their own: those of portraits alike (`alike`)."""

    near: dict[int, list[int]]

    def __call__(self, data: ClipDataset, number: int, carrier: Carrier, rng: np.random.Generator) -> Donor | None:
        others = self.near.get(number, ())
        if not len(others) or rng.uniform() > FOREIGN:
            return None
        return marked(data.load(data.rows[int(rng.choice(others))], rng if data.augment else None, data.frames))


def alike(rows: list[dict]) -> dict[int, list[int]]:
    """For each portrait the numbers of the portraits most like it: in the shape of the face and its colours."""
    stills = [number for number, row in enumerate(rows) if row.get("still")]
    looks = np.array([look(rows[number]) for number in stills])
    looks = (looks - looks.mean(0)) / looks.std(0)
    apart = np.linalg.norm(looks[:, None] - looks[None], axis=2)
    nearest = apart.argsort(axis=1)[:, 1 : ALIKE + 1]
    return {number: [stills[k] for k in near] for number, near in zip(stills, nearest, strict=True)}


def look(row: dict) -> np.ndarray:
    """What a portrait looks like: its landmarks in the box (10,) and the mean colour of the face (3,), L*a*b*."""
    box = np.array(row["box"])
    shape = (np.array(row["landmarks"]) - box[:2]) / (box[2] - box[0])
    x0, y0, x1, y1 = np.round(box).astype(int)
    quarter = (x1 - x0) // 4
    picture = cv2.imread(row["path"])[max(y0, 0) + quarter : y1 - quarter, max(x0, 0) + quarter : x1 - quarter]
    return np.concatenate([shape.ravel() * 3, cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).mean((0, 1))])


def grid_rows(folder: Path, kept: Path) -> list[dict]:
    """GRID's clips with their faces."""
    return clip_rows({folder / f"{name}.mpg": name for name in TEACH + JUDGE}, kept)


def clip_rows(videos: dict[Path, str], kept: Path) -> list[dict]:
    """Rows of real videos (path → who is in it), their faces found once and kept, and found anew for other videos."""
    rows = read_json(kept) if kept.exists() else []
    if [row["path"] for row in rows] != [str(path) for path in videos]:
        rows = [clip_row(path, person) for path, person in videos.items()]
        write_json(kept, rows)
    return rows


def name_hash(name: str) -> int:
    """A number that orders and divides people, the same everywhere."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def is_validation(name: str) -> bool:
    """Whether a person is one of the 15 % kept for validation."""
    return name_hash(name) % 100 < 15


def portrait_rows(folder: Path, kept: Path) -> list[dict]:
    """The portraits with a face, found once and kept."""
    if kept.exists():
        return read_json(kept)
    aside = (ROOT / "data" / "people" / "set_aside.txt").read_text(encoding="utf-8").split()
    with tqdm(total=1.0, desc="faces", mininterval=10) as bar:
        rows = find_portraits(folder, set(aside), lambda share: bar.update(share - bar.n))
    return read_json(write_json(kept, rows))


def listing_sha256(rows: list[dict]) -> str:
    """One hash over the sha256 of every portrait, in the order of their names."""
    whole = hashlib.sha256()
    for row in sorted(rows, key=lambda r: r["name"]):
        whole.update(f"{row['name']} {file_sha256(row['path'])}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    run_main(main)
