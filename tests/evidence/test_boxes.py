"""The box that takes a path or a dropped file: what it keeps, and what it says."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from spotterlib import scan
from spotterlib.base import VideoError, own_name
from spotterlib.evidence import FrameScrubber, upload_box
from spotterlib.evidence.boxes import ScanBox


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setattr("spotterlib.base.paths.ROOT", tmp_path)
    return tmp_path


def dropped(box, name, content=b"video", piece=2):
    """What the browser sends when a file is dropped, answering as it is asked; returns what it was told last."""
    asked = []
    box.drop.send = lambda message, *_: asked.append(message["from"])
    box.drop._handle_custom_msg({"begin": name, "size": len(content)}, [])
    while asked[-1] is not None and piece:
        at = asked[-1]
        box.drop._handle_custom_msg({"at": at}, [memoryview(content[at : at + piece])])
    return asked


def test_box_scans_the_path(report, monkeypatch, clone, shown):
    asked = []
    monkeypatch.setattr(scan, "scan_video", lambda path, **how: asked.append(path) or report)
    box = upload_box()
    box.path.value = f" {report.video} "
    box.button.click()
    assert asked == [report.video] and box.report is report and not box.button.disabled
    name = f"{own_name(report.video)}_spotter"
    assert (clone / "runs" / f"{name}.mp4").is_file() and (clone / "runs" / f"{name}.html").is_file()
    assert f"{name}.html" in box.state.value and isinstance(shown[0][0], FrameScrubber)


def test_box_scans_a_picture_as_a_still(report, monkeypatch, clone, shown, tmp_path):
    Image.new("RGB", (30, 30)).save(tmp_path / "a.jpg")
    still = replace(report, still=True, video=str(tmp_path / "a.jpg"))
    monkeypatch.setattr(scan, "scan_image", lambda path, **how: still)
    box = upload_box()
    assert {".jpg", ".png", ".webp", ".mp4"} <= set(box.drop.accept.split(","))
    box.path.value = str(tmp_path / "a.jpg")
    box.button.click()
    assert box.report is still and "Diagnostic video" not in box.state.value
    assert (clone / "runs" / f"{own_name(still.video)}_spotter.html").is_file()


@pytest.mark.parametrize(
    ("name", "kept"), [("a b.mp4", "a b.mp4"), ("../../x.mp4", "x.mp4"), ("c:\\t\\y.mp4", "y.mp4"), ("..", "upload")]
)
def test_an_upload_stays_in_its_folder(clone, name, kept):
    box = ScanBox()
    box.path.value = "typed before.mp4"
    assert dropped(box, name) == [0, 2, 4, None]
    assert box.chosen() == clone / "runs" / "uploads" / kept
    assert box.chosen().read_bytes() == b"video" and "Press Scan" in box.drop.said
    box.path.value = "typed.mp4"
    assert box.chosen() == "typed.mp4", "what came last is meant"
    assert [path.name for path in (clone / "runs" / "uploads").iterdir()] == [kept]


def test_a_file_that_stops_half_way_is_none(clone):
    box = ScanBox()
    dropped(box, "half.mp4", piece=0)
    assert box.drop.file is None and "0 %" in box.drop.said
    box.drop._handle_custom_msg({"at": 3}, [memoryview(b"eo")])  # not what was asked for
    dropped(box, "empty.mp4", b"")
    assert box.chosen().read_bytes() == b""
    assert [path.name for path in (clone / "runs" / "uploads").iterdir()] == ["empty.mp4"]


def test_a_full_disk_is_said_in_the_box(clone, monkeypatch):
    box = ScanBox()

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    assert dropped(box, "big.mp4") == [0, None]
    assert "big.mp4 could not be kept (No space left on device)" in box.drop.said and box.drop.file is None
    monkeypatch.undo()
    assert list((clone / "runs" / "uploads").iterdir()) == []


def test_what_a_user_can_mend_is_a_sentence(monkeypatch, clone):
    box = ScanBox()
    box.button.click()
    assert "Nothing to scan yet" in box.state.value and not box.button.disabled

    def fail(path, **how):
        raise VideoError("<x>.mp4 is empty.")

    monkeypatch.setattr(scan, "scan_video", fail)
    box.path.value = "x.mp4"
    box.button.click()
    assert "&lt;x&gt;.mp4 is empty." in box.state.value and not box.button.disabled and box.report is None


def test_box_is_harmless_when_merely_shown(clone):
    assert len(upload_box().children) == 4
    assert list(Path(clone).iterdir()) == []
