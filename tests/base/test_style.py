"""Figures are saved whole and repeatably, and leave the caller's style alone."""

from __future__ import annotations

import os

import matplotlib
import pytest
from makers.figure_data import GROUPS, LABELS, SCORES
from PIL import Image

from spotterlib.base import save_figure, use_style
from spotterlib.evaluation.figures import plot_roc


@pytest.mark.parametrize("name", ["roc", "roc.png", "v1.2.svg"])
def test_saving_writes_both_kinds_whole_and_repeatably(tmp_path, name):
    first = save_figure(plot_roc(LABELS, SCORES, GROUPS, 0.5), tmp_path / "one" / name)
    again = save_figure(plot_roc(LABELS, SCORES, GROUPS, 0.5), tmp_path / "two" / name)
    stem = name.removesuffix(".png").removesuffix(".svg")
    assert [path.name for path in first] == [f"{stem}.png", f"{stem}.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(os.listdir(tmp_path / "one")) == sorted(path.name for path in first), "no temporary file is left"
    assert Image.open(first[0]).size[0] > 500 and b"<svg" in first[1].read_bytes()[:1000]


def test_the_callers_style_is_left_alone():
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 31.0, "axes.spines.top": True}):
        figure = plot_roc(LABELS, SCORES)
        assert matplotlib.rcParams["font.size"] == 31.0
        assert figure.axes[0].xaxis.label.get_fontsize() == 10 and not figure.axes[0].spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context():
        use_style()
        assert matplotlib.rcParams["axes.titlelocation"] == "left"
