"""The exported page needs nothing else, escapes every name and plays in a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.report_factory import FRAMES, face_box, make_face, make_report, make_video

from spotterlib.base import ArgumentError, VideoError
from spotterlib.evidence import draw, export_page, overlay_heatmap
from spotterlib.evidence.heat import red_share
from spotterlib.faces.crops import small_scene
from spotterlib.video import read_frames


class Checker(HTMLParser):
    """Collects every address and every element; complains of elements that do not close."""

    def __init__(self):
        super().__init__()
        self.addresses, self.tags, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "poster")]
        if tag not in ("meta", "img", "input", "br", "link", "source"):
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


def test_page_opens_where_score_and_heat_are_both_high(report, tmp_path):
    face = report.faces[0]
    heat = np.zeros_like(face.heatmaps)
    heat[20, 4, 3], heat[22, 4, 3] = 0.7, 0.1
    odd = replace(report, faces=(replace(face, heatmaps=heat),), heatmap_scale=1.0)
    text, _, data = read_page(export_page(odd, tmp_path / "report.html"))
    frames, red = data["faces"][0]["frames"], red_share(heat[20], 1.0)
    assert data["faces"][0]["first"] == 20 and "Most telling frames" in text
    assert frames[20]["on"].startswith("mouth ") and frames[20]["red"] == f"{red:.0f} % of the crop"
    assert (frames[22]["on"], frames[22]["red"]) == ("–", "0 % of the crop"), "nothing is painted there"
    bare, _, _ = read_page(export_page(replace(odd, faces=()), tmp_path / "bare.html"))
    assert "Most telling frames" not in bare and "Frames of the video" in bare


def test_page_needs_nothing_else(report, tmp_path):
    text, checker, data = read_page(export_page(report, tmp_path / "report.html"))
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in checker.addresses)
    assert "http" not in re.sub(r"http-equiv", "", text) and "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text and "link" not in checker.tags
    assert str(Path(report.video).parent) not in text, "no path of the machine it was made on"
    assert "What a score does not prove" in text and "90 % confidence" in text
    frames = data["faces"][0]["frames"]
    assert [frame["i"] for frame in frames] == list(range(0, FRAMES, 2))
    assert sum("img" in frame for frame in frames) == 22
    assert frames[24]["h"][7 * 3 + 5] == 255 and frames[0]["h"][7 * 3 + 5] == 128, "one scale"


def test_a_page_never_replaces_what_it_is_evidence_of(video, tmp_path):
    film = shutil.copy(video, tmp_path / "film.mp4")
    before, own = Path(film).read_bytes(), make_report(Path(film))
    with pytest.raises(VideoError, match=r"film\.mp4 is the scanned file itself"):
        export_page(own, film)
    assert Path(film).read_bytes() == before
    with pytest.raises(ArgumentError, match="not a dict"):
        export_page(own.to_dict(), tmp_path / "a.html")


def test_64_frames_fit_a_mail(video, tmp_path):
    """Of noise, which JPEG makes least of: what a camera sees is smaller. It opens where the scrubber does."""
    face = make_face(2 * 64, slice(0))
    noise = np.random.default_rng(0).integers(0, 256, face.clip.frames.shape, np.uint8)
    close = (0.95 + 1e-5 * np.arange(64)).astype(np.float32)
    face = replace(face, clip=replace(face.clip, frames=noise), frame_scores=close)
    page = export_page(make_report(video, (face,)), tmp_path / "report.html")
    scores = [frame["s"] for frame in read_page(page)[2]["faces"][0]["frames"]]
    assert len(scores) == 64 and scores.index(max(scores)) == 63
    assert page.stat().st_size <= 8e6


def test_page_escapes_every_name(tmp_path):
    nasty = make_video(tmp_path / "<script>alert(1)<%2fscript>&\"'.mp4", sound=False)
    face = make_face()
    report = replace(
        make_report(nasty, (face,)),
        reason="<img src=x onerror=alert(2)>",
        checkpoint={"name": "</script>", "t_low": 0.3, "t_high": 0.7},
    )
    text, checker, _ = read_page(export_page(report, tmp_path / "report.html"))
    assert checker.tags.count("script") == 2 and checker.tags.count("img") == 1
    assert "<script>alert" not in text and "onerror=alert(2)>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_page_without_a_face(video, tmp_path):
    report = make_report(video, (), "UNDECIDED", "No face was found in the 24 frames looked at.")
    text, checker, data = read_page(export_page(report, tmp_path / "report.html"))
    assert data["faces"] == [] and '<section id="player" hidden>' in text and checker.tags.count("img") == 1
    assert report.reason in text


def test_an_undecided_verdict_has_no_percentage(report, tmp_path):
    undecided = replace(report, label="UNDECIDED", confidence=62.0)
    text, _, _ = read_page(export_page(undecided, tmp_path / "report.html"))
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
    page = export_page(make_report(video, (face, face)), tmp_path / "report.html")
    text, _, data = read_page(page)
    assert sum(len(kept["frames"]) for kept in data["faces"]) <= 400
    assert "strongest windows only" in text and page.stat().st_size < 8e6


def pixels(page, canvas):
    address = page.evaluate(f"document.getElementById('{canvas}').toDataURL()")
    coded = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


def scene_of(page):
    """The colours of the boxes on the whole picture of the shown frame, by their numbers: found where the faces are."""
    hook = """() => { const c = el("scene").getContext("2d"), said = [], real = c.fillText;
      c.fillText = function (text, x, y) { said.push([String(text), x, y]); return real.call(this, text, x, y); };
      show(); delete c.fillText; return said; }"""
    written, scene = page.evaluate(hook), pixels(page, "scene").astype(int)
    index, found = 2 * page.evaluate("row"), {}
    for text, x, y in written:
        x0, y0, x1, y1 = (6 * face_box(index, 40 * (int(text) - 1))).round().astype(int)
        assert 0 <= x - x0 < 20 and -20 <= y - y0 <= 0, "the number stands on its own box"
        edge = scene[y0 + 20 : y1 - 20, x0 if text == "1" else x1]  # the outer one of two boxes that overlap
        (found[text],) = {c for c in (draw.REAL, draw.FAKE, draw.BOX) if np.abs(edge - c).max() <= 40}
    return found


def test_page_plays_in_a_browser(browser, report, tmp_path, photograph):
    """The player shows what the library paints, follows keys and sliders, and logs no error; the network is off."""
    two = make_report(Path(report.video), (make_face(), make_face(shift=40, probability=0.17)))
    frames = read_frames(two.video, two.faces[0].track.frames)
    two = replace(two, scenes={index: small_scene(cv2.resize(one, (480, 360))) for index, one in frames.items()})
    path = export_page(two, tmp_path / "report.html")
    context = browser.new_context(offline=True)
    page = context.new_page()
    troubles = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("[...pictures.flat(), ...Object.values(wholes)].every((p) => p === null || p.complete)")
    assert page.evaluate("row") == 24, "it opens on the most telling frame"
    assert scene_of(page) == {"1": draw.FAKE, "2": draw.BOX}
    shown, plain = pixels(page, "heat"), pixels(page, "plain")
    face = make_face()
    expected = overlay_heatmap(plain, face.heatmaps[24], report.heatmap_scale, cell=448 / 22)
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
    page.click(".person >> nth=1")
    assert (page.evaluate("face"), troubles) == (1, [])
    assert "Face 2 REAL 83 %" in page.inner_text("#who")
    assert scene_of(page) == {"1": draw.BOX, "2": draw.REAL}
    page.keyboard.press("Home")
    page.click("#play")
    page.wait_for_function("row >= 2", timeout=60_000)
    page.click("#play")
    still = page.evaluate("row")
    page.click("#timeline", position={"x": 5, "y": 40})
    assert page.evaluate("row") == 0 != still
    assert troubles == []
    photograph(page, "report", full_page=True)
    context.close()


def test_page_at_every_width_and_in_print(browser, report, tmp_path, photograph):
    """Nothing lies beside the window, no heading is broken, and the limits are on the first page that is printed."""
    path = export_page(report, tmp_path / "report.html")
    page = browser.new_context(offline=True).new_page()
    page.goto(path.as_uri())
    page.wait_for_function("pictures.flat().every((p) => p === null || p.complete)")
    heads = "[...document.querySelectorAll('.two section:last-child tr:first-child th')].map((th) => th.offsetHeight)"
    for width in (390, 900, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        photograph(page, f"report_{width}", full_page=True)
    page.set_viewport_size({"width": 794, "height": 1123})  # A4
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelector('.limits').getBoundingClientRect().bottom") <= 1123 - 76
    assert len(set(page.evaluate(heads))) == 1, "a heading is broken in two"
    assert page.is_hidden("#play") and page.is_visible("#limits")
    photograph(page, "report_printed", full_page=True)
    page.context.close()


def test_the_page_says_what_was_examined_and_how_to_check_it(report, tmp_path):
    text = export_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    for said in (report.file.sha256, "ab" * 32, "cd" * 32, report.examined.at, "What was examined", "spotter verify "):
        assert said in text
    assert report.file.encoder in text and "Edit lists" in text
    assert text.index("What a score does not prove") < text.index('id="player"'), "on the first page in print"
    assert "print-color-adjust: exact" in text


def test_claims_of_a_file_are_text_and_no_markup(report, tmp_path):
    nasty = replace(report.file, encoder="<script>alert(1)</script>", source_types=("x<img src=y>",))
    text = export_page(replace(report, file=nasty), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<img src=y>" not in text and "&lt;script&gt;alert" in text
