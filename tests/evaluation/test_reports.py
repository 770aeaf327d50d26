"""A file that is missing is missing, everywhere, and never a measurement."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from makers.face_clips import manifest_of
from makers.score_tables import POINT, detector_of, forgery_table

from spotterlib.base import DataError
from spotterlib.data import Manifest
from spotterlib.evaluation import choose_point, evaluate, evaluate_table, measure_robustness, save_evaluation
from spotterlib.faces import cache_faces, count_statuses, load_cache_table, plot_statuses, read_cache
from spotterlib.video import choose_perturbations

DAMAGE = choose_perturbations("H.264 crf 40")


@pytest.fixture
def cached(clips, tmp_path, detector):
    """A manifest of three videos with a face, all for the test, and its cache."""
    root = tmp_path / "videos"
    root.mkdir()
    for name in ("face.mp4", "two.mp4", "late.mp4"):
        shutil.copy(clips / name, root / name)
    manifest = manifest_of(root, "face.mp4", "two.mp4", "late.mp4")
    manifest.table["split"] = "test"
    return manifest, cache_faces(manifest, tmp_path / "cache")


def gone(manifest: Manifest, *names: str) -> None:
    for name in names:
        (manifest.root / name).unlink()


def test_a_missing_video_has_a_status_of_its_own(cached, tmp_path):
    manifest, _ = cached
    gone(manifest, "two.mp4")
    table = cache_faces(manifest, tmp_path / "cache").set_index("path")
    assert table["status"].to_dict() == {"face.mp4": "ok", "two.mp4": "missing", "late.mp4": "ok"}
    assert "two.mp4 is not there" in table.loc["two.mp4", "reason"] and table.loc["two.mp4", "file"] == ""
    assert count_statuses(table)["share"].to_dict() == {"ok": "66.7%", "missing": "33.3%"}
    figure = plot_statuses(table.reset_index(), manifest.root)
    assert "1 missing" in figure.get_suptitle()
    assert "not there" in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_videos_that_were_all_moved_are_an_error_and_the_cache_stays(cached, tmp_path):
    manifest, before = cached
    manifest.root.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"Not one of the 3 videos .*root="):
        cache_faces(manifest, tmp_path / "cache")
    kept = load_cache_table(tmp_path / "cache")
    assert kept["status"].tolist() == before["status"].tolist()
    moved = cache_faces(replace(manifest, root=tmp_path / "moved"), tmp_path / "cache")
    assert (moved["status"] == before["status"]).all()


def test_damage_to_videos_that_were_moved_is_no_measurement(cached, tmp_path, detector):
    manifest, table = cached
    found = evaluate(detector, table, draws=20)
    manifest.root.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"Not one of the 3 videos is under .*videos any more"):
        measure_robustness(found, manifest, tmp_path / "robust", DAMAGE)
    assert len(measure_robustness(found, manifest, tmp_path / "robust", ())) == 1, "without damage no video is needed"


def test_damage_to_what_is_left_says_what_is_missing(cached, tmp_path, detector):
    manifest, table = cached
    found = evaluate(detector, table, draws=20)
    gone(manifest, "two.mp4")
    robust = measure_robustness(found, manifest, tmp_path / "robust", DAMAGE)
    assert robust["missing"].tolist() == [1, 1] and robust["n"].tolist() == [2, 2]
    assert (robust["n_unscored"] == 0).all() and (robust["found"] > 0.3).all()
    page = save_evaluation(found, tmp_path / "page", robust).read_text()
    assert "1 video not there any more, and in no row" in page


def test_a_missing_video_is_in_no_figure(tmp_path):
    table = forgery_table()
    whole = evaluate_table(table, POINT, draws=20)
    lost = table.copy()
    lost.loc[:3, ["status", "file"]] = ["missing", ""]
    lost.loc[:3, ["probability", "frame_probability", "uncalibrated"]] = np.nan
    lost["frame_scores"] = [() if number < 4 else scores for number, scores in enumerate(lost["frame_scores"])]
    found = evaluate_table(lost, POINT, draws=20)
    assert found["missing"] == table["path"].tolist()[:4] and whole["missing"] == []
    assert found["video"]["n"] == len(table) - 4 and found["video"]["n_unscored"] == 0
    assert any("not there: 4 of 48" in note for note in found["notes"])
    rest = evaluate_table(table[4:], POINT, draws=20)
    assert found["video"] == rest["video"] and found["per_method"] == rest["per_method"]
    with pytest.raises(DataError, match="Not one of the 48 videos is there"):
        evaluate_table(table.assign(status="missing"), POINT)
    chosen = choose_point(pd.concat([lost, table[4:]]).assign(split="val").drop_duplicates("path"))
    assert "44 validation videos" in chosen.origin


def test_an_evaluation_leaves_missing_videos_out_and_says_so(cached, tmp_path, detector):
    manifest, _ = cached
    gone(manifest, "late.mp4")
    found = evaluate(detector, manifest, cache=tmp_path / "cache", against=detector, draws=20)
    assert found.facts["missing"] == ["late.mp4"] and found.facts["video"]["n"] == 2
    assert [row["path"] for row in found.facts["verdicts"]] == found.scored["path"].tolist() == ["face.mp4", "two.mp4"]
    assert "late.mp4" in save_evaluation(found, tmp_path / "page").read_text()


def test_cached_faces_that_are_gone_are_said(cached):
    _, table = cached
    file = table["file"].iloc[0]
    Path(file).unlink()
    for read in (lambda: read_cache(file), lambda: evaluate(detector_of(), table)):
        with pytest.raises(DataError, match=r"is not there: the faces were cached and are gone. Run cache_faces"):
            read()
