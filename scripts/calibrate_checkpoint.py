"""Calibrate a checkpoint, and choose its thresholds, on people and videos held back from training.

    SPOTTER_DATA=… python scripts/calibrate_checkpoint.py runs/checkpoint/clips/best.safetensors --out runs/checkpoint

Probabilities are fitted on clips through training's camera, stills set in motion and real videos counting alike. The
thresholds accuse at most 5 % of reals of four kinds, each a quarter: those two, and the same people's photographs and
videos as they are. Training's camera is harder than most videos; alone it would put the bar where hardly a fake is
called one. `--out` holds what training left (people, heads, decodings). Writes the card anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.special import expit
from tqdm import tqdm
from train_checkpoint import CLIPS_MIX, HELD, SHARES, VIDEOS, load, mean_of, prepare, validates, video_rows

from spotterlib.base import command_line, find_input, need_data, output_path, run_main, write_json
from spotterlib.faces import FRAMES, crop_face
from spotterlib.fakes import Forgery, is_held, level, load_clip, nearest
from spotterlib.metrics import auc, choose_thresholds, fit_calibration
from spotterlib.model import Detector, load_checkpoint
from spotterlib.training import ClipDataset

EVEN = 600
"""So many scores stand for each kind of reals, whatever its number."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "device", out="runs/checkpoint")
    parser.add_argument(
        "checkpoint",
        nargs="+",
        help="the .safetensors file whose card is to be written anew, or several (one may come again, to weigh more), "
        "whose mean is taken and left in --out with the card of the first",
    )
    options = parser.parse_args(arguments)
    home, out = need_data("data/faces", "data/portraits", "data/clips", "data/grid"), output_path(options.out)
    place = find_input(mean_of(options.checkpoint, out))
    detector = load_checkpoint(place, options.device)
    everybody, _, decodings = prepare(home, out)
    held = [row for row in everybody if validates(row)]
    videos = [row for row in video_rows(home / "data", out / VIDEOS) if not row["teaches"]]
    filmed = scored_pairs(detector, level(held, HELD["frames"], SHARES, np.random.default_rng(3)) + videos, decodings)
    clips, frames = photographs(detector, held)
    plain = {"videos": as_they_are(detector, videos), "stills": clips}
    stills = {"stills": for_stills(filmed, frames)}
    write_json(place.with_suffix(".json"), {**detector.card, **calibrated(filmed, plain), **stills})


def scored_pairs(detector: Detector, rows: list[dict], decodings: Path) -> dict[str, np.ndarray]:
    """Real and fake clips of the rows through training's camera: clip (N,) and frame (N, T) logits, label, video."""
    data = ClipDataset(
        rows, load, FRAMES, 1, selfblend=1.0, forgery=Forgery(**CLIPS_MIX, near=nearest(rows), decodings=decodings)
    )
    found: dict[str, list] = {"clip": [], "frame": [], "label": [], "video": []}
    for number in tqdm(range(len(data)), desc="clips", mininterval=10):
        for frames, valid, label, row, _ in data[number]:
            whole, each = detector.clip_logits(frames.permute(0, 2, 3, 1).numpy()[None], valid.numpy()[None])
            if np.isfinite(whole[0]):
                for name, value in zip(found, (whole[0], each[0], label, "kind" in rows[row]), strict=True):
                    found[name].append(value)
    return {name: np.array(values) for name, values in found.items()}


def as_they_are(detector: Detector, rows: list[dict]) -> np.ndarray:
    """Clip logits of real videos as a scan cuts them."""
    plain = ClipDataset(rows, load_clip, FRAMES, augment=False)
    clips = [plain[number][0] for number in range(len(plain))]
    frames = np.stack([clip[0].permute(0, 2, 3, 1).numpy() for clip in clips])
    logits, _ = detector.clip_logits(frames, np.stack([clip[1].numpy() for clip in clips]))
    return logits[np.isfinite(logits)]


def photographs(detector: Detector, rows: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Clip and frame logits of photographs that nothing was done to, each standing still for a clip."""
    logits, frames = [], []
    for row in tqdm([row for row in rows if is_held(row["group"])], desc="photographs", mininterval=10):
        crop = crop_face(cv2.imread(row["path"])[..., ::-1], np.array(row["box"]))
        whole, each = detector.clip_logits(np.stack([crop] * FRAMES)[None])
        logits.append(whole[0])
        frames.append(each[0, 0])
    return np.array(logits), np.array(frames)


def for_stills(filmed: dict[str, np.ndarray], plain: np.ndarray) -> dict:
    """The card's calibration and thresholds for single pictures: the frame head on filmed stills, and on photographs.

    One frame of each clip counts, so that no person weighs more than another. Half of the reals whose accused are
    limited are photographs as they are.
    """
    still = ~filmed["video"].astype(bool)
    logits, label = filmed["frame"][still], filmed["label"][still]
    first = np.isfinite(logits).argmax(1)
    logits = logits[np.arange(len(logits)), first]
    label, logits = label[np.isfinite(logits)], logits[np.isfinite(logits)]
    scale, bias = fit_calibration(logits, label)
    p = expit(logits * scale + bias)
    reals = [even(p[label == 0]), even(expit(plain * scale + bias))]
    scores = np.concatenate([*reals, *[even(p[label == 1])] * 2])
    cuts = choose_thresholds(scores, np.repeat([0, 1], len(scores) // 2))
    return {
        "calibration": {"scale": scale, "bias": bias},
        "thresholds": asdict(replace(cuts, counts=None)),
        "validation": {"pictures": len(label), "photographs": len(plain), "auc": auc(label, logits)},
    }


def calibrated(filmed: dict[str, np.ndarray], plain: dict[str, np.ndarray]) -> dict:
    """The card's calibration, thresholds and validation from logits of filmed pairs and of reals as they are."""
    label, video = filmed["label"], filmed["video"].astype(bool)
    times = max(1, round((~video).sum() / max(video.sum(), 1)))  # so that videos weigh what stills do
    chosen = np.concatenate([np.flatnonzero(~video), np.repeat(np.flatnonzero(video), times)])
    scale, bias = fit_calibration(filmed["clip"][chosen], label[chosen])
    frames, labels = filmed["frame"][chosen], np.repeat(label[chosen], filmed["frame"].shape[1])
    there = np.isfinite(frames.ravel())
    frame_scale, frame_bias = fit_calibration(frames.ravel()[there], labels[there])
    p = expit(filmed["clip"] * scale + bias)
    reals = {"stills, filmed": p[(label == 0) & ~video], "videos, filmed": p[(label == 0) & video]}
    reals |= {name: expit(logits * scale + bias) for name, logits in plain.items()}
    fakes = [even(p[(label == 1) & kind]) for kind in (~video, video)] * 2
    scores = np.concatenate([*(even(part) for part in reals.values()), *fakes])
    cuts = choose_thresholds(scores, np.repeat([0, 1], len(scores) // 2))
    by_kind = {
        name: {
            "clips": len(part),
            "accused": float((part >= cuts.t_high).mean()),
            "undecided": float(((part > cuts.t_low) & (part < cuts.t_high)).mean()),
        }
        for name, part in reals.items()
    }
    return {
        "calibration": {
            "clip": {"scale": scale, "bias": bias},
            "frame": {"scale": frame_scale, "bias": frame_bias},
        },
        "thresholds": asdict(replace(cuts, counts=None)),
        "validation": {
            "clips": len(label),
            "reals": int((label == 0).sum()),
            "auc": auc(label, filmed["clip"]),
            "reals_by_kind": by_kind,
        },
    }


def even(scores: np.ndarray) -> np.ndarray:
    """Scores (N,) as `EVEN` of them, evenly along their order."""
    return np.quantile(scores, (np.arange(EVEN) + 0.5) / EVEN, method="inverted_cdf")


if __name__ == "__main__":
    run_main(main)
