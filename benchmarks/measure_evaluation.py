"""How long an evaluation takes beside the model's forward pass alone.

    python benchmarks/measure_evaluation.py     (after `make demo`)

Evaluates cached videos (repeated until there are as many as asked) with `evaluate`, writes nothing, and then times
the forward passes of the same windows, read beforehand. Prints seconds of both and their ratio, at most 2 is wanted;
of the clock, and of the processor, which is what to look at where others use the machine too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from spotterlib.base import command_line, run_main, seed_everything, write_json
from spotterlib.evaluation import evaluate
from spotterlib.faces import load_cache_table, read_cache
from spotterlib.model import load_checkpoint
from spotterlib.scan import windows_of


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device")
    parser.add_argument("--cache", default="runs/demo/cache", help="a face cache, as 02 makes one")
    parser.add_argument("--clips", type=int, default=32, help="videos to evaluate")
    options = parser.parse_args(arguments)
    seed_everything(0)
    detector = load_checkpoint(options.checkpoint, options.device)
    usable = load_cache_table(options.cache)
    usable = usable[usable["file"] != ""].reset_index(drop=True)
    table = usable.iloc[np.arange(options.clips) % len(usable)].reset_index(drop=True)
    copies = [str(number) for number in np.arange(options.clips) // len(usable)]
    table["path"] = pd.Series(copies) + "/" + table["path"]  # each counts as a video of its own people
    table["group"] = pd.Series(copies) + "-" + table["group"]
    table["ids"] = ""
    windows, masks = [], []
    for file in table["file"]:
        found = read_cache(file, grid_only=True)
        for track, clip in zip(found.tracks, found.clips, strict=True):
            rows, valid = windows_of(track, clip, detector.most_roll)
            windows += [clip.frames[row] for row in rows]
            masks += list(valid)
    detector.clip_logits(np.stack(windows[:2]), np.stack(masks[:2]))  # the first call chooses kernels
    begun = now()
    forward(detector, windows, masks)
    alone = now() - begun
    begun = now()
    found = evaluate(detector, table, split=None)
    with tempfile.TemporaryDirectory() as folder:
        write_json(f"{folder}/evaluation.json", found.facts)
    whole = now() - begun
    print(found)
    threads = torch.get_num_threads()
    print(f"{len(table)} videos, {len(windows)} windows, on {detector.device} with {threads} threads")
    for name, passes, evaluation in zip(("clock", "processor"), alone, whole, strict=True):
        times = evaluation / passes
        print(f"{name}: forward passes {passes:.1f} s, evaluation {evaluation:.1f} s: {times:.2f} times as long")


def now() -> np.ndarray:
    """Seconds of the clock and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def forward(detector, windows: list[np.ndarray], masks: list[np.ndarray]) -> None:
    """The model over all windows, in the batches that `score_cache` makes of videos with one window each."""
    for start in range(0, len(windows), 4):
        detector.clip_logits(np.stack(windows[start : start + 4]), np.stack(masks[start : start + 4]))
        if detector.device != "cpu":
            torch.cuda.synchronize()


if __name__ == "__main__":
    run_main(main)
