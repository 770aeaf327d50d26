"""Heat is painted where it was found, as strong as it is, and nowhere else."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.report_factory import RED, redness

from spotterlib.base import ROOT
from spotterlib.evidence import overlay_heatmap, upsample_heatmap
from spotterlib.evidence.heat import HOT, LINE, RIM, red_share


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-60, 90), y=st.floats(-60, 70), side=st.floats(3, 120),
    style=st.sampled_from(["grid", "smooth"]), cell=st.floats(6, 16),
)  # fmt: skip
def test_heat_stays_inside_its_box(x, y, side, style, cell):
    plain = np.full((80, 100, 3), 100, np.uint8)
    painted = overlay_heatmap(plain, np.ones((7, 7)), 1.0, (x, y, x + side, y + side), 1.0, 0.0, style, cell)
    rows, columns = np.nonzero(redness(painted, plain))
    middles_x, middles_y = np.arange(100) + 0.5, np.arange(80) + 0.5
    inside = ((middles_y >= y) & (middles_y < y + side))[:, None] & ((middles_x >= x) & (middles_x < x + side))[None]
    assert len(rows) == inside.sum()  # every pixel inside, none outside
    assert inside[rows, columns].all()
    assert (plain == 100).all(), "the image given is left as it was"


def test_smooth_heat_is_the_blend_it_says():
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for value in (0.2, 0.5, 1.0, 3.0):
        painted = overlay_heatmap(plain, np.full((7, 7), value), 2.0, opacity=0.5, threshold=0, style="smooth")
        painted, plain = painted[2:-2, 2:-2], plain[2:-2, 2:-2]  # within the outline
        weight = 0.5 * min(value / 2.0, 1)
        assert np.abs(painted - (plain * (1 - weight) + RED * weight)).max() <= 1.6


def test_half_the_value_is_painted_weaker():
    plain = np.full((70, 70, 3), 100, np.uint8)
    full, half = (overlay_heatmap(plain, np.full((7, 7), v), 4.0, threshold=0)[2:-2, 2:-2] for v in (4.0, 2.0))
    plain = plain[2:-2, 2:-2]  # within the outline
    assert np.allclose(redness(half, plain), redness(full, plain) / 2, atol=6)
    assert (redness(half, plain) < redness(full, plain)).all()


@settings(deadline=None)
@given(value=st.floats(0, 0.149))
def test_nothing_under_the_threshold_nor_without_heat(value):
    plain = np.full((40, 40, 3), 77, np.uint8)
    assert np.array_equal(overlay_heatmap(plain, np.full((7, 7), value), 1.0), plain)
    assert np.array_equal(overlay_heatmap(plain, np.zeros((7, 7)), 1.0, threshold=0), plain)


def test_a_box_that_is_not_there_paints_nothing():
    plain = np.full((40, 40, 3), 77, np.uint8)
    for box in [(np.nan,) * 4, (50, 50, 70, 70), (-30, -30, -2, -2), (10, 10, 10, 10)]:
        assert np.array_equal(overlay_heatmap(plain, np.ones((7, 7)), 1.0, box), plain)


@pytest.mark.parametrize("style", ["grid", "smooth"])
def test_a_hot_cell_is_red_where_it_lies(style):
    plain = np.full((140, 140, 3), 100, np.uint8)
    heatmap = np.zeros((7, 7))
    heatmap[1, 5] = 0.49
    heat = redness(overlay_heatmap(plain, heatmap, 1.0, (35, 0, 105, 70), threshold=0, style=style), plain)
    rows, columns = np.mgrid[:140, :140] + 0.5
    assert (heat * columns).sum() / heat.sum() == pytest.approx(35 + 70 * 5.5 / 7, abs=2)
    assert (heat * rows).sum() / heat.sum() == pytest.approx(70 * 1.5 / 7, abs=2)


def test_grid_is_made_of_flat_cells():
    plain = np.full((224, 224, 3), 100, np.uint8)
    heatmap = 0.49 * np.outer(np.linspace(0.2, 1, 7), np.linspace(0.2, 1, 7))  # nothing to outline
    painted = overlay_heatmap(plain, heatmap, 1.0, threshold=0, cell=14)
    for y in range(0, 224, 14):
        for x in range(0, 224, 14):
            inner = painted[y + 1 : y + 14, x + 1 : x + 14].reshape(-1, 3)
            assert (inner == inner[0]).all()
            assert redness(painted[y : y + 1, x + 3], plain[y : y + 1, x + 3])[0] < redness(inner[:1], plain[0, :1])[0]


def test_overlay_refuses_what_it_cannot_mean():
    plain = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="style"):
        overlay_heatmap(plain, np.ones((7, 7)), 1.0, style="jet")
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="scale"):
            overlay_heatmap(plain, np.ones((7, 7)), scale)


def test_red_share_is_absolute():
    assert red_share(np.zeros((7, 7)), 1.0) == 0
    assert red_share(np.full((7, 7), HOT), 1.0) == red_share(np.ones((7, 7)), 1.0) == 100
    assert red_share(np.full((7, 7), 0.99 * HOT), 1.0) == 0, "a frame with a low score has no red, whatever its shape"
    half = np.zeros((8, 8))
    half[:, :4] = 1
    assert red_share(half, 1.0) == pytest.approx(50, abs=5)
    assert red_share(half, 2.5) == 0


@pytest.mark.parametrize("style", ["grid", "smooth"])
@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.9])
def test_what_is_outlined_is_what_counts_as_red(style, threshold):
    """A second cue besides the hue: dark and white lines just inside the cells of `red_share`, and nowhere else."""
    heatmap = np.random.default_rng(3).random((7, 7))
    plain = np.full((22 * 12, 22 * 12, 3), 90, np.uint8)
    painted = overlay_heatmap(plain, heatmap, 1.0, None, 0.3, threshold, style, 12)
    lines = (painted == LINE).all(-1) | (painted == RIM).all(-1)
    hot = upsample_heatmap(heatmap, 22) >= HOT
    assert red_share(heatmap, 1.0) == pytest.approx(100 * hot.mean()) and 0 < hot.mean() < 1
    cells = lines.reshape(22, 12, 22, 12).any((1, 3))
    ringed = np.pad(hot, 1)
    inner = ringed[:-2, 1:-1] & ringed[2:, 1:-1] & ringed[1:-1, :-2] & ringed[1:-1, 2:] & hot
    assert np.array_equal(cells, hot & ~inner)
    assert (painted == RIM).all(-1).any() and (painted == LINE).all(-1).any()


def test_no_outline_on_a_pale_frame_nor_without_opacity():
    plain = np.full((220, 220, 3), 90, np.uint8)
    pale = overlay_heatmap(plain, np.full((7, 7), 0.4), 1.0)
    assert len(np.unique(pale.reshape(-1, 3), axis=0)) <= 3, "the flat red and its seams alone"
    assert np.array_equal(overlay_heatmap(plain, np.ones((7, 7)), 1.0, opacity=0.0), plain)


def test_the_first_picture_of_the_readme_is_a_fake_its_mask_and_its_heat():
    """Small, there, and with an outline on the fake's heat that the real one's lacks."""
    first = re.search(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    path = ROOT / first[1]
    assert path.name == "heat.jpg" and path.stat().st_size < 150_000
    picture = cv2.imread(str(path))[8:288]
    fake, its_heat, real, its = (picture[:, left : left + 280].astype(int) for left in (8, 584, 872, 1160))
    assert np.abs(its_heat - fake)[150:250, 90:190].mean() > 10 > np.abs(its_heat - fake)[:60].mean()
    assert np.abs(its - real).mean() < 3, "a clean real one stays pale"


@settings(deadline=None)
@given(size=st.integers(1, 90), value=st.floats(0, 100))
def test_upsampling_keeps_a_constant(size, value):
    up = upsample_heatmap(np.full((7, 7), value), (size, 2 * size))
    assert up.shape == (size, 2 * size) and np.allclose(up, value, rtol=1e-5)


def test_upsampling_keeps_cell_centres():
    heatmap = np.random.default_rng(0).random((7, 7)).astype(np.float32)
    assert np.allclose(upsample_heatmap(heatmap, 35)[2::5, 2::5], heatmap, atol=1e-6)
