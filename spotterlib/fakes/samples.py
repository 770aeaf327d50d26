"""The embedded sample data: people who do not exist (people/), set in motion, and fakes made of them.

Figures on these clips show that the code runs; they say nothing about how well a detector works on other videos.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd

from ..base import DataError, file_sha256, inside, output_path, read_json, read_table, write_csv
from ..data import Manifest, build_manifest
from ..video import write_video
from .animate import Motion, animate_still, draw_motion
from .selfblend import draw_blend, face_to_pixels, region_mask, self_blend

FPS = 25.0
"""Frames a second of every sample clip."""

PAIRS = (
    ("p01", "p03"), ("p02", "p04"), ("p05", "p09"), ("p06", "p12"), ("p07", "p13"), ("p08", "p10"), ("p11", "p31"),
    ("p14", "p16"), ("p15", "p28"), ("p17", "p19"), ("p18", "p29"), ("p20", "p22"), ("p21", "p23"), ("p24", "p30"),
    ("p25", "p27"), ("p26", "p32"),
)  # fmt: skip
"""Who is swapped with whom: each person is in one pair, so that a split by pair never shows a person on both sides."""

_VERSION = 2  # raise it when the clips come out otherwise: old ones are then made anew
PEOPLE = Path(__file__).with_name("people")
"""The sample people: portraits, and people.json with their landmarks."""


@dataclass(frozen=True)
class Sample:
    """One clip to make. person: whose scene it is; source: whose face is put in ("" for none, the person itself for a
    self-blend); paths are relative to the sample folder."""

    path: str
    label: int
    method: str
    group: str
    person: str
    source: str
    mask: str

    @property
    def ids(self) -> str:
        """The people in it, joined by ";"."""
        return ";".join(dict.fromkeys([self.person, self.source] if self.source else [self.person]))


def plan_samples(pairs: int | None = None) -> list[Sample]:
    """The clips of the first `pairs` pairs (None: all): of each pair two real ones, a face swap and a self-blend.

    Which of the two is swapped and which is self-blended alternates from pair to pair.
    """
    plan = []
    for number, pair in enumerate(PAIRS[:pairs]):
        group = "-".join(pair)
        first, second = pair if number % 2 == 0 else pair[::-1]
        for person in pair:
            plan.append(Sample(f"real/{person}.mp4", 0, "", group, person, "", ""))
        for person, source, method in ((first, second, "FaceSwap"), (second, second, "SelfBlend")):
            stem = f"{person}_{source}" if method == "FaceSwap" else f"{person}_selfblend"
            plan.append(Sample(f"fake/{stem}.mp4", 1, method, group, person, source, f"masks/{stem}.mp4"))
    return plan


def make_samples(
    out: str | os.PathLike[str] = "data/samples",
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    pairs: int | None = None,
    processes: int = 2,
) -> Manifest:
    """Make the sample clips under `out` and return their manifest; what is there and whole is kept.

    Writes `real/*.mp4`, `fake/*.mp4` (H.264, 25 fps, 2–3 s), for each fake `masks/*.mp4` (white: share of the pasted
    face) and `metadata.csv`, whose column `recipe` tells clips of another seed or version, which are made anew. pairs:
    how many pairs of people (None: all 16); progress: called with the share done, 0…1. A clip is drawn from seed and
    its own name alone, whatever the order. Raises `DataError` when the sample people are not all there.
    """
    folder, plan = output_path(out), plan_samples(pairs)
    people = load_people()
    columns = ["path", "label", "method", "group", "ids", "mask"]
    table = pd.DataFrame([[getattr(s, name) for name in columns] for s in plan], columns=columns)
    table["recipe"] = f"{_VERSION}-{seed}-{file_sha256(PEOPLE / 'people.json')[:12]}"
    _clear(folder, table)
    write_csv(folder / "metadata.csv", table)

    missing: dict[str, list[Sample]] = {}  # by person
    for sample in plan:
        if not all((folder / name).exists() for name in (sample.path, sample.mask) if name):
            missing.setdefault(sample.person, []).append(sample)
    done = len(plan) - sum(map(len, missing.values()))
    if missing:
        work = joblib.Parallel(n_jobs=min(processes, len(missing)), return_as="generator_unordered")
        for written in work(joblib.delayed(_write_person)(own, people, seed, folder) for own in missing.values()):
            done += written
            if progress is not None:
                progress(done / len(plan))
    elif progress is not None:
        progress(1.0)
    return build_manifest(folder, "plain")


def _clear(folder: Path, table: pd.DataFrame) -> None:
    """Remove clips of another recipe, and of pairs that are not asked for now: all that `table` does not vouch for."""
    files = {name for name in [*table["path"], *table["mask"]] if name}
    listed, before = folder / "metadata.csv", set()
    if listed.exists():
        old = read_table(listed, dtype=str)
        if "recipe" in old:
            before = {name for name in [*old["path"], *old["mask"]] if name}
            if set(old["recipe"]) == set(table["recipe"]):
                before, files = before - files, set()
    for name in before | files:
        inside(folder, name).unlink(missing_ok=True)


def load_people() -> dict[str, dict]:
    """The sample people by name: file (path) and landmarks (5, 2) px.

    Raises `DataError` when one is missing.
    """
    listed = read_json(PEOPLE / "people.json")["people"]
    people = {p["name"]: {"file": PEOPLE / p["file"], "landmarks": np.array(p["landmarks"])} for p in listed}
    lost = [name for pair in PAIRS for name in pair if name not in people or not people[name]["file"].exists()]
    if lost:
        raise DataError(f"{PEOPLE} lacks {', '.join(lost)}. Restore the folder from the repository.")
    return people


def draw_sample(sample: Sample, people: dict[str, dict], seed: int) -> tuple[np.ndarray, np.ndarray | None, int]:
    """A clip before its codec: frames uint8 RGB (T, H, W, 3), mask float32 (T, H, W) 0…1 (None for a real one), crf.

    A fake has the very frames of its person's real clip wherever its mask is 0.
    """
    return _film(sample, _draw_scene(sample.person, people, seed), people, seed)


@dataclass(frozen=True)
class _Scene:
    """A person before the camera: frames (T, H, W, 3), landmarks (T, 5, 2) px; how they move, and how large."""

    frames: np.ndarray
    marks: np.ndarray
    motion: Motion
    times: np.ndarray
    size: float


def _draw_scene(person: str, people: dict[str, dict], seed: int) -> _Scene:
    rng = generator(seed, person)
    motion = draw_motion(rng, float(rng.uniform(0.7, 1.3)), seconds=3.0)
    motion = replace(motion, mouth_bias=min(motion.mouth_bias, 0.05), gape=False)
    times = np.arange(int(rng.integers(50, 76))) / FPS
    size = float(rng.uniform(0.85, 1.25))
    picture, points = _portrait(people[person], size)
    frames, marks = animate_still(picture, points, motion, times)
    return _Scene(_camera(frames, rng), marks, motion, times, size)


def _film(sample: Sample, scene: _Scene, people: dict[str, dict], seed: int) -> tuple:
    """What `draw_sample` gives, of a scene that its person's clips share."""
    own = generator(seed, sample.path)
    crf, frames, mask = int(own.integers(18, 27)), scene.frames, None
    if sample.method == "FaceSwap":
        face, face_points = _portrait(people[sample.source], scene.size)
        faces, face_marks = animate_still(face, face_points, scene.motion, scene.times)
        area = face_area(scene.marks, frames)
        frames, mask = within(area, _swap, frames, scene.marks, faces, face_marks, own)
    elif sample.method == "SelfBlend":
        blend = draw_blend(own, str(own.choice(["whole", "face", "inner"])))
        # a colour as far off as training's hardest would be a caricature here
        blend = replace(blend, alter_inside=True, offsets=0.5 * blend.offsets, ratio=float(own.choice([0.75, 1.0])))
        frames, mask = within(face_area(scene.marks, frames), self_blend, frames, scene.marks, blend)
    return frames, mask, crf


def face_area(marks: np.ndarray, frames: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold the face in every frame, with room for any mask round it. marks (T, 5, 2) px, NaN
    where there is no face."""
    unit = float(np.nanmax(np.hypot(*(marks[:, 1] - marks[:, 0]).T)))
    low = np.maximum(np.nanmin(marks, (0, 1)) - 1.8 * unit, 0).astype(int)
    high = np.minimum(np.nanmax(marks, (0, 1)) + 1.8 * unit, frames.shape[2:0:-1]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def within(
    area: tuple[slice, slice], forge: Callable, frames: np.ndarray, marks: np.ndarray, *rest: object
) -> tuple[np.ndarray, np.ndarray]:
    """Forge an area alone, for speed: the frames with it put back, and the mask of whole frames."""
    fakes, masks = frames.copy(), np.zeros(frames.shape[:3], np.float32)
    inner = (slice(None), *area)
    fakes[inner], masks[inner] = forge(frames[inner], marks - [area[1].start, area[0].start], *rest)
    return fakes, masks


def _write_person(samples: Sequence[Sample], people: dict[str, dict], seed: int, folder: Path) -> int:
    """Write clips of one person, whose scene they share, each mask first: the clip's file stands for both."""
    scene = _draw_scene(samples[0].person, people, seed)
    for sample in samples:
        frames, mask, crf = _film(sample, scene, people, seed)
        if mask is not None:
            grey = (mask * 255 + 0.5).astype(np.uint8)
            write_video(folder / sample.mask, (np.repeat(g[..., None], 3, axis=2) for g in grey), FPS, crf=16)
        write_video(folder / sample.path, frames, FPS, crf=crf)
    return len(samples)


def generator(seed: int, name: str) -> np.random.Generator:
    """What a clip is drawn by: of seed and name alone."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def sample_still() -> np.ndarray:
    """A portrait of a sample person, uint8 RGB (H, W, 3)."""
    return _portrait(load_people()[SHOWN], 1.0)[0]


def _portrait(person: dict, size: float) -> tuple[np.ndarray, np.ndarray]:
    """The still, uint8 RGB with even sides, and its landmarks, enlarged by `size`."""
    picture = cv2.imread(str(person["file"]))
    if picture is None:
        raise DataError(f"{person['file']} cannot be read as a picture. Restore it from the repository.")
    height, width = (2 * round(side * size / 2) for side in picture.shape[:2])
    scale = np.array([width / picture.shape[1], height / picture.shape[0]])
    mode = cv2.INTER_CUBIC if size > 1 else cv2.INTER_AREA
    return cv2.resize(picture, (width, height), interpolation=mode)[..., ::-1].copy(), person["landmarks"] * scale


def _camera(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a camera adds to a whole clip: white balance, exposure, softness, and noise that is new in every frame."""
    height, width = frames.shape[1:3]
    gains = (rng.normal(1, 0.04, 3) * rng.uniform(0.85, 1.08)).astype(np.float32)
    softness, noise = float(rng.uniform(0.3, 0.9)), float(rng.uniform(1.0, 4.0))
    plate = rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
    plate = noise * (0.8 * plate[..., 1:2] + 0.45 * cv2.GaussianBlur(plate, (0, 0), 0.8))
    taken = np.empty_like(frames)
    for k, frame in enumerate(frames):
        y, x = rng.integers(0, 64, 2)
        picture = cv2.GaussianBlur(frame, (0, 0), softness) * gains + plate[y : y + height, x : x + width]
        taken[k] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return taken


def _swap(
    frames: np.ndarray, marks: np.ndarray, faces: np.ndarray, face_marks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Put another's face on every frame, as common tools do: aligned by landmarks, matched in colour, feathered.

    frames, faces: uint8 RGB (T, H, W, 3); marks, face_marks: (T, 5, 2) px. Returns fake frames and mask (float32).
    """
    outline = draw_blend(rng, "face" if rng.uniform() < 0.6 else "whole").outline * [0.93, 0.95]
    jitter, match = float(rng.uniform(0.002, 0.01)), float(rng.uniform(0.75, 0.95))
    detail, feather = float(rng.uniform(1.0, 1.8)), float(rng.uniform(0.05, 0.12))
    fakes, masks = frames.copy(), np.zeros(frames.shape[:3], np.float32)
    height, width = frames.shape[1:3]
    for k, (frame, points, face, own) in enumerate(zip(frames, marks, faces, face_marks, strict=True)):
        unit = float(np.hypot(*(points[1] - points[0])))
        shaken = points + rng.normal(0, jitter * unit, points.shape)
        onto, away = (np.vstack([face_to_pixels(p), [0, 0, 1]]) for p in (shaken, own))
        warp = np.diag([1 / detail, 1 / detail, 1]) @ onto @ np.linalg.inv(away)  # by way of the tool's coarser picture
        small = (round(width / detail), round(height / detail))
        face = cv2.warpAffine(face, warp[:2], small, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        face = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)
        hard = region_mask(outline, shaken, (height, width))
        mask = cv2.GaussianBlur(cv2.erode(hard, np.ones((3, 3))), (0, 0), feather * unit)
        mask = np.where(mask < 0.01, 0, np.minimum(mask, 1))
        inside = (hard > 0.5).astype(np.uint8)
        mean, spread = (v[:, 0] for v in cv2.meanStdDev(face, mask=inside))
        wanted, wanted_spread = (v[:, 0] for v in cv2.meanStdDev(frame, mask=inside))
        gain = ((wanted_spread + 1) / (spread + 1)) ** (0.5 * match)
        shift = mean + match * (wanted - mean) - mean * gain
        around = frame.astype(np.float32)
        matched = face * gain.astype(np.float32) + shift.astype(np.float32)
        fakes[k] = np.clip(around + mask[..., None] * (matched - around) + 0.5, 0, 255).astype(np.uint8)
        masks[k] = mask
    return fakes, masks


SHOWN = "p13"
"""The sample person whose clips the notebooks open."""


def sample_clip(kind: str = "fake") -> Path:
    """A sample clip to try things on: "fake" is a self-blend that the shipped checkpoint finds (it misses a third of
    them), "real" the scene it was put into, "mask" what was pasted (white); made if missing."""
    folder = make_samples("data/samples").root
    fake = next(sample for sample in plan_samples() if sample.method == "SelfBlend" and sample.person == SHOWN)
    return folder / {"fake": fake.path, "real": f"real/{fake.person}.mp4", "mask": fake.mask}[kind]
