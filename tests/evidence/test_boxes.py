"""The boxes that take a path or a dropped file: what they scan, keep and say."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from spotterlib import scan
from spotterlib.base import VideoError, own_name
from spotterlib.evidence import boxes, upload_box, write_diagnostic_video
from spotterlib.evidence.boxes import ScanBox
from spotterlib.evidence.drop import DropBox


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setattr("spotterlib.base.paths.ROOT", tmp_path)
    return tmp_path


def dropped(drop, name, content=b"video", piece=2):
    """What the browser sends when a file is dropped, answering as it is asked; returns what it was told last."""
    asked = []
    drop.send = lambda message, *_: asked.append(message["from"])
    drop._handle_custom_msg({"begin": name, "size": len(content)}, [])
    while asked[-1] is not None and piece:
        at = asked[-1]
        drop._handle_custom_msg({"at": at}, [memoryview(content[at : at + piece])])
    return asked


def enter(box, path):
    """Type a path and press Enter, as the browser says it."""
    box.path.value = path
    box.path._handle_custom_msg({"event": "submit"}, [])


@pytest.fixture
def scans(report, monkeypatch):
    """Scans that take no time: which videos were asked for."""
    asked = []

    def scan_video(path, progress, **how):
        asked.append(str(path))
        for share in (0.35, 0.7, 1.0):
            progress(share)
        return report

    monkeypatch.setattr(scan, "scan_video", scan_video)
    return asked


def begins(box, path):
    box.path.value = path
    box.button.click()


@pytest.mark.parametrize("begin", [enter, begins])
def test_enter_and_the_button_scan_at_once_and_the_page_comes_without_the_video(report, scans, clone, begin):
    box = upload_box()
    begin(box, f" {report.video} ")
    assert scans == [report.video] and box.report is report and box.state.value == ""
    name = f"{own_name(report.video)}_spotter"
    made = sorted(file.name for file in (clone / "runs").iterdir())
    assert made == [f"{name}.html", f"{name}.json"], "the video is not asked for"
    assert [(one["what"], one["place"]) for one in box.links.files] == [
        ("Page to hand on", str(clone / "runs" / f"{name}.html")),
        ("Its figures, by which anybody can check it", str(clone / "runs" / f"{name}.json")),
    ]
    kept = json.loads((clone / "runs" / f"{name}.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(report.to_dict())), "what the page says `spotter verify` takes"
    (whole,) = box.shown.children
    assert "FAKE" in whole.children[0].children[0].value and "Verdict FAKE" in whole.children[1].value
    assert box.more.layout.display is None and box.working.layout.display == "none"


def test_a_drop_scans_at_once_in_place_of_what_was_typed(scans, clone):
    box = upload_box()
    box.path.value = "typed before.mp4"
    dropped(box.drop, "a.mp4")
    assert scans == [str(clone / "runs" / "uploads" / "a.mp4")] and box.path.value == ""
    box.path.value = "typed.mp4"
    assert box.chosen() == "typed.mp4", "what came last is meant"


def test_the_video_is_made_when_it_is_asked_for(report, scans, clone):
    box = upload_box()
    enter(box, report.video)
    box.more.click()
    film = clone / "runs" / f"{own_name(report.video)}_spotter.mp4"
    assert film.is_file() and box.links.files[2] == {
        "what": "Diagnostic video",
        "name": film.name,
        "place": str(film),
    }
    assert box.more.layout.display == "none" and box.bar.value == 1.0


def test_the_bar_and_the_words_follow_the_work(report, scans, clone):
    box, seen = upload_box(), []
    box.state.observe(lambda change: seen.append((box.bar.value, change["new"])), "value")
    enter(box, report.video)
    box.more.click()
    said = [(share, *re.findall(r">([^<:]+): (\d+) %<", text)) for share, text in seen if "%" in text]
    assert all(round(100 * share) == int(percent) for share, (_, percent) in said)
    words = [word for _, (word, _) in said]
    name = Path(report.video).name
    wanted = [f"Looking for faces in {name}", f"Scoring the faces of {name}", "Writing the page"]
    assert list(dict.fromkeys(words)) == [*wanted, "Writing the diagnostic video"]
    assert len([word for word in words if "video" in word]) > 20, "frame by frame"


def in_a_kernel(work):
    """Run an asynchronous test as a kernel runs what a browser sends: on a loop that goes on meanwhile."""
    asyncio.run(asyncio.wait_for(work(), 60))


async def reached(event):
    while not event.is_set():
        await asyncio.sleep(0.01)


async def until_idle(box):
    while box._busy:
        await asyncio.sleep(0.01)


def test_cancel_ends_a_scan_and_leaves_nothing(monkeypatch, clone):
    begun = threading.Event()

    def endless(path, progress, **how):
        while True:
            progress(0.5)
            begun.set()
            time.sleep(0.01)

    monkeypatch.setattr(scan, "scan_video", endless)
    box = upload_box()

    async def work():
        enter(box, "long.mp4")
        await reached(begun)
        assert box.working.layout.display is None, "bar and Cancel are there while it works"
        box.cancel.click()
        await until_idle(box)

    in_a_kernel(work)
    assert "Cancelled: nothing was kept of the scan." in box.state.value
    assert box.report is None and box.links.files == [] and not (clone / "runs").exists()
    assert box.working.layout.display == "none"


def test_what_is_named_during_a_scan_takes_its_place(report, monkeypatch, clone):
    asked, begun = [], threading.Event()

    def scan_video(path, progress, **how):
        asked.append(path)
        while path == "first.mp4":
            progress(0.1)
            begun.set()
            time.sleep(0.01)
        return report

    monkeypatch.setattr(scan, "scan_video", scan_video)
    box = upload_box()

    async def work():
        enter(box, "first.mp4")
        await reached(begun)
        enter(box, "second.mp4")
        await until_idle(box)

    in_a_kernel(work)
    assert asked == ["first.mp4", "second.mp4"] and box.report is report and box.state.value == ""


def test_a_cancelled_video_is_not_kept_and_can_be_asked_for_again(report, scans, clone, monkeypatch):
    box = upload_box()
    enter(box, report.video)
    monkeypatch.setattr(boxes, "write_diagnostic_video", lambda report, progress: box.cancel.click() or progress(0.5))
    box.more.click()
    assert "Cancelled: nothing was kept of the diagnostic video." in box.state.value
    assert box.more.layout.display is None and len(box.links.files) == 2 and box.report is report


def test_a_cancelled_diagnostic_video_leaves_no_file(report, tmp_path):
    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_diagnostic_video(report, tmp_path / "a.mp4", stop)
    assert list(tmp_path.iterdir()) == []


def test_box_scans_a_picture_as_a_still(report, monkeypatch, clone, tmp_path):
    Image.new("RGB", (30, 30)).save(tmp_path / "a.jpg")
    still = replace(report, still=True, video=str(tmp_path / "a.jpg"))
    monkeypatch.setattr(scan, "scan_image", lambda path, **how: still)
    box = upload_box()
    assert {".jpg", ".png", ".webp", ".mp4"} <= set(box.drop.accept.split(","))
    enter(box, str(tmp_path / "a.jpg"))
    assert box.report is still and box.more.layout.display == "none"
    assert (clone / "runs" / f"{own_name(still.video)}_spotter.html").is_file()


@pytest.mark.parametrize(
    ("name", "kept"), [("a b.mp4", "a b.mp4"), ("../../x.mp4", "x.mp4"), ("c:\\t\\y.mp4", "y.mp4"), ("..", "upload")]
)
def test_an_upload_stays_in_its_folder(clone, name, kept):
    drop = DropBox()
    assert dropped(drop, name) == [0, 2, 4, None]
    assert drop.file == clone / "runs" / "uploads" / kept
    assert drop.file.read_bytes() == b"video" and drop.said == f"{kept} is here (0.0 MB)."
    assert [path.name for path in (clone / "runs" / "uploads").iterdir()] == [kept]


def test_a_file_that_stops_half_way_is_none(clone):
    drop = DropBox()
    dropped(drop, "half.mp4", piece=0)
    assert drop.file is None and "0 %" in drop.said
    drop._handle_custom_msg({"at": 3}, [memoryview(b"eo")])  # not what was asked for
    dropped(drop, "empty.mp4", b"")
    assert drop.file.read_bytes() == b""
    assert [path.name for path in (clone / "runs" / "uploads").iterdir()] == ["empty.mp4"]


def test_a_full_disk_is_said_in_the_box(clone, monkeypatch):
    drop = DropBox()

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    assert dropped(drop, "big.mp4") == [0, None]
    assert "big.mp4 could not be kept (No space left on device)" in drop.said and drop.file is None
    monkeypatch.undo()
    assert list((clone / "runs" / "uploads").iterdir()) == []


def test_what_a_user_can_mend_is_a_sentence_that_goes_with_the_next_scan(monkeypatch, clone, report):
    box = ScanBox()
    box.button.click()
    assert "Nothing to scan yet" in box.state.value

    def fail(path, **how):
        raise VideoError("<x>.mp4 is empty.")

    monkeypatch.setattr(scan, "scan_video", fail)
    enter(box, "x.mp4")
    assert "&lt;x&gt;.mp4 is empty." in box.state.value and box.report is None
    monkeypatch.setattr(scan, "scan_video", lambda path, **how: report)
    enter(box, report.video)
    assert box.state.value == "" and box.report is report
    monkeypatch.setattr(scan, "scan_video", fail)
    enter(box, "x.mp4")
    assert box.links.files == [] and box.shown.children == (), "nor does an old result stand beside an error"


def test_a_defect_shows_its_traceback(monkeypatch, clone):
    def broken(path, **how):
        raise ZeroDivisionError("<b>")

    monkeypatch.setattr(scan, "scan_video", broken)
    box = ScanBox()
    enter(box, "x.mp4")
    assert "Traceback" in box.state.value and "ZeroDivisionError: &lt;b&gt;" in box.state.value


def test_box_is_harmless_when_merely_shown(clone):
    assert all(not child.layout.display for child in (upload_box().drop, upload_box().path))
    assert list(Path(clone).iterdir()) == []
