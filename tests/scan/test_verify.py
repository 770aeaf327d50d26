"""A report says what was examined, in a documented form, and can be checked against its video."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import jsonschema
import pytest

import spotterlib
from spotterlib.base import ROOT, CheckpointError, DataError, file_sha256, write_json
from spotterlib.scan import Verification, verify_report

SCHEMA = json.loads((ROOT / "spotterlib" / "scan" / "report.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["face", "two", "late", "empty"])
@pytest.mark.parametrize("heat", [False, True])
def test_a_report_is_as_its_schema_says(reports, name, heat):
    told = json.loads(json.dumps(reports[name].to_dict(heat=heat), allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told["schema"] == 1
    assert all(("heatmaps" in face) == heat for face in told["faces"])


def test_the_schema_refuses_what_is_no_report(reports):
    judge = jsonschema.Draft202012Validator(SCHEMA)
    told = reports["face"].to_dict()
    for wrong in ({"schema": 2}, {"label": "MAYBE"}, {"probability": 1.5}, {"unheard": 1}):
        assert not judge.is_valid(told | wrong), wrong
    assert not judge.is_valid({key: value for key, value in told.items() if key != "file"})


def test_every_field_is_documented():
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    for name in SCHEMA["properties"]:
        assert f"`{name}`" in page, name

    def undescribed(part: dict, name: str) -> list[str]:
        found = []
        for key, value in part.get("properties", {}).items():
            found += [] if "description" in value or "$ref" in value else [f"{name}.{key}"]
            found += undescribed(value, f"{name}.{key}") + undescribed(value.get("items", {}), f"{name}.{key}[]")
        return found

    assert undescribed(SCHEMA, "report") == []


def test_a_report_says_what_was_examined(reports, clips, checkpoint):
    report, video = reports["face"], clips / "face.mp4"
    told = report.to_dict()
    digest = hashlib.sha256(video.read_bytes()).hexdigest()
    assert told["file"]["sha256"] == digest and told["file"]["size"] == video.stat().st_size
    assert told["checkpoint"]["sha256"] == file_sha256(checkpoint)
    assert told["checkpoint"]["card_sha256"] == file_sha256(checkpoint.with_suffix(".json"))
    assert told["video"] == told["info"]["path"] == "face.mp4", "no word of where it lay"
    assert str(clips) not in json.dumps(told)
    assert told["examined"]["settings"]["window"] == 12.0
    shown = repr(report)
    for text in (digest, told["checkpoint"]["sha256"], told["checkpoint"]["card_sha256"], told["examined"]["at"]):
        assert text in shown
    assert "h264" in shown and "Share looked at: 100 %" in shown


def test_a_report_holds_for_its_video(reports, clips, detector, tmp_path):
    held = verify_report(reports["late"], clips / "late.mp4", detector)
    assert held and held.exact and isinstance(held, Verification)
    file = write_json(tmp_path / "late.json", reports["late"].to_dict())
    shutil.copy(clips / "late.mp4", tmp_path / "renamed.mp4")
    assert verify_report(file, tmp_path / "renamed.mp4", detector).exact


def test_one_flipped_byte_fails(reports, clips, detector, tmp_path, monkeypatch):
    changed = bytearray((clips / "late.mp4").read_bytes())
    changed[-1] ^= 1
    (tmp_path / "late.mp4").write_bytes(changed)
    monkeypatch.setattr(spotterlib.scan.verify, "scan_video", lambda *_, **__: pytest.fail("another file is no matter"))
    failed = verify_report(reports["late"], tmp_path / "late.mp4", detector)
    assert not failed and not failed.same and "is not the file" in failed.said
    assert reports["late"].file.sha256 in repr(failed)


@pytest.fixture
def again(monkeypatch, reports):
    """The second scan finds what the first did."""
    monkeypatch.setattr(spotterlib.scan.verify, "scan_video", lambda *_, **__: reports["late"])


def test_a_changed_figure_fails_here_and_a_last_digit_passes_elsewhere(reports, clips, detector, again):
    told = reports["late"].to_dict()
    little = told | {"probability": told["probability"] - 1e-5}
    here = verify_report(little, clips / "late.mp4", detector)
    assert not here and here.differences[0].startswith("probability: ")
    elsewhere = {**told["examined"], "machine": told["examined"]["machine"] | {"processor": "another"}}
    near = verify_report(little | {"examined": elsewhere}, clips / "late.mp4", detector)
    assert near and not near.exact and "0.01 of a probability" in near.said
    far = told | {"probability": told["probability"] - 0.02, "examined": elsewhere}
    assert not verify_report(far, clips / "late.mp4", detector)
    other = told | {"label": {"REAL": "FAKE", "FAKE": "REAL"}[told["label"]], "examined": elsewhere}
    assert not verify_report(other, clips / "late.mp4", detector)


def test_a_changed_sentence_fails_on_every_machine(reports, clips, detector, again):
    """The machine is what a report says of itself: whoever changes a sentence may change it, too."""
    told = reports["late"].to_dict()
    elsewhere = {**told["examined"], "machine": told["examined"]["machine"] | {"torch": "0"}}
    for reason in ("Certainly forged, says the laboratory.", None):
        held = verify_report(told | {"reason": reason, "examined": elsewhere}, clips / "late.mp4", detector)
        assert not held and held.differences[0].startswith("reason: ")
    face = told["faces"][0] | {"reason": "of somebody else"}
    assert not verify_report(told | {"faces": [face], "examined": elsewhere}, clips / "late.mp4", detector)
    digit = told["reason"].replace("0.5", "0.6") + " 1"
    assert verify_report(told | {"reason": told["reason"] + "", "examined": elsewhere}, clips / "late.mp4", detector)
    assert not verify_report(told | {"reason": digit, "examined": elsewhere}, clips / "late.mp4", detector)


def test_another_checkpoint_or_card_is_refused(reports, clips, detector):
    with pytest.raises(CheckpointError, match="the card of SHA-256"):
        verify_report(reports["late"], clips / "late.mp4", replace(detector, card_sha256="0" * 64))
    with pytest.raises(CheckpointError, match="the checkpoint of SHA-256"):
        card = detector.card | {"sha256": "0" * 64}
        verify_report(reports["late"], clips / "late.mp4", replace(detector, card=card))


def test_what_is_no_report_is_refused(clips, tmp_path, reports):
    told = reports["late"].to_dict()
    settings = [told["examined"] | {"settings": wrong} for wrong in (5, {"start": "x"}, {"end": True})]
    wrong = [
        told | {"file": None},
        told | {"faces": None},
        told | {"faces": [1]},
        *({**told, "examined": e} for e in settings),
    ]
    for each in ({}, {"schema": 2}, 5, None, [told], *wrong):
        with pytest.raises(DataError):
            verify_report(each, clips / "late.mp4")
    with pytest.raises(DataError):
        verify_report(tmp_path / "none.json", clips / "late.mp4")
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(DataError, match=r"lies beside it \(page\.json\)"):
        verify_report(tmp_path / "page.html", clips / "late.mp4")
