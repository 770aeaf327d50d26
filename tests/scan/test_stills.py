"""A still picture: the frame head's verdict, its own calibration, its own caution; turned where it lies."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from ipywidgets import HTML, Play
from PIL import Image

from spotterlib.base import ROOT, CheckpointError, VideoError
from spotterlib.evidence import FrameScrubber, contact_sheet, export_page, sheet, write_diagnostic_video
from spotterlib.evidence.words import describe
from spotterlib.model import load_checkpoint, save_checkpoint
from spotterlib.scan import scan_image, stills, verify_report
from spotterlib.scan.told import unlooked
from spotterlib.video import picture_kind, read_frames, read_picture


@pytest.fixture(scope="module")
def face(clips, tmp_path_factory):
    """A folder with one frame of face.mp4 as face.png, .jpg and .webp."""
    folder = tmp_path_factory.mktemp("stills")
    picture = Image.fromarray(read_frames(clips / "face.mp4", [3])[3])
    for ending in ("png", "jpg", "webp"):
        picture.save(folder / f"face.{ending}", quality=95)
    return folder


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_picture_is_scored_by_the_frame_head(face, detector, ending):
    report = scan_image(face / f"face.{ending}", detector)
    (found,) = report.faces
    assert report.still and report.probability == pytest.approx(detector.score_frames(found.clip.frames)[0], abs=1e-4)
    assert "one picture was judged" in report.reason.lower() and "not calibrated on single pictures" in report.reason
    assert found.heatmaps.shape == (1, 7, 7) and found.heatmaps.max() > 0
    told = report.to_dict(heat=True)
    schema = json.loads((ROOT / "spotterlib" / "scan" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(told)
    assert (
        told["still"]
        and told["segments"] == []
        and told["file"]["container"] == {"jpg": "JPEG"}.get(ending, ending.upper())
    )


def test_a_still_has_its_page_and_can_be_checked(face, detector, tmp_path):
    report = scan_image(face / "face.png", detector)
    page = export_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Spotter report on a picture" in page and report.file.sha256 in page and "frames a second" not in page
    assert verify_report(report, face / "face.png", detector).exact
    with pytest.raises(VideoError, match="is a picture"):
        write_diagnostic_video(report)


OF_A_VIDEO = re.compile(
    r"this clip|a clip|(the|this) (video|clip|frame)\b|json video|frames, |analysed|\d s\b|frame score|The strip|Sound"
)


def parts_of(widget):
    """A widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts_of(child)


def shown_texts(report, folder, monkeypatch) -> dict[str, str]:
    """All that a report says, by where: the page without its script, the sheet, the scrubber, `repr`, in words."""
    told = []
    for name in ("put_text", "put_tag"):
        real = getattr(sheet.draw, name)
        monkeypatch.setattr(sheet.draw, name, lambda p, text, *a, real=real: told.append(text) or real(p, text, *a))
    contact_sheet(report)
    page = export_page(report, folder / "page.html").read_text(encoding="utf-8")
    body = re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]+>", " ", page, flags=re.S)
    html = " ".join(each.value for each in parts_of(FrameScrubber(report).whole()) if isinstance(each, HTML))
    return {
        "page": body,
        "sheet": " ".join(told),
        "scrubber": re.sub(r"<[^>]+>", " ", html),
        "repr": repr(report),
        "words": describe(report),
    }


def test_nothing_shown_of_a_picture_speaks_of_a_video(face, detector, tmp_path, monkeypatch):
    report = scan_image(face / "face.png", detector)
    for where, text in shown_texts(report, tmp_path, monkeypatch).items():
        assert "face" in text.lower() and not OF_A_VIDEO.search(text), (where, OF_A_VIDEO.search(text))
    assert not any(isinstance(each, Play) for each in parts_of(FrameScrubber(report).whole())), (
        "one frame plays nothing"
    )
    assert FrameScrubber(report).picture(0, 0).shape[0] == report.faces[0].clip.frames.shape[1], "nor has it a course"


def test_the_card_may_have_a_calibration_for_stills(face, detector, tmp_path):
    own = {"calibration": {"scale": 2.0, "bias": 30.0}, "thresholds": {"t_low": 0.2, "t_high": 0.9}}
    report = scan_image(face / "face.png", replace(detector, card=detector.card | {"stills": own}))
    assert report.label == "FAKE" and report.probability > 0.9 and "not calibrated" not in report.reason
    assert (report.checkpoint["t_low"], report.checkpoint["t_high"]) == (0.2, 0.9)
    for wrong in (
        {**own, "thresholds": {"t_low": 0.9, "t_high": 0.2}},
        {**own, "calibration": {"scale": -1, "bias": 0}},
    ):
        with pytest.raises(ValueError, match="still"):
            save_checkpoint(tmp_path / "x.safetensors", detector.net, detector.card | {"stills": own | wrong})


def test_the_shipped_card_judges_pictures_by_thresholds_of_their_own(face, monkeypatch):
    """A P(fake) between the threshold of videos and that of pictures; the calibrations differ, too."""
    shipped = load_checkpoint(device="cpu")
    scale, bias, t_low, t_high, own = shipped.stills
    assert (
        own and shipped.thresholds[1] < t_high and (scale, bias) != tuple(shipped.card["calibration"]["frame"].values())
    )
    between = (shipped.thresholds[1] + t_high) / 2
    logit = np.full((1, 1), (np.log(between / (1 - between)) - bias) / scale, np.float32)
    monkeypatch.setattr(
        stills, "explain_clips", lambda *_, **__: (np.zeros(1), logit, np.ones((1, 1, 7, 7), np.float32))
    )
    report = scan_image(face / "face.png", shipped)
    assert (report.label, report.faces[0].label) == ("UNDECIDED", "UNDECIDED")
    assert report.probability == pytest.approx(between, abs=1e-5)
    assert (report.checkpoint["t_low"], report.checkpoint["t_high"]) == (t_low, t_high)
    assert f"lies between the thresholds {t_low:.2f} and {t_high:.2f}" in report.reason
    assert stills.CAUTION in report.reason and stills.UNCALIBRATED not in report.reason
    assert report.examined.settings["calibrated_for_stills"] and report.checkpoint["localisation"] is None


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_picture_on_its_side_or_head_is_turned(face, detector, tmp_path, turns):
    upright = np.asarray(Image.open(face / "face.png"))
    Image.fromarray(np.rot90(upright, turns)).save(tmp_path / "turned.png")
    report = scan_image(tmp_path / "turned.png", detector)
    assert report.examined.settings["turned"] == 360 - 90 * turns
    assert f"turned by {360 - 90 * turns}°" in report.reason
    straight = scan_image(face / "face.png", detector)
    assert report.probability == pytest.approx(straight.probability, abs=1e-6)


def test_a_leaning_face_is_undecided(face, detector, tmp_path, monkeypatch):
    monkeypatch.setattr(stills, "face_roll", lambda clip: np.array([40.0]))
    report = scan_image(face / "face.png", detector)
    assert (report.label, report.probability) == ("UNDECIDED", None) and "leans by 40°" in report.reason
    page = export_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<th>Faces judged</th><td>0 of 1</td>" in page, "found is not judged"


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_picture_without_a_face_is_undecided_and_shown(detector, tmp_path, monkeypatch, ending):
    Image.new("RGB", (64, 64), (20, 160, 60)).save(tmp_path / f"green.{ending}")
    report = scan_image(tmp_path / f"green.{ending}", detector)
    assert (report.label, report.reason) == ("UNDECIDED", "No face was found in the picture.")
    shown = contact_sheet(report)[-400:-60, 400:800].astype(int)
    assert (np.abs(shown - (20, 160, 60)) < 6).all(), "the picture itself"
    for where, text in shown_texts(report, tmp_path, monkeypatch).items():
        assert "o face was found" in text and not OF_A_VIDEO.search(text), where


def test_a_large_picture_tells_how_small_a_face_may_have_been_missed(detector, tmp_path):
    Image.new("RGB", (1600, 1440), (20, 160, 60)).save(tmp_path / "large.png")
    report = scan_image(tmp_path / "large.png", detector)
    told = "faces less than 80 px wide were not looked for in a picture of this size"
    assert report.reason == f"No face was found in the picture; {told}."
    assert unlooked(1600, 1440, "REAL") == [told] and unlooked(1600, 1440, "FAKE") == unlooked(640, 360, "REAL") == []


def test_what_a_picture_hides_is_not_looked_at(tmp_path):
    """A portrait that was cut out keeps what stood behind it, which nobody sees."""
    pixels = np.full((4, 6, 4), (200, 30, 10, 255), np.uint8)
    pixels[:, 3:, 3] = 0
    pixels[:, 2, 3] = 128
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    read = read_picture(tmp_path / "cut.png").astype(int)
    assert (read[:, :2] == (200, 30, 10)).all() and (read[:, 3:] == 255).all()
    assert np.abs(read[:, 2] - (227, 142, 132)).max() <= 1


def test_a_picture_is_read_as_a_viewer_shows_it(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").shape == (40, 30, 3)
    Image.fromarray(np.full((4, 4), 256 * 77, np.uint16)).save(tmp_path / "deep.png")
    assert (read_picture(tmp_path / "deep.png") == 77).all()


def test_what_is_no_such_picture_is_refused_with_the_remedy(detector, tmp_path, checkpoint):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(VideoError, match="Save it as PNG"):
        scan_image(tmp_path / "a.heic", detector)
    with pytest.raises(VideoError, match="no JPEG, PNG or WebP"):
        scan_image(tmp_path / "a.txt", detector)
    Image.effect_noise((90, 90), 80).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    with pytest.raises(VideoError, match="cannot be read as a picture"):
        scan_image(tmp_path / "cut.jpg", detector)
    frames = [Image.new("RGB", (32, 32), (value, 0, 0)) for value in (0, 200)]
    frames[0].save(tmp_path / "moves.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "moves.webp", save_all=True, append_images=frames[1:])
    assert picture_kind(tmp_path / "moves.png") == "", "a PNG that moves is a video"
    with pytest.raises(VideoError, match="moves"):
        scan_image(tmp_path / "moves.webp", detector)
    with pytest.raises(CheckpointError):
        scan_image(tmp_path / "a.heic", tmp_path / "none.safetensors")
