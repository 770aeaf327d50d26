"""Scans of videos that users of like tools stumbled over."""

from __future__ import annotations

import numpy as np
import pytest
from makers.face_clips import moving, stage
from makers.video_files import encode

from spotterlib.evidence import draw_frame, write_diagnostic_video
from spotterlib.scan import scan_video
from spotterlib.video import iterate_frames, read_frames

RATE = 12


def person(name, count, height, size, place):
    """A person in motion who stays in one place, uint8 RGB (count, H, W, 3)."""
    return stage(
        size, count, (moving(name, np.arange(count) / RATE, height), np.tile(np.array(place, float), (count, 1)))
    )


def joined(path, *parts):
    """Films one after the other in one transport stream."""
    whole = b"".join(encode(path.with_suffix(".part.ts"), frames=part, rate=RATE).read_bytes() for part in parts)
    path.with_suffix(".part.ts").unlink()
    path.write_bytes(whole)
    return path


def yellow(picture):
    """Where the box of the deciding face is drawn: bool (H, W)."""
    return (picture[..., 0] > 180) & (picture[..., 1] > 150) & (picture[..., 2] < 90)


def test_the_diagnostic_video_of_a_growing_picture_stretches_nothing(tmp_path, detector):
    small, large = person("p01", 6, 88, (104, 96), (6, 4)), person("p01", 18, 264, (312, 288), (18, 12))
    path = joined(tmp_path / "a.ts", small, large)
    report = scan_video(path, detector)
    assert report.probability is not None and len(report.faces) == 1
    made = write_diagnostic_video(report, tmp_path / "out.mp4")
    frames = [frame for _, _, frame in iterate_frames(made)]
    assert len(frames) == 24 and len({frame.shape for frame in frames}) == 1
    assert frames[0].shape[1] == 312
    places = [np.argwhere(yellow(frame[:288])) for frame in frames]
    for place in places:
        assert len(place) > 50, "every frame has its box"
        assert np.abs(place.mean(0) - places[12].mean(0)).max() < 30
    alone = draw_frame(report, 2, read_frames(path, [2])[2])
    assert alone.shape[1] == 104
    assert np.abs(np.argwhere(yellow(alone[:96])).mean(0) * 3 - places[2].mean(0)).max() < 12
    told = report.to_dict()["faces"][0]
    assert told["sizes"][0] == [104, 96] and told["sizes"][-1] == [312, 288]


def test_a_title_card_before_a_portrait_film_changes_no_score(tmp_path, detector):
    card, tall = np.full((12, 96, 168, 3), 30, np.uint8), person("p07", 24, 176, (144, 240), (0, 40))
    whole = scan_video(joined(tmp_path / "a.ts", card, tall), detector)
    assert whole.probability is not None
    shown = [frame for _, _, frame in iterate_frames(write_diagnostic_video(whole, tmp_path / "out.mp4"))]
    assert {frame.shape[1] for frame in shown} == {144}
    assert (shown[3][:70] < 12).all() and (shown[3][85:150, :] > 18).all(), "the card stands whole in the middle"
    assert shown[3][240:].any()


def test_what_comes_after_a_jump_of_the_clock_is_scored(tmp_path, detector):
    moments = np.round(np.arange(24) * 1000 / RATE).astype(int)
    parts = [
        encode(
            tmp_path / "part.ts", frames=person(who, 24, 112, (128, 128), (18, 8)), rate=RATE,
            times=(moments + start).tolist(),
        ).read_bytes()
        for who, start in (("p01", 0), ("p07", 3_600_000))
    ]  # fmt: skip
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    report = scan_video(tmp_path / "a.ts", detector)
    assert len(report.faces) == 2 and all(face.probability is not None for face in report.faces)
    assert report.coverage == 1.0 and "looked at" not in report.reason
    assert "in a pause of 3598 s no new picture comes" in report.reason.lower()
    assert report.info.duration == pytest.approx(4, abs=0.01)
    made = write_diagnostic_video(report, tmp_path / "out.mp4")
    assert [time for _, time, _ in iterate_frames(made)] == pytest.approx(report.times.tolist(), abs=1e-3)


def test_a_camera_that_films_in_bursts_is_told_by_its_pictures(tmp_path, detector):
    """A second every twelve, for a minute: five seconds were filmed, and a player shows 49."""
    moments = (np.arange(5)[:, None] * 12_000 + np.round(np.arange(RATE) * 1000 / RATE)).ravel().astype(int)
    frames = person("p01", 5 * RATE, 112, (128, 128), (18, 8))
    path = encode(tmp_path / "a.mp4", frames=frames, rate=RATE, times=moments.tolist())
    report = scan_video(path, detector)
    assert report.info.duration == pytest.approx(5, abs=0.05) and report.info.fps == pytest.approx(RATE, rel=0.01)
    assert report.coverage == 1.0 and len(report.faces) == 1 and report.probability is not None
    assert len(report.faces[0].windows) == 5 and np.isfinite(report.faces[0].frame_scores).all()
    assert "in 4 pauses, 44 s in all, no new picture comes" in report.reason.lower()
    assert report.times[-1] == pytest.approx(48.9, abs=0.1), "every frame stays where a player shows it"


def test_what_was_sent_too_small_is_said_and_not_scored(tmp_path, detector):
    """Half a second in which the face is blown up from next to nothing, and looks forged whoever it shows."""
    small, large = person("p01", 6, 38, (52, 44), (4, 2)), person("p01", 18, 264, (312, 288), (18, 12))
    report = scan_video(joined(tmp_path / "a.ts", small, large), detector)
    face, tiny = report.faces  # too small to tell that it is the same person
    assert not face.track.valid[:6].any() and np.isfinite(face.frame_scores[6:]).all()
    assert tiny.probability is None and not np.isfinite(tiny.frame_scores).any()
    assert f"was found and not judged (a face {int(tiny.track.side)} px wide; 32 are needed)" in report.reason
