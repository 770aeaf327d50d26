"""Somebody's own real videos → a data set: each beside a self-blend and a swap of it, with masks and a metadata.csv."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ..base import DataError, VideoError, find_input, output_path, own_name, stoppable, write_csv, writing
from ..data import Manifest, build_manifest
from ..faces import MIN_USABLE, find_faces
from ..video import SYNTHETIC, VIDEO_SUFFIXES, even, is_result, is_synthetic, iterate_frames, write_video
from .samples import face_area, generator, within
from .selfblend import draw_blend, self_blend

_LOG = logging.getLogger(__name__)

SECONDS = 4.0
"""How much of each video is taken, from its beginning."""

SIDE = 1280
"""Longest side in px of what is written: larger pictures are shrunk."""

_CRF = 20
_LONGEST = 200  # bytes of a name without its ending
_STEP = 1 / 30.5  # s: of quicker videos every second frame is enough


@dataclass(frozen=True)
class _Taken:
    """The beginning of a real video: frames uint8 RGB (T, H, W, 3), their times (T,) s, landmarks (T, 5, 2) px, NaN
    where no face was seen; and its name and person in the new data set."""

    name: str
    person: str
    frames: np.ndarray
    times: np.ndarray
    marks: np.ndarray


def make_fakes(
    videos: str | os.PathLike[str],
    out: str | os.PathLike[str],
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Manifest:
    """Make a data set for 01 to 04 from a folder of real videos, and return its manifest.

    Of each video's first four seconds `out` gets `real/NAME.mp4`, written by the same codec as what is forged of it,
    so that the codec tells nothing; `fake/NAME_selfblend.mp4`, the face pasted onto itself a little altered; and
    `fake/NAME_OTHER.mp4`, the face of the person it is paired with. For each fake `masks/` holds a video (white: share
    of what was pasted), and the metadata of both say that they are synthetic. `metadata.csv` lists all, with who is in
    it. Videos in a subfolder show one person, called like the folder; one that lies in no subfolder shows a person of
    its own. People are paired in the order of their names, so that a split by group can part the pairs; who is left
    over is not swapped. Same videos and seed, same files. progress: called with the share done, 0…1.

    A video without a face to follow is left out, and is in the manifest's report with the reason. Nothing is
    overwritten: raises `DataError` where `out` holds anything already or lies inside `videos`, and where no video can
    be used. A run that fails or is stopped leaves nothing. Only make fakes of people who agreed to it.
    """
    root, place = find_input(videos), output_path(out)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the real videos.")
    if place.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{place} lies in {root}, whose videos are read. Give an `out` beside that folder.")
    if os.path.lexists(place) and not (place.is_dir() and not any(place.iterdir())):
        raise DataError(f"{place} is there already, and nothing is overwritten. Give another `out`, or remove it.")
    people, problems = _listed(root)
    if not people:
        why = f" {problems[0][0]}: {problems[0][1]}." if problems else ""
        raise DataError(f"{root} holds no video to use ({', '.join(sorted(VIDEO_SUFFIXES))}).{why}")
    kept = "Nothing of it is kept: run it again."
    with (
        stoppable(f"The making of fakes from {root}", kept),
        writing(place),
        tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as folder,
    ):
        staged = Path(folder) / "whole"
        rows = _write_all(people, staged, root, seed, problems, progress)
        if not rows:
            raise DataError(f"No video of {root} can be used. {problems[0][0]}: {problems[0][1]}")
        write_csv(staged / "metadata.csv", pd.DataFrame(rows))
        if place.is_dir():
            place.rmdir()
        os.replace(staged, place)
    made = build_manifest(place, "plain")
    report = pd.concat([made.report, pd.DataFrame(problems, columns=["path", "problem"], dtype="str")])
    return replace(made, report=report.sort_values("path", ignore_index=True))


def _listed(root: Path) -> tuple[dict[str, list[Path]], list[tuple[str, str]]]:
    """The videos of each person, both in the order of their names, and what is left out, with the reason."""
    people: dict[str, list[Path]] = {}
    problems = []
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if path.suffix.lower() not in VIDEO_SUFFIXES or any(part.startswith(".") for part in inner.parts):
            continue
        if is_result(path) or is_synthetic(path):
            problems.append((inner.as_posix(), "Spotter made it: it is no real video"))
            continue
        person = inner.parts[0] if len(inner.parts) > 1 else path.stem
        people.setdefault(person.replace(";", ","), []).append(path)
    return dict(sorted(people.items())), problems


def _write_all(
    people: dict[str, list[Path]],
    folder: Path,
    root: Path,
    seed: int,
    problems: list[tuple[str, str]],
    progress: Callable[[float], None] | None,
) -> list[dict[str, object]]:
    """Write the clips of every pair of people; returns the rows of metadata.csv, and adds to `problems`."""
    names: set[str] = set()
    total, done, rows, waiting = sum(map(len, people.values())), 0, [], None
    for person, paths in people.items():
        clips = []
        for path in paths:
            inner = path.relative_to(root)
            name = _free("_".join(inner.with_suffix("").parts), names)
            try:
                clips.append(_take(path, name, person, folder / "real" / f"{name}.mp4"))
            except VideoError as error:
                problems.append((inner.as_posix(), " ".join(str(error).split())))
                _LOG.warning("left out: %s", error)
            done += 1
            if progress is not None:
                progress(done / total)
        if clips and waiting is None:
            waiting = clips
        elif clips:
            group = f"{waiting[0].person}-{clips[0].person}"
            for some, others in ((waiting, clips), (clips, waiting)):
                for number, clip in enumerate(some):
                    rows += _forge(clip, others[number % len(others)], group, folder, seed, names)
            waiting = None
    for clip in waiting or ():
        rows += _forge(clip, None, clip.person, folder, seed, names)
    return sorted(rows, key=lambda row: str(row["path"]))


def _free(name: str, taken: set[str]) -> str:
    """The name, short enough for every disk, or with a number behind it where another video has it (a.mp4, a.mov)."""
    if len(name.encode()) > _LONGEST:
        name = own_name(name)
    free, number = name, 2
    while free.casefold() in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free.casefold())
    return free


def _take(path: Path, name: str, person: str, real: Path) -> _Taken:
    """Read the beginning of a video, write it as a real clip, and follow its main face in that.

    Raises `VideoError` when it cannot be read or shows no face that can be followed.
    """
    frames, times = [], []
    for _, time, frame in iterate_frames(path):
        if time > SECONDS:
            break
        if times and time - times[-1] < _STEP:
            continue
        shrunk = SIDE / max(frame.shape[:2])
        if shrunk < 1:
            frame = cv2.resize(frame, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        frame = even(frame)
        if frames and frame.shape != frames[0].shape:
            raise VideoError(f"{path} changes the size of its picture: leave it out, or save it in one size.")
        frames.append(frame)
        times.append(time)
    real.parent.mkdir(parents=True, exist_ok=True)
    written = np.array(times) - times[0]
    write_video(real, frames, 25.0, crf=_CRF, times=written)
    found = find_faces(real)
    track = found.tracks[0] if found.tracks else None
    if track is None or track.valid.sum() < MIN_USABLE:
        real.unlink()
        raise VideoError(
            f"{path} shows no face in {MIN_USABLE} frames of its first {SECONDS:g} s: too little to forge."
        )
    _, marks, there = track.at(written)
    return _Taken(name, person, np.stack(frames), written, np.where(there[:, None, None], marks, np.nan))


def _forge(
    clip: _Taken, other: _Taken | None, group: str, folder: Path, seed: int, names: set[str]
) -> list[dict[str, object]]:
    """Write the fakes of a clip with their masks, under names not in `names`; the rows of the clip and of them."""
    rows: list[dict[str, object]] = [_row(f"real/{clip.name}.mp4", 0, "", group, clip.person, "")]
    plans = [(f"{clip.name}_selfblend", "SelfBlend", None)]
    plans += [(f"{clip.name}_{other.name}", "FaceSwap", other)] if other is not None else []
    for wanted, method, donor in plans:
        stem = _free(wanted, names)
        rng = generator(seed, wanted)
        regions = ["whole", "face", "inner"] if donor is None else ["whole", "face"]
        blend = draw_blend(rng, str(rng.choice(regions)))
        # colours as far off as training's hardest would be a caricature here
        blend = replace(blend, alter_inside=True, offsets=0.5 * blend.offsets, ratio=1.0)
        pasted = None
        if donor is not None:
            rows_of = np.abs(donor.times[None] - clip.times[:, None]).argmin(1)
            pasted = (donor.frames[rows_of], donor.marks[rows_of])
        area = face_area(clip.marks, clip.frames)
        fakes, masks = within(area, self_blend, clip.frames, clip.marks, blend, pasted)
        grey = (np.repeat((mask * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2) for mask in masks)
        for kind, pictures, crf in (("masks", grey, 16), ("fake", fakes, _CRF)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            path = folder / kind / f"{stem}.mp4"
            write_video(path, pictures, 25.0, crf=crf, times=clip.times, comment=SYNTHETIC)
        ids = clip.person if donor is None else f"{clip.person};{donor.person}"
        rows.append(_row(f"fake/{stem}.mp4", 1, method, group, ids, f"masks/{stem}.mp4"))
    return rows


def _row(path: str, label: int, method: str, group: str, ids: str, mask: str) -> dict[str, object]:
    return {"path": path, "label": label, "method": method, "group": group, "ids": ids, "mask": mask}
