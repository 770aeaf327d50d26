"""The arithmetic of what benchmarks measure, and of the tables in docs/ made of it, on numbers made by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from spotterlib.base import ROOT
from spotterlib.metrics import combine_odds
from spotterlib.model import DEFAULT_CHECKPOINT, read_card


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def rows_of(text: str) -> dict[str, list[str]]:
    """Lines of a table in Markdown: its cells, by the first two."""
    lines = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in text.splitlines() if "|" in line]
    return {" / ".join(line[:2]): line[2:] for line in lines}


ALL, NONE, NO = "100.0 %", "0.0 %", "–"
FILMS = {  # of 1, 2, 4, 8, 15, 30 and 60 shots
    # logits: -2.197 for an honest shot, 3.178 for a forged one, 0.405 for the threshold
    "mean of logits / none": [NONE] * 7,
    "mean of logits / 1": [ALL, ALL, *[NONE] * 5],  # of 2: 0.49; of 4: -0.85
    "mean of logits / 3": [NO, NO, ALL, *[NONE] * 4],  # of 4: 1.83; of 8: -0.18
    # odds: 1/9, 24 and 1.5
    "mean of odds / none": [NONE] * 7,
    "mean of odds / 1": [*[ALL] * 5, NONE, NONE],  # of 15: 1.70; of 30: 0.91
    "mean of odds / 3": [NO, NO, *[ALL] * 4, NONE],  # of 30: 2.50; of 60: 1.31
    "strongest shot, n not allowed for / none": [NONE] * 7,
    "strongest shot, n not allowed for / 1": [ALL] * 7,
    "strongest shot, n not allowed for / 3": [NO, NO, *[ALL] * 5],
}


def test_films_are_joined_and_counted_by_every_rule():
    import joining

    text = joining.tables({"honest": [0.1, 0.1], "forged": [0.96]}, 0.6, 0)
    assert text.startswith("2 honest shots, 1 forged ones, 1 of them with P(fake) from .95 on.")
    found = rows_of(text)
    assert {name: cells for name, cells in found.items() if name in FILMS} == FILMS
    assert found["mean of odds / 1, from .95 on"] == FILMS["mean of odds / 1"]


def test_films_are_drawn_from_the_shots_that_their_row_names():
    import joining

    half = joining.tables({"honest": [0.1], "forged": [0.96, 0.5]}, 0.6, 0)
    found = rows_of(half)
    one = [float(cell.removesuffix(" %")) for cell in found["strongest shot, n not allowed for / 1"]]
    three = [float(cell.removesuffix(" %")) for cell in found["strongest shot, n not allowed for / 3"][2:]]
    assert one == pytest.approx([50] * 7, abs=3) and three == pytest.approx([87.5] * 5, abs=3)
    assert found["strongest shot, n not allowed for / 1, from .95 on"] == [ALL] * 7
    nobody = rows_of(joining.tables({"honest": [0.1], "forged": [0.5]}, 0.6, 0))
    assert nobody["mean of odds / 1, from .95 on"] == [NO] * 7


@pytest.mark.parametrize(("row", "cut"), [("FAKE from", "t_high"), ("not REAL from", "t_low")])
def test_how_sure_a_shot_must_be_is_what_the_scan_joins(row, cut):
    """The table of docs/joining.md, by the rule of the scan and the shipped thresholds."""
    text = (ROOT / "docs" / "joining.md").read_text(encoding="utf-8")
    counts = [int(n) for n in re.search(r"^\| shots \| (.*) \|$", text, re.M).group(1).split(" | ")]
    sure = [float(p) for p in re.search(rf"^\| {row} \| (.*) \|$", text, re.M).group(1).split(" | ")]
    threshold = read_card(DEFAULT_CHECKPOINT)["thresholds"][cut]
    assert counts == [2, 4, 8, 15, 30, 60]
    for n, p in zip(counts, sure, strict=True):
        below, above = (combine_odds([q, *[0.02] * (n - 1)]) for q in (p - 6e-4, p + 6e-4))
        assert below < threshold < above, f"{n} shots"


def clip(kind: int, forged: list[int], valid: list[int] | None = None) -> dict[str, np.ndarray]:
    count = len(forged)
    return {
        "kind": np.array(kind),
        "forged": np.array(forged, bool),
        "valid": np.array([1] * count if valid is None else valid, bool),
    }


def test_heat_in_time_is_read_as_its_table_says():
    import measure_heat_in_time as script

    clips = [
        clip(2, [0, 1, 1, 0]),  # forged in part: .9 and .8 above .1 and .2
        clip(2, [1, 0, 0, 0]),  # .3 above two of three
        clip(0, [0, 0, 0, 0], [0, 1, 1, 1]),  # honest: hottest at the first frame with a face
        clip(1, [1, 1, 1, 1]),  # forged throughout: hottest in the middle
    ]
    heat = [[0.1, 0.9, 0.8, 0.2], [0.3, 0.5, 0.1, 0.05], [0.9, 0.6, 0.1, 0.2], [0.1, 0.9, 0.2, 0.3]]
    pooled = (5 + 5 + 4) / 15  # .9 and .8 above all five honest frames, .3 above all but .5
    found = script.figures(clips, [np.array(each) for each in heat])
    assert found == [f"{pooled:.3f}", f"{(1 + 2 / 3) / 2:.3f}", "50%", "100%"]


def test_heat_in_time_paints_a_frame_as_strong_as_its_score():
    """Raw maps that are strongest at both ends, scores that are high where a clip is forged: .8 and more is the aim."""
    import measure_heat_in_time as script

    raw = np.array([9, 3, 1, 1, 3, 9], np.float32)[:, None, None] * np.ones((7, 7), np.float32)
    frame = np.array([0.1, 0.2, 0.9, 0.8, 0.2, np.nan])
    made = clip(2, [0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]) | {"raw": raw, "frame": frame, "clip": np.array(0.5)}
    painted = {name: maps.max((1, 2)) for name, maps in script.rules(made).items()}
    (own,) = (maps for name, maps in painted.items() if name.startswith("**"))
    assert own.tolist() == pytest.approx([0.1, 0.2, 0.9, 0.8, 0.2, 0])
    assert painted["frame's own map × P(fake) of both"].tolist() == pytest.approx((own / 2).tolist())
    assert painted["raw map, full red the hottest of the clip"].tolist() == pytest.approx(
        [1, 1 / 3, 1 / 9, 1 / 9, 1 / 3, 1]
    )
    assert script.figures([made, made | {"kind": np.array(0)}, made | {"kind": np.array(1)}], [own] * 3)[0] == "1.000"
    shown = rows_of(script.tables(_stacked(made), (0.3, 0.45)))
    assert shown["honest / 100%"] == ["0%", "0.20", "0 %, 100 %"], "red of .1, .2, .9, .8, .2"


def _stacked(made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One clip as honest, forged throughout and in part, as the file of the script keeps them."""
    kinds = {"kind": np.arange(3), "name": np.array(["a"] * 3), "checkpoint": np.array("x")}
    return {name: np.stack([value] * 3) for name, value in made.items()} | kinds
