"""What the records of a run say to people, of the very numbers in them."""

from __future__ import annotations

import pytest
from makers.training_runs import QUICK, faces, run

from spotterlib.training import history_table, history_verdict, judge_start

BEFORE = {"epoch": -1, "val_loss": 0.5, "val_auc": 0.9, "val_frame_auc": 0.8, "val_f1": 0.7}
EPOCH = {"epoch": 0, "train_loss": 0.4, "val_auc": 0.8, "waiting": 0.6, "seconds": 2.0, "clips_per_second": 3.0}


def test_what_training_begins_with_is_judged_as_its_epochs_are(tiny, tmp_path):
    record = run(tmp_path)[-1]
    start = tmp_path / "best.safetensors"
    before = judge_start(QUICK, faces(3), faces(4, 100), start, device="cpu")
    assert before["epoch"] == -1 and set(before) == {"epoch"} | {name for name in record if name.startswith("val_")}
    again = judge_start(QUICK, faces(3), faces(4, 100), start, device="cpu")
    assert again == before
    best = max(run(tmp_path), key=lambda one: one["val_auc"])
    assert before["val_auc"] == pytest.approx(best["val_auc"], abs=0.01)
    assert before["val_loss"] == pytest.approx(best["val_loss"], abs=1e-3), "weights are kept in half precision"


def test_the_table_has_plain_names_and_no_nan():
    table = history_table([BEFORE, EPOCH])
    assert table.index.tolist() == [0, 1] and "AUC, clips" in table and "val_auc" not in table
    assert table.loc[0, "loss, training"] == "–" and table.loc[1, "loss, training"] == "0.400"


def test_the_verdict_does_not_praise_what_got_worse():
    said = history_verdict([BEFORE, EPOCH], 0)
    assert said.startswith("The one epoch is kept: validation AUC 0.800, no better than the 0.900")
    assert "Waiting for clips took 60% of the training: `workers` at 1 or 2" in said
    better = [BEFORE, EPOCH, EPOCH | {"epoch": 1, "val_auc": 0.95, "waiting": 0.0}]
    said = history_verdict(better, 2)
    assert said.startswith("Of 2 epochs the best, 2, is kept: validation AUC 0.950, above the 0.900")
    assert "took 30%" in said and "more than 2 `workers`" in said
    assert "Clips were ready in time: waiting for them took 4%" in history_verdict([EPOCH | {"waiting": 0.04}], 0)
    assert history_verdict([BEFORE], 0) == "No epoch was trained."
