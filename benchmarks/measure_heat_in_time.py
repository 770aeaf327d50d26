"""Does the red stand when a clip is forged? Clips of which only a part is: the tables of docs/heat.md.

    SPOTTER_DATA=… python benchmarks/measure_heat_in_time.py

Each person gives three clips of 24 frames, filmed by one camera: honest, forged throughout, and forged in 6 to 12
frames in a row (a self-blend). The people are portraits that training left out and the GRID speakers it did not learn
from. Rules that turn the raw maps of a window into what is painted are held against each other. No picture is written:
`--out`/heat.npz keeps maps, scores and which frames are forged, and another run takes them from there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from spotterlib.base import ROOT, atomic_path, command_line, need_data, output_path, run_main
from spotterlib.evidence.heat import red_share
from spotterlib.fakes import (
    REGIONS,
    Carrier,
    clip_row,
    draw_blend,
    draw_camera,
    film,
    find_portraits,
    load_clip,
    load_still,
    self_blend,
)
from spotterlib.metrics import auc
from spotterlib.model import Detector, load_checkpoint
from spotterlib.scan import explain_clips, shown_heat

sys.path.insert(0, str(ROOT / "scripts"))  # whom the checkpoint was trained on
from train_checkpoint import JUDGE, is_validation, name_hash

FRAMES = 24
KINDS = ("honest", "forged throughout", "forged in part")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", out="runs/heat_in_time")
    parser.add_argument("--portraits", type=int, default=32, help="people from data/portraits")
    options = parser.parse_args(arguments)
    detector = load_checkpoint(options.checkpoint, options.device)
    out = output_path(options.out)
    kept = out / "heat.npz"
    found = dict(np.load(kept, allow_pickle=False)) if kept.is_file() else {}
    if not found or str(found["checkpoint"]) != detector.card["sha256"]:
        people = tqdm(list(carriers(options.portraits)), desc="people", mininterval=10)
        clips = [clip for carrier, name in people for clip in explained(detector, carrier, name)]
        found = {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}
        found["checkpoint"] = np.array(detector.card["sha256"])
        with atomic_path(kept) as part, part.open("wb") as file:
            np.savez_compressed(file, **found)
    text = tables(found, detector.thresholds)
    print(text)
    with atomic_path(out / "heat.md") as part:
        part.write_text(text, encoding="utf-8")


def carriers(portraits: int) -> Iterator[tuple[Carrier, str]]:
    """Moving faces of people whom training did not see, and their names."""
    data = need_data("data/portraits", "data/grid") / "data"
    for name in JUDGE:
        rng = np.random.default_rng(name_hash(name) % 2**31)
        yield load_clip(clip_row(data / "grid" / f"{name}.mpg", name), rng, FRAMES), name
    root = data / "portraits"
    names = sorted((p.relative_to(root).as_posix() for p in root.rglob("*.jpg")), key=name_hash)
    chosen = [name for name in names if is_validation(name)][:portraits]
    for row in find_portraits(root, set(names) - set(chosen)):
        yield load_still(row, np.random.default_rng(name_hash(row["name"]) % 2**31), FRAMES), row["name"]


def explained(detector: Detector, carrier: Carrier, name: str) -> list[dict[str, np.ndarray]]:
    """The raw maps and the scores of a person's three clips."""
    rng = np.random.default_rng([7, name_hash(name) % 2**31])
    camera = replace(draw_camera(rng), cover=0.0)
    fakes, _ = self_blend(carrier.frames, carrier.landmarks, draw_blend(rng, str(rng.choice(REGIONS)), least=0.5))
    length = int(rng.integers(6, 13))
    start = int(rng.integers(0, FRAMES - length + 1))
    made = []
    for kind, (first, stop) in enumerate([(0, 0), (0, FRAMES), (start, start + length)]):
        forged = np.zeros(FRAMES, bool)
        forged[first:stop] = True
        crops = film(carrier, camera, np.where(forged[:, None, None, None], fakes, carrier.frames))
        logit, each, heat = explain_clips(detector, crops[None], carrier.valid[None])
        made.append(
            {
                "name": np.array(name),
                "kind": np.array(kind),
                "forged": forged & carrier.valid,
                "valid": carrier.valid,
                "raw": heat[0],
                "frame": detector.calibrated(each[0], "frame"),
                "clip": detector.calibrated(logit, "clip")[0],
            }
        )
    return made


def rules(clip: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What each rule paints: heat (T, 7, 7), 0 … 1."""
    raw, p = clip["raw"], np.nan_to_num(clip["frame"])[:, None, None]
    own, mean = shown_heat(raw, np.where(clip["valid"], 1.0, np.nan)), raw[clip["valid"]].mean(0)
    return {
        "raw map, full red the hottest of the clip": raw / max(float(raw.max()), 1e-9),
        "frame's own map × P(fake) of the clip": own * float(clip["clip"]),
        "frame's own map × P(fake) of both": own * p * float(clip["clip"]),
        "window's mean map × P(fake) of the frame": mean / max(float(mean.max()), 1e-9) * p,
        "**frame's own map × P(fake) of the frame**": shown_heat(raw, clip["frame"]),
    }


def tables(found: dict[str, np.ndarray], thresholds: tuple[float, float]) -> str:
    """Every figure as text in Markdown."""
    whole = found["kind"]
    clips = [{name: v[k] for name, v in found.items() if name != "checkpoint"} for k in range(len(whole))]
    lines = [f"{len(set(found['name'].tolist()))} people, {len(clips)} clips.", ""]
    lines += ["| clips | called FAKE | called REAL | median score of a frame | red of the crop, median and 90 % |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for kind, name in enumerate(KINDS):
        own = [clip for clip in clips if clip["kind"] == kind]
        p = np.array([float(clip["clip"]) for clip in own])
        scores = np.concatenate([clip["frame"][clip["valid"]] for clip in own])
        red = [red_share(one, 1.0) for c in own for one in shown_heat(c["raw"], c["frame"])[c["valid"]]]
        called = f"{np.mean(p >= thresholds[1]):.0%} | {np.mean(p <= thresholds[0]):.0%}"
        lines.append(
            f"| {name} | {called} | {np.median(scores):.2f} | {np.median(red):.0f} %, {np.quantile(red, 0.9):.0f} % |"
        )
    painted = [rules(clip) for clip in clips]
    lines += [
        "",
        "| painted | read by | AUC, all frames | AUC in a clip | hottest at an end | of honest clips |",
    ]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for rule in painted[0]:
        for read, of in (("hottest cell", np.max), ("mean of the cells", np.mean)):
            heat = [of(maps[rule], axis=(1, 2)) for maps in painted]
            lines.append(f"| {rule} | {read} | " + " | ".join(figures(clips, heat)) + " |")
    return "\n".join(lines) + "\n"


def figures(clips: list[dict[str, np.ndarray]], heat: list[np.ndarray]) -> list[str]:
    """AUC of forged against honest frames over all clips forged in part, and its mean over them; the share of windows,
    honest or forged throughout, and of honest ones, whose hottest frame is their first or last. heat: of each frame."""
    part = [k for k, clip in enumerate(clips) if clip["kind"] == 2]
    pairs = [(clips[k]["forged"][clips[k]["valid"]], heat[k][clips[k]["valid"]]) for k in part]
    pooled = auc(*(np.concatenate(values) for values in zip(*pairs, strict=True)))
    within = np.mean([auc(truth, value) for truth, value in pairs])
    ends = {kind: [] for kind in (0, 1)}
    for clip, one in zip(clips, heat, strict=True):
        if clip["kind"] < 2:
            seen = np.flatnonzero(clip["valid"])
            ends[int(clip["kind"])].append(seen[one[seen].argmax()] in (seen[0], seen[-1]))
    return [f"{pooled:.3f}", f"{within:.3f}", f"{np.mean(ends[0] + ends[1]):.0%}", f"{np.mean(ends[0]):.0%}"]


if __name__ == "__main__":
    run_main(main)
