"""How a player shows a frame: its size, the shape of its pixels, its turn, its colours. All belong to the frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer

_UNSAID, _BT709 = 2, 1  # colour matrices, as FFmpeg numbers them
_HD = (1280, 720)


@dataclass(frozen=True)
class Look:
    """Scaled to width × height square pixels; then, in this order: rows and columns exchanged (`swapped`), left and
    right exchanged (`mirrored`), top and bottom exchanged (`flipped`): all eight ways to hold a picture."""

    width: int
    height: int
    swapped: bool = False
    mirrored: bool = False
    flipped: bool = False

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height after the turn."""
        return (self.height, self.width) if self.swapped else (self.width, self.height)

    def rgb(self, frame: av.VideoFrame) -> np.ndarray:
        """One frame as shown, uint8 RGB (H, W, 3)."""
        if frame.colorspace == _UNSAID and not frame.format.is_rgb and _is_hd(frame):
            frame.colorspace = _BT709
        picture = frame.to_ndarray(format="rgb24", width=self.width, height=self.height)
        picture = picture.swapaxes(0, 1) if self.swapped else picture
        return np.ascontiguousarray(picture[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])


def _is_hd(frame: av.VideoFrame) -> bool:
    """Whether a frame that names no colour matrix is shown by that of HD, BT.709, and not by BT.601.

    FFmpeg alone always takes BT.601, which is 7 grey levels off on a face. mpv takes BT.709 from a width of 1280 or
    above a height of 576, VLC above a height of 576, Chrome from a height of 720: here they all agree.
    """
    return frame.width >= _HD[0] or frame.height >= _HD[1]


class Looks:
    """The looks of a stream's frames, asked for in presentation order."""

    def __init__(self, stream: av.VideoStream) -> None:
        self.stream = stream
        self.told = stream.sample_aspect_ratio  # the container's word, else that of the bitstream's beginning
        self.coded: list[Fraction | None] = []  # of the first frame, and of this one
        self.size = (0, 0)
        self.turn: int | None = None  # degrees
        self.matrix: bytes | None = None

    def of(self, frame: av.VideoFrame) -> Look:
        """The next frame's look.

        A bitstream says its pixel shape and its turn with a key frame, and they hold up to the next one. The decoder
        knows of another pixel shape before the last pictures of the old one are out.
        """
        size = (frame.width, frame.height)
        fresh = frame.key_frame or size != self.size
        self.size = size
        if fresh or not self.coded:
            self.coded = [*self.coded[:1], self.stream.codec_context.sample_aspect_ratio]
        shape = self.coded[-1] if self.told in (None, self.coded[0]) else self.told
        if self.turn is None or fresh or frame.rotation not in (0, self.turn):
            self.turn, self.matrix = frame.rotation, _matrix_of(frame)
        width = round(frame.width * shape) if shape and Fraction(1, 4) <= shape <= 4 else frame.width
        return Look(max(width, 1), frame.height, *_held(self.matrix))


def _matrix_of(frame: av.VideoFrame) -> bytes | None:
    """A frame's display matrix, where it has one.

    Not by `frame.side_data`: the frame keeps what that gives, which holds the frame, so that the picture and its
    decoder's threads stay until both are collected (at 4K, gigabytes of them).
    """
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")
    return None if matrix is None else bytes(matrix)


def _held(matrix: bytes | None) -> tuple[bool, bool, bool]:
    """Swapped, mirrored, flipped, by a display matrix, to the nearest quarter turn.

    Its nine 32-bit numbers send a point (x, y) of the picture to (a·x + c·y, b·x + d·y), y downwards.
    """
    if matrix is None or len(matrix) < 36:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix[:36], np.int32)[:5].astype(np.int64).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0
