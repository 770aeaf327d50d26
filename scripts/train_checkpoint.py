"""Train the shipped checkpoint from real faces alone: stills of some 7,000 people, and short videos of a few.

    SPOTTER_DATA=… python scripts/train_checkpoint.py anew --out runs/checkpoint

SPOTTER_DATA names a folder with `data/faces`, `data/portraits`, `data/clips`, `data/grid` and `weights`. The portraits
that the sample people were mixed from (spotterlib/fakes/people/set_aside.txt) are left out. People are split by a hash
of their name: a tenth of every folder of `data/faces` and 15 % of the portraits validate, and so do the real videos of
half the people in them. Fakes are pasted, seamless or generated (`Forgery`), each made from real faces.

Stage "heads" finds every face, keeps the heads, and decodes and enlarges them (half an hour of two cores, and PyPI
once, for the upscalers). In stage "patches" the
backbone and the frame head learn on pairs of single frames, 160 px of each; in "frames" on whole crops; in "clips" the
GRU and its head learn on clips of the deployed length, the backbone held still. "anew" is all of them. Stopped at any
point, the same command goes on; a run that starts from another wants a `--seed` of its own. `--out` gets
best.safetensors and its card. checkpoints/README.md has the commands that made the shipped checkpoint.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from fetch_upscalers import fetch_upscalers
from tqdm import tqdm

from spotterlib.base import command_line, file_sha256, need_data, output_path, read_json, run_main, write_json
from spotterlib.fakes import PEOPLE as SAMPLE_PEOPLE
from spotterlib.fakes import (
    Carrier,
    Forgery,
    clip_row,
    find_people,
    find_portraits,
    head_rows,
    is_held,
    level,
    load_clip,
    load_still,
    make_decodings,
    nearest,
)
from spotterlib.model import SpotterNet, load_autoencoder, load_upscalers, read_card, read_tensors, save_checkpoint
from spotterlib.training import ClipDataset, TrainConfig, fit

WEIGHTS = "weights/efficientnet-b0-imagenet.safetensors"
ROWS, CLIPS, PEOPLE, VIDEOS = "portraits.json", "grid.json", "people.json", "videos.json"

TEACH = ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a")
JUDGE = ("lwbsza", "pwij3p", "sbia1a", "sbwe5n", "swiz3n")
"""GRID's speakers: those that are trained on, and those that are only judged."""

WEBCAM = {
    "A": "again brother help no student yes",
    "B": "bird milk please sorry thanks",
    "C": "book learn school walk",
    "D": "eat night sister",
    "E": "hungry want",
}
"""Who is in which of `data/clips`."""

WEBCAM_TEACH = "ACE"
"""Of them, those that are trained on."""

SHARES = {"fairface-tight": 0.6, "fairface-wide": 0.1, "fellows": 0.05, "team": 0.05, "studio": 0.04, "portraits": 0.16}
"""Of the stills that an epoch shows, how many come from each folder; within one, race and sex come level."""

STILLS = {"patches": 2000, "frames": 2800, "clips": 160}
"""How many of them an epoch shows."""

EPOCHS = {"patches": 15, "frames": 12, "clips": 3}

SHOWS = 3
"""How many epochs show the clips of one draw: making one takes longer than learning from it."""

HELD = {"patches": 160, "frames": 160, "clips": 60}
"""How many held-back people validate a stage; `calibrate_checkpoint.py` looks at as many as of frames."""

TEACHINGS = {"grid": 8, "webcam": 2}
"""How often each real video comes in an epoch, filmed anew every time."""

FRAMES_MIX = {"own": 0.15, "foreign": 0.2, "seamless": 0.45, "generated": 0.2}
CLIPS_MIX = {"own": 0.3, "foreign": 0.3, "seamless": 0.25, "generated": 0.15}
"""Shares of the kinds of fakes (`Forgery`)."""

PATCH = 10
"""Cells across, of 14, that stage "patches" sees of a crop."""

RATES = {"patches": 4e-4, "frames": 3e-4, "clips": 3e-4}

ORIGIN = {
    "portraits": "official portraits of members of the United States Congress, public domain (unitedstates/images)",
    "fairface": "FairFace (Kärkkäinen & Joo, WACV 2021), CC BY 4.0; Flickr photographs under Creative Commons",
    "studio": "Face Research Lab London Set (DeBruine & Jones, 2017) and Young Adult White Faces (figshare), CC BY 4.0",
    "fellows, team": "Presidential Innovation Fellows and 18F, works of the US Government, public domain",
    "clips": "Intel IoT DevKit sample videos, CC BY 4.0",
    "grid": "GRID audiovisual sentence corpus (Cooke, Barker, Cunningham, Shao, 2006), CC BY 4.0",
    "imagenet_weights": "EfficientNet-B0, TF-Hub efficientnet/b0/classification/1, Apache-2.0",
    "upscalers": "upconv_7 for photographs of waifu2x (nagadomi, MIT) and realesr-animevideov3 of Real-ESRGAN (Wang et "
    "al., BSD-3-Clause): fakes were enlarged by them; they are not in here",
    "decoder": "taef2 by Ollin Boer Bohan (madebyollin/taesd), MIT: fakes were decoded by it; it is not in here",
}
LIMITS = [
    "Sees traces of a pasted or decoded face; a head generated or reenacted whole is seldom caught, and sound is not "
    "looked at.",
    "Trained and validated mostly on stills set in motion: on real video and in hard light it is wrong more often than "
    "stated here.",
    "Validation people are unseen, but their fakes are made by the same recipe as those of training.",
    "Real deepfakes chose the recipe (none trained it), so figures on those flatter it.",
    "A score is no proof. Never accuse anyone on a score alone.",
]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "seed", out="runs/checkpoint")
    stages = ["heads", "patches", "frames", "clips", "anew"]
    parser.add_argument("stage", choices=stages, help="what is done; anew: one after the other")
    parser.add_argument(
        "--start",
        nargs="+",
        help="checkpoint to start from, or several, whose mean is taken (default: ImageNet weights)",
    )
    parser.add_argument("--epochs", type=int, help="of a stage (default: 15 of patches, 12 of frames, 3 of clips)")
    parser.add_argument("--lr", type=float, help="learning rate of the first epoch (default: 4e-4, 3e-4, 3e-4)")
    parser.add_argument("--rows", type=int, help="stills an epoch (default: 2000, 2800, 160)")
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    options = parser.parse_args(arguments)
    home = need_data("data/faces", "data/portraits", "data/clips", "data/grid", WEIGHTS)
    out = output_path(options.out)
    if options.stage == "heads":
        prepare(home, out.parent)
    elif options.stage != "anew":
        train(options.stage, options, home, out, options.start)
    else:
        start = options.start
        options.epochs = options.rows = options.lr = None
        for stage in ("patches", "frames", "clips"):
            start = [str(train(stage, options, home, out / stage, start))]


def prepare(home: Path, kept: Path) -> tuple[list[dict], dict[int, list[int]], Path]:
    """Everybody as rows on their own heads, whose face each may wear, and the folder of the decodings; made once."""
    people = find_rows(home, kept)
    cut = functools.partial(head_rows, folder=kept / "heads")
    rows = [row for part in spread(cut, parts_of(people), "heads") for row in part]
    near: dict[int, list[int]] = {}
    for held in (False, True):  # nobody who is held back gives a face to training
        side = [number for number, row in enumerate(rows) if validates(row) == held]
        found = nearest([rows[number] for number in side])
        near |= {side[k]: [side[j] for j in others] for k, others in found.items()}
    fetch_upscalers(kept / "upscalers")
    spread(functools.partial(decode_part, rows, near, home, kept), parts_of(range(len(rows))), "decodings")
    return rows, near, kept / "decoded"


def find_rows(home: Path, kept: Path) -> list[dict]:
    """Everybody as rows on the pictures as they are, their faces found once and kept."""
    if not (kept / PEOPLE).exists():
        with tqdm(total=1.0, desc="people", mininterval=10) as bar:
            write_json(kept / PEOPLE, find_people(home / "data" / "faces", lambda share: bar.update(share - bar.n)))
    portraits = portrait_rows(home / "data" / "portraits", kept / ROWS)
    return [*read_json(kept / PEOPLE), *(row | {"folder": "portraits"} for row in portraits)]


def decode_part(rows: list[dict], near: dict[int, list[int]], home: Path, kept: Path, numbers: Sequence[int]) -> int:
    """`make_decodings` of some of the rows, on the graphics card where there is one."""
    autoencoder = decoder(home / "weights", "cuda" if torch.cuda.is_available() else "cpu")
    return make_decodings(rows, near, kept / "decoded", autoencoder, enlargers(kept / "upscalers"), numbers=numbers)


decoder, enlargers = functools.cache(load_autoencoder), functools.cache(load_upscalers)


def parts_of(rows: Sequence, size: int = 100) -> list[Sequence]:
    """A sequence in pieces, each a process's work for some seconds to a minute."""
    return [rows[begin : begin + size] for begin in range(0, len(rows), size)]


def spread(work: Callable[[Sequence], object], parts: list[Sequence], what: str) -> list:
    """What the work gives for each part, in their order, made by as many processes as there are cores."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        return list(tqdm(pool.map(work, parts), total=len(parts), desc=what, mininterval=10))


def train(
    stage: str,
    options: argparse.Namespace,
    home: Path,
    out: Path,
    start: list[str] | None,
    deadline: float = math.inf,
) -> Path:
    """One stage, or what is left of it; returns its best checkpoint. deadline: of `time.monotonic`; no epoch is begun
    that would end after it, going by the one before."""
    epochs, lr = options.epochs or EPOCHS[stage], options.lr or RATES[stage]
    everybody, _, decodings = prepare(home, out.parent)
    sides = [[row for row in everybody if validates(row) == held] for held in (False, True)]
    people = level(sides[0], options.rows or STILLS[stage], SHARES, np.random.default_rng([77, options.seed]))
    val = level(sides[1], HELD[stage], SHARES, np.random.default_rng(3))
    print(f"{stage}: {len(people)} stills of {len(sides[0])} people an epoch, {len(val)} for validation")
    weights = home / WEIGHTS
    card = {
        "name": "spotter_v2",
        "licence": "MIT",
        "limits": LIMITS,
        "looks_for": "a pasted or decoded face",
        "data": {
            "training": "stills of ordinary people and of politicians set in motion, and real clips; fakes of them by "
            "blending a face onto itself, by pasting that of one who looks alike, and by a small neural decoder, "
            "inside a soft mask or whole; no deepfake was seen",
            "origin": ORIGIN,
            "people": {"training": len(sides[0]), "held back": len(sides[1]), "an epoch of this stage": len(people)},
            "portraits_sha256": listing_sha256([row for row in everybody if row["folder"] == "portraits"]),
            "faces_sha256": listing_sha256([row for row in everybody if row["folder"] != "portraits"]),
            "imagenet_weights_sha256": file_sha256(weights),
        },
    }
    common = {"epochs": epochs, "restart": epochs, "lr": lr, "patience": epochs}
    common |= {"workers": options.workers, "unfreeze_epoch": -1, "seed": options.seed}
    if stage == "clips":
        config, frames, mix = TrainConfig(batch=4, frozen=18, frame_weight=0.2, **common), 24, CLIPS_MIX
    else:
        own = {"frame_weight": 1.0, "mask_weight": 1.0, "average": 0.995, "weight_decay": 0.02}
        config, frames, mix = TrainConfig(batch=12, frozen=5, **own, **common), 1, FRAMES_MIX
    for row in video_rows(home / "data", out.parent / VIDEOS):
        if row["teaches"]:
            people += [row] * TEACHINGS[row["kind"]]
        else:
            val += [row] * 2
    patch = PATCH if stage == "patches" else 0
    pairs, held = (  # held is the same in every run
        ClipDataset(
            part,
            load,
            frames,
            seed,
            selfblend=1.0,
            forgery=Forgery(**mix, near=nearest(part), decodings=decodings),
            patch=patch,
            shows=shows,
            kept=out / kept,
        )
        for part, seed, shows, kept in ((people, config.seed, SHOWS, "shown"), (val, 1, epochs, "held"))
    )
    first = mean_of(start, out) if start else weights
    with tqdm(total=1.0, desc=out.name, mininterval=20) as bar:
        progress = lambda share: bar.update(share - bar.n)  # noqa: E731
        for record in fit(config, pairs, held, out, first, card, progress=progress):
            bar.reset()
            tqdm.write(" ".join(f"{k} {v:.4g}" for k, v in record.items()))
            if time.monotonic() + record["seconds"] > deadline:
                break
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
    """A still set in motion, or a stretch of a real video."""
    return (load_still if row.get("still") else load_clip)(row, rng, frames)


def validates(row: dict) -> bool:
    """Whether a still's person is held back."""
    return is_validation(row["name"]) if row["folder"] == "portraits" else is_held(row["group"])


def video_rows(data: Path, kept: Path) -> list[dict]:
    """The real videos with their faces: `kind` "grid" or "webcam", and whether each `teaches` or only validates.

    `grid_s2_swwp2s` looks like the speaker of `pwij3p`, so both only validate.
    """
    videos = {data / "grid" / f"{name}.mpg": name for name in TEACH + JUDGE}
    videos |= {data / "clips" / "grid_s2_swwp2s.mpg": "pwij3p"}
    videos |= {
        data / "clips" / f"{name}.mkv": f"webcam {who}" for who, names in WEBCAM.items() for name in names.split()
    }
    teachers = {*TEACH, *(f"webcam {who}" for who in WEBCAM_TEACH)}
    return [
        row | {"kind": "webcam" if row["group"].startswith("webcam") else "grid", "teaches": row["group"] in teachers}
        for row in clip_rows(videos, kept)
    ]


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
    aside = (SAMPLE_PEOPLE / "set_aside.txt").read_text(encoding="utf-8").split()
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
