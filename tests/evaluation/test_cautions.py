"""What must be known before a figure is believed stands beside it."""

from __future__ import annotations

import pytest
from makers.score_tables import both_parts, detector_of

from spotterlib.evaluation import card_point, choose_point, evaluate
from spotterlib.model import DEFAULT_CHECKPOINT, read_card

FEW = "too few for a threshold to mean anything"


def notes(cached, detector, against=None):
    return evaluate(detector, cached, against=against, draws=5).facts["notes"]


def said(lines, words):
    return [line for line in lines if words in line]


def test_thresholds_from_four_validation_clips_come_with_a_warning(cached):
    few = detector_of(validation={"clips": 4, "reals": 2, "groups": 2, "auc": 1.0})
    (line,) = said(notes(cached, few), FEW)
    assert line.startswith("The thresholds were chosen on 4 validation clips (2 reals) of 2 groups")
    enough = detector_of(validation={"clips": 80, "reals": 40, "groups": 30})
    assert not said(notes(cached, enough), FEW) and not said(notes(cached, detector_of()), FEW)
    assert card_point(few).caution and not card_point(enough).caution


def test_so_do_thresholds_chosen_here():
    table = both_parts()
    assert not choose_point(table).caution, "24 reals of 12 groups"
    assert FEW in choose_point(table[table["group"].isin(["g20", "g21"])]).caution


def test_a_rival_trained_elsewhere_may_know_these_people(cached):
    (line,) = said(notes(cached, detector_of("mine"), detector_of("other")), "Nobody has checked")
    assert line.startswith("other was trained on other data (nothing at all)")
    assert not said(notes(cached, detector_of("mine")), "Nobody has checked")


def test_clips_that_a_checkpoint_learned_from_are_named(cached):
    taught = read_card(DEFAULT_CHECKPOINT)["data"]["people"]["grid_taught"]
    first = cached.index[cached["split"] == "test"][0]
    cached.loc[first, "path"] = f"real/{taught[0]}.mpg"
    people = {"grid_taught": taught, "grid_judging": ["1"]}
    lines = notes(cached, detector_of("mine"), detector_of("other", data={"people": people}))
    (line,) = said(lines, "learned from")
    assert line.startswith("Videos named as those that other learned from: 1 of 48") and taught[0] in line
    assert not said(lines, "Nobody has checked")


@pytest.mark.parametrize("known", [True, False])
def test_a_checkpoint_knows_whom_the_one_that_it_began_with_knew(cached, known):
    shipped = read_card(DEFAULT_CHECKPOINT)
    begun = detector_of("mine", training={"start_sha256": shipped["sha256"] if known else "1" * 64})
    assert len(said(notes(cached, begun), f"began with {DEFAULT_CHECKPOINT.stem}")) == known
