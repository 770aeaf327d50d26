"""Heads that do not stand upright, and everyday edits: what a scan says of them."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from makers.face_clips import STAGE, moving, stage, synthetic, write_clip

from spotterlib.base import ROOT, CheckpointError, write_json
from spotterlib.faces import find_faces
from spotterlib.fakes import MOST_ROLL
from spotterlib.model import Detector, read_card
from spotterlib.scan import scan_video, score_faces
from spotterlib.scan.scoring import _score_together
from spotterlib.scan.turned import face_roll, faces_lie, leaning_windows, lying
from spotterlib.training.loop import _preprocessing
from spotterlib.video import EDITS


@pytest.fixture(scope="module")
def upright() -> np.ndarray:
    """One person on the plain stage, uint8 RGB (12, 240, 240, 3)."""
    person = moving("p01", np.arange(12) / 12, height=208)
    return stage((240, 240), 12, (person, np.tile([(240 - person.shape[2]) // 2, 16.0], (12, 1))))


def rolled(frames: np.ndarray, degrees: float) -> np.ndarray:
    """The frames turned to the left about their middle, what comes in from outside plain."""
    middle = (frames.shape[2] / 2 - 0.5, frames.shape[1] / 2 - 0.5)
    turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    return np.stack([cv2.warpAffine(f, turn, f.shape[1::-1], borderValue=STAGE) for f in frames])


@pytest.mark.parametrize("degrees", [0, 10, 30, -30])
def test_the_roll_is_read_from_the_eyes(upright, tmp_path, degrees):
    found = find_faces(write_clip(tmp_path / "a.mp4", rolled(upright, degrees)))
    roll = face_roll(found.clips[0])
    assert roll.shape == (12,) and np.median(roll) == pytest.approx(abs(degrees), abs=6)


@pytest.mark.parametrize(("degrees", "judged"), [(0, True), (10, True), (30, False), (-40, False)])
def test_a_head_that_leans_further_than_was_trained_gets_no_verdict(upright, tmp_path, detector, degrees, judged):
    report = scan_video(write_clip(tmp_path / "a.mp4", rolled(upright, degrees)), detector)
    assert (report.probability is not None) is judged and len(report.faces) == 1
    if not judged:
        assert report.label == "UNDECIDED" and "head leans by" in report.reason and "turn the video" in report.reason
        assert "head leans by" in report.faces[0].reason and np.isnan(report.frame_scores).all()


def test_a_checkpoint_that_was_trained_further_judges_further(upright, tmp_path, detector):
    card = detector.card | {"preprocessing": {"roll_deg": 45.0}}
    assert detector.most_roll == 18.0 and replace(detector, card=card).most_roll == 45.0
    report = scan_video(write_clip(tmp_path / "a.mp4", rolled(upright, 30)), replace(detector, card=card))
    assert report.probability is not None and "lean" not in report.reason


@pytest.mark.parametrize("value", [0, -3, 200, "much", None, [1]])
def test_a_card_with_an_odd_roll_is_refused(checkpoint, tmp_path, value):
    card = read_card(checkpoint) | {"preprocessing": {"roll_deg": value}}
    write_json(tmp_path / "c.json", card)
    with pytest.raises(CheckpointError, match="no card of a Spotter checkpoint"):
        read_card(tmp_path / "c.safetensors")


def leaned(faces, window: int, degrees: float):
    """The faces of `synthetic`, which lean in one window."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    rows = faces.tracks[0].windows == window
    marks = faces.tracks[0].landmarks.copy()
    marks[rows] = (marks[rows] - 65) @ turn + 65
    track, clip = replace(faces.tracks[0], landmarks=marks), replace(faces.clips[0], landmarks=marks)
    return replace(faces, tracks=(track,), clips=(clip,))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_head_seen_from_the_side_does_not_lean(side):
    faces = synthetic([True] * 12, grid_only=True)
    marks = np.float32([[64, 50], [64 + 2 * side, 56], [64 + 20 * side, 70], [66, 90], [68, 93]])  # eyes: chance
    assert face_roll(replace(faces.clips[0], landmarks=np.tile(marks, (12, 1, 1)))).max() < 12


def test_one_leaning_window_is_left_out_and_the_cache_says_the_same(detector: Detector):
    plain = synthetic([True] * 48, windows=[0] * 24 + [1] * 24, grid_only=True)
    faces = leaned(plain, 1, 33)
    assert len(leaning_windows(faces.tracks[0], faces.clips[0], 18.0)) == 1
    first, second = score_faces(detector, faces)[0].windows
    assert first.probability == score_faces(detector, plain)[0].windows[0].probability
    assert second.probability is None and second.usable == 0
    row, whole = _score_together(detector, [faces, plain])
    assert row["probability"] == pytest.approx(first.probability, abs=1e-5) and len(row["frame_scores"]) == 24
    assert len(whole["frame_scores"]) == 48


@pytest.mark.parametrize(("turns", "words"), [
    (1, "by 90° to the left: turn the video by 90° to the right"),
    (2, "upside down: turn the video by 180°"),
    (3, "by 90° to the right: turn the video by 90° to the left"),
])  # fmt: skip
def test_faces_on_their_side_or_head_are_noticed(upright, tmp_path, detector, turns, words):
    path = write_clip(tmp_path / "a.mp4", np.ascontiguousarray(np.rot90(upright, turns, axes=(1, 2))))
    report = scan_video(path, detector)
    assert report.label == "UNDECIDED" and report.probability is None
    assert f"aces seem to lie turned {words} and scan it again" in report.reason


def test_a_face_on_its_side_that_was_taken_for_an_upright_one_gets_no_verdict(upright, tmp_path):
    """MTCNN finds some such, with little confidence and points as if it stood upright."""
    found = find_faces(write_clip(tmp_path / "a.mp4", upright))
    track, clip = found.tracks[0], found.clips[0]
    assert lying(track, clip) == 0
    doubted = replace(track, confidences=np.where(track.valid, 0.93, 0.0).astype(np.float32))
    assert lying(doubted, clip) == 0  # it stands upright after all
    head = replace(clip, frames=np.ascontiguousarray(np.rot90(clip.frames, 2, axes=(1, 2))))
    assert lying(doubted, head) == 180
    assert lying(track, head) == 0  # no second look where the detector was sure


@pytest.mark.parametrize(("name", "degrees"), [("p07", 135), ("p01", 145), ("p03", 100), ("p07", -135)])
def test_a_face_nearly_on_its_head_that_was_taken_for_one_that_leans_gets_no_verdict(tmp_path, name, degrees):
    """p07 at 135° was read as leaning by 27°, with a confidence of .982, and called FAKE."""
    person = moving(name, np.arange(14) / 12, height=208)
    frames = stage((240, 240), 14, (person, np.tile([(240 - person.shape[2]) // 2, 16.0], (14, 1))))
    turn = cv2.getRotationMatrix2D((119.5, 119.5), degrees, 1.0)
    lying = [cv2.warpAffine(f, turn, (240, 240), borderMode=cv2.BORDER_REFLECT_101) for f in frames]
    report = scan_video(write_clip(tmp_path / "lies.mp4", np.stack(lying)), device="cpu")
    assert report.label == "UNDECIDED" and report.probability is None


def test_a_video_without_anybody_has_no_faces_that_lie(clips: Path, detector):
    report = scan_video(clips / "empty.mp4", detector)
    assert "No face was found" in report.reason and "lie turned" not in report.reason
    assert faces_lie(find_faces(clips / "empty.mp4")) == 0


# --- everyday edits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_of_frames_and_the_same_for_the_same_generator(upright, edit):
    marks = np.tile(np.float64([[95, 100], [145, 100], [120, 125], [100, 150], [140, 150]]), (12, 1, 1))
    before = upright.copy()
    first, again = (edit.change(upright, marks, np.random.default_rng(3)) for _ in range(2))
    assert first.dtype == np.uint8 and first.ndim == 4 and len(first) == 12 and first.shape[3] == 3
    assert (first == again).all() and (upright == before).all()
    assert first.shape != upright.shape or (first != upright).any()


def test_every_edit_has_a_name_of_its_own():
    assert len({edit.name for edit in EDITS}) == len(EDITS) == 23


def test_edits_round_a_face_that_leaves_the_picture(upright):
    outside = np.tile(np.float64([[-40, 230], [10, 230], [-15, 260], [-35, 280], [5, 280]]), (12, 1, 1))
    for edit in EDITS:
        edit.change(upright, outside, np.random.default_rng(0))


@pytest.fixture(scope="module")
def benchmark():
    """benchmarks/edits.py as a module."""
    spec = importlib.util.spec_from_file_location("edits", ROOT / "benchmarks" / "edits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_edits_counts_who_is_accused(benchmark):
    scored = pd.DataFrame({"probability": [0.9, 0.7, 0.5, 0.1, np.nan],
                           "verdict": ["FAKE", "FAKE", "UNDECIDED", "REAL", "UNDECIDED"]})  # fmt: skip
    row = benchmark.figures(scored, "dark")
    assert row == {"edit": "dark", "clips": 5, "accused": 2, "sure": 1, "undecided": 1, "unscored": 1, "highest": 0.9}
    facts = {"checkpoint": "c", "sha256": "0" * 64, "clips": {"GRID": 5}, "rows": [row]}
    facts["command"] = "python benchmarks/edits.py"
    assert "| dark | 5 | 2 | 1 | 1 | 1 | 0.90 |" in benchmark.as_page(facts)
    assert "python benchmarks/edits.py" in benchmark.as_page(facts)


def test_a_clip_is_edited_once(benchmark, upright, tmp_path):
    source = write_clip(tmp_path / "a.mp4", upright)
    edits = [benchmark.AS_IT_IS, *(edit for edit in EDITS if edit.name in ("dark", "turned by 90°"))]
    rows = benchmark.edit_clip("mine", source, edits, tmp_path / "out")
    assert [row["edit"] for row in rows] == ["none", "dark", "turned by 90°"]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")}
    assert len(made) == 3 and {str(path.relative_to(tmp_path / "out")) for path in made} == {
        row["path"] for row in rows
    }
    assert benchmark.edit_clip("mine", source, edits, tmp_path / "out") == rows
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")} == made


def test_a_trained_checkpoint_says_how_far_heads_leaned_in_training():
    assert _preprocessing()["preprocessing"]["roll_deg"] == MOST_ROLL
