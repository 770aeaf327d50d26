"""What a scan costs against length, size, faces and batch, as curves; and what DFDC would take.

    python benchmarks/scale.py

Writes scale.json and scale.svg to `--out`. Each point is the median of --rounds scans in processor seconds, all threads
together: what a core is busy for, however many share the work. Clips: runs/bench (`clips.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import matplotlib
import numpy as np
import torch
from bench import SIZES, clip, processor
from clips import repeat_clip

from spotterlib.base import atomic_path, command_line, output_path, run_main, versions, write_json
from spotterlib.data import build_manifest
from spotterlib.faces import cache_faces
from spotterlib.model import load_checkpoint
from spotterlib.scan import scan_video

DFDC = 119_154
"""Training clips of DFDC, of 10 s in 1080p (Dolhansky et al., 2020)."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, out="benchmarks")
    parser.add_argument("--rounds", type=int, default=3, help="every figure is the median of so many")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    work = output_path("runs/bench")
    work.mkdir(parents=True, exist_ok=True)
    detector = load_checkpoint(device="cpu")

    def scans(path: Path) -> float:
        return busy(lambda: scan_video(path, detector), options.rounds)

    short, again = clip(work, SIZES["720p"], 6.0), clip(work, SIZES["720p"], 6.0, loop=True)
    lengths = {}
    for times in (1, 2, 4, 8, 16):
        path = work / f"720p-6s-{times}-times-loop.mp4"
        lengths[6 * times] = scans(path if path.exists() else repeat_clip(again, path, times))
    heights = {h: scans(clip(work, (h * 16 // 9 // 2 * 2, h), 6.0)) for h in (240, 360, 480, 720, 1080, 2160)}
    people = {count: scans(clip(work, SIZES["1080p"], 6.0, count)) for count in (1, 2, 3, 4)}
    crops = scan_video(short, detector).faces[0].clip.frames[None]
    batches = {
        size: busy(lambda size=size: detector.clip_logits(np.repeat(crops, size, 0), batch=size), options.rounds) / size
        for size in (1, 2, 4, 8)
    }
    whole = clip(work, SIZES["1080p"], 10.0)
    folder = work / "one" / "real"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / whole.name).exists():
        os.link(whole, folder / whole.name)
    manifest = build_manifest(folder.parent)
    turn = iter(range(1_000_000))
    cached = busy(lambda: cache_faces(manifest, work / "caches" / f"{time.time_ns()}-{next(turn)}"), options.rounds)
    scanned = scans(whole)
    hours = {
        task: {str(cores): DFDC * taken / 3600 / cores for cores in (1, 16, 256)}
        for task, taken in (("cache", cached), ("scan", scanned))
    }
    facts = {
        "unit": "processor seconds",
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "versions": versions(),
        "length_s": lengths,
        "height_px": heights,
        "faces": people,
        "clips_in_a_batch": batches,
        "clip_of_10_s_1080p": {"cache": cached, "scan": scanned},
        "dfdc_hours": hours,
    }
    write_json(out / "scale.json", facts)
    draw(facts, out / "scale.svg")
    for name in ("length_s", "height_px", "faces", "clips_in_a_batch", "clip_of_10_s_1080p", "dfdc_hours"):
        print(name, facts[name])


def busy(function: Callable[[], object], rounds: int) -> float:
    """Median of the processor seconds of all threads."""
    function()
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        function()
        taken.append(time.process_time() - begun)
    return round(median(taken), 3)


def draw(facts: dict, path: Path) -> None:
    """Four curves beside each other."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plots = (
        ("length_s", "length of a 720p video, s", "a scan, processor s"),
        ("height_px", "height of a 6 s video, px", "a scan, processor s"),
        ("faces", "faces in a 6 s 1080p video", "a scan, processor s"),
        ("clips_in_a_batch", "clips of 24 frames in a batch", "the network on a clip, processor s"),
    )
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.2), constrained_layout=True)
    for ax, (name, along, up) in zip(axes, plots, strict=True):
        ax.plot(list(facts[name]), list(facts[name].values()), "o-", color="#1f5fa8")
        ax.set(xlabel=along, ylabel=up, ylim=(0, None))
        ax.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg")
    plt.close(figure)


if __name__ == "__main__":
    run_main(main)
