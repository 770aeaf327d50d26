"""The exported checkpoint beside torch's: probabilities, speed, memory and size.

    python benchmarks/measure_onnx.py          (after `make demo`, which makes the sample clips)

Cuts the faces of the sample clips (and of GRID's, where SPOTTER_DATA leads to them), scores them with both, and prints
how far the probabilities differ and what each needs, in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from spotterlib import export_onnx
from spotterlib.base import DataError, command_line, data_home, find_input, output_path, run_main
from spotterlib.faces import find_faces
from spotterlib.model import DEFAULT_CHECKPOINT
from spotterlib.scan import windows_of

_SCORE = """
import json, resource, sys, time
import numpy as np
kind, place, clips, out = sys.argv[1:]
begun = time.perf_counter()
if kind == "torch":
    from spotterlib import load_checkpoint
    detector = load_checkpoint(place, "cpu")
else:
    from spotterlib import Detector
    detector = Detector.from_onnx(place)
ready = time.perf_counter() - begun
with np.load(clips) as kept:
    faces, valid = kept["faces"], kept["valid"]
detector.score_clips(faces[:1], valid[:1])
times, found = [], []
for row in range(len(faces)):
    begun = time.process_time()
    logits, each = detector.clip_logits(faces[row : row + 1], valid[row : row + 1])
    times.append(time.process_time() - begun)
    p = detector.calibrated(logits, "clip").tolist()
    frames = detector.calibrated(each[0][valid[row]], "frame").tolist()
    found.append(p + frames)
held = sum(v.nbytes for v in (faces, valid))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - held
result = {"ready": ready, "clip": float(np.median(times)), "peak": peak, "scores": found}
result["torch"] = "torch" in sys.modules
open(out, "w").write(json.dumps(result))
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", out="runs/onnx")
    parser.add_argument("--clips", default="data/samples", help="a folder of videos")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    export_onnx(options.checkpoint, out)
    videos = sorted(v for part in ("real", "fake") for v in (find_input(options.clips) / part).glob("*.mp4"))
    home = data_home()
    videos += sorted((home / "data" / "grid").glob("*.mpg")) if home else []
    if not videos:
        raise DataError(f"{options.clips} holds no sample clips. Run make demo first.")
    faces, masks = [], []
    for video in videos:
        seen = find_faces(video)
        for track, clip in zip(seen.tracks, seen.clips, strict=True):
            rows, valid = windows_of(track, clip, 180.0)
            faces += [clip.frames[row] for row, there in zip(rows, valid, strict=True) if there.any()]
            masks += [there for there in valid if there.any()]
    clips = out / "faces.npz"
    np.savez(clips, faces=np.stack(faces), valid=np.stack(masks))
    checkpoint = options.checkpoint or str(DEFAULT_CHECKPOINT)
    found = {kind: _score(kind, place, clips) for kind, place in (("torch", checkpoint), ("onnx", str(out)))}
    weights = {"torch": Path(checkpoint).stat().st_size}
    weights["onnx"] = sum((out / f"{name}.onnx").stat().st_size for name in ("trunk", "recurrent"))
    print(f"{len(faces)} windows of faces of {len(videos)} videos")
    for name, part in (("of windows", slice(0, 1)), ("of frames", slice(1, None))):
        apart = np.concatenate([
            np.abs(np.array(a[part]) - np.array(b[part]))
            for a, b in zip(*(found[kind]["scores"] for kind in found), strict=True)
        ])  # fmt: skip
        print(f"probabilities {name} differ by {apart.mean():.1e} on average, {apart.max():.1e} at most")
    packages = {"torch": ["torch", "efficientnet_pytorch"], "onnx": ["onnxruntime"]}
    print("| | torch | onnxruntime |\n| --- | --- | --- |")
    for name, value in (
        ("processor seconds a window of 24 crops", lambda kind: f"{found[kind]['clip']:.2f}"),
        ("seconds from start to ready", lambda kind: f"{found[kind]['ready']:.1f}"),
        ("peak memory beyond the crops, MB", lambda kind: f"{found[kind]['peak'] / 1e6:.0f}"),
        ("weights, MB", lambda kind: f"{weights[kind] / 1e6:.1f}"),
        ("packages installed, MB", lambda kind: f"{sum(map(_installed, packages[kind])) / 1e6:.0f}"),
    ):
        print(f"| {name} | {value('torch')} | {value('onnx')} |")
    for kind in found:
        print(f"{kind}: torch was {'imported' if found[kind]['torch'] else 'not imported'}")


def _score(kind: str, place: str, clips: Path) -> dict:
    """What one of the two says and needs, measured in a fresh process."""
    result = clips.with_name(f"{kind}.json")
    subprocess.run([sys.executable, "-c", _SCORE, kind, place, str(clips), str(result)], check=True)
    return json.loads(result.read_text())


def _installed(package: str) -> int:
    """Bytes of a package on disk."""
    return sum(f.size or 0 for f in metadata.files(package) or [])


if __name__ == "__main__":
    run_main(main)
