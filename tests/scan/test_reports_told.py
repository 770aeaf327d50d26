"""What speaks against a verdict, and what was found and not judged, is told of every face and window."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from makers.face_clips import moving, stage, synthetic, write_clip
from makers.report_factory import no_file
from scipy.special import logit

from spotterlib.evidence import export_page
from spotterlib.faces import VideoFaces, find_faces
from spotterlib.scan import ScanReport, scan_video, videos

ALL = [True] * 24
LOOKED_FOR = "no trace of a pasted face was found, and no other kind of fake was looked for"


def placed(faces: VideoFaces, *middles: tuple[float, float]) -> VideoFaces:
    """The faces of `synthetic` with their boxes of 20 px around these places of the picture, as shares of its sides."""
    tracks = []
    for track, (x, y) in zip(faces.tracks, middles, strict=True):
        box = np.array([160 * x - 20, 160 * y - 20, 160 * x + 20, 160 * y + 20], np.float32)
        tracks.append(replace(track, boxes=np.where(np.isfinite(track.boxes), box, np.nan).astype(np.float32)))
    return replace(faces, tracks=tuple(tracks))


@pytest.fixture
def judged(monkeypatch, detector):
    """A scan of made-up faces: `judged(faces, p of each window face by face)`, REAL up to .3, FAKE from .7 on."""

    def scanned(faces: VideoFaces, *probabilities: float) -> ScanReport:
        given = iter(probabilities)

        def explain(_, clips, valid):
            whole = np.float32([logit(next(given)) if valid.sum() >= 8 else 0.0])
            return whole, np.where(valid, 0.0, np.nan).astype(np.float32), np.zeros((*valid.shape, 7, 7), np.float32)

        no_file(monkeypatch, videos)
        monkeypatch.setattr(videos, "find_faces", lambda path, **_: faces)
        monkeypatch.setattr(videos, "explain_clips", explain)
        scanned.detector = replace(detector, card=detector.card | {"thresholds": LIMITS})
        return scan_video("made-up.mp4", scanned.detector)

    return scanned


LIMITS = {"t_low": 0.3, "t_high": 0.7}


def test_one_fake_face_of_nine_is_named(judged):
    places = [((x + 0.5) / 3, (y + 0.5) / 3) for y in range(3) for x in range(3)]
    faces = placed(synthetic(*[ALL] * 9, grid_only=True), *places)
    scores = [0.05] * 9
    scores[2] = 0.71
    report = judged(faces, *scores)
    assert report.label == "REAL"
    told = "face 1 of 9, at the upper right, 0.0 to 1.8 s, looks forged on its own (p = 0.71): look at it"
    assert told in report.reason and told in repr(report)
    assert report.reason.startswith("9 faces were scored") and "undecided" not in report.reason
    assert judged(faces, *[0.05] * 9).reason == f"9 faces were scored, and their number is allowed for; {LOOKED_FOR}."


def test_a_place_in_a_picture_that_changes_its_size_is_that_of_the_larger(judged):
    """Boxes are in px of their own frame: first 340 x 300, then 160 x 160."""
    faces = placed(synthetic(ALL, ALL, grid_only=True), (0.5, 0.5), (0.15, 0.15))
    small, large = (faces.tracks[1], faces.tracks[0])
    sizes = np.array([[640, 640]] * 20 + [[160, 160]] * 4)
    boxes = small.boxes.copy()
    boxes[:20] = [76, 76, 116, 116]
    tracks = (replace(large, sizes=sizes, boxes=large.boxes.copy()), replace(small, boxes=boxes, sizes=sizes))
    report = judged(replace(faces, tracks=tracks), 0.05, 0.71)
    assert "face 1 of 2, at the upper left" in report.reason


def test_a_leaning_window_of_any_face_is_told(judged):
    made = long_faces(2, 2)
    clip = made.clips[1]
    marks = clip.landmarks.copy()
    middle, angle = marks[24:].mean(1, keepdims=True), np.radians(70)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    marks[24:] = (marks[24:] - middle) @ turn.T + middle
    leaning = replace(made, clips=(made.clips[0], replace(clip, landmarks=marks)))
    report = judged(leaning, 0.02, 0.02, 0.02, 0.02)
    told = "windows in which the head of face 2 leans by more than 18° were not judged: 1"
    assert told in report.reason and "of face 1 leans" not in report.reason


def test_of_many_fake_faces_a_few_are_named_and_the_others_counted(judged):
    faces = placed(synthetic(*[ALL] * 12, grid_only=True), *[(0.5, 0.5)] * 12)
    report = judged(faces, *[0.71] * 5, *[0.02] * 7)
    assert report.label == "UNDECIDED"
    assert report.reason.count("looks forged on its own") == 3 and "so do 2 more" in report.reason
    report = judged(faces, *[0.71] * 4, *[0.02] * 8)
    assert "so does 1 more" in report.reason


def test_windows_of_every_face_are_looked_at(judged):
    report = judged(long_faces(4, 2), *[0.05] * 4, 0.02, 0.72, 0.02, 0.02)
    assert report.label == "REAL"
    assert "one of 4 windows of face 1, 24 to 47 s, looks forged on its own (p = 0.72): look at it" in report.reason
    report = judged(long_faces(6, 1), 0.02, 0.71, 0.02, 0.75, 0.02, 0.02)
    assert report.label == "UNDECIDED"
    told = "2 of 6 windows look forged on their own, 72 to 95 s (p = 0.75), 24 to 47 s (p = 0.71): look at them"
    assert told in report.reason
    report = judged(long_faces(4, 1), 0.02, 0.5, 0.02, 0.02)
    assert report.label == "REAL"
    assert report.reason == f"1 of 4 windows is undecided on its own (p = 0.50); {LOOKED_FOR}."
    assert judged(long_faces(4, 1), *[0.02] * 4).reason == f"N{LOOKED_FOR[1:]}."


def long_faces(windows: int, faces: int) -> VideoFaces:
    """Faces through windows of 24 frames, one a second."""
    made = synthetic(*[[True] * 24 * windows] * faces, grid_only=True, windows=[n // 24 for n in range(24 * windows)])
    times = np.arange(24.0 * windows)
    tracks = tuple(replace(track, times=times) for track in made.tracks)
    clips = tuple(replace(clip, times=times) for clip in made.clips)
    spans = tuple((24.0 * n, 24.0 * n + 23) for n in range(windows))
    info = replace(made.info, frames=len(times), duration=float(len(times)))
    return replace(made, info=info, times=times, tracks=tracks, clips=clips, windows=spans)


def test_what_speaks_against_fake_is_told_too(judged):
    report = judged(synthetic(ALL, ALL, ALL, grid_only=True), 0.99, 0.1, 0.1)
    assert report.label == "FAKE" and "2 of 3 scored faces look real on their own" in report.reason
    report = judged(long_faces(3, 1), 0.99, 0.1, 0.5)
    assert report.label == "FAKE" and report.reason == (
        "1 of 3 segments looks forged: 0.0 to 23.0 s (face 1, p = 0.99); 1 of 3 windows looks real on its own; "
        "a score alone is no proof."
    )
    assert judged(synthetic(ALL, grid_only=True), 0.99).reason == "A score alone is no proof."


def test_a_verdict_tells_how_its_checkpoint_fared_on_real_deepfakes(judged, detector, monkeypatch):
    counts = {"fake": {"REAL": 34, "UNDECIDED": 7, "FAKE": 14}, "real": {"REAL": 18, "UNDECIDED": 1, "FAKE": 1}}
    monkeypatch.setitem(detector.card, "real_deepfakes", counts)
    faces = synthetic(ALL, grid_only=True)
    missed = "; of 55 real deepfakes that this checkpoint was tried on it called 34 REAL."
    assert judged(faces, 0.01).reason.endswith(missed)
    proof = "A score alone is no proof: of 20 real videos that this checkpoint was tried on it called 1 FAKE."
    assert judged(faces, 0.99).reason == proof
    assert "tried on" not in judged(faces, 0.5).reason


def test_a_real_video_with_a_frame_that_looks_forged_has_traces(judged, monkeypatch):
    """ "No trace was found" above a red frame would be false."""
    judged_plainly = judged(synthetic(ALL, grid_only=True), 0.01).reason
    assert judged_plainly == LOOKED_FOR[0].upper() + LOOKED_FOR[1:] + "."
    frames = np.where(np.arange(24) == 7, 0.4, -1.0)[None]

    def explain(_, clips, valid):
        return (
            np.float32([-5.0]),
            np.where(valid, frames, np.nan).astype(np.float32),
            np.zeros((1, 24, 7, 7), np.float32),
        )

    monkeypatch.setattr(videos, "explain_clips", explain)
    assert scan_video("made-up.mp4", judged.detector).reason == (
        "Some frames score above 0.5 by themselves, but not the video as a whole, and no other fake than a pasted face "
        "was looked for."
    )


def test_a_face_that_comes_late_is_told(judged, tmp_path):
    late = [False] * 18 + [True] * 6
    report = judged(placed(synthetic(ALL, late, grid_only=True), (0.2, 0.5), (0.8, 0.9)), 0.1)
    assert report.label == "REAL"
    assert report.reason == (
        "A face at the lower right, 1.4 to 1.8 s, was found and not judged (seen in at most 6 frames of a window; 8 "
        f"are needed); {LOOKED_FOR}."
    )
    assert report.reason in json.dumps(report.to_dict())
    nobody = judged(placed(synthetic(late, late, grid_only=True), (0.2, 0.5), (0.8, 0.9)))
    assert nobody.reason.count("was found and not judged") == 2 and nobody.label == "UNDECIDED"


def test_a_face_that_passes_is_told(judged, tmp_path):
    """Seen in one or two of the frames looked at, it is not followed: it may be the one that matters."""
    times = np.arange(48) / 12
    still, brief = np.full((48, 2), 8.0), np.full((48, 2), np.nan)
    brief[20:23] = (168.0, 8.0)
    actors = [(moving("p01", times), still), (moving("p07", times, seed=1), brief)]
    found = find_faces(write_clip(tmp_path / "passes.mp4", stage((320, 192), 48, *actors)))
    (track,) = found.passing
    assert len(found.tracks) == 1 and track.valid.sum() in (1, 2)
    said = judged(found, 0.01).reason
    seen = "1 frame" if track.valid.sum() == 1 else "2 frames"
    assert f"What may be a face, at the middle right, 1.7 to 1.8 s, was seen in only {seen} and not judged" in said
    alone = replace(found, tracks=(), clips=(), passing=(track,))
    said = judged(alone).reason
    assert said.startswith("No face could be followed through the 24 frames looked at; what may be a face")
    small = replace(track, boxes=track.boxes * 0.1)
    assert "what may be" not in judged(replace(found, passing=(small,)), 0.01).reason, "too small to be judged anyhow"
    many = judged(replace(found, passing=(track,) * 5), 0.01).reason
    assert many.count("hat may be a face, at the") == 3 and "so was what may be a face at 2 more places" in many


def test_a_small_face_beside_a_large_one_is_told(judged):
    faces = synthetic(ALL, ALL, grid_only=True)
    small = np.where(np.isfinite(faces.tracks[1].boxes), np.float32([100, 10, 128, 38]), np.nan).astype(np.float32)
    report = judged(replace(faces, tracks=(faces.tracks[0], replace(faces.tracks[1], boxes=small))), 0.1)
    assert "A face at the upper right, 0.0 to 1.8 s, was found and not judged (a face 28 px wide; 32 are needed)" in (
        report.reason
    )


def test_a_window_with_too_little_of_a_face_is_told(judged):
    long = long_faces(3, 1)
    trust = long.tracks[0].confidences.copy()
    trust[29:48] = 0
    boxes = np.where(trust[:, None] > 0, long.tracks[0].boxes, np.nan)
    valid = trust > 0
    track = replace(long.tracks[0], confidences=trust, boxes=boxes)
    report = judged(replace(long, tracks=(track,), clips=(replace(long.clips[0], valid=valid),)), 0.1, 0.1)
    assert report.reason == (
        f"In 1 of 3 windows (24.0 to 47.0 s) the face was seen in fewer than 8 frames and not judged; {LOOKED_FOR}."
    )


def test_a_face_too_small_to_be_looked_for_is_no_surprise(detector, tmp_path, judged):
    """Of 1080 lines MTCNN sees 360: it knows no face under 60 px, as a webcam's beside a large speaker."""
    times = np.arange(9) / 12
    still = np.full((9, 2), 8.0)
    small = (moving("p07", times, 100, seed=1), np.tile([1500.0, 600.0], (9, 1)))
    write_clip(tmp_path / "call.mp4", stage((1920, 1080), 9, (moving("p01", times, 700), still), small))
    faces = find_faces(tmp_path / "call.mp4")
    report = judged(faces, *[0.1] * len(faces.tracks))
    assert report.label == "REAL" and "faces less than 60 px wide were not looked for" in report.reason.lower()
    page = export_page(report, tmp_path / "page.html").read_text()
    assert "less than 60 px wide" in page
    unsure = judged(faces, *[0.5] * len(faces.tracks))
    assert unsure.label == "UNDECIDED" and "faces less than 60 px wide were not looked for" in unsure.reason.lower()
    forged = judged(faces, *[0.9] * len(faces.tracks))
    assert forged.label == "FAKE" and "not looked for" not in forged.reason, "another face makes it no less a fake"
    brief = replace(faces.clips[0], valid=faces.clips[0].valid & (np.arange(9) < 3))
    unjudged = judged(replace(faces, tracks=faces.tracks[:1], clips=(brief,)), 0.5)
    assert unjudged.probability is None and "faces less than 60 px wide were not looked for" in unjudged.reason.lower()


def test_segments_tell_who_was_seen_when_in_the_order_of_time(judged):
    report = judged(long_faces(2, 2), 0.05, 0.9, 0.4, 0.05)
    assert [segment.start for segment in report.segments] == sorted(segment.start for segment in report.segments)
    worst = max(report.segments, key=lambda segment: segment.probability)
    of = report.faces[worst.person - 1]
    assert worst.label == "FAKE" and worst.probability == pytest.approx(0.9, abs=0.01)
    assert worst.probability in [window.probability for window in of.windows]
    assert {segment.label for segment in report.segments} == {"FAKE", "UNDECIDED", "REAL"}
    assert report.to_dict()["segments"] == [vars(segment) for segment in report.segments]
