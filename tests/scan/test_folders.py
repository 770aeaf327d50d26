"""Folders end in one row a video, can be taken up again, and survive damage."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spotterlib.base import DataError, SpotterError, VideoError, read_table
from spotterlib.scan import folders, scan_folder
from spotterlib.scan.listing import list_folder


@pytest.fixture
def folder(tmp_path):
    """A tree of files that stand for videos."""
    root = tmp_path / "videos"
    for name in [
        "b.mp4",
        "a.MP4",
        "deep/er/c.mov",
        "deep/ü 名.mkv",
        "new\nline.mp4",
        "-dash.mp4",
        "bad.mp4",
        "next\x85line.webm",
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ["notes.txt", ".hidden.mp4", "deep/._c.mov"]:
        (root / name).write_text("no video")
    (root / "named-like-a.mp4").mkdir()
    (root / "gone.mp4").symlink_to(root / "nowhere.mp4")
    return root


@pytest.fixture
def looked(monkeypatch, reports):
    """Folder scans without scanning: every video gets the report of face.mp4; gives the names looked at."""
    names = []

    def scanned(path, checkpoint=None, device="auto", progress=None):
        names.append(Path(path).name)
        if Path(path).name in ("bad.mp4", "gone.mp4"):
            raise VideoError(f"{path} is no video.")
        return reports["face"]

    monkeypatch.setattr(folders, "scan_video", scanned)
    return names


def test_videos_are_found_by_their_ending(folder, tmp_path):
    found = [path.relative_to(folder).as_posix() for path in list_folder(folder).videos]
    assert sorted(found) == sorted(
        ["-dash.mp4", "a.MP4", "b.mp4", "bad.mp4", "deep/er/c.mov", "deep/ü 名.mkv", "gone.mp4", "new\nline.mp4",
         "next\x85line.webm"]
    )  # fmt: skip
    assert list_folder(folder).videos == sorted(list_folder(folder).videos)
    with pytest.raises(DataError, match="scan_video"):
        list_folder(folder / "b.mp4")
    with pytest.raises(DataError, match="nothing at"):
        list_folder(folder / "missing")
    (tmp_path / "none").mkdir()
    assert list_folder(tmp_path / "none").videos == []


def test_two_at_a_time_say_what_one_by_one_says(clips, detector, tmp_path):
    shares = []
    alone = scan_folder(clips, tmp_path / "alone", detector)
    together = scan_folder(clips, tmp_path / "together", detector, workers=2, progress=shares.append)
    assert len(alone) == 4 and set(alone["status"]) == {"ok"}
    assert together.drop(columns="seconds").equals(alone.drop(columns="seconds"))
    assert shares == [0.25, 0.5, 0.75, 1.0]
    lines = [(tmp_path / name / "scans.jsonl").read_text().splitlines() for name in ("alone", "together")]
    assert len(lines[0]) == len(lines[1]) == 4


def test_a_folder_is_one_row_a_video(folder, looked, detector, tmp_path):
    shares = []
    table = scan_folder(folder, tmp_path / "out", detector, progress=shares.append)
    assert shares == pytest.approx(np.arange(1, 10) / 9)
    assert list(table) == [
        "path", "status", "label", "probability", "confidence", "reason", "faces", "windows", "duration", "coverage",
        "checkpoint", "seconds",
    ]  # fmt: skip
    rows = table.set_index("path")
    assert sorted(rows.index[rows["status"] == "failed"]) == ["bad.mp4", "gone.mp4"]
    assert "bad.mp4" in rows.loc["bad.mp4", "reason"]
    assert rows.loc[["bad.mp4", "gone.mp4"], "label"].isna().all(), "what was not looked at is not UNDECIDED"
    assert rows.loc["b.mp4", ["label", "faces", "windows", "checkpoint"]].tolist()[1:] == [1, 1, "random"]
    written = json.loads((tmp_path / "out" / "scans.json").read_text("utf-8"))
    assert [row["path"] for row in written] == table["path"].tolist()
    again = read_table(tmp_path / "out" / "scans.csv")
    assert again["path"].tolist() == table["path"].tolist()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scans.csv", "scans.json", "scans.jsonl"]


def test_an_interrupted_scan_is_taken_up_again(folder, looked, detector, tmp_path, monkeypatch):
    whole = scan_folder(folder, tmp_path / "whole", detector)
    looked.clear()
    scanned = folders.scan_video

    def interrupted(path, *rest, **more):
        if len(looked) == 4:
            raise KeyboardInterrupt
        return scanned(path, *rest, **more)

    monkeypatch.setattr(folders, "scan_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan_folder(folder, tmp_path / "out", detector)
    first = list(looked)
    looked.clear()
    monkeypatch.setattr(folders, "scan_video", scanned)
    table = scan_folder(folder, tmp_path / "out", detector)
    assert table.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    # nothing that was scanned is scanned again, and what failed is tried anew
    assert set(first) & set(looked) <= {"bad.mp4", "gone.mp4"}
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["bad.mp4", "gone.mp4"]


@pytest.mark.parametrize("damage", ["cut", "cut in a letter", "garbage", "other json", "empty line"])
def test_a_damaged_journal_costs_only_its_line(folder, looked, detector, tmp_path, damage):
    whole = scan_folder(folder, tmp_path / "out", detector)
    journal = tmp_path / "out" / "scans.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    lines[-1] = {
        "cut": lines[-1][:25], "cut in a letter": "ü".encode()[:1], "garbage": b"\xff\x00\xfe{\n", "empty line": b"\n",
        "other json": b'[1, 2]\n{"key": 3}\n{"key": "x", "row": 5}\n',
    }[damage]  # fmt: skip
    journal.write_bytes(b"".join(lines))
    looked.clear()
    again = scan_folder(folder, tmp_path / "out", detector)
    assert len(looked) == 3  # the one of that line, and the two that fail
    assert again.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert len(looked) == 2  # the journal is whole again


def test_a_changed_video_or_checkpoint_is_scanned_again(folder, looked, detector, tmp_path):
    scan_folder(folder, tmp_path / "out", detector)
    looked.clear()
    (folder / "b.mp4").write_text("another video")
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["b.mp4", "bad.mp4", "gone.mp4"]
    looked.clear()
    other = replace(detector, card=detector.card | {"thresholds": {"t_low": 0.1, "t_high": 0.9}})
    scan_folder(folder, tmp_path / "out", other)  # the same weights judge otherwise under another card
    assert len(looked) == 9


def test_a_linked_video_is_judged_by_what_it_leads_to(folder, looked, detector, tmp_path):
    (folder / "link.mp4").symlink_to(folder / "b.mp4")
    scan_folder(folder, tmp_path / "out", detector)
    looked.clear()
    (folder / "b.mp4").write_text("another video")
    scan_folder(folder, tmp_path / "out", detector)
    assert "link.mp4" in looked


def test_a_name_that_is_no_utf8_is_a_row(folder, looked, detector, tmp_path):
    try:
        shutil.copy(folder / "b.mp4", os.path.join(os.fsencode(folder), b"caf\xe9.mp4"))
    except OSError:
        pytest.skip("this disk takes only names in UTF-8")
    table = scan_folder(folder, tmp_path / "out", detector)
    assert "caf\\xe9.mp4" in table["path"].tolist()
    looked.clear()
    scan_folder(folder, tmp_path / "out", detector)
    assert sorted(looked) == ["bad.mp4", "gone.mp4"]


def test_a_folder_that_cannot_be_read_is_a_row(folder, looked, detector, tmp_path, monkeypatch):
    walk = os.walk

    def closed(root, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "closed")))
        yield from walk(root, onerror=onerror)

    monkeypatch.setattr(os, "walk", closed)
    table = scan_folder(folder, tmp_path / "out", detector).set_index("path")
    assert table.loc["closed", "status"] == "failed"
    assert "Permission denied" in table.loc["closed", "reason"]


def test_a_place_that_cannot_be_written_is_an_error(folder, looked, detector, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        scan_folder(folder, tmp_path / "file" / "out", detector)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no video"):
        scan_folder(tmp_path / "empty", tmp_path / "out", detector)
    assert issubclass(DataError, SpotterError)


def test_a_folder_of_real_files_ends_in_rows(clips, detector, tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    shutil.copy(clips / "empty.mp4", root / "empty.mp4")
    (root / "text.mp4").write_text("no video")
    (root / "nothing.mp4").write_bytes(b"")
    os.mkfifo(root / "fifo.mp4")
    table = scan_folder(root, tmp_path / "out", detector).set_index("path")
    assert table["status"].to_dict() == {
        "empty.mp4": "ok",
        "fifo.mp4": "failed",
        "nothing.mp4": "failed",
        "text.mp4": "failed",
    }
    assert table.loc["empty.mp4", "reason"].startswith("No face")
    assert table.loc["empty.mp4", "duration"] == pytest.approx(2.0)
    assert table["label"].fillna("").to_dict() == {p: "UNDECIDED" if p == "empty.mp4" else "" for p in table.index}
