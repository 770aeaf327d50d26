"""MTCNN on frames: where the faces are, and their five points."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import cv2
import numpy as np

from ..base import on_one_core, pick_device
from .crops import SCENE, small_scene
from .mtcnn import LEAST_FACE, PYRAMID, find_boxes
from .tracks import Detections

DETECT_SIDE = 360  # px: the shorter side that MTCNN sees; the same faces are found as at 1080, nine times faster
MIN_CONFIDENCE = 0.9  # MTCNN's own .7 lets hands and patterns through
MIN_SIDE = 24  # px: MTCNN's pyramid needs more than its smallest face


def least_face(width: int, height: int) -> float:
    """Width in px of the smallest face that is looked for in a picture of so many px."""
    return LEAST_FACE / min(1.0, DETECT_SIDE / max(min(width, height), 1))


def detect_faces(frames: np.ndarray | Sequence[np.ndarray], device: str = "cpu") -> list[Detections]:
    """MTCNN on uint8 RGB frames (H, W, 3), each reduced to a shorter side of at most 360 px; one result a frame.

    Faces under a confidence of 0.9 are left out, and any in a picture of less than 24 px. Boxes and landmarks are in px
    of the frames given. What is found in a frame depends on no other frame, and not on the number of cores.
    """
    device = pick_device(device)
    begun = [on_one_core(_reduced_and_detected, frame, device) for frame in frames]
    return [job.result() for job in begun]


def _reduced_and_detected(frame: np.ndarray, device: str) -> Detections:
    return detect(reduced(frame), frame.shape[1::-1], device)


def reduced(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 RGB (H, W, 3), as MTCNN sees it."""
    height, width = frame.shape[:2]
    scale = min(1.0, DETECT_SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame


def look(picture: np.ndarray, device: str, whole: Future | None = None) -> tuple[Detections, bytes]:
    """The faces of one picture, and the whole of it, small; whole: the look at all of a frame shortly before."""
    seen, size = reduced(picture), picture.shape[1::-1]
    scene = small_scene(seen if max(seen.shape) >= SCENE else picture)
    if whole is None:
        return detect(seen, size, device), scene
    return detect_again(seen, size, device, whole.result()[0].boxes), scene


def detect_again(seen: np.ndarray, size: tuple[int, int], device: str, known: np.ndarray) -> Detections:
    """What `detect` finds soon after a frame of that size that was looked at wholly, whose face boxes are `known`.

    What costs most is the search for faces smaller than any that are there. It begins at half the size of the smallest
    (those scales have no say in larger faces, whose boxes stay the same to 0.01 px), and is made up for when one is
    missing.
    """
    if not len(known):
        return detect(seen, size, device)
    smallest = float((known[:, 2:] - known[:, :2]).max(1).min()) * min(seen.shape[:2]) / min(size)
    steps = int(np.log(max(smallest / 2 / LEAST_FACE, 1.0)) / -np.log(PYRAMID))
    found = detect(seen, size, device, steps)
    return found if len(found.boxes) >= len(known) or not steps else detect(seen, size, device)


def detect(seen: np.ndarray, size: tuple[int, int], device: str, steps: int = 0) -> Detections:
    """What `detect_faces` finds in a frame of `size` (width, height) px, of which MTCNN is shown `seen` (`reduced`);
    steps: of the pyramid, left out (`detect_again`)."""
    if min(seen.shape[:2]) < MIN_SIDE:
        return Detections(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    boxes, points, confidences = find_boxes(seen, device, steps)
    ratio = np.array(size, np.float32) / np.array(seen.shape[1::-1], np.float32)
    boxes = boxes.reshape(-1, 2, 2) * ratio
    good = np.isfinite(boxes).all((1, 2)) & (boxes[:, 1] > boxes[:, 0]).all(1) & (confidences >= MIN_CONFIDENCE)
    return Detections(boxes[good].reshape(-1, 4), points[good] * ratio, confidences[good])
