"""A small face enlarged in a corner of the diagnostic video: a heatmap on forty pixels cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from . import draw
from .heat import CELLS, OPACITY, THRESHOLD, paint_heat

if TYPE_CHECKING:
    from ..faces import FaceTrack

SMALL = 0.2
"""Of the picture's shorter side: a face whose box is usually narrower gets an inset."""

SIDE = 0.36
"""Of the picture's shorter side: how wide the inset is."""


@dataclass(frozen=True)
class Inset:
    """Where the deciding face is shown enlarged: its left and upper edge and its side, px of the picture."""

    left: int
    top: int
    side: int

    def covers(self, boxes: np.ndarray) -> np.ndarray:
        """bool (…): which boxes (…, 4) px it would cover, in part at least; none that is NaN."""
        x0, y0, x1, y1 = np.moveaxis(boxes, -1, 0)
        right, bottom = self.left + self.side, self.top + self.side
        return (x0 < right) & (x1 > self.left) & (y0 < bottom) & (y1 > self.top)


def place_inset(tracks: Sequence[FaceTrack], canvas: tuple[int, int]) -> Inset | None:
    """The corner for the first of the tracks (in px of the canvas, width and height), one for the whole video.

    It is the upper right or left one, away from a player's controls, whichever covers a face in fewer grid frames.
    None where the first face is large enough as it is, or where there is none.
    """
    if not tracks or not 0 < tracks[0].side < SMALL * min(canvas):
        return None
    side, rim = round(SIDE * min(canvas)), round(0.02 * min(canvas))
    corners = [Inset(left, rim, side) for left in (canvas[0] - side - rim, rim)]
    return min(corners, key=lambda one: sum(int(one.covers(track.boxes).sum()) for track in tracks))


def put_inset(
    picture: np.ndarray,
    image: np.ndarray,
    inset: Inset,
    box: np.ndarray,
    heatmap: np.ndarray,
    scale: float,
    size: int,
    color: draw.RGB,
) -> None:
    """Paint the face enlarged, with its heat, a frame in the colour of its box and how often it is enlarged; in place.

    picture: uint8 RGB (H, W, 3) to paint on; image: the same frame as it was filmed; box: float (4,) px, square;
    heatmap, scale: as for `paint_heat`; size: of the letters, px.
    """
    times = inset.side / float(box[2] - box[0])
    away = np.array([[times, 0, -times * box[0]], [0, times, -times * box[1]]], np.float64)
    away[:, 2] += (times - 1) / 2  # pixel centres stay where they are
    face = cv2.warpAffine(image, away, (inset.side, inset.side), flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128))
    paint_heat(face, heatmap, scale, (0, 0, inset.side, inset.side), OPACITY, THRESHOLD, "grid", inset.side / CELLS)
    thick = max(1, inset.side // 100)
    cv2.rectangle(face, (0, 0), (inset.side - 1, inset.side - 1), color, thick)
    draw.put_tag(face, f"x{times:.1f}", 0, inset.side, size, color)
    picture[inset.top : inset.top + inset.side, inset.left : inset.left + inset.side] = face
