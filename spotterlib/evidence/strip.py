"""The strip of figures below a picture of the diagnostic video: what it says, and where each field stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..metrics import probability_text, verdict_text
from . import draw
from .words import heat_note

if TYPE_CHECKING:
    from ..scan import ScanReport


@dataclass(frozen=True)
class Strip:
    """The strip below a picture of one size: what stands still on it, and where the rest is written; timeline: the
    height in px of the curve at its lower edge."""

    shape: tuple[int, int]
    size: int
    spots: tuple[tuple[int, int], ...]
    strip: np.ndarray
    timeline: int


def lay_out_strip(report: ScanReport, shape: tuple[int, int]) -> Strip:
    """Lay out the strip: every field keeps its place from frame to frame; a narrow picture breaks the row.

    The curve of the scores comes last, for a player lays its controls over the lowest part of a video.
    """
    height, width = shape
    last = max(len(report.times) - 1, 0)
    end = draw.end_of(report.times)
    widest = [
        verdict_text(report.label, report.probability),
        f"frame {last}",
        f"{end:.2f} s",
        "score >0.88",
        "not examined",
        "red 100%",
    ]
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
    strip[-timeline:] = draw.draw_timeline(draw.score_columns(report.times, report.frame_scores, width, end), timeline)
    draw.put_segments(strip[-timeline:], report.segments, end)
    spots = tuple((x, pad // 2 + row * line + round(1.1 * size)) for x, row in places)
    x, y = spots[0]
    corner = (x + draw.text_width(widest[0], size, True) + pad // 2, y + round(0.35 * size))
    cv2.rectangle(strip, (x - pad // 2, y - round(0.95 * size)), corner, draw.VERDICTS[report.label], -1)
    draw.put_text(strip, widest[0], (x, y), size, draw.ink_on(draw.VERDICTS[report.label]), True)
    for number, words in enumerate(told):
        base = pad // 2 + (row + 1) * line + number * below + round(0.9 * worth_size)
        draw.put_text(strip, words, (pad, base), worth_size, draw.PALE)
    return Strip(shape, size, spots, strip, timeline)


def fields_of(report: ScanReport, index: int, state: str, share: float | None) -> list[str]:
    """What the strip says of a frame, field by field; state: of the deciding face; share: percent of it that is red."""
    score = report.frame_scores[index]
    return [
        verdict_text(report.label, report.probability),
        f"frame {index}",
        f"{report.times[index]:.2f} s",
        f"score {probability_text(score)}" if np.isfinite(score) else "score --",
        state,
        f"red {share:.0f}%" if share is not None else "red --",
    ]
