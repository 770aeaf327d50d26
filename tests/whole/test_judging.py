"""Real deepfakes are judged from a folder with a CSV, and accusations are counted person by person."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spotterlib.base import ROOT, DataError


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def scored(count: int = 12) -> pd.DataFrame:
    """Scenes of one real and one fake each; the first fake has no score, the last scores below its real."""
    p = np.linspace(0.1, 0.4, count)
    reals = {"label": 0, "method": "", "probability": p, "verdict": np.where(p > 0.3, "UNDECIDED", "REAL")}
    fakes = {"label": 1, "method": ["swap", "other"] * (count // 2), "probability": p + 0.5, "verdict": "FAKE"}
    table = pd.concat([pd.DataFrame(part | {"group": [f"g{k}" for k in range(count)]}) for part in (reals, fakes)])
    table = table.reset_index(drop=True).assign(frame_probability=lambda t: t["probability"])
    table.loc[count, ["probability", "frame_probability", "verdict"]] = [np.nan, np.nan, "UNDECIDED"]
    table.loc[2 * count - 1, ["probability", "verdict"]] = [0.05, "REAL"]
    return table


def test_deepfakes_are_counted_by_verdict_and_by_method():
    import deepfakes

    found = deepfakes.deepfake_figures(scored())
    assert found["fake"] == {"REAL": 1, "UNDECIDED": 1, "FAKE": 10} and sum(found["real"].values()) == 12
    assert found["unscored"] == 1 and found["groups"] == 12 and found["by_method"]["swap"]["auc"] == 1
    assert found["auc"] == pytest.approx(10 / 11) and found["interval"][0] < found["auc"] < found["interval"][1] + 1e-9
    assert (found["paired"], found["pairs"]) == (pytest.approx(10 / 11), 11)
    table = deepfakes.deepfake_table(found)
    assert "| other | 6 | 0.83 | 1, 0, 5 |" in table and "over 12 groups" in table


def test_a_folder_lists_its_videos(tmp_path):
    import deepfakes

    with pytest.raises(DataError, match="it holds 0"):
        deepfakes.listed_videos(tmp_path, tmp_path / "out")
    table = pd.DataFrame({"file": ["a.mp4", "b.mp4"], "label": ["real", "fake"], "method": ["", "swap"]})
    table.to_csv(tmp_path / "list.csv", index=False)
    with pytest.raises(DataError, match="no column group"):
        deepfakes.listed_videos(tmp_path, tmp_path / "out")
    table.assign(group="g", source="x").to_csv(tmp_path / "list.csv", index=False)
    manifest = deepfakes.listed_videos(tmp_path, tmp_path / "out")
    assert manifest.root == tmp_path and manifest.table["label"].tolist() == [0, 1]
    assert manifest.table["group"].tolist() == ["g", "g"] and manifest.table["method"].tolist()[1] == "swap"


def test_the_interval_of_a_share_is_wilsons():
    import measure_accusations as script

    assert script.wilson(0, 0) == (0, 1)
    low, high = script.wilson(5, 100)
    assert (low, high) == (pytest.approx(0.0215, abs=1e-3), pytest.approx(0.1118, abs=1e-3))
    assert script.wilson(0, 50)[0] == 0 and script.wilson(50, 50)[1] == pytest.approx(1)


def test_accusations_are_counted_for_every_group(detector, tmp_path):
    import cv2
    import measure_accusations as script

    rows = []
    for k in range(6):
        place = tmp_path / f"{k}.png"
        cv2.imwrite(str(place), np.random.default_rng(k).integers(0, 255, (64, 64, 3)).astype(np.uint8))
        about = {"gender": "m", "age": "20-29", "race": "xy"[k % 2] if k else "", "folder": "tight" if k else "t"}
        rows.append({"path": str(place), "box": [0, 0, 64, 64], **about})
    found = script.accusations(detector, rows)
    counted = {key: row["people"] for key, row in found["race"].items()}
    assert found["all"]["people"] == 5 and counted == {"x": 2, "y": 3}
    assert found["folder"]["t"]["people"] == 1 and found["all"]["accused"] <= 5
    assert "| Race: x | 2 |" in script.accusation_tables(found)
