"""The diagnostic video: the source with heat, boxes and a strip of figures painted on every frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..base import VideoError
from ..metrics import verdict_text
from ..video import RESULT, fitted, iterate_frames, write_video
from . import draw
from .heat import CELLS, OPACITY, THRESHOLD, paint_heat, red_share
from .inset import Inset, place_inset, put_inset
from .place import place_for
from .strip import Strip, fields_of, lay_out_strip

if TYPE_CHECKING:
    from ..scan import FaceResult, ScanReport


_BLOCK = 128
"""Frames whose evidence is looked up together: quicker than one by one, and no more memory for a long video."""


def predict_with_diagnostics(path, checkpoint=None, out=None, device="auto") -> tuple[str, float | None, str]:
    """Scan a video and write its diagnostic video: (label, confidence in percent, path of the diagnostic video).

    label is "REAL", "FAKE" or "UNDECIDED"; confidence is None where nothing could be scored. Raises `SpotterError`.
    """
    from ..scan import scan_video

    report = scan_video(path, checkpoint=checkpoint, device=device)
    return report.label, report.confidence, str(write_diagnostic_video(report, out))


def write_diagnostic_video(
    report: ScanReport,
    path: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write the scanned video again with the evidence painted on it; every frame, its times and its sound are kept.

    path: where (default `runs/<own name>_spotter.mp4`: the video's name and a hash of its whole path, so that no other
    video's result is replaced). H.264, yuv420p; the picture in its own resolution (that of most frames; one of another
    size is fitted onto it, not stretched), the strip of figures below it; its metadata say what it is (`is_result`).
    Frames stream through: a long video needs no more memory than a short one. progress: called with the share done,
    0…1; what it raises ends the work, and nothing is left of it.
    Raises `VideoError` when the video is gone, is another one now, or would be overwritten; and for a still picture.
    """
    target = place_for(report, path)
    if report.still:
        raise VideoError(f"{report.video} is a picture, not a video. Use export_page for its evidence.")
    kept = {"times": report.times, "audio_from": report.video, "comment": RESULT}
    # people wait for it
    return write_video(target, _drawn_frames(report, progress), report.info.fps, hurry=True, **kept)


def draw_frame(report: ScanReport, index: int, image: np.ndarray) -> np.ndarray:
    """One frame as the diagnostic video shows it: heat and boxes on the picture, a strip with the figures below it.

    index: number of the frame in the video, 0 … V-1; image: that frame, uint8 RGB (H, W, 3), as `read_frames` gives
    it. A face has a yellow box; of several, each tells its own verdict, and the deciding one has a thick box in the
    colour of it; where the face was not found there is no box, and the strip says so. A deciding face that is small in
    its picture is shown enlarged in an upper corner too, except where that would cover a face. Returns uint8 RGB
    (H + strip, W, 3) of even height. Raises `IndexError` past the last frame.
    """
    if not 0 <= index < len(report.times):
        raise IndexError(f"frame {index}: {Path(report.video).name} has frames 0 to {len(report.times) - 1}")
    canvas = (image.shape[1], image.shape[0])
    faces = _faces_on(report, canvas)
    evidence = [evidence_at(face, report.times[index : index + 1]) for face in faces]
    inset = place_inset([face.track for face in faces], canvas)
    return _draw(report, index, image, lay_out_strip(report, image.shape[:2]), inset, evidence, 0)


def _drawn_frames(report: ScanReport, progress: Callable[[float], None] | None = None) -> Iterator[np.ndarray]:
    """The frames of the diagnostic video. Raises `VideoError` when the video is not the one that was scanned."""
    changed = VideoError(f"{report.video} is not the video that was scanned (frames differ). Scan it again.")
    canvas = (report.info.width, report.info.height)  # one for all frames, whatever their own size
    faces, caption, index, evidence = _faces_on(report, canvas), None, -1, []
    inset = place_inset([face.track for face in faces], canvas)
    for index, _, image in iterate_frames(report.video):
        if index >= len(report.times):
            raise changed
        image = fitted(image, canvas)
        if caption is None:
            caption = lay_out_strip(report, image.shape[:2])
        row = index % _BLOCK
        if row == 0:
            moments = report.times[index : index + _BLOCK]
            evidence = [evidence_at(face, moments) for face in faces]
        yield _draw(report, index, image, caption, inset, evidence, row)
        if progress is not None:
            progress((index + 1) / len(report.times))
    if index + 1 < len(report.times):
        raise changed


def _draw(
    report: ScanReport,
    index: int,
    image: np.ndarray,
    caption: Strip,
    inset: Inset | None,
    evidence: list[Evidence],
    row: int,
) -> np.ndarray:
    """One frame with its strip. evidence: of each face at several moments, of which `row` is this frame's."""
    height, width = image.shape[:2]
    canvas = np.empty((height + len(caption.strip), width, 3), np.uint8)
    canvas[:height], canvas[height:] = image, caption.strip
    picture, strip = canvas[:height], canvas[height:]
    time = float(report.times[index])
    thick = max(1, round(min(height, width) / 160))
    state, share = "no face", None
    for number in reversed(range(len(report.faces))):  # the deciding face last, on top
        seen = evidence[number]
        if number == 0:
            state = "face found" if seen.seen[row] else "no face" if seen.examined[row] else "not examined"
        if not seen.seen[row]:
            continue
        box, heat = seen.boxes[row], seen.heatmaps[row]
        cell = float(np.clip((box[2] - box[0]) / CELLS, 6, 16))
        paint_heat(picture, heat, report.heatmap_scale, box, OPACITY, THRESHOLD, "grid", cell)
        corners = [round(float(edge)) for edge in box]
        one = report.faces[number]
        several = len(report.faces) > 1  # then the deciding face has the colour of its verdict, and each face its own
        color = draw.VERDICTS[one.label] if several and number == 0 else draw.BOX
        wide = thick if number == 0 else max(1, thick // 2)
        cv2.rectangle(picture, tuple(corners[:2]), (corners[2] - 1, corners[3] - 1), color, wide)
        if several:
            said = f"{number + 1} {verdict_text(one.label, one.probability)}"
            draw.put_tag(picture, said, corners[0], corners[1], caption.size, draw.VERDICTS[one.label])
        if number == 0:
            share = red_share(heat, report.heatmap_scale)
            if inset is not None and not any(inset.covers(other.boxes[row]) for other in evidence):
                put_inset(picture, image, inset, box, heat, report.heatmap_scale, caption.size, color)
    at = (time + draw.end_of(report.times) / max(len(report.times), 1) / 2) / draw.end_of(report.times)
    draw.put_mark(strip[-caption.timeline :], at)
    for text, (x, y) in zip(fields_of(report, index, state, share)[1:], caption.spots[1:], strict=True):
        faint = text.endswith("--") or text in ("no face", "not examined")
        draw.put_text(strip, text, (x, y), caption.size, draw.PALE if faint else draw.INK)
    return canvas


@dataclass(frozen=True)
class Evidence:
    """One face at N moments. boxes: float (N, 4) px, NaN where not seen; heatmaps: float32 (N, 7, 7), 0 where not
    seen; seen: bool (N,); examined: bool (N,), False between the windows that were looked at."""

    boxes: np.ndarray
    heatmaps: np.ndarray
    seen: np.ndarray
    examined: np.ndarray


def _faces_on(report: ScanReport, canvas: tuple[int, int]) -> list[FaceResult]:
    """A report's faces in px of a canvas (width, height) onto which every frame is fitted."""
    return [replace(face, track=face.track.on(canvas)) for face in report.faces]


def evidence_at(face: FaceResult, times: np.ndarray) -> Evidence:
    """Box and heatmap of a face at times (N,) in s: linear between the analysed frames on either side, none in gaps."""
    times = np.asarray(times, dtype=np.float64)
    track = face.track
    boxes, _, seen = track.at(times)
    left, right, weight, near = draw.neighbours(track.times, track.valid, times, windows=track.windows)
    seen = np.asarray(seen, bool) & near
    weight = weight[:, None, None].astype(np.float32)
    heatmaps = (1 - weight) * face.heatmaps[left] + weight * face.heatmaps[right]
    heatmaps = np.where(seen[:, None, None], heatmaps, 0).astype(np.float32)
    step = float(np.median(np.diff(face.track.times))) if len(face.track.times) > 1 else 0.5
    examined = np.zeros(len(times), bool)
    for window in face.windows:
        examined |= (times >= window.start - 0.6 * step) & (times <= window.end + 0.6 * step)
    return Evidence(np.where(seen[:, None], boxes, np.nan), heatmaps, seen, examined | seen)
