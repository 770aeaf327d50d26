"""A scan ends in a verdict with its evidence, in UNDECIDED with its reason, or in one clear error; never in a guess."""

from __future__ import annotations

import json
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from face_clips import manifest_of, with_surroundings, write_clip
from face_clips import synthetic as with_between
from scipy.special import expit, logit
from video_files import bad_inputs, damaged_copy

from spotterlib import _threads, cache, scan
from spotterlib.cache import cache_faces
from spotterlib.faces import FaceClip, VideoFaces
from spotterlib.project import CheckpointError, DataError, SpotterError, VideoError
from spotterlib.scan import find_videos, scan_folder, scan_video
from spotterlib.scoring import score_cache
from spotterlib.video import iterate_frames

synthetic = partial(with_between, grid_only=True)


@pytest.fixture(scope="module")
def reports(clips, detector):
    """Real scans of the four clips."""
    return {name: scan_video(clips / f"{name}.mp4", detector) for name in ("face", "two", "late", "empty")}


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

        monkeypatch.setattr(scan, "find_faces", lambda path, **settings: faces)
        monkeypatch.setattr(scan, "explain_clips", explain)
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


# --- real scans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["face", "two", "late", "empty"])
def test_every_report_is_whole(reports, name):
    check(reports[name])


def test_one_face_is_scored_in_every_frame(reports):
    report = reports["face"]
    assert report.label in ("REAL", "FAKE")
    assert report.reason == ""
    assert np.isfinite(report.frame_scores).all()
    assert ((report.frame_scores >= 0) & (report.frame_scores <= 1)).all()
    face = report.faces[0]
    assert report.frame_scores[face.track.frames] == pytest.approx(face.frame_scores, abs=1e-6)
    assert face.heatmaps.max() == pytest.approx(report.heatmap_scale)
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
    assert report.faces[0].windows[0].usable == 10
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
    first = {k: v for k, v in reports["late"].to_dict().items() if k != "timings"}
    for report in again:
        assert {k: v for k, v in report.to_dict().items() if k != "timings"} == first
        assert np.array_equal(report.faces[0].heatmaps, reports["late"].faces[0].heatmaps)
        assert np.array_equal(report.faces[0].clip.frames, reports["late"].faces[0].clip.frames)


@pytest.mark.parametrize("cores", [1, 3])
def test_a_report_is_the_same_on_any_number_of_cores(reports, clips, detector, cores):
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    _threads._pool.cache_clear()
    try:
        again = scan_video(clips / "two.mp4", detector).to_dict()
    finally:
        torch.set_num_threads(before)
        _threads._pool.cache_clear()
    first = reports["two"].to_dict()
    assert len(first["faces"]) == 2
    assert {k: v for k, v in again.items() if k != "timings"} == {k: v for k, v in first.items() if k != "timings"}


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


def test_cached_scores_are_scanned_scores(clips, detector, reports, tmp_path):
    table = cache_faces(manifest_of(clips, "late.mp4", "empty.mp4"), tmp_path)
    scored = score_cache(detector, table)
    assert scored.loc[0, "probability"] == pytest.approx(reports["late"].probability, abs=0.01)
    assert scored.loc[0, "frame_probability"] == pytest.approx(
        np.nanmean(reports["late"].faces[0].frame_scores), abs=0.02
    )
    assert math.isnan(scored.loc[1, "probability"]) and scored.loc[1, "verdict"] == "UNDECIDED"
    assert scored["path"].tolist() == ["late.mp4", "empty.mp4"]


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
    assert (report.reason == "") == (label != "UNDECIDED")
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
        "2 tracks of a face, at most 1 at a time, were scored, and their number is allowed for."
    )


def test_faces_that_are_all_too_short_are_undecided(cheap):
    report = cheap(synthetic([k < 7 for k in range(24)], [k >= 20 for k in range(24)]))
    check(report)
    assert (report.label, report.probability) == ("UNDECIDED", None)
    assert report.reason == "A face was found in only 7 frames of a window, and 8 are needed for a verdict."
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


# --- folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A tree of files that stand for videos."""
    root = tmp_path / "videos"
    for name in [
        "b.mp4",
        "a.MP4",
        "deep/er/c.mov",
        "deep/ü 名.mkv",
        "new\nline.mp4",
        "-dash.mp4",
        "bad.mp4",
        "next\x85line.webm",
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ["notes.txt", ".hidden.mp4", "deep/._c.mov"]:
        (root / name).write_text("no video")
    (root / "named-like-a.mp4").mkdir()
    (root / "gone.mp4").symlink_to(root / "nowhere.mp4")
    return root


@pytest.fixture
def looked(monkeypatch, reports):
    """Folder scans without scanning: every video gets the report of face.mp4; gives the names looked at."""
    names = []

    def scanned(path, checkpoint=None, device="auto", progress=None):
        names.append(Path(path).name)
        if Path(path).name in ("bad.mp4", "gone.mp4"):
            raise VideoError(f"{path} is no video.")
        return reports["face"]

    monkeypatch.setattr(scan, "scan_video", scanned)
    return names


def test_videos_are_found_by_their_ending(folder, tmp_path):
    found = [path.relative_to(folder).as_posix() for path in find_videos(folder)]
    assert sorted(found) == sorted(
        ["-dash.mp4", "a.MP4", "b.mp4", "bad.mp4", "deep/er/c.mov", "deep/ü 名.mkv", "gone.mp4", "new\nline.mp4",
         "next\x85line.webm"]
    )  # fmt: skip
    assert find_videos(folder) == sorted(find_videos(folder))
    with pytest.raises(DataError, match="scan_video"):
        find_videos(folder / "b.mp4")
    with pytest.raises(DataError, match="nothing at"):
        find_videos(folder / "missing")
    (tmp_path / "none").mkdir()
    assert find_videos(tmp_path / "none") == []


def test_two_at_a_time_say_what_one_by_one_says(clips, detector, tmp_path):
    shares = []
    alone = scan_folder(clips, tmp_path / "alone", detector)
    together = scan_folder(clips, tmp_path / "together", detector, workers=2, progress=shares.append)
    assert len(alone) == 4 and set(alone["status"]) == {"ok"}
    assert together.drop(columns="seconds").equals(alone.drop(columns="seconds"))
    assert shares == [0.25, 0.5, 0.75, 1.0]
    lines = [(tmp_path / name / "scans.jsonl").read_text().splitlines() for name in ("alone", "together")]
    assert len(lines[0]) == len(lines[1]) == 4


def test_a_folder_is_one_row_a_video(folder, looked, detector, tmp_path):
    shares = []
    table = scan_folder(folder, tmp_path / "out", detector, progress=shares.append)
    assert shares == pytest.approx(np.arange(1, 10) / 9)
    assert list(table) == [
        "path", "status", "label", "probability", "confidence", "reason", "faces", "windows", "duration", "coverage",
        "checkpoint", "seconds",
    ]  # fmt: skip
    rows = table.set_index("path")
    assert sorted(rows.index[rows["status"] == "failed"]) == ["bad.mp4", "gone.mp4"]
    assert "bad.mp4" in rows.loc["bad.mp4", "reason"]
    assert rows.loc["bad.mp4", "label"] == "UNDECIDED"
    assert rows.loc["b.mp4", ["label", "faces", "windows", "checkpoint"]].tolist()[1:] == [1, 1, "random"]
    written = json.loads((tmp_path / "out" / "scans.json").read_text("utf-8"))
    assert [row["path"] for row in written] == table["path"].tolist()
    import pandas as pd

    again = pd.read_csv(tmp_path / "out" / "scans.csv", keep_default_na=False)
    assert again["path"].tolist() == table["path"].tolist()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scans.csv", "scans.json", "scans.jsonl"]


def test_an_interrupted_scan_is_taken_up_again(folder, looked, detector, tmp_path, monkeypatch):
    whole = scan_folder(folder, tmp_path / "whole", detector)
    looked.clear()
    scanned = scan.scan_video

    def interrupted(path, *rest, **more):
        if len(looked) == 4:
            raise KeyboardInterrupt
        return scanned(path, *rest, **more)

    monkeypatch.setattr(scan, "scan_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan_folder(folder, tmp_path / "out", detector)
    first = list(looked)
    looked.clear()
    monkeypatch.setattr(scan, "scan_video", scanned)
    table = scan_folder(folder, tmp_path / "out", detector)
    assert table.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    # nothing that was scanned is scanned again, and what failed is tried anew
    assert set(first) & set(looked) <= {"bad.mp4", "gone.mp4"}
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["bad.mp4", "gone.mp4"]


@pytest.mark.parametrize("damage", ["cut", "cut in a letter", "garbage", "other json", "empty line"])
def test_a_damaged_journal_costs_only_its_line(folder, looked, detector, tmp_path, damage):
    whole = scan_folder(folder, tmp_path / "out", detector)
    journal = tmp_path / "out" / "scans.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    lines[-1] = {
        "cut": lines[-1][:25], "cut in a letter": "ü".encode()[:1], "garbage": b"\xff\x00\xfe{\n", "empty line": b"\n",
        "other json": b'[1, 2]\n{"key": 3}\n{"key": "x", "row": 5}\n',
    }[damage]  # fmt: skip
    journal.write_bytes(b"".join(lines))
    looked.clear()
    again = scan_folder(folder, tmp_path / "out", detector)
    assert len(looked) == 3  # the one of that line, and the two that fail
    assert again.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert len(looked) == 2  # the journal is whole again


def test_a_changed_video_or_checkpoint_is_scanned_again(folder, looked, detector, tmp_path):
    scan_folder(folder, tmp_path / "out", detector)
    looked.clear()
    (folder / "b.mp4").write_text("another video")
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["b.mp4", "bad.mp4", "gone.mp4"]
    looked.clear()
    other = replace(detector, card=detector.card | {"thresholds": {"t_low": 0.1, "t_high": 0.9}})
    scan_folder(folder, tmp_path / "out", other)  # the same weights judge otherwise under another card
    assert len(looked) == 9


def test_a_linked_video_is_judged_by_what_it_leads_to(folder, looked, detector, tmp_path):
    (folder / "link.mp4").symlink_to(folder / "b.mp4")
    scan_folder(folder, tmp_path / "out", detector)
    looked.clear()
    (folder / "b.mp4").write_text("another video")
    scan_folder(folder, tmp_path / "out", detector)
    assert "link.mp4" in looked


def test_a_name_that_is_no_utf8_is_a_row(folder, looked, detector, tmp_path):
    try:
        shutil.copy(folder / "b.mp4", os.path.join(os.fsencode(folder), b"caf\xe9.mp4"))
    except OSError:
        pytest.skip("this disk takes only names in UTF-8")
    table = scan_folder(folder, tmp_path / "out", detector)
    assert "caf\\xe9.mp4" in table["path"].tolist()
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["bad.mp4", "gone.mp4"]


def test_a_folder_that_cannot_be_read_is_a_row(folder, looked, detector, tmp_path, monkeypatch):
    walk = os.walk

    def closed(root, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "closed")))
        yield from walk(root, onerror=onerror)

    monkeypatch.setattr(os, "walk", closed)
    table = scan_folder(folder, tmp_path / "out", detector).set_index("path")
    assert table.loc["closed", "status"] == "failed"
    assert "Permission denied" in table.loc["closed", "reason"]
    with pytest.raises(DataError, match="closed cannot be read"):
        find_videos(folder)


def test_a_place_that_cannot_be_written_is_an_error(folder, looked, detector, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        scan_folder(folder, tmp_path / "file" / "out", detector)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no video"):
        scan_folder(tmp_path / "empty", tmp_path / "out", detector)
    assert issubclass(DataError, SpotterError)


def test_a_folder_of_real_files_ends_in_rows(clips, detector, tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    shutil.copy(clips / "empty.mp4", root / "empty.mp4")
    (root / "text.mp4").write_text("no video")
    (root / "nothing.mp4").write_bytes(b"")
    os.mkfifo(root / "fifo.mp4")
    table = scan_folder(root, tmp_path / "out", detector).set_index("path")
    assert table["status"].to_dict() == {
        "empty.mp4": "ok",
        "fifo.mp4": "failed",
        "nothing.mp4": "failed",
        "text.mp4": "failed",
    }
    assert table.loc["empty.mp4", "reason"].startswith("No face")
    assert table.loc["empty.mp4", "duration"] == pytest.approx(2.0)
    assert (table["label"] == "UNDECIDED").all()


def test_scored_caches_pass_on_damage(tmp_path, detector, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"a")
    monkeypatch.setattr(cache, "find_faces", lambda path, **settings: with_surroundings(with_between([True] * 24)))
    table = cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "out")
    Path(table.loc[0, "file"]).write_bytes(b"damaged")
    with pytest.raises(DataError, match="Delete it and run cache_faces"):
        score_cache(detector, table)
