"""Results of different videos never share a name, and no name is too long."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from makers.report_factory import make_report, make_video

from spotterlib.base import ROOT, WriteError, own_name
from spotterlib.evidence import export_page, predict_with_diagnostics, write_diagnostic_video
from spotterlib.evidence.boxes import ScanBox
from spotterlib.evidence.drop import DropBox


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setattr("spotterlib.base.paths.ROOT", tmp_path / "clone")
    return tmp_path / "clone"


@pytest.fixture
def namesakes(tmp_path) -> list[Path]:
    """Two videos of one name."""
    first = make_video(tmp_path / "033_097.mp4", frames=13, sound=False)
    places = [tmp_path / method / "033_097.mp4" for method in ("Deepfakes", "FaceSwap")]
    for place in places:
        place.parent.mkdir()
        shutil.copy(first, place)
    return places


def test_two_videos_of_one_name_have_two_results(clone, namesakes):
    made = [write_diagnostic_video(make_report(video)) for video in namesakes]
    assert len({path.name for path in made}) == 2 and all(path.name.startswith("033_097-") for path in made)
    again = write_diagnostic_video(make_report(namesakes[0]))
    assert again == made[0] and len(list((clone / "runs").iterdir())) == 2, "the same video replaces its own"


def test_whoever_names_results_names_them_so(clone, namesakes, monkeypatch, detector):
    monkeypatch.setattr("spotterlib.scan.scan_video", lambda path, **_: make_report(Path(path)))
    predicted = [predict_with_diagnostics(video, detector)[2] for video in namesakes]
    assert len(set(predicted)) == 2
    box = ScanBox()
    for video in namesakes:
        box.path.value = str(video)
        box.button.click()
    assert len(list((clone / "runs").glob("*_spotter.html"))) == 2


def test_a_clone_that_was_moved_gives_the_same_names(tmp_path):
    assert own_name(ROOT / "data" / "a.mp4") == own_name("data/a.mp4")
    assert own_name(tmp_path / "a.mp4") != own_name(tmp_path / "b" / "a.mp4")
    assert own_name("-x y/=1 (2).mp4").startswith("_1_2_-")


def dropped(box, name, content):
    """What the browser sends when a file is dropped, answering as it is asked."""
    asked = []
    box.send = lambda message, *_: asked.append(message["from"])
    box._handle_custom_msg({"begin": name, "size": len(content)}, [])
    while asked[-1] is not None:
        at = asked[-1]
        box._handle_custom_msg({"at": at}, [memoryview(content[at : at + 3])])
    return box.file


@pytest.mark.parametrize("name", ["video.mp4", "ä" * 125 + ".mp4"])
def test_an_upload_replaces_no_other(clone, name):
    box = DropBox()
    first, second = dropped(box, name, b"a video"), dropped(box, name, b"another")
    assert first.name == name and first.read_bytes() == b"a video"
    assert second != first and second.read_bytes() == b"another" and second.suffix == ".mp4"
    assert dropped(box, name, b"a video") == first and dropped(box, name, b"another") == second
    assert len(list((clone / "runs" / "uploads").iterdir())) == 2


@pytest.mark.parametrize("name", ["視" * 83 + ".mp4", "n" * 300 + ".mp4", "ü" * 200])
def test_an_upload_with_a_name_that_no_disk_takes_is_kept_under_a_shorter_one(clone, name):
    box = DropBox()
    first, second = dropped(box, name, b"a video"), dropped(box, name, b"another")
    assert first.read_bytes() == b"a video" and second.read_bytes() == b"another"
    assert first.suffix == Path(name).suffix and name.startswith(first.stem[:60])
    assert len(list((clone / "runs" / "uploads").iterdir())) == 2, "nothing half arrived is left"


def test_a_long_name_gets_a_result_and_a_longer_one_an_error(clone, tmp_path):
    video = make_video(tmp_path / f"{'n' * 246}.mp4", frames=13, sound=False)
    report = make_report(video)
    assert write_diagnostic_video(report).is_file()
    for write in (write_diagnostic_video, export_page):
        with pytest.raises(WriteError, match=r"too long.*shorter name"):
            write(report, tmp_path / f"{'n' * 250}_spotter.mp4")
