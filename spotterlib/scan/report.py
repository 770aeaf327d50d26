"""What a scan hands over: a report of faces of windows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..base import to_json
from ..faces import FaceClip, FaceTrack
from ..metrics import verdict_text
from ..provenance import Credentials, FileFacts
from ..video import VideoInfo
from .examined import Examined, facts_of, plain_record
from .zones import ZONES, crop_points, zone_shares


@dataclass(frozen=True)
class WindowResult:
    """One window of one face: start and end in s, calibrated P(fake) or None where it was not scored, usable frames."""

    start: float
    end: float
    probability: float | None
    usable: int


@dataclass(frozen=True)
class Segment:
    """One person in one window: start and end in s of where that person was seen in it, person (its number among
    `ScanReport.faces`, from 1), calibrated P(fake) of this window alone, and the verdict it would get by itself."""

    start: float
    end: float
    person: int
    probability: float
    label: str


@dataclass(frozen=True, eq=False)
class FaceResult:
    """One face: its own verdict, and the evidence on the detection grid of G frames.

    probability: calibrated P(this face is fake) over its windows, None when none was scored (`reason` says why);
    frame_scores float32 (G,): the frame head's calibrated P(fake), NaN where the face was not found; heatmaps float32
    (G, 7, 7): 0 … 1, where in its temporal Grad-CAM and as strong as the frame's score (`shown_heat`), 0 where
    the face was not found or its window not scored.
    """

    label: str
    probability: float | None
    reason: str
    windows: tuple[WindowResult, ...]
    track: FaceTrack
    clip: FaceClip
    frame_scores: np.ndarray
    heatmaps: np.ndarray

    @property
    def zone_shares(self) -> np.ndarray:
        """The share of each frame's heat in each of `ZONES`: float (G, 7), NaN where there is no heat."""
        return zone_shares(self.heatmaps, crop_points(self.track.landmarks, self.track.boxes))

    @property
    def zones(self) -> dict[str, float] | None:
        """The share of all this face's heat that lies in each zone, the largest first; None without heat."""
        shares, heat = self.zone_shares, self.heatmaps.sum((1, 2), dtype=np.float64)
        seen = np.isfinite(shares[:, 0])
        if not seen.any():
            return None
        whole = np.average(shares[seen], axis=0, weights=heat[seen])
        return {ZONES[k]: float(whole[k]) for k in np.argsort(-whole, kind="stable")}


@dataclass(frozen=True, eq=False)
class ScanReport:
    """What a scan found. A score is no proof: it says how alike the video is to what the checkpoint learned as fake.

    video: its whole path (`to_dict` has it from the working directory or the clone); label "REAL", "FAKE" or
    "UNDECIDED"; probability: calibrated P(fake), None when nothing could be scored; confidence: percent,
    100·P(label), for UNDECIDED 100·max(p, 1 − p); reason: why it is undecided, or what to know of the verdict:
    which face or window speaks against it, and what was found and not judged; faces: strongest first, faces[0]
    decided; times float64 (V,) s and frame_scores float32 (V,): every frame of the video, NaN where that face was
    not seen; heatmap_scale: the heat drawn as full red, 1; coverage: share of the video's frames inside a window;
    timings in s; file: what the file is and says of itself; credentials: what its Content Credentials claim;
    examined: when, by what and how it was scanned; scenes: by frame index, the whole picture of each analysed frame
    as a small JPEG; still: whether it is one picture (`scan_image`).
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
    file: FileFacts
    credentials: Credentials
    examined: Examined
    scenes: dict[int, bytes] = field(default_factory=dict)
    still: bool = False

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Every window that was scored, of every person, in the order of time: what can be scanned alone by
        `scan_video(path, start=…, end=…)`."""
        return segments_of(self.faces, self.checkpoint["t_low"], self.checkpoint["t_high"])

    def __repr__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        first = f"{Path(self.video).name}: {verdict_text(self.label, self.probability)}{why}"
        return "\n".join([first, *(f"  {name}: {value}" for name, value in facts_of(self))])

    def to_dict(self, heat: bool = False) -> dict:
        """Everything but the pixels, as plain Python ready for strict JSON: what is NaN here is None there.

        heat: the heatmaps too (`heatmaps` of each face, G × 7 × 7), 1 kB a frame. docs/report.md describes it, and
        report.schema.json beside this file does so for programs (`schema`: its version).
        """
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
                "zones": face.zones,
                **({"heatmaps": face.heatmaps} if heat else {}),
            }
            for face in self.faces
        ]
        segments = [vars(segment) for segment in self.segments]
        told = plain_record(self) | {"faces": faces, "segments": segments}
        told |= {name: value for name, value in vars(self).items() if name not in told and name != "scenes"}
        return json.loads(to_json(told, indent=None))


def verdict(probability: float, t_low: float, t_high: float) -> str:
    """ "FAKE" at p ≥ t_high, "REAL" at p ≤ t_low, "UNDECIDED" between."""
    return "FAKE" if probability >= t_high else "REAL" if probability <= t_low else "UNDECIDED"


def confidence_in(label: str, probability: float | None) -> float | None:
    """How sure a verdict is, in percent: of UNDECIDED that of the likelier answer; None without a probability."""
    if probability is None:
        return None
    return 100 * {"FAKE": probability, "REAL": 1 - probability}.get(label, max(probability, 1 - probability))


def segments_of(faces: Sequence[FaceResult], t_low: float, t_high: float) -> tuple[Segment, ...]:
    """Every scored window of every face, in the order of time."""
    found = []
    for person, face in enumerate(faces, 1):
        track = face.track
        for number, window in enumerate(face.windows):
            p = window.probability
            if p is not None:
                seen = track.times[track.valid & (track.windows == number)]
                span = (float(seen[0]), float(seen[-1])) if len(seen) else (window.start, window.end)
                found.append(Segment(*span, person, p, verdict(p, t_low, t_high)))
    return tuple(sorted(found, key=lambda segment: (segment.start, segment.end, segment.person)))
