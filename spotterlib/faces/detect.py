"""MTCNN on frames: where the faces are, and their five points."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..base import on_one_core, pick_device
from .tracks import Detections

if TYPE_CHECKING:
    from torch import nn

_LOADING = threading.Lock()
DETECT_SIDE = 360  # px: the shorter side that MTCNN sees; the same faces are found as at 1080, nine times faster
LEAST_FACE, PYRAMID = 20.0, 0.709  # px of the smallest face that MTCNN looks for, and what each step then leaves
MIN_CONFIDENCE = 0.9  # MTCNN's own .7 lets hands and patterns through
MIN_SIDE = 24  # px: MTCNN's pyramid needs more than its smallest face


def least_face(width: int, height: int) -> float:
    """Width in px of the smallest face that is looked for in a picture of so many px."""
    return LEAST_FACE / min(1.0, DETECT_SIDE / max(min(width, height), 1))


def _detector(device: str, steps: int = 0):
    """facenet-pytorch's MTCNN, every face kept; its pyramid begins `steps` steps later than usual."""
    with _LOADING:
        detector = load_detector(device)
    if steps:
        detector = copy.copy(detector)  # the same networks
        detector.min_face_size = LEAST_FACE / PYRAMID**steps
    return detector


@functools.lru_cache(maxsize=2)
def load_detector(device: str):
    """MTCNN, whose weights come in its wheel. What it imports must not be imported by two threads at once."""
    from ..base import declare_missing_operators

    declare_missing_operators()
    from facenet_pytorch import MTCNN

    return MTCNN(
        min_face_size=LEAST_FACE, factor=PYRAMID, keep_all=True, select_largest=False, post_process=False,
        device=device,
    )  # fmt: skip


def face_networks() -> dict[str, nn.Module]:
    """MTCNN's three networks by name, in the order in which they look at a picture."""
    with _LOADING:
        found = load_detector("cpu")
    return {name: getattr(found, name) for name in ("pnet", "rnet", "onet")}


def detect_faces(frames: np.ndarray | Sequence[np.ndarray], device: str = "cpu") -> list[Detections]:
    """MTCNN on uint8 RGB frames (H, W, 3), each reduced to a shorter side of at most 360 px; one result a frame.

    Faces under a confidence of 0.9 are left out, and any in a picture of less than 24 px. Boxes and landmarks are in px
    of the frames given. What is found in a frame depends on no other frame, and not on the number of cores.
    """
    device = pick_device(device)
    begun = [on_one_core(detect, frame, device) for frame in frames]
    return [job.result() for job in begun]


def detect_again(frame: np.ndarray, device: str, before: Future) -> Detections:
    """The faces of a frame soon after one that was looked at wholly, whose faces are `before`.

    What costs most is the search for faces smaller than any that are there. It begins at half the size of the smallest
    (those scales have no say in larger faces, whose boxes stay the same to 0.01 px), and is made up for when one is
    missing.
    """
    known = before.result().boxes
    if not len(known):
        return detect(frame, device)
    smallest = float((known[:, 2:] - known[:, :2]).max(1).min()) * _reduction(frame)
    steps = int(np.log(max(smallest / 2 / LEAST_FACE, 1.0)) / -np.log(PYRAMID))
    found = detect(frame, device, steps)
    return found if len(found.boxes) >= len(known) or not steps else detect(frame, device)


def _reduction(frame: np.ndarray) -> float:
    """How much smaller than a frame MTCNN sees it."""
    return min(1.0, DETECT_SIDE / min(frame.shape[:2]))


def detect(frame: np.ndarray, device: str, steps: int = 0) -> Detections:
    """What `detect_faces` finds in one frame; steps: of the pyramid, left out (`detect_again`)."""
    height, width = frame.shape[:2]
    scale = _reduction(frame)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < MIN_SIDE:
        return Detections(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    found = _mtcnn(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame, device, steps)
    ratio = np.array([width / size[0], height / size[1]], dtype=np.float32)
    boxes = found.boxes.reshape(-1, 2, 2) * ratio
    good = np.isfinite(boxes).all((1, 2)) & (boxes[:, 1] > boxes[:, 0]).all(1) & (found.confidences >= MIN_CONFIDENCE)
    order = [i for i in np.argsort(-found.confidences, kind="stable") if good[i]]
    return Detections(boxes[order].reshape(-1, 4), found.landmarks[order] * ratio, found.confidences[order])


def _mtcnn(picture: np.ndarray, device: str, steps: int = 0, border: int = 0) -> Detections:
    """What MTCNN finds in uint8 RGB (H, W, 3), looked at with a border of so many px around.

    facenet-pytorch trips over a candidate that lies wholly outside its picture (torch.cat of nothing, a mask of another
    length). Then the picture is looked at again in a border wide enough to hold the candidate.
    """
    bordered = np.pad(picture, ((border, border), (border, border), (0, 0))) if border else picture
    try:
        # a batch of one: MTCNN hands back what it found in a lone picture in another form
        ((boxes,), (confidences,), (points,)) = _detector(device, steps).detect(bordered[None], landmarks=True)
    except (RuntimeError, IndexError, ValueError):
        if border:
            raise
        return _mtcnn(picture, device, steps, border=max(picture.shape[:2]) // 2)
    boxes, points, confidences = ([], [], []) if boxes is None else (boxes, points, confidences)
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4) - border
    points = np.asarray(points, dtype=np.float32).reshape(-1, 5, 2) - border
    return Detections(boxes, points, np.asarray(confidences, dtype=np.float32).reshape(-1))
