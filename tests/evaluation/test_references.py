"""Published figures are sourced; evaluations stand side by side."""

from __future__ import annotations

import pytest
from makers.score_tables import detector_of

from spotterlib.evaluation import evaluate, side_by_side
from spotterlib.evaluation.references import COLUMNS, load_published
from spotterlib.model import DEFAULT_CHECKPOINT, read_card


def test_published_figures_are_whole_and_sourced():
    table = load_published()
    assert tuple(table.columns) == COLUMNS and len(table) >= 20
    assert set(table["level"]) <= {"video", "frame"} and set(table["metric"]) == {"AUC"}
    assert table["number"].between(0.4, 1).all() and not table.duplicated(["model", "test_set", "level"]).any()
    others = table[table["model"] != DEFAULT_CHECKPOINT.stem]["source"]
    assert others.str.contains(r"\d{4}").all() and others.str.contains("github.com|Table").all()
    assert {"Celeb-DF v2", "DFDC", "FaceForensics++ c23"} <= set(table["test_set"])


def test_our_own_published_figures_are_those_of_the_card():
    """Of the checkpoint that is shipped, with the sentence that these clips chose it; of none before it."""
    card = read_card(DEFAULT_CHECKPOINT)
    own = load_published().query("test_set.str.contains('real deepfakes')").set_index("level")
    assert (own["model"] == card["name"]).all() and own["source"].str.contains("these clips chose the recipe").all()
    assert own.loc["video", "number"] == pytest.approx(card["real_deepfakes"]["auc"], abs=5e-5)
    assert own.loc["frame", "number"] == pytest.approx(card["real_deepfakes"]["frame_auc"], abs=5e-5)


def test_evaluations_stand_side_by_side(cached):
    one = evaluate(detector_of(), cached, draws=20).facts
    other = evaluate(detector_of(), cached.assign(dataset="Celeb-DF v2"), draws=20).facts
    table = side_by_side([one, other])
    assert table["test_set"].tolist()[:4] == ["made", "made", "Celeb-DF v2", "Celeb-DF v2"]
    assert table["level"].tolist()[:2] == ["video", "frame"] and (table["training_data"][:4] == "nothing at all").all()
    assert table.loc[0, "number"] == one["video"]["auc"] and table.loc[0, "low"] < table.loc[0, "high"]
    assert len(side_by_side([one, other], published=False)) == 4


def test_figures_on_ones_own_clips_stand_above_nobody_elses(cached):
    """An AUC of 1.000 on ten clips once stood above what others reached on Celeb-DF."""
    assert len(side_by_side([evaluate(detector_of(), cached, draws=5).facts])) == 2


@pytest.mark.parametrize("dataset, name", [("Celeb-DF v2", "Celeb-DF v2"), ("FaceForensics++", "FaceForensics++ c23")])
def test_published_figures_are_those_of_the_same_data_set_and_level(cached, dataset, name):
    found = side_by_side([evaluate(detector_of(), cached.assign(dataset=dataset), draws=5).facts])
    others = load_published().query("test_set == @name")
    assert found["model"].tolist()[2:] == others["model"].tolist() and len(others) >= 7
    poor = cached.assign(dataset=dataset, compression=["c23", "c40"] * (len(cached) // 2))
    left = side_by_side([evaluate(detector_of(), poor, draws=5).facts])
    assert (len(left) > 2) == (dataset == name), "two compressions together are not the published one"
