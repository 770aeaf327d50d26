"""What the page saved is checked by Python against the video, as far as a browser's figures may differ."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from spotterlib import scan_image, scan_video, verify_report
from spotterlib.base import ROOT, CheckpointError, DataError, write_json
from spotterlib.scan import verify

SCHEMA = json.loads((ROOT / "spotterlib" / "scan" / "report.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def saved(browser, written, clips):
    """The JSON that the page saves of a video of two people, and of a picture."""
    page = browser.new_context(offline=True).new_page()
    page.set_default_timeout(300_000)
    page.goto(written.as_uri())
    page.wait_for_selector("#file:enabled", state="attached")
    found = {}
    for path in (clips / "two.mp4", ROOT / "spotterlib" / "fakes" / "people" / "p01.jpg"):
        page.set_input_files("#file", path)
        page.wait_for_selector("#result:not([hidden]), #failed:not([hidden])")
        assert page.is_hidden("#failed"), page.inner_text("#why")
        with page.expect_download() as file:
            page.click("#save")
        found[path.suffix] = json.loads(Path(file.value.path()).read_text(encoding="utf-8")), path
    return found


@pytest.mark.parametrize("kind", [".mp4", ".jpg"])
def test_what_the_page_saves_is_as_the_schema_says_and_holds(saved, kind, tmp_path):
    told, path = saved[kind]
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told["made_by"] == "page" and told["still"] == (kind == ".jpg")
    held = verify_report(write_json(tmp_path / "saved.json", told), path)
    assert held and not held.exact and held.differences == (), held
    assert "0.03 of a probability" in held.said


def test_one_flipped_byte_of_the_video_fails(saved, tmp_path, monkeypatch):
    told, path = saved[".mp4"]
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    (tmp_path / path.name).write_bytes(changed)
    monkeypatch.setattr(verify, "scan_video", lambda *_, **__: pytest.fail("another file is no matter"))
    failed = verify_report(told, tmp_path / path.name)
    assert not failed and "is not the file" in failed.said


@pytest.fixture(scope="module")
def theirs(saved):
    """Python's own scans of the same files, and its detector."""
    return {kind: (scan_video if kind == ".mp4" else scan_image)(path) for kind, (_, path) in saved.items()}


@pytest.fixture
def again(theirs, monkeypatch):
    monkeypatch.setattr(verify, "scan_video", lambda *_, **__: theirs[".mp4"])


def changes() -> dict[str, object]:
    """What somebody could write into the JSON, by what must be named."""

    def first(name, value):
        return lambda told: told["faces"][0].update({name: value(told["faces"][0][name])})

    return {
        "probability": lambda told: told.update(probability=min(told["probability"] + 0.04, 1.0)),
        "label": lambda told: told.update(label={"FAKE": "REAL", "REAL": "FAKE", "UNDECIDED": "FAKE"}[told["label"]]),
        "confidence": lambda told: told.update(confidence=12.0),
        "reason": lambda told: told.update(reason="Certainly forged, says the laboratory."),
        "faces: 1 entries": lambda told: told["faces"].pop(),
        "faces[0].probability": first("probability", lambda p: p - 0.04 if p > 0.5 else p + 0.04),
        "faces[0].frames": first("frames", lambda frames: [frame + 1 for frame in frames]),
        "faces[0].boxes": first("boxes", lambda boxes: [[None if x is None else x + 20 for x in box] for box in boxes]),
        "faces[0].frame_scores": first("frame_scores", lambda scores: [None if s is None else 1 - s for s in scores]),
        "faces[0].windows.probability": lambda told: told["faces"][0]["windows"][0].update(probability=None),
        "segments": lambda told: told["segments"].pop(),
        "checkpoint.t_high": lambda told: told["checkpoint"].update(t_high=0.999),
        "info.frames": lambda told: told["info"].update(frames=1),
        "coverage": lambda told: told.update(coverage=0.5),
        "unheard": lambda told: told.update(unheard=1),
    }


@pytest.mark.parametrize("name", changes())
def test_what_somebody_changed_in_it_is_named(saved, again, name):
    told, path = copy.deepcopy(saved[".mp4"][0]), saved[".mp4"][1]
    assert verify_report(told, path)
    changes()[name](told)
    failed = verify_report(told, path)
    assert not failed and any(each.startswith(name) for each in failed.differences), failed


def test_what_a_browser_may_see_otherwise_passes(saved, again):
    """Probabilities by less than 0.03, boxes by a pixel, faces of near odds in another order."""
    told, path = copy.deepcopy(saved[".mp4"][0]), saved[".mp4"][1]
    for face in told["faces"]:
        face["boxes"] = [[None if x is None else x + 1.0 for x in box] for box in face["boxes"]]
    told["faces"].reverse()
    for segment in told["segments"]:
        segment["person"] = 3 - segment["person"]
    assert verify_report(told, path), verify_report(told, path)


def test_another_checkpoint_is_refused(saved, again):
    told, path = copy.deepcopy(saved[".mp4"][0]), saved[".mp4"][1]
    told["checkpoint"]["sha256"] = "0" * 64
    with pytest.raises(CheckpointError, match="the checkpoint of SHA-256"):
        verify_report(told, path)


WRONG = [{"segments": [1]}, {"faces": [{}, {}]}, {"info": 5}, {"probability": "x"}, {"coverage": {}}]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_of_the_form_is_refused_in_words(saved, again, wrong):
    told, path = saved[".mp4"]
    try:
        assert not verify_report(told | wrong, path)
    except DataError as error:
        assert "not of the form that the page writes" in str(error)
