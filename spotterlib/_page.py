"""The exported page: one HTML file with its pictures, its figures and a small player inside; no network."""

from __future__ import annotations

import base64
import importlib.resources
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _draw as draw
from .project import to_json

if TYPE_CHECKING:
    from .scan import FaceResult, ScanReport

KEPT = 400
"""Frames a page holds at most, all faces together: about 8 MB."""

LIMITS = (
    "A score is a measurement, not a proof. It says how much this clip resembles the manipulated clips that the "
    "detector was trained on. A high score does not prove manipulation; a low one does not prove a clip genuine.",
    "Only faces are judged. Replaced sound, a misleading cut or caption, and scenes without a face are not.",
    "Kinds of forgery unlike those it was trained on can pass unnoticed. Strong compression, small, dark or blurred "
    "faces, filters and heavy make-up can mislead it in either direction.",
    "Red shows where the picture weighed towards “fake”, on a coarse grid and on one scale for the whole clip. It is "
    "no outline of a manipulated area, and a genuine clip has a reddest spot too.",
    "The verdict is made from the clip as a whole; a frame score judges one still. The two can disagree.",
    "Before relying on it, look for the original, ask for the source, and have a second method and a second person "
    "look.",
)


def certainty(report: ScanReport) -> str:
    """How sure: "93 % confidence", 99 at most, for no network is certain; "" for an undecided verdict, where a
    percentage would read as a decision."""
    if report.label == "UNDECIDED" or report.confidence is None:
        return ""
    return f"{min(report.confidence, 99):.0f} % confidence"


def heat_note(checkpoint: Mapping[str, Any]) -> tuple[str, str]:
    """How well the heat of a checkpoint points at a forged area: one line of ASCII, and the same in whole sentences.

    checkpoint: that of a `ScanReport`. Its "localisation" is the card's, written by scripts/measure_heatmaps.py;
    without one nothing is claimed.
    """
    found = checkpoint.get("localisation")
    if not found:
        return (
            "Red is a hint where to look: how well it points was not measured",
            "How well the red points at a forged area has not been measured for this checkpoint: take it as a hint "
            "where to look, not as an outline.",
        )
    small = found["small"]
    hit, random, centre = (f"{100 * small[name]['hit']:.0f} %" for name in ("heat", "random", "centre"))
    measured = (
        f"On {small['clips']} fakes of {small['people']} people whom it had not seen, with at most 15 % of the crop "
        f"forged, the reddest point lay on the forged area in {hit} of the frames (the same network with random "
        f"weights: {random}; the middle of the crop: {centre}), and {100 * small['heat']['energy']:.0f} % of the red "
        f"lay on it, which was {100 * small['area']:.0f} % of the crop."
    )
    short = found["shortfalls"]
    if not short:
        line = f"Red hit small forged areas in {hit} of test frames, a dot in the middle {centre}; it is no outline"
        return line, f"{measured} So it points better than either, but it is no outline."
    overlap = " against ".join(f"{small[name]['iou']:.2f}" for name in ("heat", "centre"))
    kinds = {
        "hit": "its reddest point",
        "energy": "its share of red on the area",
        "iou": f"its shape (overlap {overlap} of a spot in the middle)",
        "lift": "holding half as much red again as an even map",
    }
    missed = ", ".join(kinds[kind] for kind in short)
    line = f"Red is only a hint: it hit small forged areas in {hit} of test frames, a dot in the middle {centre}"
    return line, f"{measured} Not proven better than both: {missed}. Take the red as a hint where to look, no more."


def describe(report: ScanReport) -> str:
    """The report in a few plain sentences: a text alternative to its pictures."""
    certain = certainty(report)
    said = [f"Verdict {report.label}{f' with {certain}' if certain else ''}.", report.reason.strip()]
    if not report.faces:
        said.append("No face was found.")
    for number, face in enumerate(report.faces, 1):
        valid = face.track.valid
        score = "no score" if face.probability is None else f"probability of fake {face.probability:.2f}"
        said.append(f"Face {number}: {score}, found in {int(valid.sum())} of {len(valid)} analysed frames.")
        seen = np.flatnonzero(valid & np.isfinite(face.frame_scores))
        if len(seen):
            top = seen[np.argmax(face.frame_scores[seen])]
            said.append(f"Its highest frame score is {face.frame_scores[top]:.2f} at {face.track.times[top]:.2f} s.")
    return " ".join(part for part in said if part)


def data_address(jpeg: bytes) -> str:
    """A JPEG as an address that carries it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _rounded(columns: np.ndarray) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in columns]


def _face_data(face: FaceResult, scale: float, budget: int, end: float) -> dict[str, Any]:
    frames = []
    for row in draw.kept_rows(face, budget):
        kept: dict[str, Any] = {"i": int(face.track.frames[row]), "t": round(float(face.track.times[row]), 3)}
        if face.track.valid[row]:
            score, heat = face.frame_scores[row], face.heatmaps[row]
            kept["s"] = round(float(score), 6) if np.isfinite(score) else None
            kept["h"] = np.round(255 * np.clip(heat / scale, 0, 1)).astype(int).ravel().tolist()
            kept["img"] = data_address(draw.encode_jpeg(face.clip.frames[row]))
        frames.append(kept)
    windows = [{"a": w.start, "b": w.end, "p": w.probability} for w in face.windows]
    track = face.track
    columns = draw.score_columns(track.times, np.where(track.valid, face.frame_scores, np.nan), 480, end, track.windows)
    return {"frames": frames, "windows": windows, "columns": _rounded(columns)}


def _rows(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)


def _number(value: Any, digits: int = 2) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def _window_rows(report: ScanReport) -> str:
    rows = []
    for number, face in enumerate(report.faces, 1):
        for window in face.windows:
            span = f"{window.start:.2f} – {window.end:.2f} s"
            cells = [f"{number}", span, f"{window.usable}", _number(window.probability)]
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "".join(rows)


def page_html(report: ScanReport, sheet: np.ndarray) -> str:
    """The page as text. sheet: the contact sheet, uint8 RGB (H, W, 3), shown below the player and in print."""
    end = draw.end_of(report.times)
    budget = KEPT // max(len(report.faces), 1)
    faces = [_face_data(face, report.heatmap_scale, budget, end) for face in report.faces]
    left_out = any(len(face.track.times) > len(kept["frames"]) for face, kept in zip(report.faces, faces, strict=True))
    info, checkpoint = report.info, report.checkpoint
    name = Path(report.video).name.encode("utf-8", "replace").decode()
    limits = f"{_number(checkpoint.get('t_low'))}, {_number(checkpoint.get('t_high'))}"
    figures = [
        ("Probability of fake", _number(report.probability)),
        ("REAL at or below, FAKE at or above", limits),
        ("Faces judged", str(len(report.faces))),
        ("Share of the video looked at", f"{100 * report.coverage:.0f} %"),
        ("Video", f"{info.width} × {info.height}, {info.fps:.2f} frames a second, {end:.1f} s, {info.codec}"),
        ("Detector", f"{checkpoint.get('name', '–')}, SHA-256 {str(checkpoint.get('sha256', '–'))[:16]}…"),
    ]
    thinned = " The player keeps the frames of the strongest windows only; the strip shows all." if left_out else ""
    template = importlib.resources.files(__package__).joinpath("_player.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(f"{report.label}: {name}"),
        name=escape(name),
        label=escape(report.label),
        color="rgb({}, {}, {})".format(*draw.VERDICTS[report.label]),
        certain=escape(certainty(report)),
        reason=escape(report.reason),
        hidden="" if report.faces else "hidden",
        heat=escape(heat_note(checkpoint)[1]),
        figures=_rows(figures),
        windows=_window_rows(report),
        sheet=data_address(draw.encode_jpeg(sheet)),
        alt=escape(describe(report), quote=True),
        note=escape(f"{describe(report)}{thinned}"),
        limits="".join(f"<li>{escape(text)}</li>" for text in LIMITS),
        data=to_json({"end": end, "faces": faces}, indent=None).replace("<", "\\u003c"),
    )
