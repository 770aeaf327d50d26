"""The one style of all figures, how one is made and saved, and the small helpers of those who draw."""

from __future__ import annotations

import functools
import io
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .files import atomic_path
from .paths import output_path

REAL, FAKE, UNDECIDED = "#2a6fbb", "#e07b1a", "#6e6e6e"
INK, FAINT, TEAL = "#333a44", "#c9cdd3", "#2b8c85"
STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa0a8",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8eaed",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.cmap": "magma",
    "svg.hashsalt": "spotter",
}


class _Figure(Figure):
    """A figure that a notebook shows without pyplot's help."""

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=100)
        return picture.getvalue(), {"alt": words_of(self)}


def words_of(figure: Figure) -> str:
    """What a figure says, for whoever cannot see it: its title, or those of its panels."""
    places = [(axes, place) for axes in figure.axes for place in ("left", "center", "right")]
    titles = [figure.get_suptitle()] if figure.get_suptitle() else [axes.get_title(loc=at) for axes, at in places]
    return " ".join("; ".join(title for title in titles if title).replace(r"\$", "$").split())


def use_style() -> None:
    """Set the one style for figures drawn outside this module too."""
    matplotlib.rcParams.update(STYLE)


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """The one style inside `draw`, whatever the caller's settings; they are left as they were."""

    @functools.wraps(draw)
    def drawn(*args: Any, **options: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **options)

    return drawn


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write the figure as PNG (150 dots an inch) and SVG beside each other; returns both paths.

    `path` may end in .png, .svg or neither; a relative one lies under the clone. The same figure gives the same bytes.
    """
    place = output_path(path)
    stem = place.with_suffix("") if place.suffix.lower() in (".png", ".svg") else place
    written = []
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        final = stem.with_name(f"{stem.name}.{kind}")
        with atomic_path(final) as temporary, matplotlib.rc_context({"svg.hashsalt": "spotter"}):
            figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)
        written.append(final)
    return written[0], written[1]


def make_figure(
    width: float = 7.0, height: float = 4.0, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[_Figure, Any]:
    """A figure of `width` × `height` inches and its axes: one, or an array of them."""
    figure = _Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def say(axes: Axes, finding: str, left: float = 0.75) -> None:
    """The finding as title, broken where the figure's column ends; `left` inches go to what stands left of the axes."""
    place, figure = axes.get_subplotspec(), axes.get_figure()
    ratios = place.get_gridspec().get_width_ratios()
    column = figure.get_figwidth() * ratios[place.colspan.start] / sum(ratios)
    axes.set_title(textwrap.fill(finding, max(20, int((column - left) * 11.3))))  # 11.3 letters an inch


def count_of(number: int, noun: str) -> str:
    """`1 video`, `2 videos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def floats(values: Any) -> np.ndarray:
    """Any sequence of numbers and None as float64, None as NaN."""
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


def literal(text: str) -> str:
    """A user's text as it stands: a dollar sign in a file name is no formula."""
    return text.replace("$", r"\$")
