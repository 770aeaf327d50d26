"""Judge a checkpoint on people that it never saw, and on a family of fakes that it never learned.

    SPOTTER_DATA=… python benchmarks/judge_checkpoint.py [--videos FOLDER] [--deepfakes FOLDER] [--quick]

SPOTTER_DATA names a folder with `data/portraits` and `data/grid`. The sets:

* video: the five GRID speakers kept for judging, in the clips as they are, in self-blends of every region and in blends
  with each other, at H.264 crf 23; every video goes through detection, tracking and cropping;
* swaps: the same speakers' faces on each other, warped as a mesh and put in by Poisson blending (`seamlessClone`), and
  mouths taken from another moment: how deepfakes are made, and what training never shows;
* stills: the validation portraits set in motion, one real and one blended clip each, and every third of them again
  without compression, under harder compression, in half resolution, with blur and with noise;
* still swaps: the same portraits with another's face on, made like the swaps: 134 people to their five;
* open: real videos of FOLDER, which has a folder for each person (`fetch_videos.py` makes one of eight videos found in
  open-source packages): each as it is, and stretches of it with a self-blend, a blend and a swap. Neither these people
  nor these cameras were ever trained on;
* samples: the sample clips, of people who do not exist;
* deepfakes: real deepfakes and real videos of FOLDER, which has a CSV with `file,label,group` (`deepfakes.py`).

Writes videos, caches, `figures.json` and `figures.md`, the tables of checkpoints/README.md, under `--out` (real people
shown as fakes: keep that folder to yourself). `--quick` leaves out the stills.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from spotterlib.base import (
    ROOT,
    DataError,
    atomic_path,
    command_line,
    find_input,
    need_data,
    output_path,
    run_main,
    write_json,
)
from spotterlib.data import Manifest, build_manifest
from spotterlib.evaluation import perturb_manifest
from spotterlib.faces import cache_faces
from spotterlib.fakes import (
    REGIONS,
    Camera,
    Carrier,
    draw_blend,
    face_to_pixels,
    film,
    head_rows,
    make_samples,
    marked,
    nearest,
    self_blend,
)
from spotterlib.metrics import auc, bootstrap_interval
from spotterlib.model import Detector, load_checkpoint
from spotterlib.scan import scan_video, score_cache, verdict
from spotterlib.video import Perturbation, write_video

sys.path.insert(0, str(ROOT / "scripts"))  # whom the checkpoint was trained on
from deepfakes import deepfake_table, judge_deepfakes
from train_checkpoint import CLIPS, JUDGE, ROWS, TEACH, clip_rows, grid_rows, is_validation, load, portrait_rows

CLEAN = "H.264 crf 23"
STILLS = {
    CLEAN: Camera(side=200, crf=23),
    "uncompressed": Camera(side=200),
    "H.264 crf 32": Camera(side=200, crf=32),
    "H.264 crf 40": Camera(side=200, crf=40),
    "half resolution": Camera(side=100, crf=23),
    "blur": Camera(side=200, blur=2.0, crf=23),
    "noise": Camera(side=200, noise=10, crf=23),
}
"""What happens to the stills' clips, with faces of about 200 px."""

OPEN, STRETCHES = "H.264 crf 18 to 29, faces of 90 to 200 px", 8
"""What happens to the clips of other real videos, and how many clips are taken from each."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", out="runs/judge")
    parser.add_argument("--videos", help="folder of other real videos, in it a folder for each person")
    parser.add_argument("--quick", action="store_true", help="leave out the stills")
    parser.add_argument("--deepfakes", help="folder of real deepfakes and real videos, with a CSV: file, label, group")
    options = parser.parse_args(arguments)
    home = need_data("data/grid", *([] if options.quick else ["data/portraits"]))
    out = output_path(options.out)
    detector = load_checkpoint(options.checkpoint, options.device)
    grid = grid_rows(home / "data" / "grid", out / CLIPS)
    cached = partial(cache_faces, device=detector.device)
    sets = {"video": make_carried(grid, out / "video"), "swaps": make_swaps(grid, out / "swaps")}
    figures: dict = {"checkpoint": detector.card["sha256"], "video": {}, "swaps": {}}
    for name, manifest in sets.items():
        bad = perturb_manifest(manifest, out / f"{name}-crf23", Perturbation(CLEAN, "compress", 23))
        figures[name][CLEAN] = summary(score_cache(detector, cached(bad, out / f"{name}-cache")), detector)
        show(f"{name}, {CLEAN}", figures[name][CLEAN])
    figures["grid"] = [{**scanned(row, detector), "taught": row["group"] in TEACH} for row in grid]
    print(pd.DataFrame(figures["grid"]).to_string(index=False))
    if options.videos:
        others = open_rows(find_input(options.videos), out / "open.json")
        figures["open clips"] = [scanned(row, detector) for row in others]
        print(pd.DataFrame(figures["open clips"]).to_string(index=False))
        figures["open"] = judge_videos(detector, others)
        show(f"open, {OPEN}", figures["open"][OPEN])
    if options.deepfakes:
        figures["deepfakes"] = judge_deepfakes(detector, find_input(options.deepfakes), out / "deepfakes")
        print(deepfake_table(figures["deepfakes"]))
    samples = cached(make_samples(), out / "samples-cache")
    figures["samples"] = {"as they are": summary(score_cache(detector, samples), detector)}
    show("samples", figures["samples"]["as they are"])
    if not options.quick:
        rows = portrait_rows(home / "data" / "portraits", out / ROWS)
        held = head_rows([row for row in rows if is_validation(row["name"])], out / "heads")
        figures["stills"] = judge_stills(detector, held)
        for name, found in figures["stills"].items():
            show(f"stills, {name}", found)
        figures["still swaps"] = judge_still_swaps(detector, held)
        show("still swaps", figures["still swaps"][CLEAN])
    write_json(out / "figures.json", figures)
    with atomic_path(out / "figures.md") as temporary:
        temporary.write_text(tables(figures), encoding="utf-8")


def tables(figures: dict) -> str:
    """The tables of checkpoints/README.md."""
    names = {
        "video": "Five GRID speakers kept for judging: 5 real clips, 50 blended ones",
        "swaps": "The same speakers: 5 real clips, 20 face swaps, 5 other mouths (a family that training never showed)",
        "stills": "Validation portraits set in motion, one real and one blended clip of each",
        "still swaps": "The same portraits, one real and one swapped clip of each (that family again)",
        "open": "Other real videos: of every stretch one real clip, one self-blend, one blend of two, one swap",
        "samples": "The sample clips: 32 real, 16 self-blends, 16 face swaps of people who do not exist",
    }
    lines = []
    for name in (name for name in names if figures.get(name)):
        lines += [
            f"### {names[name]}",
            "",
            "| | AUC | 95 % interval | frame AUC | reals: REAL, UNDECIDED, FAKE | fakes |",
        ]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        for damage, found in figures[name].items():
            interval = (
                f"none ({found['people']} people)"
                if found["interval"] is None
                else "{:.3f}–{:.3f}".format(*found["interval"])
            )
            real = found["verdicts"]["real"]
            fakes = [counts for kind, counts in found["verdicts"].items() if kind != "real"]
            fake = {word: sum(counts[word] for counts in fakes) for word in real}
            called = [", ".join(str(counts[word]) for word in ("REAL", "UNDECIDED", "FAKE")) for counts in (real, fake)]
            figures_ = f"{found['auc']:.3f} | {interval} | {found['frame_auc']:.3f}"
            lines.append(f"| {damage} | {figures_} | {' | '.join(called)} |")
        first = next(iter(figures[name].values()))
        kinds = ", ".join(f"{kind} {value:.2f}" for kind, value in first["auc_by_kind"].items())
        lines += ["", f"AUC per kind of fake, first row: {kinds}.", ""]
    if figures.get("deepfakes"):
        lines += ["### Real deepfakes", "", deepfake_table(figures["deepfakes"]), ""]
    lines += [
        "### GRID as it is: ten real clips",
        "",
        "| clip | trained on | p(fake) | verdict |",
        "| --- | --- | --- | --- |",
    ]
    for row in figures["grid"]:
        lines.append(f"| {row['clip']} | {'yes' if row['taught'] else 'no'} | {probability(row)} | {row['verdict']} |")
    if figures.get("open clips"):
        lines += [
            "",
            "### The other real videos as they are",
            "",
            "| video | p(fake) | verdict |",
            "| --- | --- | --- |",
        ]
    for row in figures.get("open clips", ()):
        lines.append(f"| {row['clip']} | {probability(row)} | {row['verdict']} |")
    return "\n".join(lines) + "\n"


def probability(row: dict) -> str:
    """A scanned video's, which too little of a face leaves without one."""
    return "none" if row["p"] is None else f"{row['p']:.3f}"


def scanned(row: dict, detector: Detector) -> dict:
    """What `scan_video` says of a row's whole video: clip (its name), p, verdict."""
    report = scan_video(row["path"], detector)
    return {"clip": Path(row["path"]).stem, "p": report.probability, "verdict": report.label}


def show(title: str, found: dict) -> None:
    """Print one set's figures."""
    interval = "" if found["interval"] is None else " ({:.3f}–{:.3f})".format(*found["interval"])
    print(f"{title}: AUC {found['auc']:.3f}{interval}; frame AUC {found['frame_auc']:.3f}")
    print("  " + "; ".join(f"{kind} {counts}" for kind, counts in found["verdicts"].items()), flush=True)


def summary(table: pd.DataFrame, detector: Detector) -> dict:
    """AUC with its interval, per kind of fake against all reals, and verdicts counted, of a scored table.

    The interval is a bootstrap over people; there is none with fewer than ten.
    """
    kinds = table["method"].where(table["label"] == 1, "real")
    counts = {
        kind: part["verdict"].value_counts().reindex(["REAL", "UNDECIDED", "FAKE"], fill_value=0).to_dict()
        for kind, part in table.groupby(kinds, sort=False)
    }
    seen = table[table["probability"].notna()]
    labels, p = seen["label"].to_numpy(), seen["probability"].to_numpy()
    people = seen["group"].to_numpy()
    interval = bootstrap_interval(labels, p, people, auc)
    each = {
        kind: auc(np.r_[np.zeros((labels == 0).sum()), np.ones(len(part))], np.r_[p[labels == 0], part["probability"]])
        for kind, part in seen[seen["label"] == 1].groupby("method", sort=False)
    }
    frames = seen["frame_probability"].to_numpy()
    whole = {"auc": auc(labels, p), "frame_auc": auc(labels, frames), "interval": interval, "auc_by_kind": each}
    whole["people"] = len(set(people))
    return {**whole, "verdicts": counts, "unscored": int(table["probability"].isna().sum())}


def judge_stills(detector: Detector, rows: list[dict]) -> dict:
    """One real and one blended clip of every validation portrait, and of every third one under each damage."""
    donors, found = nearest(rows), {}
    for name, camera in STILLS.items():
        lines = []
        for number, row in enumerate(rows):
            if name != CLEAN and number % 3:
                continue
            rng = np.random.default_rng([7, number])
            carrier = load(row, rng, 24)
            foreign = number % 2 == 0
            other = load(rows[donors[number][0]], rng, 24) if foreign else None
            fakes, _ = self_blend(*marked(carrier), draw_blend(rng, least=0.5), other and marked(other))
            lines += clip_lines(detector, row, carrier, {"blend of two" if foreign else "self-blend": fakes}, camera)
        found[name] = summary(pd.DataFrame(lines), detector)
    return found


def judge_still_swaps(detector: Detector, rows: list[dict]) -> dict:
    """One real clip of every validation portrait, and one that wears the face of a portrait alike."""
    donors, lines = nearest(rows), []
    for number, row in enumerate(rows):
        rng = np.random.default_rng([11, number])
        carrier, other = load(row, rng, 24), load(rows[int(rng.choice(donors[number]))], rng, 24)
        fakes = paste(carrier, other, face_points, HULL)
        lines += clip_lines(detector, row, carrier, {"swap": fakes}, STILLS[CLEAN])
    return {CLEAN: summary(pd.DataFrame(lines), detector)}


def open_rows(folder: Path, kept: Path) -> list[dict]:
    """The videos of a folder of people, with their faces."""
    videos = sorted(path for path in folder.glob("*/*") if not path.name.startswith("."))
    if len({path.parent for path in videos}) < 2:
        raise DataError(f"{folder} needs a folder for each of two people or more, with real videos in it.")
    return clip_rows({path: path.parent.name for path in videos}, kept)


def judge_videos(detector: Detector, rows: list[dict]) -> dict:
    """Of several stretches of every video: one real clip and one of each kind of fake, with another person's face."""
    lines = []
    for number, row in enumerate(rows):
        others = [other for other in rows if other["group"] != row["group"]]
        for stretch in range(STRETCHES):
            rng = np.random.default_rng([23, number, stretch])
            carrier, other = load(row, rng, 24), load(others[int(rng.integers(len(others)))], rng, 24)
            camera = Camera(side=float(np.exp(rng.uniform(np.log(90), np.log(200)))), crf=int(rng.integers(18, 30)))
            fakes = {
                "self-blend": self_blend(*marked(carrier), draw_blend(rng, least=0.5))[0],
                "blend of two": self_blend(*marked(carrier), draw_blend(rng, "face", least=0.75), marked(other))[0],
                "swap": paste(carrier, other, face_points, HULL),
            }
            lines += clip_lines(detector, row, carrier, fakes, camera)
    return {OPEN: summary(pd.DataFrame(lines), detector)}


def clip_lines(
    detector: Detector, row: dict, carrier: Carrier, fakes: dict[str, np.ndarray], camera: Camera
) -> list[dict]:
    """Lines of a scored table: a carrier and fakes of it (method → frames), all filmed by the camera."""
    clips = np.stack([film(carrier, camera), *(film(carrier, camera, frames) for frames in fakes.values())])
    whole, frames = detector.clip_logits(clips, np.broadcast_to(carrier.valid, clips.shape[:2]))
    p, each = detector.calibrated(whole, "clip"), detector.calibrated(frames.ravel(), "frame").reshape(frames.shape)
    return [
        {
            "label": int(number > 0),
            "method": method,
            "group": row["group"],
            "probability": p[number],
            "frame_probability": np.nanmean(each[number]),
            "verdict": verdict(float(p[number]), *detector.thresholds),
        }
        for number, method in enumerate(["", *fakes])
    ]


def make_carried(grid: list[dict], out: Path) -> Manifest:
    """The judging speakers as they are, self-blended in every region, and blended with each other."""
    speakers = {row["group"]: load(row, None, 75) for row in grid if row["group"] in JUDGE}
    clips = {f"real/{name}": (name, "", carrier.frames) for name, carrier in speakers.items()}
    for name, carrier in speakers.items():
        for region in REGIONS:
            blend = draw_blend(generator(f"{name} {region}"), region, least=0.5)
            clips[f"fake/{name}-{region}"] = (name, f"self-blend {region}", self_blend(*marked(carrier), blend)[0])
        for other in (o for o in JUDGE if o != name):
            blend = draw_blend(generator(f"{name} {other}"), "face", least=0.75)
            fakes = self_blend(*marked(carrier), blend, marked(speakers[other]))[0]
            clips[f"fake/{name}-{other}"] = (name, "blend of two", fakes)
    return write_clips(clips, out)


def make_swaps(grid: list[dict], out: Path) -> Manifest:
    """The judging speakers as they are, swapped onto each other, and with the mouth of another moment."""
    speakers = {row["group"]: load(row, None, 75) for row in grid if row["group"] in JUDGE}
    clips = {f"real/{name}": (name, "", carrier.frames) for name, carrier in speakers.items()}
    for name, carrier in speakers.items():
        for other in (o for o in JUDGE if o != name):
            clips[f"fake/{name}-{other}"] = (name, "swap", paste(carrier, speakers[other], face_points, HULL))
        later = speakers[name]
        turn = np.roll(np.arange(len(later.valid)), 19)
        moved = Carrier(later.frames[turn], later.landmarks[turn], later.boxes[turn], later.valid[turn])
        clips[f"fake/{name}-mouth"] = (name, "mouth", paste(carrier, moved, mouth_points, MOUTH))
    return write_clips(clips, out)


def write_clips(clips: dict[str, tuple[str, str, np.ndarray]], out: Path) -> Manifest:
    """Write name → (group, method, frames) as nearly lossless videos, once, and list them."""
    if not (out / "metadata.csv").exists():
        for name, (_, _, frames) in clips.items():
            write_video(out / f"{name}.mp4", frames, 25.0, crf=12)
        lines = [
            {"path": f"{name}.mp4", "label": int(name.startswith("fake")), "method": method, "group": group}
            for name, (group, method, _) in clips.items()
        ]
        with atomic_path(out / "metadata.csv") as temporary:
            pd.DataFrame(lines).to_csv(temporary, index=False)
    return build_manifest(out, "plain")


# Points of a mesh in face coordinates: the five landmarks' own places come first and are taken from the landmarks.
_RIM = np.array([[-0.95, -0.1], [-0.9, 0.5], [-0.75, 1.05], [-0.42, 1.5], [0, 1.66], [0.42, 1.5], [0.75, 1.05],
                 [0.9, 0.5], [0.95, -0.1], [0.75, -0.5], [0.3, -0.62], [-0.3, -0.62], [-0.75, -0.5]])  # fmt: skip
_LIPS = np.array([[-0.62, 1.05], [-0.4, 0.82], [0, 0.78], [0.4, 0.82], [0.62, 1.05], [0.4, 1.38], [0, 1.46],
                  [-0.4, 1.38]])  # fmt: skip
HULL, MOUTH = list(range(5, 5 + len(_RIM))), list(range(2, 2 + len(_LIPS)))
"""Which of the mesh's points enclose what is pasted."""


def face_points(marks: np.ndarray) -> np.ndarray:
    """A mesh (18, 2) px over the whole face for landmarks (5, 2)."""
    place = face_to_pixels(marks)
    return np.concatenate([marks, _RIM @ place[:, :2].T + place[:, 2]])


def mouth_points(marks: np.ndarray) -> np.ndarray:
    """A mesh (10, 2) px over the mouth for landmarks (5, 2)."""
    place = face_to_pixels(marks)
    return np.concatenate([marks[3:], _LIPS @ place[:, :2].T + place[:, 2]])


def paste(onto: Carrier, source: Carrier, mesh, hull: list[int]) -> np.ndarray:
    """Warp the source's face triangle by triangle onto the carrier's, and put it in by Poisson blending."""
    fakes = onto.frames.copy()
    height, width = fakes.shape[1:3]
    for k in np.flatnonzero(onto.valid & source.valid):
        target, own = mesh(onto.landmarks[k]), mesh(source.landmarks[k])
        inside = np.clip(target, 0, [width - 1, height - 1])
        sheet = cv2.Subdiv2D((0, 0, width, height))
        for point in inside:
            sheet.insert((float(point[0]), float(point[1])))
        laid = fakes[k].copy()
        for six in sheet.getTriangleList().reshape(-1, 3, 2):
            corners = [int(np.linalg.norm(inside - c, axis=1).argmin()) for c in six]
            if np.linalg.norm(inside[corners] - six, axis=1).max() > 1:
                continue  # a triangle of the frame round the mesh
            warp = cv2.getAffineTransform(np.float32(own[corners]), np.float32(target[corners]))
            moved = cv2.warpAffine(source.frames[k], warp, (width, height), borderMode=cv2.BORDER_REFLECT_101)
            area = np.zeros((height, width), np.uint8)
            cv2.fillConvexPoly(area, np.round(target[corners]).astype(np.int32), 1)
            laid[area > 0] = moved[area > 0]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(target[hull]).astype(np.int32)), 255)
        mask[[0, -1]], mask[:, [0, -1]] = 0, 0
        x, y, w, h = cv2.boundingRect(mask)
        fakes[k] = cv2.seamlessClone(laid, fakes[k], mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
    return fakes


def generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


if __name__ == "__main__":
    run_main(main)
