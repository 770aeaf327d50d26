"""What training reads of a face cache: usable videos, drawn starts and lengths, surroundings."""

from __future__ import annotations

import numpy as np
import pytest
from makers.face_clips import manifest_of, synthetic, with_surroundings

from spotterlib.base import DataError
from spotterlib.faces import cache_faces, read_cache
from spotterlib.fakes import PLAIN, Camera, Carrier, film
from spotterlib.training.cached import load_cached, training_rows
from spotterlib.video import iterate_frames


def cached(tmp_path, quick_faces, faces):
    (tmp_path / "a.mp4").write_bytes(b"a")
    quick_faces.faces = with_surroundings(faces)
    return {"file": cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "out").loc[0, "file"]}


def test_training_rows_are_the_usable_videos_of_a_split(cached_clips):
    table = cached_clips[2].reset_index()
    rows = training_rows(table, "train")
    assert [row["path"] for row in rows] == ["face.mp4", "two.mp4", "late.mp4"]
    assert [row["label"] for row in rows] == [0, 1, 0]
    assert set(rows[0]) == {"file", "label", "group", "method", "path"}
    assert training_rows(table, "test") == []


def test_evaluation_sees_the_grid(cached_clips):
    row = {"file": cached_clips[2].loc["face.mp4", "file"]}
    carrier, grid = load_cached(row, None, 24), read_cache(row["file"], grid_only=True).clips[0]
    assert carrier.frames.shape == (24, 336, 336, 3)
    assert np.array_equal(film(carrier, PLAIN), grid.frames)
    assert np.array_equal(carrier.valid, grid.valid)
    assert carrier.landmarks == pytest.approx(grid.crop_landmarks() + 56, abs=1e-4)
    assert np.array_equal(carrier.boxes, np.tile(np.float32([56, 56, 280, 280]), (24, 1)))


def test_a_moved_crop_shows_what_was_around_the_face(cached_clips):
    """Shifted, zoomed and turned as far as training does, a cached face looks as one filmed from its video."""
    root, _, table = cached_clips
    row = table.loc["face.mp4"]
    carrier, track = load_cached({"file": row["file"]}, None, 24), read_cache(row["file"]).tracks[0]
    pictures = np.stack([picture for _, _, picture in iterate_frames(root / "face.mp4")])[track.frames]
    whole = Carrier(pictures, track.landmarks, track.boxes, track.valid)
    for camera in (Camera(shift=(0.06, -0.06)), Camera(zoom=1.12), Camera(roll=8.0, shift=(-0.05, 0.0))):
        difference = np.abs(film(carrier, camera).astype(int) - film(whole, camera))
        band = np.concatenate([difference[:, :14].ravel(), difference[:, -14:].ravel(), difference[:, :, :14].ravel()])
        assert band.mean() < 4  # grey levels; strips of padding or of mirrored face differ by 15 and more


def test_training_draws_starts_and_lengths(tmp_path, quick_faces):
    row = cached(tmp_path, quick_faces, synthetic([True] * 24))
    drawn = [load_cached(row, np.random.default_rng(seed), 24) for seed in range(12)]
    spans = {(int(c.frames[c.valid][0].max()), int(c.frames[c.valid][-1].max())) for c in drawn}
    assert len(spans) > 6  # the synthetic crops are as bright as their place in the video
    again = load_cached(row, np.random.default_rng(3), 24)
    assert np.array_equal(again.frames, drawn[3].frames)
    for carrier in drawn:
        assert carrier.frames.shape == (24, 336, 336, 3)
        assert carrier.valid.sum() >= 8
        brightness = carrier.frames[carrier.valid].max((1, 2, 3)).astype(int)
        assert (np.diff(brightness) > 0).all()  # in order, none twice
        assert (carrier.frames[~carrier.valid] == 0).all()
        assert np.isfinite(carrier.landmarks).all()
    assert load_cached(row, None, 8).valid.tolist() == [True] * 8


def test_a_window_without_the_face_is_never_drawn(tmp_path, quick_faces):
    seen = [False] * 24 + [k >= 12 for k in range(24)]
    row = cached(tmp_path, quick_faces, synthetic(seen, windows=[0] * 24 + [1] * 24))
    assert load_cached(row, None, 24).valid.sum() == 12
    for seed in range(12):
        assert load_cached(row, np.random.default_rng(seed), 24).valid.sum() >= 8


def test_a_gap_in_the_middle_is_not_all_that_is_drawn(tmp_path, quick_faces):
    row = cached(tmp_path, quick_faces, synthetic([k < 5 or k >= 19 for k in range(24)]))
    for seed in range(20):
        assert load_cached(row, np.random.default_rng(seed), 24).valid.sum() >= 8


def test_the_first_face_with_enough_is_the_one_trained_on(tmp_path, quick_faces):
    row = cached(tmp_path, quick_faces, synthetic([k < 7 for k in range(24)], [k >= 10 for k in range(24)]))
    assert load_cached(row, None, 24).valid.sum() == 14
    row = cached(tmp_path / "out", quick_faces, synthetic([k < 7 for k in range(24)]))
    with pytest.raises(DataError, match="too little to train on"):
        load_cached(row, None, 24)
