"""Whose face it is: the whole picture with a numbered box on every face, a thumbnail and a verdict of each person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..metrics import verdict_text
from . import draw

if TYPE_CHECKING:
    from ..scan import FaceResult, ScanReport

Boxes = list[tuple[int, tuple[float, float, float, float]]]
"""Of one picture: the number of each face on it, from 0, with x0, y0, x1, y1 as shares 0 … 1 of width and height."""


def scene_boxes(report: ScanReport) -> dict[int, Boxes]:
    """By frame index, which faces are where on the pictures of `report.scenes`."""
    found: dict[int, Boxes] = {index: [] for index in report.scenes}
    whole = (report.info.width, report.info.height)
    for number, face in enumerate(report.faces):
        track = face.track
        for row in np.flatnonzero(track.valid):
            index = int(track.frames[row])
            if index in found:
                across, down = whole if track.sizes is None else track.sizes[row]
                x0, y0, x1, y1 = (float(edge) for edge in track.boxes[row])
                found[index].append((number, (x0 / across, y0 / down, x1 / across, y1 / down)))
    return found


def draw_scene(report: ScanReport, index: int, boxes: Boxes, chosen: int) -> np.ndarray:
    """The whole picture of an analysed frame: the box of the chosen face in the colour of its verdict, others yellow.

    boxes: those of this frame, from `scene_boxes`. Returns uint8 RGB (H, W, 3), its longer side at most 480 px.
    """
    coded = np.frombuffer(report.scenes[index], np.uint8)
    picture = np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
    height, width = picture.shape[:2]
    for number, (x0, y0, x1, y1) in sorted(boxes, key=lambda one: one[0] == chosen):  # the chosen one on top
        color = draw.VERDICTS[report.faces[number].label] if number == chosen else draw.BOX
        corners = [round(share * side) for share, side in zip((x0, y0, x1, y1), (width, height) * 2, strict=True)]
        cv2.rectangle(
            picture, tuple(corners[:2]), (corners[2] - 1, corners[3] - 1), color, 3 if number == chosen else 2
        )
        draw.put_tag(picture, str(number + 1), corners[0], corners[1], 14, color)
    return picture


def portrait_of(face: FaceResult) -> np.ndarray:
    """A face as a thumbnail, where it was found most surely: uint8 RGB (72, 72, 3)."""
    track = face.track
    row = int(np.argmax(np.where(track.valid, track.confidences, -1)))
    return draw.resized(face.clip.frames[row], 72, 72)


def person_words(report: ScanReport, number: int) -> str:
    """Who a face is and what is said of it alone: "Face 2 of 3: REAL 83 %"; number: from 0."""
    face = report.faces[number]
    return f"Face {number + 1} of {len(report.faces)}: {verdict_text(face.label, face.probability)}"
