"""Contact sheets: a few frames on one picture, each with its time and score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..metrics import probability_text, verdict_text
from ..video import read_frames, read_picture
from . import draw
from .heat import CELLS, overlay_heatmap
from .words import describe, heat_note

if TYPE_CHECKING:
    from ..scan import ScanReport

GREY = (70, 74, 82)

SHOWN = "red where the picture weighed towards fake, as strong as the {}'s own score"
"""What the heat of a report is, of a frame or of a face."""


def contact_sheet(report: ScanReport, count: int = 8, width: int = 1280, face: int = 0) -> np.ndarray:
    """The most telling frames (`telling_frames`) on one sheet: each face as found, beside it the same with its heat.

    count: frames shown at most; width: px; face: which of `report.faces`. Without a face the sheet shows plain frames
    of the video, or the picture (read again), and says so. Returns uint8 RGB (H, width, 3).
    """
    verdict, label = verdict_text(report.label, report.probability), report.label
    if report.faces:
        who = ""
        if len(report.faces) > 1:  # the verdict on this face alone: nobody is shown under another's
            one = report.faces[face]
            who = f"Face {face + 1} of {len(report.faces)}. "
            verdict, label = verdict_text(one.label, one.probability), one.label
        worth = heat_note(report.checkpoint)[0]
        scale, heat = report.heatmap_scale, SHOWN.format("face" if report.still else "frame")
        return face_sheet(report.faces[face], scale, worth, heat, count, width, verdict, label, who, report.still)
    if report.still:
        pictures = [(float("nan"), read_picture(Path(report.video)))]
        return plain_sheet(pictures, width, verdict, label, "No face was found: this is the picture.")
    wanted = np.unique(np.linspace(0, max(len(report.times) - 1, 0), count).round().astype(int))
    found = read_frames(report.video, wanted)
    pictures = [(float(report.times[index]), found[index]) for index in sorted(found)]
    return plain_sheet(pictures, width, verdict, label, "No face was followed: these are plain frames of the video.")


@dataclass(frozen=True, eq=False)
class SheetPicture:
    """A contact sheet as a notebook shows it, with the report in words for whoever does not see it."""

    sheet: np.ndarray
    described: str

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return cv2.imencode(".png", self.sheet[..., ::-1])[1].tobytes(), {"alt": self.described}


def sheet_picture(report: ScanReport, count: int = 8) -> SheetPicture:
    """`contact_sheet` for a notebook, where it ends a cell."""
    return SheetPicture(contact_sheet(report, count), describe(report))


def telling(face: Any, scale: float = 1.0) -> np.ndarray:
    """How telling each analysed frame of a face is: float64 (G,), high where score and heat are, NaN without a score.

    scale: the heat drawn as full red. Frames without any heat follow, by their score, behind those with some.
    """
    hottest = face.heatmaps.max((1, 2), initial=0) / scale
    return np.asarray(face.frame_scores, np.float64) * (1e-3 + np.minimum(hottest, 1))


def telling_frames(face: Any, count: int, scale: float = 1.0) -> np.ndarray:
    """The most telling analysed frames of a face: int64 (≤ count,) rows of its grid, in time order.

    Those with the highest score and the most heat, however near in time; without any score, frames spread evenly.
    """
    rows = np.flatnonzero(face.track.valid)
    worth = telling(face, scale)[rows]
    if not np.isfinite(worth).any():
        return rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), min(count, len(rows))).round().astype(int))]
    order = np.argsort(-np.nan_to_num(worth, nan=-1.0), kind="stable")[: min(count, int(np.isfinite(worth).sum()))]
    return np.sort(rows[order])


def face_sheet(
    face: Any,
    scale: float,
    worth: str,
    heat: str,
    count: int = 8,
    width: int = 1280,
    verdict: str = "",
    label: str = "",
    who: str = "",
    still: bool = False,
) -> np.ndarray:
    """Crops of the most telling frames of a face, each beside the same with its evidence: uint8 RGB (H, width, 3).

    worth: how well the heat points, one line of ASCII; heat: what its red is; verdict and label: what stands on its
    plate, and which colour it has ("": no plate); who: how the line about them begins; still: one picture, without
    a time.
    """
    chosen = telling_frames(face, count, scale)
    wide = _frame_sizes(width, max(len(chosen), 1))[3]
    half = (wide - 2) // 2
    cards = []
    for row in chosen:
        crop = draw.resized(face.clip.frames[row], half, half)
        pair = np.full((half, wide, 3), 255, np.uint8)
        pair[:, :half] = pair[:, wide - half :] = crop
        pair[:, wide - half :] = overlay_heatmap(crop, face.heatmaps[row], scale, cell=max(6.0, half / CELLS))
        cards.append((pair, float("nan" if still else face.track.times[row]), float(face.frame_scores[row])))
    which = "" if still else _which(face, len(chosen))
    note = f"{who}{which}Left: as found. Right: {heat}; outlined from half of full red on."
    return _lay_out(cards, width, verdict, label, note, worth)


def _which(face: Any, shown: int) -> str:
    """Which frames are shown, and of how many."""
    found, scored = int(face.track.valid.sum()), np.isfinite(face.frame_scores).any()
    return f"{shown} of {found} frames" + (
        ", those with the highest scores and heat. " if scored else "; none has a score. "
    )


def plain_sheet(
    pictures: list[tuple[float, np.ndarray]], width: int, verdict: str, label: str, note: str
) -> np.ndarray:
    """Whole frames with their times in s (NaN: none): uint8 RGB (H, width, 3)."""
    wide = _frame_sizes(width, max(len(pictures), 1))[3]
    cards = []
    for time, image in pictures:
        tall = min(max(1, round(wide * image.shape[0] / image.shape[1])), 2 * wide)
        cards.append((draw.resized(image, wide, tall), time, float("nan")))
    return _lay_out(cards, width, verdict, label, note)


def _lay_out(
    cards: list[tuple[np.ndarray, float, float]], width: int, verdict: str, label: str, note: str, worth: str = ""
) -> np.ndarray:
    """Cards, each a picture with its time in s and its score (NaN: without), in rows below a head of some lines."""
    size, pad, across, wide = _frame_sizes(width, max(len(cards), 1))
    told = [line for text in (note, worth) for line in draw.broken(text, width - 2 * pad, size)]
    plate, line = round(2.6 * size) if verdict else pad, round(1.5 * size)
    head, foot = plate + len(told) * line + pad, round(2.0 * size)
    tall = max((card.shape[0] for card, _, _ in cards), default=0)
    sheet = np.full((head + -(-len(cards) // across) * (tall + foot) + pad, width, 3), 255, np.uint8)
    if verdict:
        color, right = draw.VERDICTS[label], 3 * pad + draw.text_width(verdict, size + 2, True)
        cv2.rectangle(sheet, (pad, pad), (right, round(2.2 * size)), color, -1)
        draw.put_text(sheet, verdict, (2 * pad, round(1.7 * size)), size + 2, draw.ink_on(color), True)
    for number, text in enumerate(told):
        draw.put_text(sheet, text, (pad, plate + round((1.5 * number + 1) * size)), size, GREY)
    for number, (card, time, score) in enumerate(cards):
        x, y = pad + (number % across) * (wide + pad), head + (number // across) * (tall + foot)
        sheet[y : y + card.shape[0], x : x + card.shape[1]] = card
        base = y + tall + round(1.2 * size)
        if np.isfinite(time):
            draw.put_text(sheet, f"{time:.2f} s", (x, base), size, GREY)
        if np.isfinite(score):
            said = f"score {probability_text(score)}"
            right = x + wide - draw.text_width(said, size, True)
            draw.put_text(sheet, said, (right, base), size, (30, 32, 36), True)
            shade = tuple(int(value) for value in draw.score_color(np.array(score)))
            cv2.circle(sheet, (right - size, base - size // 3), max(3, size // 3), shade, -1, cv2.LINE_AA)
    return sheet


def _frame_sizes(width: int, cards: int) -> tuple[int, int, int, int]:
    """Text size, space between, cards in a row, width of a card; px."""
    size = max(13, width // 80)
    pad = size // 2
    across = max(1, min(4, width // 240, cards))
    return size, pad, across, (width - pad * (across + 1)) // across
