"""Faces given back by eigenfaces: what a small generator makes of a face, for fakes in training.

A deepfake's face comes out of a network that knows faces only roughly: no pores, no stray hair, an average gaze and
teeth. A linear autoencoder does the same to a face for the price of two products of matrices (Turk & Pentland, 1991;
Baldi & Hornik, 1989). Fitted to the training portraits alone; only training uses it, and it is not shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sklearn.decomposition import PCA

from spotterlib import project
from spotterlib.selfblend import face_to_pixels

SIDE = 112
"""px: the aligned face's side."""

MOST, LEAST = 300, 40
"""How many components a face is given back from, at most and at least."""

# its place in face coordinates (eye distances, origin between the eyes)
_LEFT, _TOP, _SPAN = -1.6, -1.28, 3.2


@dataclass(frozen=True)
class Eigenfaces:
    """mean (P,) and components (K, P), orthonormal rows, strongest first, of aligned faces with values of 0…1."""

    mean: np.ndarray
    components: np.ndarray

    def __call__(self, faces: np.ndarray, count: int) -> np.ndarray:
        """Faces uint8 RGB (N, 112, 112, 3) as `count` components give them back."""
        flat = faces.reshape(len(faces), -1).astype(np.float32) / 255 - self.mean
        basis = self.components[:count]
        given = (flat @ basis.T) @ basis + self.mean
        return (given.clip(0, 1) * 255 + 0.5).astype(np.uint8).reshape(faces.shape)


def alignment(marks: np.ndarray) -> np.ndarray:
    """Affine map (2, 3) from the px of a frame to those of the aligned face, for landmarks (5, 2) px."""
    back = np.linalg.inv(np.vstack([face_to_pixels(marks), [0, 0, 1]]))
    scale = SIDE / _SPAN
    return np.array([[scale, 0, -_LEFT * scale], [0, scale, -_TOP * scale]]) @ back


def cut_face(frame: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The aligned face of a frame, uint8 RGB (112, 112, 3)."""
    move = alignment(marks)
    shrink = float(np.sqrt(abs(np.linalg.det(move[:, :2]))))
    if shrink < 0.7:  # warpAffine does not average
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / shrink)
    return cv2.warpAffine(frame, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)


def give_back(frames: np.ndarray, marks: np.ndarray, faces: Eigenfaces, count: int) -> np.ndarray:
    """Frames uint8 RGB (T, H, W, 3) with each face, landmarks (T, 5, 2) px, as `count` components give it back."""
    shown = np.ascontiguousarray(frames.copy())
    rows = np.flatnonzero(np.isfinite(marks).all((1, 2)))
    if len(rows):
        given = faces(np.stack([cut_face(frames[k], marks[k]) for k in rows]), count)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        for k, face in zip(rows, given, strict=True):
            size = shown.shape[2], shown.shape[1]
            shown[k] = cv2.warpAffine(face, alignment(marks[k]), size, shown[k], flags, cv2.BORDER_TRANSPARENT)
    return shown


def fit_eigenfaces(rows: list[dict], kept: Path) -> Eigenfaces:
    """Eigenfaces of portraits (rows of `find_portraits`) and their mirror images, fitted once and kept (.npz)."""
    if not kept.exists():
        faces = np.stack([cut_face(cv2.imread(row["path"])[..., ::-1], np.array(row["landmarks"])) for row in rows])
        faces = np.concatenate([faces, faces[:, :, ::-1]]).reshape(2 * len(faces), -1).astype(np.float32) / 255
        found = PCA(MOST, svd_solver="randomized", random_state=0).fit(faces)
        with project.atomic_path(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, mean=found.mean_.astype(np.float32), components=found.components_.astype(np.float32))
    with np.load(kept, allow_pickle=False) as tables:
        return Eigenfaces(tables["mean"], tables["components"])
