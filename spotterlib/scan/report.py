"""What a scan hands over: a report of faces of windows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base import to_json
from ..faces import FaceClip, FaceTrack
from ..video import VideoInfo


@dataclass(frozen=True)
class WindowResult:
    """One window of one face: start and end in s, calibrated P(fake) or None where it was not scored, usable frames."""

    start: float
    end: float
    probability: float | None
    usable: int


@dataclass(frozen=True)
class FaceResult:
    """One face: its own verdict, and the evidence on the detection grid of G frames.

    probability: calibrated P(this face is fake) over its windows, None when none was scored (`reason` says why);
    frame_scores float32 (G,): the frame head's calibrated P(fake), NaN where the face was not found; heatmaps float32
    (G, 7, 7): raw temporal Grad-CAM ≥ 0, 0 where it was not found or its window not scored.
    """

    label: str
    probability: float | None
    reason: str
    windows: tuple[WindowResult, ...]
    track: FaceTrack
    clip: FaceClip
    frame_scores: np.ndarray
    heatmaps: np.ndarray


@dataclass(frozen=True)
class ScanReport:
    """What a scan found. A score is no proof: it says how alike the video is to what the checkpoint learned as fake.

    label "REAL", "FAKE" or "UNDECIDED"; probability: calibrated P(fake), None when nothing could be scored; confidence:
    percent, 100·P(label), for UNDECIDED 100·max(p, 1 − p); reason: why it is undecided, or what to know of the verdict:
    which face or window speaks against it, and what was found and not judged; faces: strongest first, faces[0] decided;
    times float64 (V,) s and frame_scores float32 (V,): every frame of the video, NaN where that face was not seen;
    heatmap_scale: the raw Grad-CAM value drawn as full red, one for the report; coverage: share of the video's frames
    inside a window; timings in s.
    """

    video: str
    label: str
    probability: float | None
    confidence: float | None
    reason: str
    faces: tuple[FaceResult, ...]
    times: np.ndarray
    frame_scores: np.ndarray
    heatmap_scale: float
    info: VideoInfo
    checkpoint: dict
    coverage: float
    timings: dict[str, float]

    def __repr__(self) -> str:
        sure = "" if self.confidence is None else f" {self.confidence:.1f} %"
        why = f" ({self.reason})" if self.reason else ""
        return f"{Path(self.video).name}: {self.label}{sure}{why}"

    def to_dict(self) -> dict:
        """Everything but the pixels, as plain Python ready for strict JSON: what is NaN here is None there."""
        faces = [
            {
                "label": face.label,
                "probability": face.probability,
                "reason": face.reason,
                "windows": [vars(window) for window in face.windows],
                "frames": face.track.frames,
                "times": face.track.times,
                "boxes": face.track.boxes,
                "sizes": face.track.sizes,
                "confidences": face.track.confidences,
                "frame_scores": face.frame_scores,
            }
            for face in self.faces
        ]
        return json.loads(to_json(vars(self) | {"faces": faces, "info": vars(self.info)}, indent=None))
