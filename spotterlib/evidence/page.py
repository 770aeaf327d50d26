"""The exported page: one HTML file with its pictures, its figures and a small player inside; no network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import atomic_path, output_path
from . import draw
from .markup import data_address, figure_text, fill_page
from .sheet import contact_sheet
from .words import LIMITS, certainty, describe, heat_note, video_name

if TYPE_CHECKING:
    from ..scan import FaceResult, ScanReport

KEPT = 400
"""Frames a page holds at most, all faces together: about 8 MB."""


def export_page(report: ScanReport, path: str | os.PathLike[str]) -> Path:
    """Write one self-contained HTML file that can be mailed: verdict, figures, a player with the evidence, limits.

    It needs no network and no other file; names in it are escaped. About 20 kB a frame; at most 400 frames are kept.
    """
    target = output_path(path)
    with atomic_path(target) as temporary:
        temporary.write_text(_page(report, contact_sheet(report)), encoding="utf-8")
    return target


def _page(report: ScanReport, sheet: np.ndarray) -> str:
    """The page as text. sheet: the contact sheet, uint8 RGB (H, W, 3), shown below the player and in print."""
    end = draw.end_of(report.times)
    budget = KEPT // max(len(report.faces), 1)
    faces = [_face_data(face, report.heatmap_scale, budget, end) for face in report.faces]
    return fill_page(
        "player.html",
        name=video_name(report),
        label=report.label,
        color=draw.VERDICTS[report.label],
        certain=certainty(report),
        reason=report.reason,
        heat=heat_note(report.checkpoint)[1],
        figures=_figures(report),
        windows=_windows(report),
        sheet=data_address(draw.encode_jpeg(sheet)),
        described=describe(report),
        thinned=any(
            len(face.track.times) > len(kept["frames"]) for face, kept in zip(report.faces, faces, strict=True)
        ),
        limits=LIMITS,
        data={"end": end, "faces": faces},
    )


def _face_data(face: FaceResult, scale: float, budget: int, end: float) -> dict[str, Any]:
    """What the player's script reads of a face: its kept frames, its windows, and its scores for the strip."""
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
    return {"frames": frames, "windows": windows, "columns": [round(float(value), 3) for value in columns]}


def _figures(report: ScanReport) -> list[tuple[str, str]]:
    info, checkpoint = report.info, report.checkpoint
    limits = ", ".join(figure_text(checkpoint.get(name), 2) for name in ("t_low", "t_high"))
    shown = f"{info.width} × {info.height}, {info.fps:.2f} frames a second, {info.duration:.1f} s, {info.codec}"
    return [
        ("Probability of fake", figure_text(report.probability, 2)),
        ("REAL at or below, FAKE at or above", limits),
        ("Faces judged", str(len(report.faces))),
        ("Share of the video looked at", f"{100 * report.coverage:.0f} %"),
        ("Video", shown),
        ("Detector", f"{checkpoint.get('name', '–')}, SHA-256 {str(checkpoint.get('sha256', '–'))[:16]}…"),
    ]


def _windows(report: ScanReport) -> list[tuple[str, str, str, str]]:
    """Every window of every face: the face's number, from when to when, usable frames, P(fake)."""
    return [
        (f"{number}", f"{w.start:.2f} – {w.end:.2f} s", f"{w.usable}", figure_text(w.probability, 2))
        for number, face in enumerate(report.faces, 1)
        for w in face.windows
    ]
