"""Where one shot ends and the next begins: cuts, seen while a video is decoded anyway.

What PySceneDetect's content detector does (the mean change from frame to frame against a limit) on the planes that the
decoder hands over. The package itself was not taken: it wants every frame as BGR, at forty times the cost, and brings
`opencv-python` beside `opencv-python-headless`.
"""

from __future__ import annotations

from collections import deque

import av
import cv2
import numpy as np

_SIZE = (64, 36)
_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
_LEAST = 5.5  # grey levels: people before one and the same wall differ by 6.5 and more, a moving head by up to 3.9
_TIMES = 4.0  # a cut stands out from the steps around it, a shaking camera does not
_AROUND = 3  # steps before and after that it must stand out from
_STILL = 0.3  # grey levels: a step that counts as this much even where nothing moves


def shot_numbers() -> dict[str, object]:
    """The constants of this file, JSON-ready, for whoever does the same elsewhere: changes in grey levels of 255."""
    return {"size": list(_SIZE), "least": _LEAST, "times": _TIMES, "around": _AROUND, "still": _STILL}


class ShotCuts:
    """Takes the decoded frames of a video in order, and knows the frames that begin a new shot."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.before: np.ndarray | None = None
        self.steps: deque[float] = deque([0.0] * _AROUND, maxlen=2 * _AROUND + 1)  # the last ones; before the first, 0
        self.count = 0
        self.found: list[int] = []

    def take(self, index: int, frame: av.VideoFrame) -> bool:
        """Look at the next frame; index 0 begins anew. Returns whether a cut is known by now."""
        if index == 0:
            self._begin()
        small = _small(frame)
        if self.before is not None:
            self._step(float(cv2.norm(small, self.before, cv2.NORM_L1)) / small.size)
        self.before = small
        self.count += 1
        return bool(self.found)

    def _step(self, change: float) -> None:
        self.steps.append(change)
        if len(self.steps) == self.steps.maxlen:
            self._judge(list(self.steps), self.count - _AROUND)

    def _judge(self, steps: list[float], index: int) -> None:
        """Whether frame `index` begins a shot: the step to it, the middle one, against those around."""
        middle = steps[_AROUND]
        around = max([_STILL, *steps[:_AROUND], *steps[_AROUND + 1 :]])
        if middle >= _LEAST and middle >= _TIMES * around:
            self.found.append(index)

    @property
    def cuts(self) -> np.ndarray:
        """The first frame of every shot but the first: rising int64 indices."""
        return np.array(self.found, np.int64)


def _small(frame: av.VideoFrame) -> np.ndarray:
    """A frame at 64 × 36, uint8 (36, 64, 3) as brightness and two colours: every so many pixels one, nothing averaged.
    That takes 0.03 ms where a conversion takes 0.3."""
    if frame.format.name not in _PLANAR:
        frame = frame.reformat(*_SIZE, format="yuv444p", interpolation="POINT")
    planes = []
    for plane in frame.planes:
        whole = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        planes.append(cv2.resize(whole[:, : plane.width], _SIZE, interpolation=cv2.INTER_NEAREST))
    return np.stack(planes, axis=-1)
