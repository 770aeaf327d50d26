"""Fit how a video of many looks is judged: honest and forged shots, composed to films of 1 to 60 shots.

    SPOTTER_DATA=… python benchmarks/joining.py [--checkpoint …]

The shots: every clip of `data/grid` and `data/clips` and every real sample clip, and the forged sample clips (blends
and face swaps of people who do not exist). Each is looked at in 12 frames, as a shot of 3 s of a film is, and its
P(fake) is kept in `--out`/shots.json. Films are then drawn from those shots by the thousand, honest ones and ones with
1 or 3 forged shots, and judged by rule after rule: the tables of docs/joining.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import logit, logsumexp

from spotterlib.base import atomic_path, command_line, need_data, output_path, read_json, run_main, write_json
from spotterlib.faces import crop_box, crop_face, detect_faces
from spotterlib.fakes import make_samples
from spotterlib.model import Detector, load_checkpoint
from spotterlib.video import probe_video, read_frames

LOOKS = 12
"""Frames of a shot of 3 s in a film."""

COUNTS = (1, 2, 4, 8, 15, 30, 60)
DRAWN = 4000
"""Films drawn for a cell of a table."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", "seed", out="runs/joining")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    detector = load_checkpoint(options.checkpoint, options.device)
    kept = out / "shots.json"
    found = read_json(kept) if kept.is_file() else {}
    if found.get("checkpoint") != detector.card["sha256"]:
        found = {"checkpoint": detector.card["sha256"]} | measure(detector)
        write_json(kept, found)
    text = tables(found, detector.thresholds[1], options.seed)
    print(text)
    with atomic_path(out / "joining.md") as part:
        part.write_text(text, encoding="utf-8")


def measure(detector: Detector) -> dict[str, list[float]]:
    """P(fake) of every shot, honest and forged."""
    home = need_data("data/grid", "data/clips")
    samples = make_samples()
    clips = [p for name in ("grid", "clips") for p in sorted((home / "data" / name).iterdir()) if p.suffix != ".md"]
    by_label = [[samples.root / path for path in samples.table.query(f"label == {label}")["path"]] for label in (0, 1)]
    shots = {"honest": [*clips, *by_label[0]], "forged": by_label[1]}
    return {
        name: [p for p in (score(detector, path) for path in paths) if p is not None] for name, paths in shots.items()
    }


def score(detector: Detector, path: Path) -> float | None:
    """P(fake) of one shot by its main face, None where it is seen in fewer than 8 frames."""
    last = probe_video(path).frames - 1
    pictures = list(read_frames(path, np.linspace(0, last, LOOKS).round().astype(int).tolist()).values())
    found = [(picture, faces.boxes) for picture, faces in zip(pictures, detect_faces(pictures), strict=True)]
    crops = [crop_face(picture, crop_box(boxes[:1])[0]) for picture, boxes in found if len(boxes)]
    return float(detector.score_clips(np.stack(crops)[None])[0]) if len(crops) >= 8 else None


def mean_of_odds(z: np.ndarray) -> np.ndarray:
    return logsumexp(z, axis=1) - np.log(z.shape[1])


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean of logits": lambda z: z.mean(1),
    "mean of odds": mean_of_odds,
    "strongest shot, n not allowed for": lambda z: z.max(1),
}
"""Logits (films, shots) → logit of each film."""


def tables(found: dict, t_high: float, seed: int) -> str:
    """The share of films called FAKE, by rule, number of shots and how many of them are forged."""
    rng = np.random.default_rng(seed)
    honest, forged = (logit(np.clip(found[name], 1e-6, 1 - 1e-6)) for name in ("honest", "forged"))
    sure = forged[forged >= logit(0.95)]
    lines = [
        f"{len(honest)} honest shots, {len(forged)} forged ones, {len(sure)} of them with P(fake) from .95 on.",
        "",
    ]
    kinds = {"none": (0, forged), "1": (1, forged), "1, from .95 on": (1, sure), "3": (3, forged)}
    lines += [
        "| rule | forged | " + " | ".join(f"{n}" for n in COUNTS) + " |",
        "| --- | --- |" + " --- |" * len(COUNTS),
    ]
    for name, rule in RULES.items():
        for kind, (count, pool) in kinds.items():
            shares = []
            for n in COUNTS:
                if count > n or not len(pool):
                    shares.append("–")
                    continue
                z = rng.choice(honest, (DRAWN, n))
                z[:, :count] = rng.choice(pool, (DRAWN, count))
                shares.append(f"{100 * (rule(z) >= logit(t_high)).mean():.1f} %")
            lines.append(f"| {name} | {kind} | " + " | ".join(shares) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_main(main)
