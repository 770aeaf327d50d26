"""The diagnostic video: what is known at each moment, on every frame, with the sound."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from makers.report_factory import FPS, FRAMES, RED, face_box, make_face, make_report, make_video, redness

from spotterlib.base import ArgumentError, VideoError, own_name
from spotterlib.evidence import diagnostic, draw, draw_frame, write_diagnostic_video
from spotterlib.evidence.diagnostic import evidence_at
from spotterlib.evidence.inset import place_inset
from spotterlib.evidence.strip import lay_out_strip
from spotterlib.faces.windows import plan_windows
from spotterlib.video import iterate_frames, probe_video, read_frames

# --- a face over time ------------------------------------------------------------------------------------------------


def test_evidence_between_grid_frames():
    face = make_face()
    times = np.array([0.0, 1.0, 3.0, 21.0, 48.0]) / FPS  # frame 21 lies in the gap: grid rows 10 to 12, frames 20 to 24
    seen = evidence_at(face, times)
    assert seen.seen.tolist() == [True, True, True, False, True]
    assert seen.examined.all()
    assert np.allclose(seen.boxes[1], face_box(1), atol=1e-4)
    assert np.allclose(seen.heatmaps[2], (face.heatmaps[1] + face.heatmaps[2]) / 2)
    assert np.isnan(seen.boxes[3]).all() and not seen.heatmaps[3].any()
    far = evidence_at(face, np.array([30.0]))
    assert not far.seen[0] and not far.examined[0]


@pytest.mark.parametrize(
    "times",
    [np.arange(30) / FPS, np.cumsum([0, 0.03, 0.2, 0.04, 0.04, 0.4, 0.03, 0.1, 0.05, 0.3, 0.04, 0.04, 0.15, 0.08])],
)
def test_no_frame_is_lost_between_uneven_grid_frames(times):
    """24 of 30 frames are one or two apart, and a phone's frames are as far apart as the light makes them."""
    (grid,) = plan_windows(times)
    face = make_face(2 * len(grid), slice(0))
    track = replace(face.track, frames=grid, times=times[grid])
    seen = evidence_at(replace(face, track=track), times)
    assert seen.seen.all() and (seen.heatmaps[:, 3, 5] > 0).all()
    middles = (np.arange(300) + 0.5) * times[-1] / 300
    assert np.array_equal(seen.seen, track.at(times)[2]) and track.at(middles)[2].all()
    assert np.isfinite(draw.score_columns(track.times, face.frame_scores, 300, times[-1], track.windows)).all()


def test_between_windows_nothing_is_known():
    face = make_face(2 * 48, slice(0), windows=2)
    times = face.track.times + np.where(face.track.windows == 1, 10.0, 0.0)
    apart = replace(face, track=replace(face.track, times=times))
    between = np.array([times[23] + 0.5, times[24] - 0.5])
    seen = evidence_at(apart, between)
    assert not seen.seen.any() and not seen.heatmaps.any()
    columns = draw.score_columns(times, face.frame_scores, 200, times[-1], face.track.windows)
    assert np.isnan(columns[50:150]).all() and np.isfinite(columns[:15]).all()


# --- one frame -------------------------------------------------------------------------------------------------------


def is_yellow(picture):
    return (np.abs(picture.astype(int) - draw.BOX) <= 40).all(-1)


def test_frame_shows_box_heat_and_strip(report, video):
    image = read_frames(video, [30])[30]
    drawn = draw_frame(report, 30, image)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(float(v)) for v in face_box(30))
    assert drawn.shape[0] > height and drawn.shape[0] % 2 == 0 and drawn.shape[1] == width
    assert is_yellow(drawn[y0, x0:x1]).all() and is_yellow(drawn[y0:y1, x1 - 1]).all()
    changed = redness(drawn[:height], image) > 0
    changed[y0:y1, x0:x1] = False
    assert not changed.any(), "the picture around the face is left alone"
    row, column = int(y0 + 60 * 3.5 / 7), int(x0 + 60 * 5.5 / 7)
    assert drawn[row, column, 0] > image[row, column, 0] + 20
    assert drawn[row, column, 2] < image[row, column, 2]
    assert (drawn[height:] == draw.FAKE).all(-1).sum() > 100, "the verdict on its colour"


def test_no_face_no_box(report, video):
    image = read_frames(video, [22])[22]
    drawn = draw_frame(report, 22, image)
    assert np.array_equal(drawn[: image.shape[0]], image)


def test_every_box_tells_its_number_and_its_own_verdict(video, monkeypatch):
    tags = []
    monkeypatch.setattr(draw, "put_tag", lambda picture, text, x, y, size, color: tags.append((text, x, y, color)))
    report = make_report(video, (make_face(), make_face(shift=60, probability=0.1)))
    draw_frame(report, 30, read_frames(video, [30])[30])
    one, other = (tuple(np.round(face_box(30, shift)[:2]).astype(int)) for shift in (0, 60))
    assert tags == [("2 REAL 90 %", *other, draw.REAL), ("1 FAKE 90 %", *one, draw.FAKE)], "the deciding one on top"


def test_several_faces_have_boxes_of_their_own(video):
    report = make_report(video, (make_face(), make_face(shift=60, probability=0.1)))
    image = read_frames(video, [8])[8]
    drawn = draw_frame(report, 8, image)
    x0, _, x1, y1 = (round(float(v)) for v in face_box(8))
    assert (drawn[y1 - 1, x0:x1] == draw.FAKE).all(), "the deciding face in the colour of its verdict"
    assert is_yellow(drawn[y1 - 1, x1 + 2 : x1 + 58]).all(), "the other in yellow"
    assert (drawn[: image.shape[0]] == draw.REAL).all(-1).sum() > 40, "with a tag of its own verdict"
    bar = drawn[len(drawn) - lay_out_strip(report, image.shape[:2]).timeline]
    assert (bar == draw.FAKE).all(-1).sum() > 100, "the segments stand above the scores"


def test_one_scale_a_report(video):
    report = make_report(video, (make_face(gap=slice(0)),))  # the heat doubles from the first to the last frame
    weights = []
    for index, image in read_frames(video, [0, 48]).items():
        x0, y0 = (int(v) for v in face_box(index)[:2])
        patch = np.s_[y0 + 24 : y0 + 36, x0 + 42 : x0 + 48]
        plain = image[patch].astype(float)
        weights.append(float(np.mean((draw_frame(report, index, image)[patch] - plain) / (RED - plain))))
    assert weights[0] == pytest.approx(weights[1] / 2, rel=0.1) and weights[1] > 0.2


# --- a small face, enlarged ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide_video(tmp_path_factory):
    """640 × 480 px: the face, 60 px across, is small in it."""
    return make_video(tmp_path_factory.mktemp("wide") / "clip.mp4", (640, 480), sound=False)


def test_a_small_face_is_enlarged_in_the_corner_away_from_it(wide_video):
    report = make_report(wide_video, (make_face(),))
    image = read_frames(wide_video, [30])[30]
    inset = place_inset([report.faces[0].track], (640, 480))
    assert (inset.side, inset.left + inset.side, inset.top) == (173, 630, 10), "upper right: the face is at the left"
    drawn = draw_frame(report, 30, image)[:480]
    changed = (drawn != image).any(-1)
    x0, y0, x1, y1 = (round(float(v)) for v in face_box(30))
    changed[y0 - 2 : y1 + 2, x0 - 2 : x1 + 2] = changed[inset.top : inset.top + inset.side, inset.left :] = False
    assert not changed.any()
    shown = drawn[inset.top : inset.top + inset.side, inset.left : inset.left + inset.side]
    row, column = round(173 * 3.5 / 7), round(173 * 5.5 / 7)
    there, plain = shown[row - 4 : row + 4, column - 4 : column + 4], drawn[y0 + 30, x0 + 47]
    assert np.abs(there.astype(int).reshape(-1, 3).max(0) - plain.astype(int)).max() < 40, "the heat, where the face is"
    assert np.abs(shown[60, 60].astype(int) - image[y0 + 21, x0 + 21].astype(int)).max() <= 3, "2.9 times as large"
    assert is_yellow(shown[0]).all() and is_yellow(shown[:, -1]).all()


def test_the_inset_covers_no_face(wide_video):
    image = read_frames(wide_video, [30])[30]
    right = make_report(wide_video, (make_face(shift=480),))  # below the right corner it would be in
    inset = place_inset([right.faces[0].track], (640, 480))
    assert inset.left == 10
    both = make_report(wide_video, (make_face(), make_face(shift=480, probability=0.1)))
    drawn = draw_frame(both, 30, image)
    assert (drawn[150:479, 200:440] == image[150:479, 200:440]).all()
    assert (drawn[10:183, 200:440] == image[10:183, 200:440]).all(), "a face in either corner: no inset"


def test_a_face_that_is_large_enough_gets_no_inset(report):
    assert place_inset([report.faces[0].track], (160, 120)) is None
    assert place_inset([], (640, 480)) is None


def test_a_frame_past_the_end(report):
    with pytest.raises(IndexError, match=r"clip.mp4 has frames 0 to 48"):
        draw_frame(report, FRAMES, np.zeros((8, 8, 3), np.uint8))


# --- the diagnostic video --------------------------------------------------------------------------------------------


def test_diagnostic_video_keeps_every_frame_and_the_sound(report, video, tmp_path):
    made = write_diagnostic_video(report, tmp_path / "out.mp4")
    info = probe_video(made)
    assert (info.frames, info.has_audio, info.codec, info.width) == (FRAMES, True, "h264", report.info.width)
    assert info.height > report.info.height and info.fps == pytest.approx(FPS)
    shown = list(iterate_frames(made))
    assert [time for _, time, _ in shown] == pytest.approx(report.times.tolist(), abs=1e-3)
    x0, y0, x1, _ = (round(float(v)) for v in face_box(30))
    edge = shown[30][2][y0, x0 + 2 : x1 - 2].astype(int)
    assert (edge[:, 0] - edge[:, 2] > 60).all(), "yellow survives the codec"


def test_diagnostic_video_has_a_name_of_its_own(report, tmp_path, monkeypatch):
    monkeypatch.setattr("spotterlib.base.paths.ROOT", tmp_path)
    assert write_diagnostic_video(report) == tmp_path / "runs" / f"{own_name(report.video)}_spotter.mp4"
    assert own_name(report.video).startswith("clip-")


def test_what_is_no_report_is_refused(report):
    with pytest.raises(ArgumentError, match="not a dict"):
        write_diagnostic_video(report.to_dict())


def test_no_picture_of_a_long_video_is_kept(tmp_path, monkeypatch):
    """Memory does not grow with the length of the clip: at any time few drawn frames are alive."""
    source = make_video(tmp_path / "long.mp4", frames=300, sound=False)
    drawn, alive = [], []

    def watched(frames):
        for frame in frames:
            drawn.append(weakref.ref(frame))
            yield frame
            alive.append(sum(one() is not None for one in drawn))

    draw_all = diagnostic._drawn_frames
    monkeypatch.setattr(diagnostic, "_drawn_frames", lambda report, progress: watched(draw_all(report, progress)))
    write_diagnostic_video(make_report(source), tmp_path / "out.mp4")
    assert len(alive) == 300 and max(alive) <= 4


@pytest.mark.parametrize("label", ["UNDECIDED", "REAL"])
def test_diagnostic_video_without_a_face(video, tmp_path, label):
    report = make_report(video, (), label, "No face was found.")
    made = write_diagnostic_video(report, tmp_path / "none.mp4")
    assert probe_video(made).frames == FRAMES


def test_the_source_is_never_overwritten(report, video):
    before = Path(video).read_bytes()
    with pytest.raises(VideoError, match="another name"):
        write_diagnostic_video(report, video)
    assert Path(video).read_bytes() == before


def test_a_video_that_is_gone(tmp_path):
    source = make_video(tmp_path / "a.mp4", sound=False)
    report = make_report(source)
    source.unlink()
    (tmp_path / "out.mp4").write_bytes(b"an earlier one")
    with pytest.raises(VideoError, match=r"a\.mp4"):
        write_diagnostic_video(report, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"an earlier one"


@pytest.mark.parametrize("frames", [FRAMES - 9, FRAMES + 9])
def test_another_video_under_the_same_name(tmp_path, frames):
    source = make_video(tmp_path / "a.mp4", sound=False)
    report = make_report(source)
    make_video(source, frames=frames, sound=False)
    with pytest.raises(VideoError, match=r"a\.mp4 is not the video that was scanned"):
        write_diagnostic_video(report, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_diagnostic_video_plays_in_a_browser(browser, report, tmp_path, photograph):
    made = write_diagnostic_video(report, tmp_path / "out.mp4")
    (tmp_path / "play.html").write_text(f'<video id="v" src="{made.name}" muted controls></video>')
    page = browser.new_page()
    page.goto((tmp_path / "play.html").as_uri())
    page.evaluate("document.getElementById('v').play()")
    page.wait_for_function("document.getElementById('v').currentTime > 0.3", timeout=60_000)
    size = page.evaluate("[document.getElementById('v').videoWidth, document.getElementById('v').videoHeight]")
    assert size == [probe_video(made).width, probe_video(made).height]
    photograph(page, "diagnostic_video")
    page.close()
