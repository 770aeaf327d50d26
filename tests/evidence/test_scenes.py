"""Whose verdict it is: numbered boxes on the whole picture, the chosen face in the colour of its own verdict."""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.report_factory import SIDE, face_box, make_face, make_report

from spotterlib.evidence import FrameScrubber, contact_sheet, draw, export_page, markup
from spotterlib.evidence.scenes import draw_scene, person_words, portrait_of, scene_boxes
from spotterlib.faces.crops import small_scene
from spotterlib.video import read_frames


@pytest.fixture
def two(video):
    """A fake and an honest face on one picture, as a scan keeps it."""
    faces = (make_face(probability=0.9996), make_face(shift=70, probability=0.17))
    report = make_report(Path(video), faces)
    frames = read_frames(video, faces[0].track.frames)
    return replace(report, scenes={index: small_scene(picture) for index, picture in frames.items()})


def near(picture, color):
    return (np.abs(picture.astype(int) - color) <= 30).all(-1)


@pytest.mark.parametrize(("chosen", "color"), [(0, draw.FAKE), (1, draw.REAL)])
def test_the_chosen_face_has_the_colour_of_its_verdict_and_others_are_yellow(two, chosen, color):
    boxes = scene_boxes(two)
    assert sorted(boxes) == two.faces[0].track.frames.tolist() and len(boxes[0]) == 2 and not boxes[20]
    shown = draw_scene(two, 0, boxes[0], chosen)
    for number, (x0, _, x1, y1) in boxes[0]:
        edge = shown[round(y1 * shown.shape[0]) - 1, round(x0 * shown.shape[1]) + 3 : round(x1 * shown.shape[1]) - 3]
        assert near(edge, color if number == chosen else draw.BOX).all()
    assert boxes[0][0][1][2] - boxes[0][0][1][0] == pytest.approx(SIDE / two.info.width)


def test_every_box_has_the_number_of_its_face_in_the_right_place_of_the_right_frame(two, monkeypatch):
    boxes, tags = scene_boxes(two), []
    monkeypatch.setattr(draw, "put_tag", lambda picture, *tag: tags.append(tag))
    for index in (0, 48):
        draw_scene(two, index, boxes[index], chosen=0)
        (x0, y0), (x1, y1) = (np.round(face_box(index, shift)[:2]).astype(int) for shift in (0, 70))
        assert tags == [("2", x1, y1, 14, draw.BOX), ("1", x0, y0, 14, draw.FAKE)], "the chosen one on top"
        tags.clear()


def picture_at(address):
    """The picture that an address carries, uint8 RGB."""
    coded = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


def test_the_page_carries_every_frame_with_the_boxes_on_it(two, tmp_path):
    text = export_page(two, tmp_path / "page.html").read_text("utf-8")
    scenes = json.loads(re.search(r'id="data" type="application/json">(.*?)</script>', text, re.S).group(1))["scenes"]
    assert [int(index) for index in scenes] == two.faces[0].track.frames.tolist()
    whole = np.array([two.info.width, two.info.height] * 2)
    frames = read_frames(two.video, [int(index) for index in scenes])
    for index, scene in scenes.items():
        seen = {number: np.array(box) / 1000 * whole for number, *box in scene["boxes"]}
        assert sorted(seen) == ([] if 20 <= int(index) <= 24 else [0, 1])
        for number, box in seen.items():
            assert box == pytest.approx(face_box(int(index), 70 * number), abs=0.1)
        assert np.abs(picture_at(scene["img"]).astype(int) - frames[int(index)]).mean() < 3, "the picture of this frame"


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_scrubber_shows_the_scene_of_the_chosen_face(two, chosen):
    """The frame on which it was seen most surely, its box in the colour of its verdict."""
    row = 30 // 2
    sure = np.where(two.faces[chosen].track.valid, 0.9, 0).astype(np.float32)
    sure[row] = 0.99
    faces = list(two.faces)
    faces[chosen] = replace(faces[chosen], track=replace(faces[chosen].track, confidences=sure))
    view = FrameScrubber(replace(two, faces=tuple(faces))).build()
    view.face.value = chosen
    shown = picture_at(re.findall(r'<img src="([^"]+)"', view.box.children[1].value)[-1])
    assert np.abs(shown.astype(int) - draw_scene(two, 30, scene_boxes(two)[30], chosen)).mean() < 4
    assert np.abs(shown.astype(int) - draw_scene(two, 30, scene_boxes(two)[30], 1 - chosen)).mean() > 6


def test_boxes_follow_a_picture_of_another_size(two):
    face = two.faces[0]
    sizes = np.tile([two.info.width // 2, two.info.height // 2], (len(face.track.frames), 1))
    half = replace(face.track, boxes=face.track.boxes / 2, sizes=sizes)
    other = replace(two, faces=(replace(face, track=half), *two.faces[1:]))
    for (_, found), (_, known) in zip(scene_boxes(other)[0], scene_boxes(two)[0], strict=True):
        assert found == pytest.approx(known)


def test_every_face_has_a_verdict_of_its_own(two, tmp_path):
    assert [person_words(two, number) for number in (0, 1)] == ["Face 1 of 2: FAKE >99 %", "Face 2 of 2: REAL 83 %"]
    assert portrait_of(two.faces[1]).shape == (72, 72, 3)
    sheet = contact_sheet(two, face=1)
    assert near(sheet[:30], draw.REAL).any() and not near(sheet[:30], draw.FAKE).any()
    text = export_page(two, tmp_path / "page.html").read_text("utf-8")
    assert text.count('class="person"') == 2 and "REAL 83 %" in text and "FAKE &gt;99 %" in text
    alone = export_page(replace(two, faces=two.faces[:1]), tmp_path / "page.html").read_text("utf-8")
    assert 'class="person"' not in alone


def test_an_undecided_face_has_no_percentage(two, tmp_path):
    unsure = replace(two.faces[1], label="UNDECIDED", probability=0.55)
    text = export_page(replace(two, faces=(two.faces[0], unsure)), tmp_path / "page.html").read_text("utf-8")
    assert "UNDECIDED" in text and "55 %" not in text and "45 %" not in text


@pytest.mark.parametrize("plate", [draw.REAL, draw.FAKE, draw.UNDECIDED, draw.BOX])
def test_every_plate_can_be_read(plate):
    assert draw.contrast(draw.ink_on(plate), plate) >= 4.5
    assert draw.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widgets_can_be_read_in_both_themes_of_lab(theme):
    """They write in Lab's own colour and no other, plates apart; what that comes to is in Lab's own style sheets."""
    text = (Path(markup.__file__).parent / "templates" / "widgets.html").read_text("utf-8")
    written = set(re.findall(r"(?<![-\w])color:([^;\"]+)", text))
    assert written == {"var(--jp-ui-font-color1, #1b1d21)", "rgb({{ ink | join(", "rgb({{ one.ink | join("}
    sheets = list(Path(sys.prefix).glob(f"share/jupyter/lab/themes/@jupyterlab/theme-{theme}-extension/*.css"))
    if not sheets:
        pytest.skip("no JupyterLab here")
    style = "".join(sheet.read_text("utf-8") for sheet in sheets)
    share = float(re.search(r"--jp-ui-font-color1:\s*rgba\([^)]*?([\d.]+)\)", style).group(1))
    ground, ink = ((33,) * 3, 255) if theme == "dark" else ((255,) * 3, 0)
    mixed = tuple(share * ink + (1 - share) * one for one in ground)
    assert draw.contrast(mixed, ground) >= 4.5
