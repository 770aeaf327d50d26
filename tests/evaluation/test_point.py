"""Thresholds come from validation alone, and say where they come from."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from makers.score_tables import AT, NAN, POINT, both_parts, detector_of, forgery_table

from spotterlib.base import DataError
from spotterlib.evaluation import card_point, choose_point, evaluate, evaluate_table
from spotterlib.evaluation.point import OperatingPoint
from spotterlib.scan import score_cache


def test_thresholds_are_chosen_on_validation_rows_alone():
    table = both_parts()
    chosen = choose_point(table, fpr=0.1)
    spoilt = table.assign(probability=table["probability"].where(table["split"] == "val", 0.123))
    assert choose_point(spoilt, fpr=0.1) == chosen, "what the test rows say does not matter"
    val = table[table["split"] == "val"]
    assert (val.loc[val["label"] == 0, "probability"] >= chosen.thresholds.t_high).mean() <= 0.1
    assert "48 validation videos of 12 groups" in chosen.origin
    dear = choose_point(table, cost=20.0)
    assert dear.thresholds.t_high >= chosen.thresholds.t_high and "costs 20" in dear.origin
    with pytest.raises(DataError, match="validation"):
        choose_point(table[table["split"] == "test"])
    with pytest.raises(DataError, match="validation"):
        choose_point(table.drop(columns="split"))


def test_test_figures_at_thresholds_from_test_are_impossible():
    table = both_parts()
    test = table[table["split"] == "test"]
    relabelled = choose_point(test.assign(split="val"))  # the trick
    for rows in (table, test, test.iloc[:4], test.assign(split="test", path="moved/" + test["path"])):
        with pytest.raises(DataError, match="very videos or people"):
            evaluate_table(rows, relabelled, n_or_none(rows))
    other_group = test.assign(path="x/" + test["path"], group="h" + test["group"])
    with pytest.raises(DataError, match=r"first: person made p0"):
        evaluate_table(other_group, relabelled)
    for bare in (AT, (0.3, 0.6), None):
        with pytest.raises(DataError, match="origin"):
            evaluate_table(table, bare)
    for forged in (lambda: OperatingPoint(AT, "mine", frozenset()), lambda: replace(POINT, thresholds=AT)):
        with pytest.raises((DataError, TypeError)):
            forged()
    renamed = choose_point(test.assign(split="val", dataset="x", path="x/" + test["path"], group="", ids=""))
    with pytest.raises(DataError, match="first: stored faces"):
        evaluate_table(table, renamed)
    found = evaluate_table(table, choose_point(table), draws=5)
    assert found["thresholds"]["origin"].startswith("48 validation videos")


def n_or_none(rows: pd.DataFrame) -> str | None:
    return "test" if (rows["split"] == "test").any() else None


def test_another_data_set_may_have_files_of_the_same_name():
    chosen = choose_point(forgery_table(split="val"))
    elsewhere = forgery_table(seed=2).assign(dataset="another")
    assert evaluate_table(elsewhere, chosen, draws=5)["video"]["n"] == 48


def test_a_share_that_is_none_is_refused():
    for wrong in ({"fpr": 5}, {"fpr": -0.1}, {"fpr": NAN}, {"undecided": -0.1}, {"undecided": NAN}):
        with pytest.raises(DataError, match="share of 0 to 1"):
            choose_point(both_parts(), **wrong)


def test_thresholds_without_an_origin_are_refused_before_the_first_score(cached):
    scored = []
    with pytest.raises(DataError, match="origin"):
        evaluate(detector_of(), cached, point=AT, progress=scored.append)
    assert not scored


def test_own_thresholds_of_a_point_reach_the_verdicts(cached):
    detector = detector_of()
    point = choose_point(score_cache(detector, cached[cached["split"] == "val"]), fpr=0.0)
    found = evaluate(detector, cached, point=point, draws=5)
    assert found.facts["thresholds"]["t_high"] == point.thresholds.t_high != card_point(detector).thresholds.t_high
    called = [row["verdict"] == "FAKE" for row in found.facts["verdicts"]]
    assert called == [(row["probability"] or 0) >= point.thresholds.t_high for row in found.facts["verdicts"]]
    with pytest.raises(DataError, match="very videos"):
        evaluate(detector, cached, "val", point=point)
