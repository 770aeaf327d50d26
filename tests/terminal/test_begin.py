"""`spotter`: what its words do, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from makers.bounded import finished

from spotterlib.base import ROOT
from spotterlib.terminal import begin, main


@pytest.fixture
def here(tmp_path, monkeypatch, clips):
    """An empty folder to stand in, with the clips elsewhere."""
    (tmp_path / "here").mkdir()
    (tmp_path / "videos").mkdir()
    for name in ("face.mp4", "empty.mp4"):
        shutil.copy(clips / name, tmp_path / "videos")
    (tmp_path / "broken.mp4").write_text("no video")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_scan_tells_a_line_a_video_and_writes_what_is_asked_for_where_one_stands(here, checkpoint, capsys):
    choose = ["--checkpoint", str(checkpoint), "--device", "cpu"]
    video = str(here / "videos" / "face.mp4")
    assert main(["scan", video, *choose]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{video}: ") and any(word in said for word in ("REAL", "FAKE", "UNDECIDED"))
    assert not any((here / "here").iterdir()), "one video without page or video leaves nothing"
    assert main(["scan", video, "--page", "--video", "--out", "res", "--json", *choose]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    made = sorted(path for path in (here / "here" / "res").iterdir())
    assert sorted(row["results"]) == [str(path) for path in made] and {p.suffix for p in made} == {
        ".html",
        ".json",
        ".mp4",
    }
    assert row["status"] == "ok" and 0 <= row["probability"] <= 1
    (report,) = [str(path) for path in made if path.suffix == ".json"]
    assert main(["verify", report, video, *choose[:2]]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["verify", report, str(here / "videos" / "empty.mp4"), "--json", *choose[:2]]) == begin.NOT_ALL_WELL
    assert json.loads(capsys.readouterr().out)["same"] is False


def test_a_folder_has_its_table_and_what_fails_is_an_exit_code(here, checkpoint, capsys):
    choose = ["--checkpoint", str(checkpoint), "--device", "cpu", "--json"]
    assert main(["scan", str(here / "videos"), str(here / "broken.mp4"), *choose]) == begin.NOT_ALL_WELL == 3
    rows = {os.path.basename(row["path"]): row for row in json.loads(capsys.readouterr().out)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "empty.mp4": "ok",
        "face.mp4": "ok",
        "broken.mp4": "failed",
    }
    assert rows["broken.mp4"]["label"] is None and "broken.mp4" in rows["broken.mp4"]["reason"]
    assert rows["empty.mp4"]["label"] == "UNDECIDED" and rows["empty.mp4"]["probability"] is None
    (folder,) = (here / "here" / "spotter_results").iterdir()
    assert {"scans.csv", "scans.json"} <= {path.name for path in folder.iterdir()}


def test_exit_codes_are_those_of_the_help_and_the_guide(here, capsys):
    with pytest.raises(SystemExit) as left:
        main(["scan"])
    assert left.value.code == 2
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    run = finished([sys.executable, "-m", "spotterlib", "scan", "nowhere.mp4"], env=env, cwd=here)
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1 and "nowhere.mp4" in run.stderr
    table = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    for code in (0, 1, 2, 3, 130):
        assert f"| {code} |" in table and f"{code} " in begin.ABOUT


def test_a_path_that_is_nowhere_is_a_row_beside_others(here, checkpoint, capsys):
    words = ["scan", "nowhere.mp4", str(here / "videos" / "face.mp4"), "--json", "--checkpoint", str(checkpoint)]
    assert main([*words, "--device", "cpu"]) == 3
    gone, there = json.loads(capsys.readouterr().out)
    assert (
        gone["status"] == "failed" and "There is nothing at nowhere.mp4" in gone["reason"] and there["status"] == "ok"
    )


def test_doctor_says_what_is_there_and_what_is_missing(monkeypatch, capsys):
    from spotterlib.terminal import doctor

    assert main(["doctor", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"Python", "torch", "spotterlib", "checkpoint", "sample people", "self-test"} <= set(rows)
    assert "a face was found" in rows["self-test"]["note"]
    monkeypatch.setattr(doctor, "_requirements", lambda: [("no-such-package", ""), ("no-such-extra", "notebooks")])
    monkeypatch.setattr(doctor, "_self_test", lambda: "none")
    assert main(["doctor"]) == 3
    said = capsys.readouterr().out
    assert "MISSING no-such-package: not installed; pip install no-such-package" in said
    assert "no      no-such-extra: not installed; pip install 'spotterlib[notebooks]'" in said


def test_evidence_of_a_folder_is_made_once(here, checkpoint, capsys):
    words = ["scan", str(here / "videos"), "--page", "--json", "--checkpoint", str(checkpoint), "--device", "cpu"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    pages = {os.path.basename(row["path"]): row["results"] for row in first}
    assert set(pages) == {"face.mp4", "empty.mp4"} and all(len(made) == 2 for made in pages.values())
    written = {page: os.stat(page).st_mtime_ns for made in pages.values() for page in made}
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert [row["results"] for row in again] == [row["results"] for row in first]
    assert {page: os.stat(page).st_mtime_ns for page in written} == written
    shutil.copy(here / "videos" / "face.mp4", here / "videos" / "empty.mp4")  # another video under an old name
    assert main(words) == 0
    changed = {os.path.basename(row["path"]): row for row in json.loads(capsys.readouterr().out)}
    (report,) = (file for file in changed["empty.mp4"]["results"] if file.endswith(".json"))
    kept = json.loads(Path(report).read_text(encoding="utf-8"))
    assert kept["faces"] and kept["probability"] == changed["empty.mp4"]["probability"], (
        "no old evidence by a new verdict"
    )
    assert {page: os.stat(page).st_mtime_ns for page in pages["face.mp4"]} == {
        page: written[page] for page in pages["face.mp4"]
    }
