"""An evaluation is complete, deterministic and held to its part of the data; a leak is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from makers.score_tables import NAN, POINT, both_parts, detector_of, forgery_table
from sklearn import metrics as sk

from spotterlib.base import DataError
from spotterlib.evaluation import check_leak, evaluate, evaluate_table
from spotterlib.evaluation.measure import Evaluation, _opened
from spotterlib.scan import score_cache


def test_parts_are_judged_apart_and_methods_averaged_not_merged():
    table = forgery_table()
    hard = forgery_table(seed=3).assign(compression="c40", path=lambda t: "c40/" + t["path"])
    hard["probability"] = hard["probability"] * 0.1 + 0.45
    found = evaluate_table(pd.concat([table, hard]), POINT, draws=20)
    easy, poor = found["per_compression"]
    assert (easy["compression"], poor["compression"]) == ("c23", "c40")
    assert easy["auc"] == pytest.approx(sk.roc_auc_score(table["label"], table["probability"].round(6)))
    assert poor["n_undecided"] > easy["n_undecided"] and poor["auc_low"] <= poor["auc"] <= poor["auc_high"]
    alone = [line["auc"] for line in found["per_method"] if line["compression"] == "c23"]
    assert len(alone) == 2 and easy["auc_methods"] == pytest.approx(np.mean(alone))
    assert [line["n"] for line in found["per_dataset"]] == [96]


def test_evaluation_is_complete_json_and_deterministic():
    table = forgery_table()
    table.loc[table.index[2], ["probability", "status"]] = [NAN, "no face"]
    others = table.assign(split="val", probability=0.123, path="v/" + table["path"])
    first = evaluate_table(pd.concat([table, others]), POINT, draws=40)
    again = evaluate_table(pd.concat([others, table]).sample(frac=1, random_state=1), POINT, draws=40)
    text = json.dumps(first, allow_nan=False)
    assert json.loads(text) == first and json.dumps(again) == text, "the order of the rows changes no byte"
    assert first["video"]["n"] == 48 and first["n_groups"] == 12 and first["status"] == {"no face": 1, "ok": 47}
    assert first["video"]["confusion"]["fake"]["unscored"] == 1
    for key in ("auc", "eer", "tpr_at_fpr_5", "balanced_accuracy", "f1", "tpr", "fpr", "ece", "brier"):
        low, high = first["video"]["intervals"][key]
        assert low <= first["video"][key] <= high or key == "ece"  # resampling only adds to a mean of absolute gaps
    assert first["frame_mean"]["auc"] == pytest.approx(sk.roc_auc_score(table["label"], table["frame_probability"]))
    assert [line["method"] for line in first["per_method"]] == ["Neural", "Swap"]
    assert sum(sum(line["real"].values()) + sum(line["fake"].values()) for line in first["groups"]) == 48
    assert evaluate_table(others, POINT, split=None, draws=5)["video"]["auc"] == 0.5


def test_two_data_sets_with_the_same_names_are_told_apart_in_any_order():
    parts = [forgery_table(), forgery_table(seed=5).assign(dataset="another")]
    texts = [json.dumps(evaluate_table(pd.concat(order), POINT, draws=30)) for order in (parts, parts[::-1])]
    assert texts[0] == texts[1]


def test_frame_level_counts_every_frame_by_itself():
    table = forgery_table()
    found = evaluate_table(table, POINT, draws=20)["frame"]
    scores = np.concatenate([np.array(each) for each in table["frame_scores"]])
    assert found["level"].startswith("frame") and found["n"] == 3 * 48
    assert found["auc"] == pytest.approx(sk.roc_auc_score(np.repeat(table["label"], 3), scores))
    assert found["intervals"]["auc"][0] < found["auc"] < found["intervals"]["auc"][1]
    assert evaluate_table(table.assign(frame_scores=[()] * 48), POINT, draws=5)["frame"] is None


def test_evaluation_under_ten_groups_has_counts_and_no_interval():
    table = forgery_table(groups=9).drop(columns=["frame_probability", "frame_scores", "status", "compression", "ids"])
    found = evaluate_table(table, POINT)
    assert set(found["video"]["intervals"].values()) == {None} and len(found["groups"]) == 9
    assert found["frame"] is None and found["frame_mean"] is None and found["per_method"][0]["auc_low"] is None
    assert any("Groups: 9, fewer than 10" in note for note in found["notes"])


def test_a_class_of_few_groups_has_counts_and_no_interval():
    table = forgery_table(groups=20)
    few = table[(table["label"] == 0) | table["group"].isin(["g0", "g1"])]
    found = evaluate_table(few, POINT, draws=40)
    known = {name for name, ends in found["video"]["intervals"].items() if ends}
    assert known == {"fpr"}, "no figure rests on the fakes of two groups, and this one on no fake at all"
    assert all(row["auc_low"] is None and row["tpr_low"] is None for row in found["per_method"])
    assert "Groups with a fake: 2, fewer than 5. No interval rests on them." in found["notes"]
    enough = table[(table["label"] == 0) | table["group"].isin([f"g{k}" for k in range(5)])]
    found = evaluate_table(enough, POINT, draws=40)
    assert found["video"]["intervals"]["auc"] and not any("Groups with" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("change", "auc"),
    [
        ({"label": 0}, None),
        ({"label": 1}, None),
        ({"probability": 0.5}, 0.5),  # all tie, all undecided
        ({"probability": NAN, "frame_probability": NAN}, None),
    ],
)
def test_edges_are_defined(change, auc):
    found = evaluate_table(forgery_table().assign(**change), POINT, draws=10)
    assert found["video"]["auc"] == auc and found["video"]["n"] == 48
    assert sum(sum(row.values()) for row in found["video"]["confusion"].values()) == 48, "nobody is dropped"
    if "probability" in change:
        assert found["video"]["share_decided"] == 0 and found["video"]["accuracy"] == 0
        assert found["video"]["accuracy_decided"] is None
    json.dumps(found, allow_nan=False)


def test_evaluation_names_what_is_missing():
    table = forgery_table(groups=1)
    with pytest.raises(DataError, match=r"“val”.*It has test"):
        evaluate_table(table, POINT, split="val")
    with pytest.raises(DataError, match="split=None"):
        evaluate_table(table.assign(split=""), POINT)
    with pytest.raises(DataError, match="probability"):
        evaluate_table(table.drop(columns="probability"), POINT)
    with pytest.raises(DataError, match=r"g00/0.mp4 is in the table of scores twice"):
        evaluate_table(pd.concat([table, table]), POINT)
    everything_lost = evaluate_table(table.assign(probability=None), POINT)
    assert everything_lost["video"]["n_unscored"] == 4 and everything_lost["video"]["selective"] == []


def test_notes_warn_where_validation_is_judged():
    found = evaluate_table(both_parts(), POINT, split="val", draws=5)
    assert any("flatters" in note for note in found["notes"])
    assert not any("flatters" in note for note in evaluate_table(both_parts(), POINT, draws=5)["notes"])
    taught = evaluate_table(both_parts().replace({"split": {"val": "train"}}), POINT, split=None, draws=5)["notes"]
    assert any(note.startswith("Videos of the part for training: 48.") for note in taught)


def test_a_cache_is_scored_in_its_order_and_failures_stay(cached):
    shares = []
    scored = score_cache(detector_of(), cached, progress=shares.append)
    assert scored["path"].tolist() == cached["path"].tolist() and shares[-1] == 1 and shares == sorted(shares)
    wanted = pd.to_numeric(cached["file"].replace("", NAN)).astype(float)
    assert scored["probability"].to_numpy() == pytest.approx(wanted.to_numpy(), abs=0.03, nan_ok=True)
    assert scored.loc[5, "verdict"] == "UNDECIDED" and scored.loc[5, "frame_scores"] == ()
    assert len(scored.loc[0, "frame_scores"]) == 24
    assert scored.loc[0, "frame_probability"] == pytest.approx(np.mean(scored.loc[0, "frame_scores"]))
    assert scored.loc[0, "uncalibrated"] == pytest.approx(scored.loc[0, "frame_probability"]), "scale 2 undone"
    again = score_cache(detector_of(), scored)
    assert list(again.columns) == list(scored.columns), "a scored table can be scored again"
    assert len(score_cache(detector_of(), cached.iloc[:0])) == 0


def test_the_part_for_training_is_refused_like_a_leak(cached):
    cached["split"] = cached["split"].replace("val", "train")
    with pytest.raises(DataError, match=r"for training.*allow_leak=True"):
        evaluate(detector_of(), cached, "train")
    found = evaluate(detector_of(), cached, "train", allow_leak=True, draws=5)
    assert found.leaks and found.facts["video"]["n"] == 48


def test_data_that_are_not_split_are_judged_as_a_whole(cached):
    found = evaluate(detector_of(), cached.assign(split=""), draws=5)
    assert found.facts["split"] is None and found.facts["video"]["n"] == 96 and found.facts["leak"]["ok"] is None
    assert evaluate(detector_of(), cached, draws=5).facts["split"] == "test"
    with pytest.raises(DataError, match="no video in the split “test”"):
        evaluate(detector_of(), cached[cached["split"] == "val"])


def test_what_cannot_be_audited_says_so(cached):
    test = cached[cached["split"] == "test"]
    assert check_leak(test, "test")["ok"] is None
    found = evaluate(detector_of(), cached, split=None, draws=5)
    assert found.facts["leak"]["ok"] is None and not found.leaks and found.facts["video"]["n"] == 96
    assert found.facts["notes"][0].startswith("Not checked") and "NOT CHECKED FOR LEAKS" in repr(found)


def test_any_manifest_can_be_evaluated(judged):
    manifest, found, out = judged
    assert found.facts["status"]["unreadable"] == 1 and found.facts["video"]["n"] == 3
    assert found.facts["video"]["n_unscored"] == 1 and found.facts["video"]["n_real"] == 2
    again = evaluate(found.detector, out / "cache", draws=5)
    assert again.facts == found.facts, "its face cache says the same"
    assert _opened(manifest.save(out / "m.csv")).table["path"].tolist() == manifest.table["path"].tolist()


def test_an_evaluation_shows_as_a_sentence_without_an_auc(cached):
    found = evaluate(detector_of(), cached[cached["label"] == 0], draws=5)
    assert isinstance(found, Evaluation) and "no AUC on 24 videos" in repr(found)
