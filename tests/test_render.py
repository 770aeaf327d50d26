"""What is painted is the evidence, where it was found, as strong as it is, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import shutil
import weakref
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import FPS, FRAMES, face_box, make_face, make_report, make_video

from spotterlib import _draw as draw
from spotterlib import render
from spotterlib._page import heat_note
from spotterlib._windows import plan_windows
from spotterlib.project import VideoError
from spotterlib.video import iterate_frames, probe_video, read_frames

RED = np.array(draw.HEAT, float)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("render") / "clip.mp4")


@pytest.fixture(scope="module")
def report(video):
    return make_report(video)


def redness(picture, plain):
    return np.abs(picture.astype(int) - plain.astype(int)).sum(-1)


# --- heat ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-60, 90), y=st.floats(-60, 70), side=st.floats(3, 120),
    style=st.sampled_from(["grid", "smooth"]), cell=st.floats(6, 16),
)  # fmt: skip
def test_heat_stays_inside_its_box(x, y, side, style, cell):
    plain = np.full((80, 100, 3), 100, np.uint8)
    painted = render.overlay_heatmap(plain, np.ones((7, 7)), 1.0, (x, y, x + side, y + side), 1.0, 0.0, style, cell)
    rows, columns = np.nonzero(redness(painted, plain))
    middles_x, middles_y = np.arange(100) + 0.5, np.arange(80) + 0.5
    inside = ((middles_y >= y) & (middles_y < y + side))[:, None] & ((middles_x >= x) & (middles_x < x + side))[None]
    assert len(rows) == inside.sum()  # every pixel inside, none outside
    assert inside[rows, columns].all()
    assert (plain == 100).all(), "the image given is left as it was"


def test_smooth_heat_is_the_blend_it_says():
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for value in (0.2, 0.5, 1.0, 3.0):
        painted = render.overlay_heatmap(plain, np.full((7, 7), value), 2.0, opacity=0.5, threshold=0, style="smooth")
        weight = 0.5 * min(value / 2.0, 1)
        assert np.abs(painted - (plain * (1 - weight) + RED * weight)).max() <= 1.6


def test_half_the_value_is_painted_weaker():
    plain = np.full((70, 70, 3), 100, np.uint8)
    full, half = (render.overlay_heatmap(plain, np.full((7, 7), v), 4.0, threshold=0) for v in (4.0, 2.0))
    assert np.allclose(redness(half, plain), redness(full, plain) / 2, atol=6)
    assert (redness(half, plain) < redness(full, plain)).all()


@settings(deadline=None)
@given(value=st.floats(0, 0.149))
def test_nothing_under_the_threshold_nor_without_heat(value):
    plain = np.full((40, 40, 3), 77, np.uint8)
    assert np.array_equal(render.overlay_heatmap(plain, np.full((7, 7), value), 1.0), plain)
    assert np.array_equal(render.overlay_heatmap(plain, np.zeros((7, 7)), 1.0, threshold=0), plain)


def test_a_box_that_is_not_there_paints_nothing():
    plain = np.full((40, 40, 3), 77, np.uint8)
    for box in [(np.nan,) * 4, (50, 50, 70, 70), (-30, -30, -2, -2), (10, 10, 10, 10)]:
        assert np.array_equal(render.overlay_heatmap(plain, np.ones((7, 7)), 1.0, box), plain)


@pytest.mark.parametrize("style", ["grid", "smooth"])
def test_a_hot_cell_is_red_where_it_lies(style):
    plain = np.full((140, 140, 3), 100, np.uint8)
    heatmap = np.zeros((7, 7))
    heatmap[1, 5] = 1
    heat = redness(render.overlay_heatmap(plain, heatmap, 1.0, (35, 0, 105, 70), threshold=0, style=style), plain)
    rows, columns = np.mgrid[:140, :140] + 0.5
    assert (heat * columns).sum() / heat.sum() == pytest.approx(35 + 70 * 5.5 / 7, abs=2)
    assert (heat * rows).sum() / heat.sum() == pytest.approx(70 * 1.5 / 7, abs=2)


def test_grid_is_made_of_flat_cells():
    plain = np.full((224, 224, 3), 100, np.uint8)
    heatmap = np.outer(np.linspace(0.2, 1, 7), np.linspace(0.2, 1, 7))
    painted = render.overlay_heatmap(plain, heatmap, 1.0, threshold=0, cell=14)
    for y in range(0, 224, 14):
        for x in range(0, 224, 14):
            inner = painted[y + 1 : y + 14, x + 1 : x + 14].reshape(-1, 3)
            assert (inner == inner[0]).all()
            assert redness(painted[y : y + 1, x + 3], plain[y : y + 1, x + 3])[0] < redness(inner[:1], plain[0, :1])[0]


def test_overlay_refuses_what_it_cannot_mean():
    plain = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="style"):
        render.overlay_heatmap(plain, np.ones((7, 7)), 1.0, style="jet")
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="scale"):
            render.overlay_heatmap(plain, np.ones((7, 7)), scale)


def test_artifact_share():
    assert render.artifact_share(np.zeros((7, 7)), 1.0) == 0
    assert render.artifact_share(np.ones((7, 7)), 1.0) == 100
    half = np.zeros((8, 8))
    half[:, :4] = 1
    assert render.artifact_share(half, 1.0) == pytest.approx(50, abs=5)
    assert render.artifact_share(half, 2.5, 0.5) == 0
    assert render.artifact_share(half, 2.5, 0.3) < render.artifact_share(half, 2.5, 0.1)


def test_artifact_share_is_what_is_painted():
    heatmap = make_face().heatmaps[20]
    plain = np.full((22 * 10, 22 * 10, 3), 90, np.uint8)
    for threshold in (0.0, 0.15, 0.6):
        painted = redness(render.overlay_heatmap(plain, heatmap, 4.0, None, 1.0, threshold, "grid", 10), plain) > 0
        cells = painted.reshape(22, 10, 22, 10)[:, 5, :, 5]
        assert render.artifact_share(heatmap, 4.0, threshold) == pytest.approx(100 * cells.mean())


@settings(deadline=None)
@given(size=st.integers(1, 90), value=st.floats(0, 100))
def test_upsampling_keeps_a_constant(size, value):
    up = render.upsample_heatmap(np.full((7, 7), value), (size, 2 * size))
    assert up.shape == (size, 2 * size) and np.allclose(up, value, rtol=1e-5)


def test_upsampling_keeps_cell_centres():
    heatmap = np.random.default_rng(0).random((7, 7)).astype(np.float32)
    assert np.allclose(render.upsample_heatmap(heatmap, 35)[2::5, 2::5], heatmap, atol=1e-6)


# --- a face over time ------------------------------------------------------------------------------------------------


def test_evidence_between_grid_frames():
    face = make_face()
    times = np.array([0.0, 1.0, 3.0, 21.0, 48.0]) / FPS  # frame 21 lies in the gap: grid rows 10 to 12, frames 20 to 24
    seen = render.evidence_at(face, times)
    assert seen.seen.tolist() == [True, True, True, False, True]
    assert seen.examined.all()
    assert np.allclose(seen.boxes[1], face_box(1), atol=1e-4)
    assert np.allclose(seen.heatmaps[2], (face.heatmaps[1] + face.heatmaps[2]) / 2)
    assert np.isnan(seen.boxes[3]).all() and not seen.heatmaps[3].any()
    far = render.evidence_at(face, np.array([30.0]))
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
    seen = render.evidence_at(replace(face, track=track), times)
    assert seen.seen.all() and (seen.heatmaps[:, 3, 5] > 0).all()
    middles = (np.arange(300) + 0.5) * times[-1] / 300
    assert np.array_equal(seen.seen, track.at(times)[2]) and track.at(middles)[2].all()
    assert np.isfinite(draw.score_columns(track.times, face.frame_scores, 300, times[-1], track.windows)).all()


def test_between_windows_nothing_is_known():
    face = make_face(2 * 48, slice(0), windows=2)
    times = face.track.times + np.where(face.track.windows == 1, 10.0, 0.0)
    apart = replace(face, track=replace(face.track, times=times))
    between = np.array([times[23] + 0.5, times[24] - 0.5])
    seen = render.evidence_at(apart, between)
    assert not seen.seen.any() and not seen.heatmaps.any()
    columns = draw.score_columns(times, face.frame_scores, 200, times[-1], face.track.windows)
    assert np.isnan(columns[50:150]).all() and np.isfinite(columns[:15]).all()


def test_score_strip_has_gaps_and_keeps_the_highest():
    times = np.arange(1000) / 25
    scores = np.full(1000, 0.1)
    scores[517] = 0.97  # one telling frame in a strip of 50 columns
    scores[200:400] = np.nan
    columns = draw.score_columns(times, scores, 50, 40.0)
    assert np.nanmax(columns) == pytest.approx(0.97) and np.nanargmax(columns) == 25
    assert np.isnan(columns[10:20]).all() and np.isfinite(columns[:10]).all() and np.isfinite(columns[20:]).all()
    assert np.isnan(draw.score_columns(np.zeros(0), np.zeros(0), 5, 1.0)).all()
    strip = draw.draw_timeline(np.array([1.0] * 20 + [0.0] * 20 + [np.nan] * 20), 21)
    assert (strip[3, 10] == draw.FAKE).all() and (strip[-1, 30] == draw.REAL).all()
    assert not (strip[:, 41:] == draw.FAKE).all(-1).any()


# --- one frame -------------------------------------------------------------------------------------------------------


def is_yellow(picture):
    return (np.abs(picture.astype(int) - draw.BOX) <= 40).all(-1)


def test_frame_shows_box_heat_and_strip(report, video):
    image = read_frames(video, [30])[30]
    drawn = render.draw_frame(report, 30, image)
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
    drawn = render.draw_frame(report, 22, image)
    assert np.array_equal(drawn[: image.shape[0]], image)


def test_strip_says_what_is_known(report):
    assert render._fields(report, 22, "no face", None)[3:] == ["score --", "no face", "artifacts --"]
    assert render._fields(report, 48, "face found", 12.4)[:4] == ["FAKE 90%", "frame 48", "1.92 s", "score 0.95"]
    undecided = replace(report, label="UNDECIDED", confidence=55.0)
    assert render._fields(undecided, 0, "no face", None)[0] == "UNDECIDED"


def test_several_faces_have_boxes_of_their_own(video):
    report = make_report(video, (make_face(), make_face(shift=60, probability=0.1)))
    image = read_frames(video, [8])[8]
    drawn = render.draw_frame(report, 8, image)
    x0, _, x1, y1 = (round(float(v)) for v in face_box(8))
    assert is_yellow(drawn[y1 - 1, x0:x1]).all()
    other = drawn[y1 - 1, x1 + 2 : x1 + 58]
    assert (other == draw.OTHER_BOX).all(-1).all()


def test_one_scale_a_report(video):
    report = make_report(video, (make_face(gap=slice(0)),))  # the heat doubles from the first to the last frame
    weights = []
    for index, image in read_frames(video, [0, 48]).items():
        x0, y0 = (int(v) for v in face_box(index)[:2])
        patch = np.s_[y0 + 24 : y0 + 36, x0 + 42 : x0 + 48]
        plain = image[patch].astype(float)
        weights.append(float(np.mean((render.draw_frame(report, index, image)[patch] - plain) / (RED - plain))))
    assert weights[0] == pytest.approx(weights[1] / 2, rel=0.1) and weights[1] > 0.2


@pytest.mark.parametrize("width", [96, 208, 304, 360, 640, 1920])
@pytest.mark.parametrize("measured", [True, False])
def test_every_picture_says_what_the_red_is_worth(report, monkeypatch, width, measured):
    """In letters that can be read, on as many lines as it takes; on a very narrow one without the figures."""
    line = "Red is only a hint: it hit small forged areas in 40 % of test frames, a dot in the middle 38 %"
    expected = line if measured else heat_note({})[0]
    monkeypatch.setattr(render, "heat_note", lambda _: (expected, ""))
    written = []
    put = draw.put_text
    monkeypatch.setattr(draw, "put_text", lambda *how: written.append(how[1:4]) or put(*how))
    caption = render._caption(report, (240, width))
    lines = written[1:]  # the verdict stands first
    said = " ".join(text for text, _, _ in lines)
    assert said == expected if width > 96 else expected.startswith(said) and said.startswith("Red is")
    for text, (x, y), size in lines:
        assert size >= 9 and x + draw.text_width(text, size) <= width and y + size / 4 <= len(caption.strip)
    assert lines[0][1][1] > caption.spots[-1][1] and len({at for _, at, _ in lines}) == len(lines)


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (81, 61), (640, 360), (360, 640), (3840, 2160)])
@pytest.mark.parametrize("label", ["FAKE", "UNDECIDED"])
def test_the_strip_fits_every_size(report, size, label):
    width, height = size
    shown = replace(report, label=label)
    caption = render._caption(shown, (height, width))
    assert caption.size >= (8 if width >= 64 else 6)
    for text, (x, y) in zip(render._fields(shown, 48, "not examined", 100.0), caption.spots, strict=True):
        assert x + draw.text_width(text, caption.size) <= width
        assert y + 0.2 * caption.size <= len(caption.strip)
    drawn = render.draw_frame(shown, 4, np.zeros((height, width, 3), np.uint8))
    assert drawn.shape[1] == width and drawn.shape[0] % 2 == 0
    assert len(caption.strip) < max(0.35 * height, 170)


def test_a_frame_past_the_end(report):
    with pytest.raises(IndexError, match=r"clip.mp4 has frames 0 to 48"):
        render.draw_frame(report, FRAMES, np.zeros((8, 8, 3), np.uint8))


# --- the diagnostic video --------------------------------------------------------------------------------------------


def test_diagnostic_video_keeps_every_frame_and_the_sound(report, video, tmp_path):
    made = render.write_diagnostic_video(report, tmp_path / "out.mp4")
    info = probe_video(made)
    assert (info.frames, info.has_audio, info.codec, info.width) == (FRAMES, True, "h264", report.info.width)
    assert info.height > report.info.height and info.fps == pytest.approx(FPS)
    shown = list(iterate_frames(made))
    assert [time for _, time, _ in shown] == pytest.approx(report.times.tolist(), abs=1e-3)
    x0, y0, x1, _ = (round(float(v)) for v in face_box(30))
    edge = shown[30][2][y0, x0 + 2 : x1 - 2].astype(int)
    assert (edge[:, 0] - edge[:, 2] > 60).all(), "yellow survives the codec"


def test_diagnostic_video_has_a_name_of_its_own(report, tmp_path, monkeypatch):
    monkeypatch.setattr("spotterlib.project.ROOT", tmp_path)
    assert render.write_diagnostic_video(report) == tmp_path / "runs" / "clip_spotter.mp4"


def test_no_picture_of_a_long_video_is_kept(tmp_path, monkeypatch):
    """Memory does not grow with the length of the clip: at any time few drawn frames are alive."""
    source = make_video(tmp_path / "long.mp4", frames=300, sound=False)
    drawn, alive = [], []

    def watched(frames):
        for frame in frames:
            drawn.append(weakref.ref(frame))
            yield frame
            alive.append(sum(one() is not None for one in drawn))

    draw_all = render._drawn_frames
    monkeypatch.setattr(render, "_drawn_frames", lambda report: watched(draw_all(report)))
    render.write_diagnostic_video(make_report(source), tmp_path / "out.mp4")
    assert len(alive) == 300 and max(alive) <= 4


@pytest.mark.parametrize("label", ["UNDECIDED", "REAL"])
def test_diagnostic_video_without_a_face(video, tmp_path, label):
    report = make_report(video, (), label, "No face was found.")
    made = render.write_diagnostic_video(report, tmp_path / "none.mp4")
    assert probe_video(made).frames == FRAMES


def test_the_source_is_never_overwritten(report, video):
    before = Path(video).read_bytes()
    with pytest.raises(VideoError, match="another name"):
        render.write_diagnostic_video(report, video)
    assert Path(video).read_bytes() == before


def test_a_video_that_is_gone(tmp_path):
    source = make_video(tmp_path / "a.mp4", sound=False)
    report = make_report(source)
    source.unlink()
    (tmp_path / "out.mp4").write_bytes(b"an earlier one")
    with pytest.raises(VideoError, match=r"a\.mp4"):
        render.write_diagnostic_video(report, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"an earlier one"


@pytest.mark.parametrize("frames", [FRAMES - 9, FRAMES + 9])
def test_another_video_under_the_same_name(tmp_path, frames):
    source = make_video(tmp_path / "a.mp4", sound=False)
    report = make_report(source)
    make_video(source, frames=frames, sound=False)
    with pytest.raises(VideoError, match=r"a\.mp4 is not the video that was scanned"):
        render.write_diagnostic_video(report, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


# --- the sheet -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(count=st.integers(1, 40))
def test_telling_frames(count):
    face = make_face()
    rows = render.telling_frames(face, count)
    assert len(rows) == min(count, int(face.track.valid.sum())) == len(set(rows.tolist()))
    assert (np.diff(rows) > 0).all() and face.track.valid[rows].all()
    assert np.nanargmax(face.frame_scores) in rows


def test_telling_frames_are_spread():
    rows = render.telling_frames(make_face(gap=slice(0)), 4)
    assert np.diff(rows).min() >= 6  # not the four last ones, though their scores are the highest


def test_telling_frames_without_scores():
    face = replace(make_face(), frame_scores=np.full(25, np.nan, np.float32))
    assert len(render.telling_frames(face, 5)) == 5
    assert len(render.telling_frames(make_face(gap=slice(0, 25)), 5)) == 0


@pytest.mark.parametrize("width", [300, 777, 1280])
def test_contact_sheet(report, width):
    sheet = render.contact_sheet(report, count=6, width=width)
    assert sheet.dtype == np.uint8 and sheet.shape[1:] == (width, 3)
    assert (sheet == draw.FAKE).all(-1).any()
    two = make_report(Path(report.video), (make_face(), make_face(shift=40)))
    assert render.contact_sheet(two, face=1).shape[1] == 1280


def test_contact_sheet_without_a_face(video):
    report = make_report(video, (), "UNDECIDED", "No face was found in the 24 frames looked at.")
    sheet = render.contact_sheet(report)
    assert (np.abs(sheet.astype(int) - (200, 170, 150)) < 12).all(-1).sum() > 500, "plain frames are shown"


# --- the page --------------------------------------------------------------------------------------------------------


class Checker(HTMLParser):
    """Collects every address and every element; complains of elements that do not close."""

    def __init__(self):
        super().__init__()
        self.addresses, self.tags, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "poster")]
        if tag not in ("meta", "img", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_page(path):
    text = path.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S).group(1))
    return text, checker, data


def test_page_needs_nothing_else(report, tmp_path):
    text, checker, data = read_page(render.export_page(report, tmp_path / "report.html"))
    assert all(address.startswith("data:image/jpeg;base64,") for address in checker.addresses)
    assert "http" not in re.sub(r"http-equiv", "", text) and "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text and "link" not in checker.tags
    assert str(Path(report.video).parent) not in text, "no path of the machine it was made on"
    assert "What a score does not prove" in text and "90 % confidence" in text
    frames = data["faces"][0]["frames"]
    assert [frame["i"] for frame in frames] == list(range(0, FRAMES, 2))
    assert sum("img" in frame for frame in frames) == 22
    assert frames[24]["h"][7 * 3 + 5] == 255 and frames[0]["h"][7 * 3 + 5] == 128, "one scale"


def test_64_frames_fit_a_mail(video, tmp_path):
    """Of noise, which JPEG makes least of: what a camera sees is smaller. It opens where the scrubber does."""
    face = make_face(2 * 64, slice(0))
    noise = np.random.default_rng(0).integers(0, 256, face.clip.frames.shape, np.uint8)
    close = (0.95 + 1e-5 * np.arange(64)).astype(np.float32)
    face = replace(face, clip=replace(face.clip, frames=noise), frame_scores=close)
    page = render.export_page(make_report(video, (face,)), tmp_path / "report.html")
    scores = [frame["s"] for frame in read_page(page)[2]["faces"][0]["frames"]]
    assert len(scores) == 64 and scores.index(max(scores)) == 63
    assert page.stat().st_size <= 8e6


def test_page_escapes_every_name(tmp_path):
    nasty = make_video(tmp_path / "<script>alert(1)<%2fscript>&\"'.mp4", sound=False)
    face = make_face()
    report = replace(
        make_report(nasty, (face,)), reason="<img src=x onerror=alert(2)>", checkpoint={"name": "</script>"}
    )
    text, checker, _ = read_page(render.export_page(report, tmp_path / "report.html"))
    assert checker.tags.count("script") == 2 and checker.tags.count("img") == 1
    assert "<script>alert" not in text and "onerror=alert(2)>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_page_without_a_face(video, tmp_path):
    report = make_report(video, (), "UNDECIDED", "No face was found in the 24 frames looked at.")
    text, checker, data = read_page(render.export_page(report, tmp_path / "report.html"))
    assert data["faces"] == [] and '<section id="player" hidden>' in text and checker.tags.count("img") == 1
    assert report.reason in text


def test_an_undecided_verdict_has_no_percentage(report, tmp_path):
    undecided = replace(report, label="UNDECIDED", confidence=62.0)
    text, _, _ = read_page(render.export_page(undecided, tmp_path / "report.html"))
    assert "confidence" not in text.split("</header>")[0] and "62 %" not in text


def test_page_of_a_long_video_keeps_the_strongest_windows(tmp_path):
    face = make_face(frames=2 * 24 * 40, gap=slice(0), windows=40)
    windows = list(face.windows)
    windows[33] = replace(windows[33], probability=0.99)
    face = replace(face, windows=tuple(windows))
    rows = draw.kept_rows(face, 400)
    assert 300 < len(rows) <= 400
    times = face.track.times[rows]
    assert ((times >= windows[33].start - 1e-6) & (times <= windows[33].end + 1e-6)).sum() == 24
    assert (times < windows[16].start).all() | (times >= windows[33].start - 1e-6).any()
    video = make_video(tmp_path / "long.mp4", size=(64, 48), frames=8, sound=False)
    page = render.export_page(make_report(video, (face, face)), tmp_path / "report.html")
    text, _, data = read_page(page)
    assert sum(len(kept["frames"]) for kept in data["faces"]) <= 400
    assert "strongest windows only" in text and page.stat().st_size < 8e6


# --- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def pixels(page, canvas):
    address = page.evaluate(f"document.getElementById('{canvas}').toDataURL()")
    coded = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


def test_page_plays_in_a_browser(browser, report, tmp_path, photograph):
    """The player shows what the library paints, follows keys and sliders, and logs no error; the network is off."""
    two = make_report(Path(report.video), (make_face(), make_face(shift=40)))
    path = render.export_page(two, tmp_path / "report.html")
    context = browser.new_context(offline=True)
    page = context.new_page()
    troubles = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("pictures.flat().every((p) => p === null || p.complete)")
    assert page.evaluate("row") == 24, "it opens on the most telling frame"
    shown, plain = pixels(page, "heat"), pixels(page, "plain")
    face = make_face()
    expected = render.overlay_heatmap(plain, face.heatmaps[24], report.heatmap_scale, cell=448 / 22)
    assert np.abs(shown.astype(int) - expected).mean() < 0.5 and np.abs(shown.astype(int) - expected).max() <= 12
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("row") == 23 and "1.84 s" in page.inner_text("#caption")
    page.evaluate("go(11)")
    assert "not found" in page.inner_text("#caption")
    page.keyboard.press("End")
    before = pixels(page, "heat")
    page.fill("#opacity", "20")
    after = pixels(page, "heat")
    assert not np.array_equal(before, after)
    page.select_option("#style", "smooth")
    assert not np.array_equal(pixels(page, "heat"), after)
    page.select_option("#face", index=1)
    assert (page.evaluate("face"), troubles) == (1, [])
    page.keyboard.press("Home")
    page.click("#play")
    page.wait_for_function("row >= 2", timeout=5000)
    page.click("#play")
    still = page.evaluate("row")
    page.click("#timeline", position={"x": 5, "y": 40})
    assert page.evaluate("row") == 0 != still
    assert troubles == []
    photograph(page, "report", full_page=True)
    context.close()


def test_diagnostic_video_plays_in_a_browser(browser, report, tmp_path, photograph):
    made = render.write_diagnostic_video(report, tmp_path / "out.mp4")
    (tmp_path / "play.html").write_text(f'<video id="v" src="{made.name}" muted></video>')
    page = browser.new_page()
    page.goto((tmp_path / "play.html").as_uri())
    page.evaluate("document.getElementById('v').play()")
    page.wait_for_function("document.getElementById('v').currentTime > 0.3", timeout=10_000)
    size = page.evaluate("[document.getElementById('v').videoWidth, document.getElementById('v').videoHeight]")
    assert size == [probe_video(made).width, probe_video(made).height]
    photograph(page, "diagnostic_video")
    page.close()
