"""Cached scores are scanned scores; damage is passed on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from makers.face_clips import manifest_of, with_surroundings
from makers.face_clips import synthetic as with_between

from spotterlib.base import DataError
from spotterlib.faces import cache, cache_faces
from spotterlib.scan import score_cache


def test_cached_scores_are_scanned_scores(clips, detector, reports, tmp_path):
    table = cache_faces(manifest_of(clips, "late.mp4", "empty.mp4"), tmp_path)
    scored = score_cache(detector, table)
    assert scored.loc[0, "probability"] == pytest.approx(reports["late"].probability, abs=0.01)
    assert scored.loc[0, "frame_probability"] == pytest.approx(
        np.nanmean(reports["late"].faces[0].frame_scores), abs=0.02
    )
    assert math.isnan(scored.loc[1, "probability"]) and scored.loc[1, "verdict"] == "UNDECIDED"
    assert scored["path"].tolist() == ["late.mp4", "empty.mp4"]


def test_scored_caches_pass_on_damage(tmp_path, detector, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"a")
    monkeypatch.setattr(cache, "find_faces", lambda path, **settings: with_surroundings(with_between([True] * 24)))
    table = cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "out")
    Path(table.loc[0, "file"]).write_bytes(b"damaged")
    with pytest.raises(DataError, match="Delete it and run cache_faces"):
        score_cache(detector, table)
