"""A scan ends in a verdict with its evidence, in UNDECIDED with its reason, or in one clear error; never in a guess."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from makers.face_clips import synthetic as with_between
from makers.face_clips import write_clip
from makers.report_factory import no_file
from makers.video_files import bad_inputs, damaged_copy
from scipy.special import expit, logit

from spotterlib.base import CheckpointError, VideoError, threads
from spotterlib.faces import FaceClip, VideoFaces
from spotterlib.scan import scan_video, videos
from spotterlib.video import iterate_frames

LOOKED_FOR = "no trace of a pasted face was found, and no other kind of fake was looked for"
SOME = "some frames score above 0.5 by themselves, but not the video as a whole, and no other fake than a pasted face"
SOME += " was looked for"

synthetic = partial(with_between, grid_only=True)


@pytest.fixture
def cheap(monkeypatch, detector):
    """Scans of made-up faces with made-up scores: `cheap(faces, window logits by face)` gives the report.

    The frame logit of a crop is its brightness by 100 less 1.
    """

    def scanned(faces, logits=None, thresholds=(0.3, 0.7)):
        given = iter(logits if logits is not None else [0.0] * 99)

        def explain(detector, clips, valid, batch=2):
            bright = clips.mean((2, 3, 4)) / 100 - 1
            heat = np.where(valid[..., None, None], np.float32(2.0), np.float32(0)) * np.ones((7, 7), np.float32)
            whole = np.float32([next(given)]) if valid.sum() >= 8 else np.float32([99.0])
            return whole, np.where(valid, bright, np.nan).astype(np.float32), heat

        no_file(monkeypatch, videos)
        monkeypatch.setattr(videos, "find_faces", lambda path, **settings: faces)
        monkeypatch.setattr(videos, "explain_clips", explain)
        card = detector.card | {"thresholds": {"t_low": thresholds[0], "t_high": thresholds[1]}}
        return scan_video("made-up.mp4", replace(detector, card=card))

    return scanned


def check(report):
    """What holds of every report."""
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.label in ("REAL", "FAKE", "UNDECIDED")
    assert (report.probability is None) == (report.confidence is None)
    assert report.times.dtype == np.float64
    assert report.frame_scores.dtype == np.float32
    assert report.times.shape == report.frame_scores.shape == (report.info.frames,)
    assert report.heatmap_scale > 0
    assert report.label != "UNDECIDED" or report.reason
    if report.probability is not None:
        assert 0 <= report.probability <= 1
        assert 50 <= report.confidence <= 100 or report.label != "UNDECIDED"
        assert all(f.probability is not None for f in report.faces[:1])
    order = [-1.0 if f.probability is None else f.probability for f in report.faces]
    assert order == sorted(order, reverse=True)
    for face in report.faces:
        count = len(face.track.frames)
        assert face.frame_scores.shape == (count,) and face.heatmaps.shape == (count, 7, 7)
        assert face.frame_scores.dtype == face.heatmaps.dtype == np.float32
        assert np.array_equal(np.isfinite(face.frame_scores), face.track.valid)
        assert np.isfinite(face.heatmaps).all() and (face.heatmaps >= 0).all()
        assert face.heatmaps.max() <= report.heatmap_scale
        assert len(face.windows) == face.track.windows.max() + 1
        for window in face.windows:
            assert window.start <= window.end
            assert (window.probability is not None) == (window.usable >= 8)
        assert (face.probability is None) == all(w.probability is None for w in face.windows)
        assert (face.probability is None) == bool(face.reason)


def figures(report):
    """A report without when it was made and how long it took."""
    return {key: value for key, value in report.to_dict().items() if key not in ("timings", "examined")}


# --- real scans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["face", "two", "late", "empty"])
def test_every_report_is_whole(reports, name):
    check(reports[name])


def test_one_face_is_scored_in_every_frame(reports):
    report = reports["face"]
    assert report.label in ("REAL", "FAKE")
    said = SOME if (report.faces[0].frame_scores > 0.5).any() else LOOKED_FOR
    proof = {"REAL": f"{said[0].upper()}{said[1:]}.", "FAKE": "A score alone is no proof."}
    assert report.reason == proof[report.label]
    assert np.isfinite(report.frame_scores).all()
    assert ((report.frame_scores >= 0) & (report.frame_scores <= 1)).all()
    face = report.faces[0]
    assert report.frame_scores[face.track.frames] == pytest.approx(face.frame_scores, abs=1e-6)
    hottest = face.heatmaps.max((1, 2))
    assert report.heatmap_scale == 1 and (hottest > 0).any()
    assert hottest[hottest > 0] == pytest.approx(face.frame_scores[hottest > 0]), "as red as its score"
    assert report.probability == pytest.approx(face.probability, abs=1e-9)
    assert face.probability == pytest.approx(face.windows[0].probability, abs=1e-9)
    assert set(report.timings) == {"load", "faces", "score", "total"}
    assert report.checkpoint["name"] == "random"
    assert "face.mp4" in repr(report)
    assert face.clip.frames.shape == (24, 224, 224, 3)


def test_the_verdict_is_the_clip_heads(reports, detector):
    face = reports["late"].faces[0]
    seen = face.track.valid
    score = detector.score_clips(face.clip.frames[None], seen[None])[0]
    assert reports["late"].probability == pytest.approx(score, abs=1e-5)
    assert face.frame_scores[seen] == pytest.approx(detector.score_frames(face.clip.frames[seen]), abs=1e-4)


def test_two_faces_are_two_results(reports):
    report = reports["two"]
    assert len(report.faces) == 2
    odds = [f.probability / (1 - f.probability) for f in report.faces]
    assert report.probability == pytest.approx(np.mean(odds) / (1 + np.mean(odds)))
    assert "2 faces" in report.reason
    left, right = sorted(float(np.nanmean(f.track.boxes[:, 0])) for f in report.faces)
    assert right - left > 100


def test_who_is_there_in_ten_frames_is_scored_on_those(reports):
    report = reports["late"]
    assert [window.usable for window in report.faces[0].windows] == [0, 10], "who appears at once begins a shot"
    assert report.probability is not None
    assert np.isnan(report.frame_scores[:13]).all()
    assert np.isfinite(report.frame_scores[14:]).all()
    assert (report.faces[0].heatmaps[:14] == 0).all()


def test_nobody_is_undecided(reports):
    report = reports["empty"]
    assert (report.label, report.probability, report.confidence, report.faces) == ("UNDECIDED", None, None, ())
    assert report.reason == "No face was found in the 24 frames looked at."
    assert np.isnan(report.frame_scores).all()
    assert report.heatmap_scale == 1.0


def test_the_same_video_gives_the_same_report(reports, clips, detector):
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(scan_video, clips / "late.mp4", detector) for _ in range(2)]
    again = [job.result() for job in jobs]
    first = figures(reports["late"])
    for report in again:
        assert figures(report) == first
        assert np.array_equal(report.faces[0].heatmaps, reports["late"].faces[0].heatmaps)
        assert np.array_equal(report.faces[0].clip.frames, reports["late"].faces[0].clip.frames)


@pytest.mark.parametrize("cores", [1, 3])
def test_a_report_is_the_same_on_any_number_of_cores(reports, clips, detector, cores):
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    threads._pool.cache_clear()
    try:
        again = figures(scan_video(clips / "two.mp4", detector))
    finally:
        torch.set_num_threads(before)
        threads._pool.cache_clear()
    first = figures(reports["two"])
    assert len(first["faces"]) == 2
    assert again == first


@pytest.mark.parametrize("count", [1, 5, 7, 8])
def test_eight_frames_are_scored_and_seven_are_not(clips, detector, tmp_path, count):
    frames = [frame for _, _, frame in iterate_frames(clips / "face.mp4")][:count]
    shares = []
    report = scan_video(write_clip(tmp_path / "short.mp4", np.stack(frames)), detector, progress=shares.append)
    check(report)
    assert (report.label == "UNDECIDED") == (count < 8)
    assert shares[-1] == 1.0 and shares == sorted(shares)
    if count < 8:
        assert f"only {count} frame" in report.reason and "8 are needed" in report.reason
        assert report.faces[0].windows[0].usable == count


def test_the_real_clips_are_scanned_whole(grid_clips, detector):
    report = scan_video(grid_clips[0], detector)
    check(report)
    assert report.probability is not None
    assert np.isfinite(report.frame_scores).all()


# --- the verdict -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "label", "confidence"),
    [
        (0.7, "FAKE", 70), (0.69, "UNDECIDED", 69), (0.5, "UNDECIDED", 50), (0.31, "UNDECIDED", 69), (0.3, "REAL", 70),
        (0.01, "REAL", 99),
    ],
)  # fmt: skip
def test_thresholds_decide(cheap, p, label, confidence):
    report = cheap(synthetic([True] * 24), [float(logit(p)) + (1e-6 if p == 0.7 else -1e-6)])
    check(report)
    assert (report.label, report.confidence) == (label, pytest.approx(confidence, abs=0.01))
    assert (report.reason == "A score alone is no proof.") == (label == "FAKE")
    told = report.reason.lower().endswith((f"{LOOKED_FOR}.", f"{SOME}."))
    assert told == (label == "REAL"), "REAL says no more than what was looked for"
    if label == "UNDECIDED":
        assert f"{p:.2f}, lies between the thresholds 0.30 and 0.70" in report.reason


def test_the_strongest_window_decides_with_its_number_allowed_for(cheap):
    seen, windows = [True] * 96, np.repeat([0, 1, 2, 3], 24)
    report = cheap(synthetic(seen, windows=windows), [-5.0, -5.0, 4.0, -5.0])
    check(report)
    odds = np.exp([-5.0, -5.0, 4.0, -5.0]).mean()
    assert report.probability == pytest.approx(odds / (1 + odds))
    assert report.label == "FAKE"
    assert [w.probability for w in report.faces[0].windows] == pytest.approx(expit([-5, -5, 4, -5]))
    pale = cheap(synthetic(seen, windows=windows), [-5.0, -5.0, 1.2, -5.0])
    assert pale.label == "UNDECIDED"
    assert "one of 4 windows" in pale.reason and "looks forged" in pale.reason


def test_the_strongest_face_comes_first_and_unscored_ones_last(cheap):
    some = [k < 7 for k in range(24)]
    report = cheap(synthetic(some, [True] * 24, [True] * 24), [-1.0, 3.0])
    check(report)
    assert [f.probability for f in report.faces] == [pytest.approx(expit(3)), pytest.approx(expit(-1)), None]
    assert [f.label for f in report.faces] == ["FAKE", "REAL", "UNDECIDED"]
    assert [f.track.id for f in report.faces] == [2, 1, 0]
    assert "2 faces were scored" in report.reason
    assert "seen in at most 7 frames" in report.faces[2].reason


def test_tracks_one_after_the_other_are_not_called_so_many_people(cheap):
    early, late = [k < 10 for k in range(24)], [k >= 12 for k in range(24)]
    assert cheap(synthetic(early, late), [-2.0, -2.0]).reason == (
        f"2 people, at most 1 at a time, were scored, and their number is allowed for; {SOME}."
    )


def test_faces_that_are_all_too_short_are_undecided(cheap):
    report = cheap(synthetic([k < 7 for k in range(24)], [k >= 20 for k in range(24)]))
    check(report)
    assert (report.label, report.probability) == ("UNDECIDED", None)
    few, *told = report.reason.split("; ", 1)
    assert few == "A face was found in only 7 frames of a window, and 8 are needed for a verdict"
    assert "0.0 to 0.5 s" in told[0] and "1.6 to 1.8 s" in told[0] and told[0].count("found and not judged") == 2
    assert all((face.heatmaps == 0).all() for face in report.faces)
    assert np.isfinite(report.faces[0].frame_scores).sum() == 7
    one = cheap(synthetic([k == 3 for k in range(24)]))
    assert "only 1 frame of" in one.reason


def test_a_short_window_beside_a_long_one_is_left_out(cheap):
    seen = [True] * 24 + [k < 5 for k in range(24)]
    report = cheap(synthetic(seen, windows=[0] * 24 + [1] * 24), [1.5])
    check(report)
    assert [w.usable for w in report.faces[0].windows] == [24, 5]
    assert report.probability == pytest.approx(expit(1.5))
    assert (report.faces[0].heatmaps[24:] == 0).all()


def test_frame_scores_are_interpolated_without_overshoot_and_not_over_gaps(cheap):
    seen = [not 8 <= k < 14 for k in range(24)]
    faces = synthetic(seen)
    report = cheap(faces)
    check(report)
    grid = report.faces[0].frame_scores
    assert report.frame_scores[::2][seen] == pytest.approx(grid[seen], abs=1e-6)
    assert np.isnan(report.frame_scores[17:27]).all()
    assert np.isfinite(report.frame_scores[:15]).all() and np.isfinite(report.frame_scores[28:]).all()
    assert np.nanmin(report.frame_scores) >= np.nanmin(grid) - 1e-6
    assert np.nanmax(report.frame_scores) <= np.nanmax(grid) + 1e-6


def test_what_was_not_looked_at_is_said(cheap):
    faces = replace(synthetic([True] * 24), coverage=0.4)
    assert "only 40% of the video was looked at" in cheap(faces).reason.lower()


def test_a_damaged_video_says_so_and_counts_what_decodes(cheap):
    faces = synthetic([True] * 24)
    report = cheap(replace(faces, info=replace(faces.info, frames=100, duration=4.0)), [-3.0])
    check(report)
    assert "47 of its 100 frames can be decoded" in report.reason
    assert (report.info.frames, report.info.duration) == (47, pytest.approx(47 / 25))


def test_a_net_without_numbers_gives_no_verdict(cheap):
    with pytest.raises(CheckpointError, match=r"random gives no number for a\.mp4"):
        cheap(synthetic([True] * 24), [math.nan])


def test_certainty_is_no_division_by_zero(cheap):
    for logits in ([-1e6, 1e6], [1e6, 1e6], [-1e6, -1e6]):
        check(cheap(synthetic([True] * 24, [True] * 24), logits))


def test_one_frame_is_a_curve_too(cheap):
    faces = synthetic([True] * 24)
    track, clip = faces.tracks[0], faces.clips[0]
    only = np.array([True] + [False] * 23)
    track = replace(track, confidences=only.astype(np.float32), boxes=np.where(only[:, None], track.boxes, np.nan))
    rows = np.zeros(len(clip.times), bool)
    rows[0] = True
    clip = FaceClip(clip.frames * rows[:, None, None, None], clip.times, clip.boxes, clip.landmarks, rows)
    report = cheap(VideoFaces(faces.info, faces.times, faces.windows, (track,), (clip,)))
    assert np.isfinite(report.frame_scores).sum() in (1, 2)


# --- bad input -------------------------------------------------------------------------------------------------------


def test_bad_input_is_one_clear_error(tmp_path, detector):
    for name, word in bad_inputs(tmp_path).items():
        with pytest.raises(VideoError) as caught:
            scan_video(tmp_path / name, detector)
        assert name in str(caught.value) and word in str(caught.value)
    with pytest.raises(CheckpointError, match="nothing"):
        scan_video(tmp_path / "text.mp4", tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("size", [(16, 16), (22, 400), (2, 2)])
def test_a_tiny_picture_is_undecided(tmp_path, detector, size):
    frames = np.random.default_rng(0).integers(0, 256, (10, size[1], size[0], 3), np.uint8)
    report = scan_video(write_clip(tmp_path / "tiny.mp4", frames), detector)
    check(report)
    assert report.reason == "No face was found in the 10 frames looked at."


@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_pictures_of_nothing_are_undecided(tmp_path, detector, kind):
    frames = np.full((9, 96, 96, 3), {"black": 0, "white": 255}.get(kind, 0), np.uint8)
    if kind == "noise":
        frames = np.random.default_rng(0).integers(0, 256, frames.shape, np.uint8)
    report = scan_video(write_clip(tmp_path / "a.mp4", frames), detector)
    check(report)
    assert report.label == "UNDECIDED"


def test_a_file_cut_short_is_scanned_as_far_as_it_goes(clips, tmp_path, detector):
    damaged_copy(clips / "face.mp4", tmp_path / "whole.ts")
    data = (tmp_path / "whole.ts").read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) * 6 // 10])
    report = scan_video(tmp_path / "cut.ts", detector)
    check(report)
    assert 8 <= report.info.frames < 30
    assert report.probability is not None


def test_real_names_what_this_checkpoint_looks_for(cheap, detector, monkeypatch):
    monkeypatch.setitem(detector.card, "looks_for", "a pasted or decoded face")
    assert "a pasted or decoded face" in cheap(synthetic([True] * 24), [-4.0]).reason.lower()
