"""What an evaluation leaves behind: evaluation.json for programs, report.html for people, and its figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ..base import atomic_path, home, output_path, save_figure, write_json
from ..evidence import heat_note, overlay_heatmap, telling_frames
from ..faces import read_cache
from ..metrics import probability_text
from ..scan import score_faces
from .comparisons import mark_leak, plot_methods, plot_mistakes, plot_robustness
from .figures import plot_confusion, plot_reliability, plot_roc, plot_score_histogram, plot_selective
from .measure import Evaluation
from .report_page import TRUTH, evaluation_page, surest_mistakes

_FRAMES = 4  # of each mistake


def save_evaluation(
    evaluation: Evaluation,
    out: str | os.PathLike[str],
    robustness: pd.DataFrame | None = None,
    videos: str | os.PathLike[str] = "",
    figures: dict[str, Figure] | None = None,
) -> Path:
    """Write evaluation.json, report.html and every figure as PNG and SVG to a folder; returns the report's path.

    The report is one file that needs no other. robustness: the table of `measure_robustness`; videos: the folder that
    the paths are relative to, for the lines that lead into notebook 05; figures: those of `draw_figures`, drawn here if
    not given. The same evaluation gives the same bytes.
    """
    place = output_path(out)
    figures = draw_figures(evaluation, robustness) if figures is None else figures
    for name, figure in figures.items():
        save_figure(figure, place / name)
    rows = None if robustness is None else robustness.to_dict("records")
    write_json(place / "evaluation.json", evaluation.facts | {"robustness": rows})
    with atomic_path(place / "report.html") as temporary:
        temporary.write_text(evaluation_page(evaluation, figures, robustness, _within_home(videos)), encoding="utf-8")
    return place / "report.html"


def draw_figures(evaluation: Evaluation, robustness: pd.DataFrame | None = None) -> dict[str, Figure]:
    """All figures of an evaluation by name; every one is marked where the split leaks."""
    facts, video = evaluation.facts, evaluation.facts["video"]
    rows = pd.DataFrame(facts["verdicts"])
    labels, p = rows["label"], rows["probability"].astype(float)
    t_low, t_high = facts["thresholds"]["t_low"], facts["thresholds"]["t_high"]
    figures = {
        "roc": plot_roc(labels, p, rows["group"], t_high, facts["draws"], facts["seed"]),
        "confusion": plot_confusion(video),
        "scores": plot_score_histogram(p, labels, t_low, t_high),
        "reliability": plot_reliability(p, labels, balanced=True),
        "selective": plot_selective(video),
        "methods": plot_methods(facts["per_method"]),
        "mistakes": plot_mistakes(find_mistakes(evaluation), note=heat_note(evaluation.detector.card)[0]),
    }
    if robustness is not None:
        figures["robustness"] = plot_robustness(robustness)
    if evaluation.leaks:
        for figure in figures.values():
            mark_leak(figure)
    return figures


def find_mistakes(evaluation: Evaluation, count: int = 6) -> list[dict[str, Any]]:
    """The most confident mistakes, the worst first, with faces and heatmaps for `plot_mistakes`.

    A mistake is a real called FAKE or a fake called REAL at the evaluation's thresholds. Each dict has path, label,
    probability, verdict, caption, and `faces` and `heats`: uint8 RGB (224, 224, 3), the strongest face's most telling
    frames, plain and with their heat, as strong as their scores. Raises `DataError` for a damaged cache.
    """
    scored = evaluation.scored
    files = dict(zip(zip(scored["dataset"], scored["path"], strict=True), scored["file"], strict=True))
    found = []
    for row in surest_mistakes(evaluation.facts)[:count]:
        file = files[row["dataset"], row["path"]]
        face = score_faces(evaluation.detector, read_cache(file, grid_only=True))[0]
        rows = telling_frames(face, _FRAMES)
        p = probability_text(row["probability"], "p")
        caption = f"{row['path']}: {TRUTH[row['label']].lower()}, called {row['verdict']}, {p}"
        heats = [overlay_heatmap(face.clip.frames[at], face.heatmaps[at], 1.0) for at in rows]
        found.append(row | {"caption": caption, "faces": [face.clip.frames[at] for at in rows], "heats": heats})
    return found


def _within_home(folder: str | os.PathLike[str]) -> str:
    """A folder under `home` as named from there, so that the page says nothing of the machine; others as given."""
    place = Path(folder)
    return place.relative_to(home()).as_posix() if place.is_absolute() and place.is_relative_to(home()) else str(folder)
