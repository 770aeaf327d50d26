"""Each method meets its own reals."""

from __future__ import annotations

import pandas as pd
import pytest
from makers.score_tables import AT, NAN, forgery_table
from sklearn import metrics as sk

from spotterlib.evaluation import tables
from spotterlib.metrics import Thresholds


def test_each_method_meets_its_own_reals():
    table = forgery_table()
    stranger = {"path": "x.mp4", "label": 0, "group": "elsewhere", "method": "", "split": "test", "dataset": "made",
                "compression": "c23", "probability": 0.999, "frame_probability": NAN, "status": "ok"}  # fmt: skip
    other = stranger | {"path": "y.mp4", "compression": "c40", "group": "g0"}
    table = pd.concat([table, pd.DataFrame([stranger, other])])
    found = tables.per_method(table, Thresholds(0.4, 0.6), n=50).set_index("method")
    assert found["n_real"].tolist() == [24, 24] and found["n_groups"].tolist() == [12, 12]
    assert set(found["reals"]) == {"own"} and found["auc_low"].notna().all()
    own = table[(table["group"] != "elsewhere") & (table["compression"] == "c23")]
    for method in ("Swap", "Neural"):
        rows = own[own["method"].isin(["", method])]
        assert found.loc[method, "auc"] == pytest.approx(sk.roc_auc_score(rows["label"], rows["probability"]))
        assert found.loc[method, "tpr"] == (rows.loc[rows["label"] == 1, "probability"] >= 0.6).mean()
        assert found.loc[method, "caught"] == (rows.loc[rows["label"] == 1, "probability"] >= 0.6).sum()
    assert found.loc["Swap", "auc"] > found.loc["Neural", "auc"]


def test_methods_without_groups_say_that_they_meet_all_reals():
    table = forgery_table(groups=2).assign(group="")
    found = tables.per_method(table, AT)
    assert set(found["reals"]) == {"all"} and set(found["n_real"]) == {4} and found["auc_low"].isna().all()
    assert len(tables.per_method(table[table["label"] == 0], AT)) == 0
