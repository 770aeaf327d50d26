"""The report of the page that scans in a browser, beside Python's: decoders and arithmetic are others', by a little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .report import confidence_in, verdict

PAGE = "page"
"""What `made_by` of a report says that the page wrote."""

PAGE_TOLERANCE = {"probability": 0.03, "frame": 0.15, "iou": 0.9, "missed": 0.1, "s": 0.001}
"""By how much the page may differ from Python (docs/page.md): probabilities of the whole, of faces and of windows;
scores of single frames; the least overlap of boxes; the share of a face's frames that only one finds; times."""

_KNOWN = {"made_by", "timings"}


def page_differences(told: dict[str, Any], again: dict[str, Any]) -> Iterator[str]:
    """Where a report of the page says else than Python's of the same file: by name, none where it holds.

    Verdicts are those of the probabilities told, so that they may be others only near a threshold, as probabilities may
    be. Sentences must be the same but for their numbers, unless such a verdict is another, or a frame score lies on the
    other side of 0.5. Heat and its zones are not compared: Python explains the whole clip, the page each frame. What a
    browser does not know may be missing; what Python does not know may not be there.
    """
    for name in sorted(set(told) - set(again) - _KNOWN):
        yield f"{name}: only in the report"
    wanted = {"file": ("size",), "info": ("width", "height", "frames"), "checkpoint": ("t_low", "t_high")}
    for part, names in wanted.items():
        for name in names:
            yield from _same(f"{part}.{name}", told.get(part, {}).get(name), again[part][name])
    yield from _same("still", told.get("still"), again["still"])
    yield from _near("coverage", told.get("coverage"), again["coverage"], 0.01)
    yield from _same("confidence", told.get("confidence"), confidence_in(told.get("label"), told.get("probability")))
    yield from _judged("", told, again, again["checkpoint"])
    if len(told["faces"]) != len(again["faces"]):
        yield f"faces: {len(told['faces'])} entries, now {len(again['faces'])}"
        return
    order = _matched(told["faces"], again["faces"])
    for number, other in zip(order, again["faces"], strict=True):
        yield from _face(f"faces[{number}].", told["faces"][number], other, again["checkpoint"])
    yield from _segments(told.get("segments"), again, order)
    if _verdicts(told, order) == _verdicts(again, list(range(len(order)))):
        pairs = [("", told, again)]
        pairs += [(f"faces[{k}].", told["faces"][k], face) for k, face in zip(order, again["faces"], strict=True)]
        for name, one, other in pairs:
            if masked(one.get("reason")) != masked(other["reason"]):
                yield f"{name}reason: {one.get('reason')}, now {other['reason']}"


def masked(text: Any) -> Any:
    """A sentence without its numbers; what is no text stays what it is."""
    return re.sub(r"[<>]?\d[\d.,]*", "#", text) if isinstance(text, str) else text


def _same(name: str, told: Any, again: Any) -> Iterator[str]:
    numbers = all(isinstance(each, int | float) for each in (told, again))
    if told != again and not (numbers and np.isclose(told, again, rtol=1e-9, atol=1e-9)):
        yield f"{name}: {_short(told)}, now {_short(again)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]} …"


def _near(name: str, told: Any, again: Any, most: float) -> Iterator[str]:
    """Numbers, or lists of numbers, at most so far apart; None lies by None."""
    one, other = (np.array(each, float) for each in (told, again))
    alike = one.shape == other.shape and np.array_equal(np.isfinite(one), np.isfinite(other))
    if not alike or (np.abs(one - other) > most + 1e-9).any():
        yield f"{name}: {_short(told)}, now {_short(again)}"


def _judged(name: str, told: dict[str, Any], again: dict[str, Any], thresholds: dict[str, Any]) -> Iterator[str]:
    """A probability near Python's, and a verdict that is Python's or its own probability's."""
    p = told.get("probability")
    found = list(_near(f"{name}probability", p, again["probability"], PAGE_TOLERANCE["probability"]))
    yield from found
    own = again["label"] if found or p is None else verdict(p, thresholds["t_low"], thresholds["t_high"])
    if told.get("label") not in (again["label"], own):
        yield f"{name}label: {told.get('label')}, now {again['label']}"


def _boxes(face: dict[str, Any], count: int) -> np.ndarray:
    """The boxes (count, 4) of a face, NaN where there are none."""
    try:
        boxes = np.array(face.get("boxes"), float)
    except (TypeError, ValueError):
        boxes = np.empty(0)
    return boxes if boxes.shape == (count, 4) else np.full((count, 4), np.nan)


def _overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU (n,) of boxes (n, 4) with boxes (n, 4), NaN where there is none."""
    sides = np.clip(np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2]), 0, None)
    both, areas = sides.prod(1), sum((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other))
    return both / np.maximum(areas - both, 1e-9)


def _matched(told: list[dict[str, Any]], again: list[dict[str, Any]]) -> list[int]:
    """For each face of the second the face of the first that lies where it does: those of near odds change places."""
    left, order = list(range(len(told))), []
    for face in again:
        count = len(face["frames"])
        fits = [np.nan_to_num(_overlaps(_boxes(told[k], count), _boxes(face, count))).sum() for k in left]
        order.append(left.pop(int(np.argmax(fits))))
    return order


def _face(name: str, told: dict[str, Any], again: dict[str, Any], thresholds: dict[str, Any]) -> Iterator[str]:
    for key in sorted(set(told) - set(again) - {"heatmaps"}):
        yield f"{name}{key}: only in the report"
    yield from _judged(name, told, again, thresholds)
    yield from _same(f"{name}frames", told.get("frames"), again["frames"])
    yield from _near(f"{name}times", told.get("times"), again["times"], PAGE_TOLERANCE["s"])
    windows = told.get("windows")
    for key, most in {"start": 0.001, "end": 0.001, "probability": PAGE_TOLERANCE["probability"]}.items():
        each = [w.get(key) for w in windows] if isinstance(windows, list) else None
        yield from _near(f"{name}windows.{key}", each, [w[key] for w in again["windows"]], most)
    count = len(again["frames"])
    overlaps = _overlaps(_boxes(told, count), _boxes(again, count))
    alone = np.isfinite(_boxes(told, count)).all(1) != np.isfinite(_boxes(again, count)).all(1)
    least = np.nanmin(overlaps, initial=1.0)
    if alone.mean() > PAGE_TOLERANCE["missed"] or least < PAGE_TOLERANCE["iou"]:
        yield f"{name}boxes: in {alone.sum()} of {count} frames only one finds it, and the least IoU is {least:.2f}"
    scores = [np.array(face.get("frame_scores"), float) for face in (told, again)]
    apart = np.abs(scores[0] - scores[1]) if scores[0].shape == scores[1].shape else np.array([1.0])
    if np.nanmax(apart, initial=0.0) > PAGE_TOLERANCE["frame"]:
        yield f"{name}frame_scores: {np.nanmax(apart):.3f} apart"


def _segments(told: Any, again: dict[str, Any], order: list[int]) -> Iterator[str]:
    """The same windows of the same people, each with the verdict of its own probability."""
    if not isinstance(told, list) or len(told) != len(again["segments"]):
        yield f"segments: {_short(told)}, now {_short(again['segments'])}"
        return
    people = {number + 1: place + 1 for place, number in enumerate(order)}
    mine = sorted(told, key=lambda s: (s["start"], s["end"], people.get(s["person"], 0)))
    for number, (one, other) in enumerate(zip(mine, again["segments"], strict=True)):
        yield from _same(f"segments[{number}].person", people.get(one["person"]), other["person"])
        for key in ("start", "end"):
            yield from _near(f"segments[{number}].{key}", one[key], other[key], PAGE_TOLERANCE["s"])
        yield from _judged(f"segments[{number}].", one, other, again["checkpoint"])


def _verdicts(report: dict[str, Any], order: list[int]) -> tuple[Any, ...]:
    """What decides which sentences a report has."""
    faces = [report["faces"][number] for number in order]
    high = [any(score is not None and score > 0.5 for score in face["frame_scores"]) for face in faces]
    segments = sorted(segment["label"] for segment in report["segments"])
    return report["label"], [face["label"] for face in faces], segments, high
