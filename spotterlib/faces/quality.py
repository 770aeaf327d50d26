"""A look at a face cache: what became of the videos, and where the detector is least to be trusted."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..base import FAKE, INK, REAL, UNDECIDED, VideoError, count_of, literal, make_figure, styled
from ..video import probe_video, read_frames
from .cache import STATUSES
from .cache_file import read_cache
from .crops import CROP
from .tracks import FaceClip

MEASURES = {"found": 1.0, "confidence": 0.98, "jump": 0.1}
"""Columns of a cache that tell a doubtful detection, and what each is where there is no doubt."""

_SAID = {"found": "found in few frames", "confidence": "detector unsure", "jump": "box leaps"}


def count_statuses(cache: pd.DataFrame) -> pd.DataFrame:
    """Videos by status, of those that occur: real, fake, their share of all, and the megabytes they take."""
    rows = {}
    for status in STATUSES:
        part = cache[cache["status"] == status]
        if len(part):
            real = int((part["label"] == 0).sum())
            share, size = f"{len(part) / len(cache):.1%}", round(float(part["bytes"].sum()) / 1e6, 1)
            rows[status] = {"real": real, "fake": len(part) - real, "share": share, "MB": size}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("status")


def worst_detections(cache: pd.DataFrame, each: int = 2) -> pd.DataFrame:
    """The cached videos that deserve a look: the worst `each` in every measure of `MEASURES`, none twice.

    A video without doubt is never among them, so there may be none. Columns worst (the measure), path, label, status,
    found, confidence, jump, file.
    """
    left, chosen = cache[cache["file"] != ""], []
    for measure, good in MEASURES.items():
        doubtful = left[left[measure] > good] if measure == "jump" else left[left[measure] < good]
        worst = doubtful.sort_values([measure, "path"], ascending=[measure != "jump", True]).head(each)
        chosen.append(worst.assign(worst=measure))
        left = left.drop(index=worst.index)
    columns = ["worst", "path", "label", "status", "found", "confidence", "jump", "file"]
    return pd.concat(chosen)[columns].reset_index(drop=True)


@styled
def plot_statuses(cache: pd.DataFrame, root: str | os.PathLike[str], each: int = 6) -> Figure:
    """A contact sheet: a row for every status that occurs, up to `each` videos spread over those that have it.

    A crop of the main face, from the middle of the clip; of a video without one its middle frame, and a blank where no
    frame can be read. root: the folder that the table's paths are relative to.
    """
    there = [status for status in STATUSES if (cache["status"] == status).any()]
    figure, grid = make_figure(1.5 * each, 1.85 * len(there) + 0.4, len(there), each, squeeze=False)
    for status, line in zip(there, grid, strict=True):
        part = cache[cache["status"] == status]
        shown = part.iloc[np.unique(np.linspace(0, len(part) - 1, min(each, len(part))).round().astype(int))]
        for axes, row in zip(line, shown.itertuples(), strict=False):
            picture = _portrait(row, Path(root))
            _show(
                axes,
                picture,
                "not there" if row.status == "missing" else "no frame",
                _short(row.path, 24),
                _colour(row),
            )
        _title(line, f"{status}: {count_of(len(part), 'video')}", INK)
    counts = [f"{(cache['status'] == status).sum():,} {status}" for status in there]
    _headline(figure, f"{count_of(len(cache), 'video')}: {', '.join(counts)}")
    return figure


@styled
def plot_worst(cache: pd.DataFrame, each: int = 2, across: int = 8) -> Figure:
    """The videos of `worst_detections`, a row each: crops spread over the clip, grey where no face was found.

    The two frames between which the box leaps furthest are among them.
    """
    worst = worst_detections(cache, each)
    figure, grid = make_figure(
        1.15 * across, 1.55 * max(len(worst), 1) + 0.4, max(len(worst), 1), across, squeeze=False
    )
    for line, row in zip(grid, worst.itertuples(), strict=False):
        clip = read_cache(row.file, grid_only=True).clips[0]
        for axes, at in zip(line, _telling(clip, across), strict=False):
            picture = clip.frames[at] if clip.valid[at] else None
            _show(axes, picture, "not found", f"{clip.times[at]:.1f} s", INK)
        said = f"found {row.found:.0%}, confidence {row.confidence:.3f}, largest leap {row.jump:.2f} of the box"
        _title(line, f"{_short(row.path, 40)}: {_SAID[row.worst]} ({said})", _colour(row))
    cached = count_of(int((cache["file"] != "").sum()), "cached video")
    _headline(figure, f"The worst {len(worst)} of {cached}" if len(worst) else f"No doubt about any of {cached}")
    return figure


def _telling(clip: FaceClip, count: int) -> np.ndarray:
    """Rows (≤ count,) of a clip: the largest leap of its box, and others spread evenly."""
    rows = np.linspace(0, len(clip.times) - 1, min(count, len(clip.times))).round().astype(int)
    seen = np.flatnonzero(clip.valid)
    if len(seen) < 2:
        return rows
    middle = (clip.boxes[seen, :2] + clip.boxes[seen, 2:]) / 2
    leap = int(np.linalg.norm(np.diff(middle, axis=0), axis=1).argmax())
    for wanted in seen[[leap, leap + 1]]:
        if wanted not in rows:
            free = [k for k, row in enumerate(rows) if row not in seen[[leap, leap + 1]]]
            rows[min(free, key=lambda k, wanted=wanted: abs(rows[k] - wanted))] = wanted
    return np.sort(rows)


def _portrait(row, root: Path) -> np.ndarray | None:
    """One picture of a video, uint8 RGB; None where no frame can be read."""
    if row.file:
        clip = read_cache(row.file, grid_only=True).clips[0]
        seen = np.flatnonzero(clip.valid)
        return clip.frames[seen[np.abs(seen - len(clip.valid) // 2).argmin()]]
    try:
        frames = read_frames(root / row.path, [probe_video(root / row.path).frames // 2])
    except VideoError:
        return None
    return next(iter(frames.values()), None)


def _colour(row) -> str:
    return FAKE if row.label else REAL


def _short(path: str, most: int) -> str:
    return path if len(path) <= most else f"…{path[1 - most :]}"


def _show(axes: Axes, picture: np.ndarray | None, otherwise: str, caption: str, colour: str) -> None:
    if picture is None:
        axes.imshow(np.full((CROP, CROP, 3), 228, np.uint8))
        axes.text(0.5, 0.5, otherwise, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=UNDECIDED)
    else:
        axes.imshow(picture, interpolation="antialiased")
    axes.text(
        0.5, -0.04, literal(caption), transform=axes.transAxes, ha="center", va="top", fontsize=7, color=colour
    )  # fmt: skip


def _title(line: Iterable[Axes], text: str, colour: str) -> None:
    """A title over a whole row of pictures, whatever the width of the first."""
    for number, axes in enumerate(line):
        axes.set_axis_off()
        axes.set_title(" ", fontsize=8.5)  # keeps the room
        if number == 0:
            title = axes.text(
                0, 1.06, literal(text), transform=axes.transAxes, fontsize=8.5, color=colour, weight="bold"
            )
            title.set_in_layout(False)


def _headline(figure: Figure, text: str) -> None:
    text += " (blue: real, orange: fake)"
    figure.suptitle(literal(text), x=0.01, ha="left", fontsize=11, fontweight="bold")


@styled
def plot_faces(images: Sequence[np.ndarray], captions: Sequence[str] = (), columns: int = 6, title: str = "") -> Figure:
    """Pictures in rows, each uint8 RGB (H, W, 3), with a caption under each; the title counts them unless given."""
    columns = max(1, min(columns, len(images)))
    rows = max(1, -(-len(images) // columns))
    lines = max([textwrap.fill(text, 22).count("\n") + 1 for text in captions], default=0)
    figure, grid = make_figure(1.6 * columns, (1.6 + 0.17 * lines) * rows + 0.4, rows, columns, squeeze=False)
    for at, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if at < len(images):
            axes.imshow(images[at], interpolation="antialiased")
        if at < min(len(images), len(captions)):
            caption = textwrap.fill(literal(captions[at]), 22)
            axes.text(0.5, -0.03, caption, transform=axes.transAxes, ha="center", va="top", fontsize=8)
    figure.suptitle(literal(title) or count_of(len(images), "face"), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure
