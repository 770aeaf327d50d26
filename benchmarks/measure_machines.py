"""By how much a scan's figures differ on another processor: what `verify_report` may allow.

    python benchmarks/measure_machines.py [FOLDER]      (data/samples by default; --every 4: every fourth video)

Scans each video as this processor does it, and again with the instructions of older ones alone (oneDNN's and torch's
switches for that, in processes of their own), and prints the largest difference of every kind of figure, and how many
reports `verify_report`'s tolerance would let pass. Writes `--out`/machines.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spotterlib import scan_video
from spotterlib.base import command_line, find_input, output_path, run_main, write_json
from spotterlib.fakes import make_samples
from spotterlib.model import load_checkpoint
from spotterlib.scan.verify import TOLERANCE
from spotterlib.video import is_video

OLDER = {
    "as it is": {},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
"""The switches of a process that does without newer instructions."""

KINDS = {"boxes": "px", "heatmaps": "heat", "zones": "heat"}
"""Which tolerance a column of a face stands under; any other number stands under that of probabilities."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, out="runs/machines")
    parser.add_argument("folder", nargs="?", help="a folder of videos; the sample clips when there is none")
    parser.add_argument("--every", type=int, default=4, help="take one video of so many")
    parser.add_argument("--as-it-is", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    root = find_input(options.folder) if options.folder else make_samples().root
    videos = sorted(path for path in root.rglob("*") if is_video(path.name) and "masks" not in path.parts)
    videos = videos[:: options.every]
    if options.as_it_is:
        detector = load_checkpoint()
        print(json.dumps([scan_video(path, detector).to_dict(heat=True) for path in videos]))
        return
    asked = [sys.executable, str(Path(__file__)), str(root), "--every", str(options.every), "--as-it-is"]
    told = {
        name: json.loads(subprocess.run(asked, env=os.environ | switches, capture_output=True, check=True).stdout)
        for name, switches in OLDER.items()
    }
    usual, found = told.pop("as it is"), {}
    for name, reports in told.items():
        worst = {"probability": 0.0, "px": 0.0, "heat": 0.0}
        passing = 0
        for ours, theirs in zip(usual, reports, strict=True):
            apart = {kind: max((d for k, d in differences(ours, theirs) if k == kind), default=0.0) for kind in worst}
            worst = {kind: max(worst[kind], apart[kind]) for kind in worst}
            passing += all(apart[kind] <= TOLERANCE[kind] for kind in worst)
        verdicts = sum(a["label"] == b["label"] for a, b in zip(usual, reports, strict=True))
        found[name] = {"videos": len(usual), "same verdict": verdicts, "within the tolerance": passing, "most": worst}
        print(name, found[name])
    write_json(output_path(options.out) / "machines.json", found)


def differences(ours: dict, theirs: dict) -> Iterator[tuple[str, float]]:
    """Kind and size of every difference between two reports' figures; infinite where one has a number and one none."""
    for mine, other in zip(ours["faces"], theirs["faces"], strict=False):
        for name, value in mine.items():
            yield from ((KINDS.get(name, "probability"), d) for d in apart(value, other[name]))
    yield "probability", float("inf") if len(ours["faces"]) != len(theirs["faces"]) else 0.0
    yield from (("probability", d) for d in apart(ours["probability"], theirs["probability"]))


def apart(a: Any, b: Any) -> Iterator[float]:
    """Absolute differences of all the numbers in two alike values."""
    if isinstance(a, dict):
        for key in a:
            yield from apart(a[key], b.get(key))
    elif isinstance(a, list):
        for x, y in zip(a, b if isinstance(b, list) else [None] * len(a), strict=False):
            yield from apart(x, y)
    elif isinstance(a, int | float) and isinstance(b, int | float):
        yield abs(a - b)
    elif (a is None) != (b is None):
        yield float("inf")


if __name__ == "__main__":
    run_main(main)
