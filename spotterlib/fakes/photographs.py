"""Thousands of people, one still each, as rows: where the face is, who is held back, and who comes how often."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ..base import DataError, atomic_path
from ..faces import crop_box, detect_faces
from .stills import cut_head

TIGHT = "fairface-tight"
"""The folder whose pictures are crops themselves, aligned by their makers."""

HELD = 10
"""One of so many people is held back for validation."""

ALIGNED = np.array([[72.2, 67.8], [152.1, 67.2], [112.0, 115.2], [75.7, 154.3], [148.8, 153.9]], np.float32) / 224
"""Mean landmarks of an aligned picture, in its sides, of the 5,159 in which MTCNN finds a face (spread .03 to .07)."""


def is_held(person: str) -> bool:
    """Whether a person is of the tenth that only validates; the same everywhere."""
    return int(hashlib.sha256(person.encode()).hexdigest(), 16) % HELD == 0


def find_people(folder: str | os.PathLike[str], progress: Callable[[float], None] | None = None) -> list[dict]:
    """Rows of every picture of a `faces.csv` with a face: those of `find_portraits`, and folder, race, gender, age.

    A tight picture is its own crop box; its landmarks are found on a copy padded by mirroring, or are `ALIGNED`.
    Raises `DataError` when the table or a picture is missing.
    """
    root = Path(folder)
    if not (root / "faces.csv").is_file():
        raise DataError(f"{root} has no faces.csv. Give the folder that holds it.")
    table, rows = pd.read_csv(root / "faces.csv", keep_default_na=False), []
    for done, line in enumerate(table.to_dict("records"), 1):
        place = root / line["file"]
        picture = cv2.imread(str(place))
        if picture is None:
            raise DataError(f"{place} cannot be read as a picture. Restore it.")
        kind = Path(line["file"]).parts[0]
        found = _aligned(picture) if kind == TIGHT else _portrait(picture)
        if found is not None:
            about = {name: line[name] for name in ("race", "gender", "age")}
            who = {"group": line["person"], "folder": kind, "still": True, "label": 0}
            rows.append({"path": str(place), "name": line["file"], **who, **about, **found})
        if progress is not None:
            progress(done / len(table))
    return rows


def _portrait(picture: np.ndarray) -> dict | None:
    """Box and landmarks of a portrait (BGR), None where there is no face."""
    found = detect_faces(picture[None, :, :, ::-1])[0]
    if not len(found.boxes):
        return None
    return {"box": crop_box(found.boxes[0]).tolist(), "landmarks": found.landmarks[0].tolist()}


def _aligned(picture: np.ndarray) -> dict:
    """Box and landmarks of a picture (BGR) that is a crop already."""
    side = len(picture)
    edge = 3 * side // 8
    padded = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)
    found = detect_faces(padded[None, :, :, ::-1])[0]
    marks = ALIGNED * side
    for own in found.landmarks - edge:
        if np.linalg.norm(own - marks, axis=1).max() < 0.25 * side:  # else it is a mirrored one
            marks = own
            break
    return {"box": [0.0, 0.0, float(side), float(side)], "landmarks": marks.tolist(), "tight": True}


def head_rows(rows: Sequence[dict], folder: str | os.PathLike[str]) -> list[dict]:
    """The same rows on copies of their heads alone, kept as PNG in the folder, with the `tone` of each face.

    What `load_still` cuts from a picture before it moves it, so a copy moves to the same pixels, and reads ten times
    faster.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    return [_head(row, root) for row in rows]


def _head(row: dict, root: Path) -> dict:
    place = root / (row["name"].replace("/", "_").rsplit(".", 1)[0] + ".png")
    picture, box, marks = cut_head(row)
    if not place.exists():
        with atomic_path(place) as temporary:
            cv2.imwrite(str(temporary), picture[..., ::-1])
    reach = (box[2] - box[0]) / 4
    low, high = (np.round(marks.mean(0) + step).astype(int) for step in (-reach, reach))
    face = picture[max(low[1], 0) : high[1], max(low[0], 0) : high[0]]
    tone = cv2.cvtColor(face, cv2.COLOR_RGB2LAB).mean((0, 1))
    return row | {"path": str(place), "box": box.tolist(), "landmarks": marks.tolist(), "tone": tone.tolist()}


def level(rows: Sequence[dict], count: int, shares: dict[str, float], rng: np.random.Generator) -> list[dict]:
    """About `count` rows: of each folder its share, and within a folder as many of every race and sex it names.

    A group with too few people comes again, in other draws of motion, camera and forgery.
    """
    chosen: list[dict] = []
    for folder, share in shares.items():
        cells: dict[tuple[str, str], list[dict]] = {}
        for row in (row for row in rows if row["folder"] == folder):
            cells.setdefault((row.get("race", ""), row.get("gender", "")), []).append(row)
        for key in sorted(cells):
            order = rng.permutation(len(cells[key]))
            wanted = round(count * share / len(cells))
            chosen += [cells[key][order[k % len(order)]] for k in range(wanted)]
    return chosen
