"""What a face cache weighs, and what its coding changes in a score.

    python benchmarks/measure_cache.py          (after `make demo`)

Prints the bytes a video, and how far the probability of a clip moves when the network sees the 24 crops as they are
coded for evaluation (PNG) and for training (JPEG), beside what a scan of the video itself would cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spotterlib.base import command_line, run_main
from spotterlib.data import Manifest
from spotterlib.faces import find_faces, load_cache_table, opened, read_cache, read_wide
from spotterlib.model import load_checkpoint
from spotterlib.scan import windows_of


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device")
    parser.add_argument("--cache", default="runs/demo/cache", help="a face cache, as 02 makes one")
    parser.add_argument("--split", default="runs/demo/split.csv", help="the manifest that was cached")
    options = parser.parse_args(arguments)
    detector = load_checkpoint(options.checkpoint, options.device)
    manifest = Manifest.load(options.split)
    table = load_cache_table(options.cache)
    table = table[table["file"] != ""]
    sizes, drifts = [], {"PNG": [], "JPEG": []}
    for path, file in table[["path", "file"]].itertuples(index=False):
        sizes.append(Path(file).stat().st_size)
        kept, found = read_cache(file, grid_only=True), find_faces(manifest.root / path, device=detector.device)
        rows, valid = windows_of(found.tracks[0], found.clips[0], detector.most_roll)
        with opened(file) as arrays:
            grid = np.flatnonzero(np.isin(arrays["clip0_times"], kept.clips[0].times))
            coded = read_wide(arrays, 0, grid, exact=False).frames
        scanned, *others = (
            detector.score_clips(np.stack([frames[row] for row in rows]), np.stack(valid))
            for frames in (found.clips[0].frames, kept.clips[0].frames, coded)
        )
        for name, p in zip(drifts, others, strict=True):
            drifts[name].append(float(np.abs(p - scanned).max()))
    least, mean, most = (value / 1e6 for value in (min(sizes), np.mean(sizes), max(sizes)))
    print(f"{len(sizes)} videos, {mean:.2f} MB each (from {least:.2f} to {most:.2f})")
    for name, moved in drifts.items():
        print(f"{name}: the score moves by {np.mean(moved):.4f} on average, {np.max(moved):.4f} at most")


if __name__ == "__main__":
    run_main(main)
