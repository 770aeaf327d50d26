"""Damaged videos are looked at anew, and the change is measured on the same ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest
from makers.face_clips import manifest_of
from makers.score_tables import detector_of
from makers.video_files import encode
from scipy.special import expit

from spotterlib.base import DataError, read_json
from spotterlib.evaluation import evaluate, measure_robustness, perturb_manifest, robustness, save_evaluation
from spotterlib.evaluation.robustness import UNTOUCHED
from spotterlib.video import PERTURBATIONS, choose_perturbations, probe_video


def test_a_whole_manifest_keeps_its_rows_and_counts_what_cannot_be_read(tmp_path):
    home = tmp_path / "videos"
    (home / "real").mkdir(parents=True)
    encode(home / "real" / "a.avi", count=4)
    (home / "b.mp4").write_text("no video")
    manifest = manifest_of(home, "real/a.avi", "b.mp4", "gone.mp4")
    how = PERTURBATIONS[0]
    shares = []
    found = perturb_manifest(manifest, tmp_path / "out", how, progress=shares.append)
    assert found.table is manifest.table and shares[-1] == 1 and shares == sorted(shares)
    assert probe_video(found.root / "real" / "a.avi").frames == 4
    assert (found.root / "b.mp4").read_text() == "no video" and not (found.root / "gone.mp4").exists()
    stamp = (found.root / "real" / "a.avi").stat().st_mtime_ns
    again = perturb_manifest(manifest, tmp_path / "out", how)
    assert (again.root / "real" / "a.avi").stat().st_mtime_ns == stamp, "what is done is not done again"
    assert perturb_manifest(manifest, tmp_path / "out", how, seed=1).root != found.root


def test_robustness_looks_at_the_damaged_videos_anew(judged, tmp_path):
    manifest, found, _ = judged
    chosen = choose_perturbations("resized to ¼")
    shares = []
    table = measure_robustness(found, manifest, tmp_path, chosen, progress=shares.append)
    assert table["name"].tolist() == [UNTOUCHED, "resized to ¼"] and shares == [1.0]
    assert (table["n"] == 3).all() and table["n_unscored"].iloc[0] == 1, "what failed is counted in every row"
    assert table["auc_change"].isna().iloc[0] and table["fpr_low"].isna().all()
    small = pd.read_csv(next(tmp_path.rglob("cache.csv")))
    assert set(small["path"]) == {"face.mp4", "late.mp4", "text.mp4"}
    save_evaluation(found, tmp_path / "page", table)
    assert len(read_json(tmp_path / "page" / "evaluation.json")["robustness"]) == 2
    assert (tmp_path / "page" / "robustness.svg").stat().st_size > 1000
    with pytest.raises(DataError, match="none of the evaluation's videos"):
        measure_robustness(found, replace(manifest, table=manifest.table.assign(path="else.mp4")), tmp_path)


def test_robustness_measures_the_change_on_the_same_videos(cached, tmp_path, monkeypatch):
    found = evaluate(detector_of(), cached, draws=40)
    root = tmp_path / "videos"
    for path in found.scored["path"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"no video, and copied as it is")
    encode(root / found.scored["path"][0], count=2)
    worse = cached[cached["split"] == "test"].assign(file=lambda t: t["file"].where(t["method"] != "Swap", "0.2"))
    monkeypatch.setattr(robustness, "cache_faces", lambda manifest, out, **_: worse.sample(frac=1, random_state=0))
    manifest = manifest_of(root)
    manifest = replace(manifest, table=cached)
    table = measure_robustness(found, manifest, tmp_path / "out", choose_perturbations("blur 1 px"))
    plain, blurred = table.to_dict("records")
    assert plain["n"] == blurred["n"] == 48 and blurred["auc"] < plain["auc"] == found.facts["video"]["auc"]
    assert blurred["auc_change"] == pytest.approx(blurred["auc"] - plain["auc"])
    assert blurred["auc_change_low"] < blurred["auc_change"] < blurred["auc_change_high"] < 0
    assert blurred["fpr_change"] == 0 and math.isnan(blurred["fpr_change_low"]), "the reals were not touched"


def test_damaged_videos_are_judged_by_scores_as_round_as_the_evaluations(cached, tmp_path):
    edge = cached.assign(file=cached["file"].where(cached["path"] != "g00/0.mp4", "0.59"))
    detector = detector_of(thresholds={"t_low": 0.3, "t_high": round(float(expit(0.4)), 6)})  # of 0.59, rounded up
    found = evaluate(detector, edge, draws=5)
    assert next(row for row in found.facts["verdicts"] if row["path"] == "g00/0.mp4")["verdict"] == "FAKE"
    manifest = replace(manifest_of(tmp_path), table=edge)
    (plain,) = measure_robustness(found, manifest, tmp_path / "out", ()).to_dict("records")
    assert plain["fpr"] == found.facts["video"]["fpr"] and math.isnan(plain["auc_change"])
