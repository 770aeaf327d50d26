"""Tracks of one person, over shots and gaps, joined to one: by how alike their faces are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .recognise import distances, embed_faces

SAME_PERSON = 0.36
"""Distance of the means of a few faces up to which they are one person's. Of 31 clips and 32 sample people those of one
person were up to .35 apart, those of two .41 and more (docs/people.md). dlib's own limit, .6, is for single faces."""

LOOKS = 4
"""Faces of a track that are compared."""


def people_of(
    seen: Sequence[set[int]], faces: Sequence[dict[int, tuple[np.ndarray, np.ndarray, float]]], device: str
) -> list[list[int]]:
    """Which tracks are one person's: lists of their numbers, in the order of each person's first.

    seen: of each track, the grid rows that have it: what is seen at one moment in two places is two people. faces: of
    each track by row, its crop uint8 RGB (H, W, 3), the five points in it (5, 2) px and the detector's confidence. The
    nearest two are joined, and so on, until none are near enough.
    """
    groups = [[number] for number in range(len(seen))]
    free = np.array([[i != j and not one & other for j, other in enumerate(seen)] for i, one in enumerate(seen)])
    if not free.any():
        return groups
    points = _embedded(faces, device)
    size = np.array([len(each) for each in points], float)
    middle = np.stack([each.mean(0) if len(each) else np.full(each.shape[1], np.nan) for each in points])
    while True:
        apart = np.where(free, np.nan_to_num(distances(middle, middle), nan=np.inf), np.inf)
        i, j = sorted(int(place) for place in np.unravel_index(apart.argmin(), apart.shape))
        if not apart[i, j] <= SAME_PERSON:
            return [group for group in groups if group]
        middle[i] = (size[i] * middle[i] + size[j] * middle[j]) / (size[i] + size[j])
        free[i] = free[:, i] = free[i] & free[j]
        free[j] = free[:, j] = False
        size[i] += size[j]
        groups[i], groups[j] = sorted(groups[i] + groups[j]), []


def _embedded(faces: Sequence[dict[int, tuple[np.ndarray, np.ndarray, float]]], device: str) -> list[np.ndarray]:
    """The embeddings (n, 128) of a few faces of every track, spread over it, of its surer half."""
    chosen = []
    for track in faces:
        order = sorted(track, key=lambda row: -track[row][2])
        surer = sorted(order[: max(LOOKS, len(order) // 2)])
        spread = np.unique(np.linspace(0, len(surer) - 1, LOOKS).round().astype(int)) if surer else []
        chosen.append([track[surer[k]] for k in spread])
    flat = [face for each in chosen for face in each]
    points = embed_faces([face[0] for face in flat], [face[1] for face in flat], device)
    return np.split(points, np.cumsum([len(each) for each in chosen])[:-1])
