"""A folder scan tells what it left out, takes no result of its own for evidence, and keeps one table for one folder."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from makers.report_factory import make_report, make_video

from spotterlib.base import DataError, read_table
from spotterlib.evidence import write_diagnostic_video
from spotterlib.scan import folders, scan_folder
from spotterlib.video import is_result, write_video


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return make_video(tmp_path_factory.mktemp("small") / "small.mp4", frames=13, sound=False)


@pytest.fixture
def looked(monkeypatch, small):
    """Folder scans without scanning: every video gets the same report; gives the names looked at."""
    names, report = [], make_report(small, label="REAL")

    def scanned(path, *_, **__):
        names.append(Path(path).name)
        return report

    monkeypatch.setattr(folders, "scan_video", scanned)
    return names


@pytest.fixture
def root(tmp_path, small):
    folder = tmp_path / "videos"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(small, folder / "a.mp4")
    shutil.copy(small, folder / "deep" / "b.mp4")
    return folder


def left_out(table):
    return dict(table.loc[table["status"] == "left out", ["path", "reason"]].values)


def test_linked_folders_are_followed_once_each(root, looked, detector, tmp_path, small):
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(small, tmp_path / "elsewhere" / "c.mp4")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(tmp_path / "elsewhere")
    (root / "z-deep").symlink_to(root / "deep")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    table = scan_folder(root, tmp_path / "out", detector)
    assert table.loc[table["status"] == "ok", "path"].tolist() == ["a.mp4", "again/c.mp4", "deep/b.mp4"]
    out = left_out(table)
    assert sorted(out) == ["again/back", "link", "up", "z-deep"]
    assert "under another name already" in out["link"] and "holds this one" in out["up"]
    assert sorted(looked) == ["a.mp4", "b.mp4", "c.mp4"]


def test_what_is_no_video_by_its_ending_is_counted(root, looked, detector, tmp_path):
    for name in ("notes.txt", "cover.JPG", "deep/photo.jpg", "noending", ".hidden.mp4", "deep/._b.mp4"):
        (root / name).write_text("something")
    table = scan_folder(root, tmp_path / "out", detector)
    rows = table[table["status"] == "left out"]
    assert rows["path"].tolist() == [".", "."] and rows["label"].isna().all() and rows["probability"].isna().all()
    assert rows["reason"].iloc[0].startswith("4 files without the ending of a video (.jpg 2, .txt 1, no ending 1)")
    assert rows["reason"].iloc[1].startswith("2 files whose names begin with a dot")
    written = json.loads((tmp_path / "out" / "scans.json").read_text())
    assert [row["path"] for row in written] == table["path"].tolist()
    shutil.rmtree(root / "deep")
    (root / "a.mp4").unlink()
    with pytest.raises(DataError, match=r"holds no video.*Left out: 3 files without .*\.jpg 1"):
        scan_folder(root, tmp_path / "none", detector)


def test_a_video_called_as_the_tables_are_is_a_video(root, looked, detector):
    shutil.copy(root / "a.mp4", root / "scans.mp4")
    scan_folder(root, root, detector)
    assert "scans.mp4" in looked and "scans.mp4" in scan_folder(root, root, detector)["path"].tolist()


def test_results_inside_the_folder_are_no_files_of_it(root, looked, detector):
    first = scan_folder(root, root / "out", detector)
    again = scan_folder(root, root / "out", detector)
    assert first.equals(again) and set(again["status"]) == {"ok"}


def test_a_diagnostic_video_is_no_evidence(root, looked, detector, tmp_path, small):
    result = write_diagnostic_video(make_report(small), root / "renamed.mp4")
    assert is_result(result) and not is_result(small) and not is_result(root) and not is_result(root / "none.mp4")
    table = scan_folder(root, tmp_path / "out", detector, progress=(shares := []).append)
    assert sorted(looked) == ["a.mp4", "b.mp4"] and shares == pytest.approx([2 / 3, 1.0])
    row = table.set_index("path").loc["renamed.mp4"]
    assert row["status"] == "left out" and "diagnostic video that Spotter wrote" in row["reason"]
    assert table["status"].value_counts().to_dict() == {"ok": 2, "left out": 1}
    again = scan_folder(root, tmp_path / "out", detector)
    assert again.equals(table)
    pictures = [np.full((32, 48, 3), 90, np.uint8)] * 3
    assert not is_result(write_video(tmp_path / "plain.mp4", pictures, 12, comment="Holiday 2024"))


def test_another_folder_is_another_table(root, looked, detector, tmp_path, small):
    scan_folder(root, tmp_path / "out", detector)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for other in (root / "deep", root.parent):
        with pytest.raises(DataError, match="is of another folder") as refused:
            scan_folder(other, tmp_path / "out", detector)
        assert str(root) in str(refused.value) and str(other) in str(refused.value) and "out=" in str(refused.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == kept
    assert scan_folder(root / "deep", tmp_path / "other", detector)["path"].tolist() == ["b.mp4"]


def test_a_folder_of_which_nothing_can_be_read_keeps_its_table(tmp_path, detector, root):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "text.mp4").write_text("no video")
    for _ in range(2):
        assert scan_folder(tmp_path / "bad", tmp_path / "out", detector)["status"].tolist() == ["failed"]
    with pytest.raises(DataError, match="is of another folder"):
        scan_folder(root, tmp_path / "out", detector)
    assert len((tmp_path / "out" / "scans.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("name", ["a.mp4", "deep/b.mp4", "a|b.mp4"])
def test_a_journal_of_before_is_read_or_refused(root, looked, detector, tmp_path, small, name):
    shutil.copy(small, root / name) if name == "a|b.mp4" else None
    whole = scan_folder(root, tmp_path / "out", detector)
    journal = tmp_path / "out" / "scans.jsonl"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    old = [{"key": entry["key"], "row": entry["row"]} for entry in entries if entry["row"]["path"] == name]
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in old))
    looked.clear()
    again = scan_folder(root, tmp_path / "out", detector)
    assert again.drop(columns="seconds").equals(whole.drop(columns="seconds")) and Path(name).name not in looked
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in old))
    with pytest.raises(DataError, match="is of another folder"):
        scan_folder(root.parent, tmp_path / "out", detector)


def test_a_table_of_odd_names_is_safe_and_reads_back(root, looked, detector, tmp_path, small):
    names = ['=HYPERLINK("a","b").mp4', "+cmd|x.mp4", "@SUM(1).mp4", "-x.mp4", "\tt.mp4", "\rr.mp4"]
    for name in names:
        shutil.copy(small, root / name)
    table = scan_folder(root, tmp_path / "out", detector)
    assert set(names) <= set(table["path"])
    with open(tmp_path / "out" / "scans.csv", newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert read_table(tmp_path / "out" / "scans.csv")["path"].tolist() == table["path"].tolist()
    plain = pd.read_csv(tmp_path / "out" / "scans.csv")
    assert all((root / path).is_file() for path in plain["path"])
