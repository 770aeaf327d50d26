"""Whom everyday edits accuse: honest clips, each as it is and after every edit of `spotterlib.video.EDITS`.

    SPOTTER_DATA=… python benchmarks/edits.py [--videos FOLDER] [--only NAME …]

SPOTTER_DATA names a folder with `data/grid`, and `data/clips` and `data/judge` where there are such; `--videos` other
real videos (`fetch_videos.py` makes a folder of eight). Of each clip 24 frames of its first three seconds are edited,
written at crf 18, and then looked at as any video is: faces found, followed, cropped, scored. Edited videos and their
faces stay in `--out` and are not made again, so that another checkpoint takes minutes; a run that was stopped goes on.
Nothing of them may be published. Writes `edits.json` there and the table to `--table`.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from spotterlib.base import (
    DataError,
    SpotterError,
    atomic_path,
    command_line,
    data_home,
    output_path,
    run_main,
    write_json,
)
from spotterlib.data import Manifest
from spotterlib.faces import cache_faces, find_faces
from spotterlib.fakes import make_samples
from spotterlib.model import load_checkpoint
from spotterlib.scan import score_cache
from spotterlib.video import EDITS, Edit, is_video, iterate_frames, write_video

AS_IT_IS = Edit("none", lambda frames, marks, rng: frames)
SECONDS, FRAMES, SIDE = 3.0, 24, 480  # of a clip; its shorter side is at most so many px
SURE = 0.8


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", out="runs/edits")
    parser.add_argument("--videos", default="runs/open_videos", help="folder of other real videos")
    parser.add_argument("--only", nargs="+", help="names of edits, or parts of them")
    parser.add_argument("--clips", type=int, default=20, help="most clips of a source")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--table", default="docs/edits.md", help="file for the table")
    options = parser.parse_args(arguments)
    edits = [AS_IT_IS, *(e for e in EDITS if not options.only or any(part in e.name for part in options.only))]
    out, detector = output_path(options.out), load_checkpoint(options.checkpoint, "cpu")
    clips = honest_clips(output_path(options.videos), options.clips)
    if not clips:
        raise DataError("There is no clip. Set SPOTTER_DATA to the folder that holds data/grid.")
    jobs = (delayed(edit_clip)(source, path, edits, out / "videos") for source, path in clips)
    made = [row for rows in Parallel(n_jobs=options.workers, return_as="generator")(jobs) for row in rows]
    table = pd.DataFrame(made)
    for column in ("method", "compression", "group", "ids", "split", "official_split", "mask"):
        table[column] = ""
    manifest = Manifest(out / "videos", table.assign(label=0, dataset=table["source"]), pd.DataFrame())
    scored = score_cache(detector, cache_faces(manifest, out / "faces", max_windows=1, workers=options.workers))
    rows = [figures(scored[scored["edit"] == edit.name], edit.name) for edit in edits]
    counted = scored[scored["edit"] == AS_IT_IS.name]["source"].value_counts(sort=False)
    facts = {"checkpoint": detector.name, "sha256": detector.card["sha256"], "clips": counted.to_dict(), "rows": rows}
    part = f" --clips {options.clips}" if options.clips != parser.get_default("clips") else ""
    part += "".join([" --only", *(f' "{name}"' for name in options.only)]) if options.only else ""
    facts["command"] = f"SPOTTER_DATA=… python benchmarks/edits.py{part}"
    write_json(out / "edits.json", facts)
    page = as_page(facts)
    place = output_path(options.table)
    with atomic_path(place) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(page, place, sep="\n")


def honest_clips(videos: Path, most: int) -> list[tuple[str, Path]]:
    """Source and path of every honest clip at hand, at most `most` of a source, spread over it."""
    home = data_home()
    samples = make_samples()
    real = samples.table.loc[samples.table["label"] == 0, "path"]
    found = {"samples": [samples.root / path for path in real][: min(most, 4)]}
    if home is not None:
        data = home / "data"
        found["GRID"] = sorted((data / "grid").glob("*.mpg"))
        webcam = sorted(path for path in (data / "clips").glob("*") if is_video(path.name))
        found["webcam"] = webcam[::4]  # a few people sign in many
        found["judge"] = sorted((data / "judge").glob("real_*.mp4"))
    found["open"] = sorted(path for path in videos.rglob("*") if is_video(path.name))
    kept = {
        source: np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int) for source, paths in found.items()
    }
    return [(source, found[source][k]) for source, rows in kept.items() for k in rows]


def edit_clip(source: str, path: Path, edits: list[Edit], folder: Path) -> list[dict]:
    """Write a clip after every edit, where it is not yet; a row (path, source, edit) of each that could be made."""
    places = {edit.name: folder / edit.name.replace(" ", "_") / f"{source}_{path.stem}.mp4" for edit in edits}
    rows = [{"path": str(p.relative_to(folder)), "source": source, "edit": name} for name, p in places.items()]
    if all(place.exists() for place in places.values()):
        return rows
    try:
        frames = first_frames(path)
        marks = points_of(write_clip(places[AS_IT_IS.name], frames))
    except SpotterError as error:
        print(f"{path.name} is left out: {error}", file=sys.stderr)
        return []
    if marks is None:
        print(f"{path.name} is left out: no face in it", file=sys.stderr)
        return []
    for edit in edits:
        if not places[edit.name].exists():
            rng = np.random.default_rng([0, zlib.crc32(f"{path.name} {edit.name}".encode())])
            write_clip(places[edit.name], edit.change(frames, marks, rng))
    return rows


def first_frames(path: Path) -> np.ndarray:
    """24 frames of the first three seconds, uint8 RGB (24, H, W, 3), reduced to a shorter side of at most 480 px."""
    kept = []
    for _, time, frame in iterate_frames(path):
        if time > SECONDS:
            break
        scale = min(1.0, SIDE / min(frame.shape[:2]))
        size = [round(side * scale) for side in frame.shape[1::-1]]
        kept.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame)
    return np.stack([kept[k] for k in np.linspace(0, len(kept) - 1, FRAMES).round().astype(int)])


def write_clip(place: Path, frames: np.ndarray) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    return write_video(place, frames, FRAMES / SECONDS, crf=18)


def points_of(video: Path) -> np.ndarray | None:
    """The main face's points (24, 5, 2) px, where it was not found those of the nearest frame; None without a face."""
    found = find_faces(video)
    if not found.tracks or len(found.times) != FRAMES:
        return None
    marks, seen = found.clips[0].landmarks.astype(np.float64), np.flatnonzero(found.clips[0].valid)
    nearest = seen[np.abs(np.arange(FRAMES)[:, None] - seen).argmin(1)]
    return marks[nearest]


def figures(scored: pd.DataFrame, edit: str) -> dict:
    """How many of an edit's clips are accused (FAKE), above `SURE`, undecided, and without a score."""
    p, verdict = scored["probability"], scored["verdict"]
    return {
        "edit": edit,
        "clips": len(scored),
        "accused": int((verdict == "FAKE").sum()),
        "sure": int((p > SURE).sum()),
        "undecided": int(((verdict == "UNDECIDED") & p.notna()).sum()),
        "unscored": int(p.isna().sum()),
        "highest": None if p.isna().all() else float(p.max()),
    }


def as_page(facts: dict) -> str:
    """The table of docs/edits.md."""
    clips = ", ".join(f"{number} of {source}" for source, number in facts["clips"].items())
    lines = [
        "# Everyday edits of honest videos",
        "",
        "Nobody in these clips is forged. Each was edited as apps and people do (`spotterlib/video/edits.py`), written",
        "anew, and scanned. *Accused* is FAKE; *undecided* lies between the thresholds; *no score* is UNDECIDED, too,",
        "for want of a face that is large enough and stands upright.",
        "",
        f"{sum(facts['clips'].values())} clips: {clips}.",
        f"Checkpoint {facts['checkpoint']}, sha256 {facts['sha256'][:12]}….",
        f"Made by `{facts['command']}`.",
        "",
        f"| edit | clips | accused | above {SURE} | undecided | no score | highest p |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in facts["rows"]:
        highest = "" if row["highest"] is None else f"{row['highest']:.2f}"
        counts = " | ".join(str(row[name]) for name in ("clips", "accused", "sure", "undecided", "unscored"))
        lines.append(f"| {row['edit']} | {counts} | {highest} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_main(main)
