"""The exported page: one HTML file with its pictures, its figures and a small player inside; no network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import atomic_path
from ..metrics import probability_text, verdict_text
from ..scan import facts_of
from . import draw
from .heat import red_share
from .markup import data_address, figure_text, fill_page
from .place import place_for
from .scenes import portrait_of, scene_boxes
from .sheet import contact_sheet, telling
from .words import LIMITS, PICTURE_LIMITS, certainty, describe, heat_note, heat_words, video_name

if TYPE_CHECKING:
    from ..scan import ScanReport

KEPT = 240
"""Frames a page holds at most, all faces together: about 8 MB."""

PHONE = 390
"""Width in px of the contact sheet that a phone is shown."""


def export_page(report: ScanReport, path: str | os.PathLike[str]) -> Path:
    """Write one self-contained HTML file that can be mailed: verdict, figures, a player with the evidence, limits.

    It needs no network and no other file; names in it are escaped. About 35 kB a frame; at most 240 frames are kept.
    path: absolute, or relative to the clone (of an installed package: to the working directory). Raises `VideoError`
    where it is the scanned file itself, `WriteError` where it cannot be written.
    """
    target = place_for(report, path)
    with atomic_path(target) as temporary:
        temporary.write_text(_page(report), encoding="utf-8")
    return target


def _page(report: ScanReport) -> str:
    """The page as text."""
    end = draw.end_of(report.times)
    budget = KEPT // max(len(report.faces), 1)
    faces = [_face_data(report, number, budget, end) for number in range(len(report.faces))]
    return fill_page(
        "player.html",
        name=video_name(report),
        label=report.label,
        color=draw.VERDICTS[report.label],
        ink=draw.ink_on(draw.VERDICTS[report.label]),
        certain=certainty(report),
        reason=report.reason,
        heat=heat_note(report.checkpoint)[1],
        kind="picture" if report.still else "video",
        figures=_figures(report),
        segments=_segments(report),
        examined=facts_of(report),
        people=[_person(report, number) for number in range(len(report.faces))],
        sheet_title=_sheet_title(report),
        sheet=data_address(draw.encode_jpeg(contact_sheet(report))),
        narrow=data_address(draw.encode_jpeg(contact_sheet(report, width=PHONE))),
        described=describe(report),
        thinned=any(
            len(face.track.times) > len(kept["frames"]) for face, kept in zip(report.faces, faces, strict=True)
        ),
        limits=PICTURE_LIMITS if report.still else LIMITS,
        data={"still": report.still, "end": end, "faces": faces, "scenes": _scenes(report, faces)},
    )


def _sheet_title(report: ScanReport) -> str:
    """What the contact sheet shows."""
    if not report.faces:
        return "Frames of the video" if not report.still else "The picture"
    scored = np.isfinite(report.faces[0].frame_scores).any()
    return "The face" if report.still else "Most telling frames" if scored else "Frames with the face"


def _person(report: ScanReport, number: int) -> dict[str, Any]:
    """Who can be chosen on the page: thumbnail, number, and the verdict on this face alone."""
    face = report.faces[number]
    color = draw.VERDICTS[face.label]
    return {
        "number": number + 1,
        "picture": data_address(draw.encode_jpeg(portrait_of(face))),
        "verdict": verdict_text(face.label, face.probability),
        "color": color,
        "ink": draw.ink_on(color),
    }


def _scenes(report: ScanReport, faces: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole pictures of the kept frames, by frame index, each with the boxes on it as thousandths of its sides."""
    boxes = scene_boxes(report)
    kept = sorted({frame["i"] for face in faces for frame in face["frames"]} & boxes.keys())
    return {
        str(index): {
            "img": data_address(report.scenes[index]),
            "boxes": [[number, *(round(1000 * share) for share in box)] for number, box in boxes[index]],
        }
        for index in kept
    }


def _face_data(report: ScanReport, number: int, budget: int, end: float) -> dict[str, Any]:
    """What the player's script reads of a face: its kept frames, its segments, and its scores for the strip."""
    face, scale, frames = report.faces[number], report.heatmap_scale, []
    rows, where = draw.kept_rows(face, budget), heat_words(face, scale)
    for row in rows:
        kept: dict[str, Any] = {"i": int(face.track.frames[row]), "t": round(float(face.track.times[row]), 3)}
        if face.track.valid[row]:
            score, heat = face.frame_scores[row], face.heatmaps[row]
            kept["s"] = round(float(score), 6) if np.isfinite(score) else None
            kept["said"] = probability_text(score)
            kept["red"], kept["on"] = f"{red_share(heat, scale):.0f} % of the crop", where[row] or "–"
            kept["h"] = np.round(255 * np.clip(heat / scale, 0, 1)).astype(int).ravel().tolist()
            kept["img"] = data_address(draw.encode_jpeg(face.clip.frames[row]))
        frames.append(kept)
    segments = [
        {"a": s.start, "b": s.end, "said": verdict_text(s.label, s.probability), "color": draw.VERDICTS[s.label]}
        for s in report.segments
        if s.person == number + 1
    ]
    track = face.track
    columns = draw.score_columns(track.times, np.where(track.valid, face.frame_scores, np.nan), 480, end, track.windows)
    color = draw.VERDICTS[face.label]
    verdict = {"verdict": verdict_text(face.label, face.probability), "reason": face.reason}
    verdict |= {"color": color, "ink": draw.ink_on(color)}
    shown = {"frames": frames, "segments": segments, "columns": [round(float(value), 3) for value in columns]}
    shown["first"] = int(np.argmax(np.nan_to_num(telling(face, scale)[rows], nan=-1.0)))
    return verdict | shown


def _figures(report: ScanReport) -> list[tuple[str, str]]:
    info, checkpoint = report.info, report.checkpoint
    judged = sum(face.probability is not None for face in report.faces)
    limits = ", ".join(figure_text(checkpoint.get(name), 2) for name in ("t_low", "t_high"))
    shown = f"{info.width} × {info.height}, {info.codec}"
    if not report.still:
        shown = f"{info.width} × {info.height}, {info.fps:.2f} frames a second, {info.duration:.1f} s, {info.codec}"
    return [
        ("Probability of fake", probability_text(report.probability)),
        ("REAL at or below, FAKE at or above", limits),
        ("Faces judged", str(judged) if judged == len(report.faces) else f"{judged} of {len(report.faces)}"),
        (f"Share of the {'picture' if report.still else 'video'} looked at", f"{100 * report.coverage:.0f} %"),
        ("Picture" if report.still else "Video", shown),
    ]


def _segments(report: ScanReport) -> list[tuple[str, str, str, str]]:
    """Every segment in the order of time: from when to when, the person's number, P(fake), the verdict on it alone."""
    return [
        (f"{s.start:.2f} – {s.end:.2f} s", f"{s.person}", probability_text(s.probability), s.label)
        for s in report.segments
    ]
