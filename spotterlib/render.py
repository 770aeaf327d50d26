"""Evidence to look at: heat painted on the face it came from, the diagnostic video, the contact sheet, the page.

Everything here takes a `ScanReport` and shows it; nothing is computed anew and no verdict is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from . import _draw as draw
from ._draw import OPACITY, THRESHOLD, artifact_share, overlay_heatmap, upsample_heatmap
from ._page import heat_note, page_html
from ._sheet import face_sheet, plain_sheet, telling_frames
from .project import VideoError, atomic_path, output_path
from .video import iterate_frames, read_frames, write_video

if TYPE_CHECKING:
    from .scan import FaceResult, ScanReport

__all__ = [
    "artifact_share",
    "contact_sheet",
    "draw_frame",
    "evidence_at",
    "export_page",
    "overlay_heatmap",
    "telling_frames",
    "upsample_heatmap",
    "write_diagnostic_video",
]


@dataclass(frozen=True)
class Evidence:
    """One face at N moments. boxes: float (N, 4) px, NaN where not seen; heatmaps: float32 (N, 7, 7) raw, 0 where not
    seen; seen: bool (N,); examined: bool (N,), False between the windows that were looked at."""

    boxes: np.ndarray
    heatmaps: np.ndarray
    seen: np.ndarray
    examined: np.ndarray


def evidence_at(face: FaceResult, times: np.ndarray) -> Evidence:
    """Box and heatmap of a face at times (N,) in s: linear between the analysed frames on either side, none in gaps."""
    times = np.asarray(times, dtype=np.float64)
    boxes, _, seen = face.track.at(times)
    track = face.track
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


def _verdict(report: ScanReport) -> str:
    if report.label == "UNDECIDED" or report.confidence is None:
        return report.label
    return f"{report.label} {min(report.confidence, 99):.0f}%"  # no network is certain


@dataclass(frozen=True)
class _Caption:
    """The strip below a picture of one size: what stands still on it, and where the rest is written."""

    shape: tuple[int, int]
    size: int
    spots: tuple[tuple[int, int], ...]
    strip: np.ndarray
    timeline: int


def _fields(report: ScanReport, index: int, state: str, share: float | None) -> list[str]:
    score = report.frame_scores[index]
    return [
        _verdict(report),
        f"frame {index}",
        f"{report.times[index]:.2f} s",
        f"score {score:.2f}" if np.isfinite(score) else "score --",
        state,
        f"artifacts {share:.0f}%" if share is not None else "artifacts --",
    ]


def _caption(report: ScanReport, shape: tuple[int, int]) -> _Caption:
    """Lay out the strip: every field keeps its place from frame to frame; a narrow picture breaks the row."""
    height, width = shape
    last = max(len(report.times) - 1, 0)
    end = draw.end_of(report.times)
    widest = [_verdict(report), f"frame {last}", f"{end:.2f} s", "score 0.88", "not examined", "artifacts 100%"]
    size = max(11, round(min(height, width) / 25))
    pad = max(2, min(size // 2, width // 24))
    size = min(draw.fitting_size(text, width - 2 * pad, size, bold=text == widest[0]) for text in widest)
    wide = [draw.text_width(text, size, bold=text == widest[0]) + 3 * pad for text in widest]
    columns = min(len(widest), max(1, (width + pad) // max(wide)))
    if sum(wide) <= width + pad:
        places = [(pad + sum(wide[:number]), 0) for number in range(len(widest))]
    else:
        places = [(pad + number % columns * (width // columns), number // columns) for number in range(len(widest))]
    row = places[-1][1]
    timeline, line = round(1.8 * size), round(1.6 * size)
    worth = heat_note(report.checkpoint)[0]
    worth_size = max(9, round(0.8 * size))
    told = draw.broken(worth, width - 2 * pad, worth_size)
    if len(told) > 3:  # on a very narrow picture the figures are left out
        told = draw.broken(worth.partition(":")[0], width - 2 * pad, worth_size)
    below = round(1.4 * worth_size)
    tall = timeline + pad + (row + 1) * line + len(told) * below + pad // 2
    strip = np.empty((tall + (height + tall) % 2, width, 3), np.uint8)
    strip[:] = draw.SOOT
    strip[:timeline] = draw.draw_timeline(draw.score_columns(report.times, report.frame_scores, width, end), timeline)
    spots = tuple((x, timeline + pad + row * line + round(1.1 * size)) for x, row in places)
    x, y = spots[0]
    corner = (x + draw.text_width(widest[0], size, True) + pad // 2, y + round(0.35 * size))
    cv2.rectangle(strip, (x - pad // 2, y - round(0.95 * size)), corner, draw.VERDICTS[report.label], -1)
    draw.put_text(strip, widest[0], (x, y), size, draw.INK, True)
    for number, words in enumerate(told):
        base = timeline + pad + (row + 1) * line + number * below + round(0.9 * worth_size)
        draw.put_text(strip, words, (pad, base), worth_size, draw.PALE)
    return _Caption(shape, size, spots, strip, timeline)


def _draw(
    report: ScanReport, index: int, image: np.ndarray, caption: _Caption, evidence: list[Evidence], row: int
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
        cell = float(np.clip((box[2] - box[0]) / draw.CELLS, 6, 16))
        draw.paint_heat(picture, heat, report.heatmap_scale, box, OPACITY, THRESHOLD, "grid", cell)
        corners = [round(float(edge)) for edge in box]
        color, wide = (draw.BOX, thick) if number == 0 else (draw.OTHER_BOX, max(1, thick // 2))
        cv2.rectangle(picture, tuple(corners[:2]), (corners[2] - 1, corners[3] - 1), color, wide)
        if len(report.faces) > 1:
            draw.put_tag(picture, str(number + 1), corners[0], corners[1], caption.size, color)
        if number == 0:
            share = artifact_share(heat, report.heatmap_scale)
    at = (time + draw.end_of(report.times) / max(len(report.times), 1) / 2) / draw.end_of(report.times)
    draw.put_mark(strip[: caption.timeline], at)
    for text, (x, y) in zip(_fields(report, index, state, share)[1:], caption.spots[1:], strict=True):
        faint = text.endswith("--") or text in ("no face", "not examined")
        draw.put_text(strip, text, (x, y), caption.size, draw.PALE if faint else draw.INK)
    return canvas


def draw_frame(report: ScanReport, index: int, image: np.ndarray) -> np.ndarray:
    """One frame as the diagnostic video shows it: heat and boxes on the picture, a strip with the figures below it.

    index: number of the frame in the video, 0 … V-1; image: that frame, uint8 RGB (H, W, 3), as `read_frames` gives
    it. The deciding face has a yellow box, other faces a thin grey one; where the face was not found there is no box,
    and the strip says so. Returns uint8 RGB (H + strip, W, 3) of even height. Raises `IndexError` past the last frame.
    """
    if not 0 <= index < len(report.times):
        raise IndexError(f"frame {index}: {Path(report.video).name} has frames 0 to {len(report.times) - 1}")
    evidence = [evidence_at(face, report.times[index : index + 1]) for face in report.faces]
    return _draw(report, index, image, _caption(report, image.shape[:2]), evidence, 0)


_BLOCK = (
    128  # frames whose evidence is looked up together: quicker than one by one, and no more memory for a long video
)


def _drawn_frames(report: ScanReport) -> Iterator[np.ndarray]:
    changed = VideoError(f"{report.video} is not the video that was scanned (frames differ). Scan it again.")
    caption, index, evidence = None, -1, []
    for index, _, image in iterate_frames(report.video):
        if index >= len(report.times):
            raise changed
        if caption is None or caption.shape != image.shape[:2]:
            caption = _caption(report, image.shape[:2])
        row = index % _BLOCK
        if row == 0:
            moments = report.times[index : index + _BLOCK]
            evidence = [evidence_at(face, moments) for face in report.faces]
        yield _draw(report, index, image, caption, evidence, row)
    if index + 1 < len(report.times):
        raise changed


def write_diagnostic_video(report: ScanReport, path: str | os.PathLike[str] | None = None) -> Path:
    """Write the scanned video again with the evidence painted on it; every frame, its times and its sound are kept.

    path: where (default `runs/<name of the video>_spotter.mp4`). H.264, yuv420p; the picture in its own resolution,
    the strip of figures below it. Frames stream through, so a long video needs no more memory than a short one.
    Raises `VideoError` when the video is gone, is another one now, or would be overwritten.
    """
    target = output_path(path if path is not None else Path("runs") / f"{Path(report.video).stem}_spotter.mp4")
    if target.exists() and Path(report.video).exists() and os.path.samefile(target, report.video):
        raise VideoError(f"{target} is the scanned video itself. Give the diagnostic video another name.")
    return write_video(target, _drawn_frames(report), report.info.fps, times=report.times, audio_from=report.video)


def contact_sheet(report: ScanReport, count: int = 8, width: int = 1280, face: int = 0) -> np.ndarray:
    """The most telling frames on one sheet: each face as it was found, beside it the same with its evidence in red.

    count: frames shown at most; width: px; face: which of `report.faces`. Without a face the sheet shows plain frames
    of the video (read again) and says so. Returns uint8 RGB (H, width, 3).
    """
    verdict, label = _verdict(report), report.label
    if report.faces:
        who = f"Face {face + 1} of {len(report.faces)}, " if len(report.faces) > 1 else "The "
        worth = heat_note(report.checkpoint)[0]
        return face_sheet(report.faces[face], report.heatmap_scale, worth, count, width, verdict, label, who)
    wanted = np.unique(np.linspace(0, max(len(report.times) - 1, 0), count).round().astype(int))
    found = read_frames(report.video, wanted)
    pictures = [(float(report.times[index]), found[index]) for index in sorted(found)]
    return plain_sheet(pictures, width, verdict, label, "No face was found: these are plain frames of the video.")


def export_page(report: ScanReport, path: str | os.PathLike[str]) -> Path:
    """Write one self-contained HTML file that can be mailed: verdict, figures, a player with the evidence, limits.

    It needs no network and no other file; names in it are escaped. About 20 kB a frame; at most 400 frames are kept.
    """
    target = output_path(path)
    with atomic_path(target) as temporary:
        temporary.write_text(page_html(report, contact_sheet(report)), encoding="utf-8")
    return target
