"""The scrubber by its traits: every frame is there, the links have the right ends, the controls change the pictures."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from makers.report_factory import FRAMES, make_face

from spotterlib import scan
from spotterlib.evidence import FrameScrubber, draw, examine, scrubber
from spotterlib.evidence.heat import red_share


def decoded(image):
    return cv2.imdecode(np.frombuffer(image.value, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_every_analysed_frame_is_there(report):
    view = FrameScrubber(report).build()
    grid = report.faces[0].track
    assert len(view.stack.children) == len(grid.times) == view.slider.max + 1 == view.play.max + 1
    for row, pair in enumerate(view.stack.children):
        picture, caption = pair.children
        assert decoded(picture).shape == (262, 450, 3) and picture.format == "jpeg"
        assert f"{grid.times[row]:.2f} s" in caption.value
        assert ("not found" in caption.value) != bool(grid.valid[row])
    assert view.slider.value == view.stack.selected_index == view.play.value == 24, "opens on the most telling frame"


def test_it_opens_where_score_and_heat_are_both_high(report):
    """The highest score of all has no heat: another frame is shown first, and the red that its caption names."""
    face = report.faces[0]
    heat = np.zeros_like(face.heatmaps)
    heat[20, 4, 3], heat[22, 4, 3] = 0.7, 0.1
    odd = replace(report, faces=(replace(face, heatmaps=heat),), heatmap_scale=1.0)
    view = FrameScrubber(odd).build()
    assert view.slider.value == view.stack.selected_index == 20 != np.nanargmax(face.frame_scores)
    said = view.stack.children[20].children[1].value
    assert f"red <b>{red_share(heat[20], 1.0):.0f} % of the crop</b>" in said and "heat on <b>mouth" in said
    pale = view.stack.children[22].children[1].value
    assert "red <b>0 % of the crop</b>" in pale and "heat on <b>–</b>" in pale, "nothing is painted there"


def test_original_and_evidence_side_by_side(report):
    scrub = FrameScrubber(report)
    picture = scrub.picture(0, 20)
    left, right = picture[:224, :224].astype(int), picture[:224, 226:].astype(int)
    assert np.array_equal(left, report.faces[0].clip.frames[20])
    changed = np.abs(left - right).sum(-1) > 0
    assert changed[96:128, 160:192].all() and not changed[:, :100].any()
    gap = scrub.picture(0, 11)
    assert (gap[10:50, 10:50] == (43, 46, 52)).all(), "a gap is said, not shown as black frames"
    marks = [np.flatnonzero((scrub.picture(0, row)[240] == draw.INK).all(-1)).mean() for row in (2, 12, 22)]
    assert marks == pytest.approx([450 * row * 2 / FRAMES for row in (2, 12, 22)], abs=3)


def test_one_scale_for_all_frames(report):
    face = make_face(gap=slice(0))  # the heat doubles over the clip
    flat = replace(face.clip, frames=np.full_like(face.clip.frames, 120))
    scrub = FrameScrubber(flat, face.heatmaps, face.frame_scores)
    drawn = (scrub.picture(0, row)[:224, 226:].astype(int) for row in (0, 24))
    lines = (16, 18, 22), (255, 255, 255)  # the outline is as strong on both
    first, last = (np.abs(p - 120)[~np.any([(p == line).all(-1) for line in lines], axis=0)].sum() for p in drawn)
    assert 0.35 * last < first < 0.6 * last
    assert FrameScrubber(report).scale == report.heatmap_scale


def test_links_that_live_without_a_kernel(report, monkeypatch):
    made = []
    for name in ("jslink", "jsdlink"):
        real = getattr(scrubber.widgets, name)
        monkeypatch.setattr(
            scrubber.widgets, name, lambda a, b, real=real, name=name: made.append((name, a, b)) or real(a, b)
        )
    view = FrameScrubber(report).build()
    assert ("jslink", (view.play, "value"), (view.slider, "value")) in made
    assert ("jsdlink", (view.slider, "value"), (view.stack, "selected_index")) in made


def test_every_display_has_widgets_of_its_own(report, shown):
    scrub = FrameScrubber(report)
    scrub._ipython_display_()
    scrub._ipython_display_()
    boxes = [thing for thing, _ in shown if hasattr(thing, "children")]
    assert len(boxes) == 2 and boxes[0] is not boxes[1]
    assert not set(boxes[0].children) & set(boxes[1].children)


def test_controls_change_the_pictures(report):
    view = FrameScrubber(report).build()
    picture = view.stack.children[20].children[0]
    before = decoded(picture)
    view.opacity.value = 0.0
    without = decoded(picture)
    assert np.abs(without[:224, :224].astype(int) - without[:224, 226:]).mean() < 2
    assert not np.array_equal(before, without)
    view.opacity.value = 1.0
    view.style.value = "smooth"
    smooth = decoded(picture)
    view.threshold.value = 0.9
    assert not np.array_equal(decoded(picture), smooth)
    assert view.slider.value == 24 and view.stack.children[20].children[0] is picture, "nothing jumps"


def test_several_faces(report):
    short = make_face(probability=0.2, gap=slice(0))
    two = replace(report, faces=(report.faces[0], short))
    view = FrameScrubber(two).build()
    assert view.face in view.box.children[-2].children[0].children
    before = decoded(view.stack.children[11].children[0])
    view.slider.value = 11
    assert view.face.options[1] == ("2: REAL 80 %", 1)
    who = view.box.children[1]
    assert "<b>Face 1 of 2: FAKE 90 %</b>" in who.value and who.value.count("<img") == 2
    view.face.value = 1
    assert "<b>Face 2 of 2: REAL 80 %</b>" in who.value, "the verdict named is that of the face chosen"
    assert view.slider.value == view.stack.selected_index == 11
    assert not np.array_equal(decoded(view.stack.children[11].children[0]), before)
    alone = FrameScrubber(report).build()
    assert alone.face not in alone.box.children[-2].children[0].children


def test_a_clip_alone():
    face = make_face()
    view = FrameScrubber(face.clip).build()
    assert len(view.stack.children) == 25 and "score <b>–</b>" in view.stack.children[0].children[1].value
    sheet, words = FrameScrubber(face.clip, face.heatmaps, face.frame_scores).sheet()
    assert sheet.ndim == 3 and "22 frames" in words
    with pytest.raises(ValueError, match="25 frames need as many"):
        FrameScrubber(face.clip, face.heatmaps[:5])


def test_a_static_sheet_stands_beside_it(report, shown):
    FrameScrubber(report)._ipython_display_()
    sheet, how = shown[-1]
    assert sheet["image/jpeg"] and "Verdict FAKE" in sheet["text/plain"]
    assert how["metadata"]["image/jpeg"]["alt"] == sheet["text/plain"] and how["raw"]


def test_no_face(report, shown):
    none = replace(report, faces=(), label="UNDECIDED", confidence=None, reason="No face was found.")
    FrameScrubber(none)._ipython_display_()
    assert "No face was found." in shown[0][0].value and "UNDECIDED" in shown[0][0].value
    assert "No face was found." in shown[1][0]["text/plain"]
    with pytest.raises(ValueError, match="No face"):
        FrameScrubber(none).build()


def test_a_long_video_keeps_the_strongest_windows(report):
    face = make_face(frames=2 * 24 * 10, gap=slice(0), windows=10)
    view = FrameScrubber(replace(report, faces=(face,))).build()
    assert len(view.stack.children) == view.slider.max + 1 <= 96


def test_names_are_escaped(report):
    view = FrameScrubber(replace(report, video="/x/<script>alert(1).mp4", reason="<b>x</b>")).build()
    head = view.box.children[0].value
    assert "<script>" not in head and "&lt;script&gt;" in head and "&lt;b&gt;" in head and "/x/" not in head


def test_examine_scans_and_shows(report, monkeypatch):
    asked = []
    monkeypatch.setattr(scan, "scan_video", lambda path, **how: asked.append((path, how)) or report)
    assert examine("clip.mp4", device="cpu").report is report
    assert asked == [("clip.mp4", {"checkpoint": None, "device": "cpu"})]
