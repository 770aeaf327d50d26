"""Manifests of every layout, from trees of tiny files: names decide, no video is opened."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.trees import make, problems

from spotterlib.base import DataError, SpotterError
from spotterlib.data import Manifest, build_manifest
from spotterlib.splits import audit_split, split_by_group

# --- texts that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["metadata.csv", "part/metadata.json", "labels.csv", "splits/train.json", "List_of_testing_videos.txt"]
)
@pytest.mark.parametrize("layout", ["plain", "dfdc", "celebdf", "ffpp"])
def test_a_pipe_beside_the_videos_is_reported_and_not_read(tmp_path, name, layout):
    make(tmp_path, "real/a.mp4", "fake/b.mp4", "loop/x.mp4")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name)
    (tmp_path / "loop" / "itself").symlink_to("itself")
    if layout != "plain":
        with pytest.raises(DataError, match="gave no video"):
            build_manifest(tmp_path, layout)
        return
    told = problems(build_manifest(tmp_path, layout))
    assert told[name] == "not an ordinary file" and told["loop/itself"] == "a link that leads nowhere"


def test_a_pipe_instead_of_a_table_is_one_error(tmp_path):
    os.mkfifo(tmp_path / "m.csv")
    for read in (Manifest.load, audit_split):
        with pytest.raises(DataError, match=r"m\.csv cannot be read as a CSV \(it is no ordinary file\)"):
            read(tmp_path / "m.csv")
    (tmp_path / "n.csv").write_text("path,label\na.mp4,0\n")
    os.mkfifo(tmp_path / "n.json")
    with pytest.raises(DataError, match=r"n\.json cannot be read as JSON \(it is no ordinary file\)"):
        Manifest.load(tmp_path / "n.csv")


def test_an_error_is_short_however_long_a_name_is(tmp_path):
    (tmp_path / "m.csv").write_text('path,label\n"' + "a\n" * 100_000 + '",0\n')
    with pytest.raises(DataError, match="there is no such file") as caught:
        build_manifest(tmp_path / "m.csv")
    assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


# --- what is wrong with a file ---------------------------------------------------------------------------------------


def test_every_odd_file_is_a_line_of_the_report(tmp_path, monkeypatch):
    make(tmp_path, "real/good.mp4", "fake/good.mp4", "real/notes.pdf", "real/noending", "real/.mp4", "real/._good.mp4")
    make(tmp_path, ".hidden/real/x.mp4", "real/line\nbreak.mp4", "real/locked.mp4")
    make(tmp_path, "real/empty.mp4", content=b"")
    make(tmp_path, *(f"fake/frames/{i}.png" for i in range(30)))
    (tmp_path / "real/gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "real/folder.mp4").mkdir()
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "real/pipe.mp4")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/real/\xff.mp4")).write_bytes(b"x")
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, *args: "locked" not in str(path) and allowed(path, *args))
    manifest = build_manifest(tmp_path)
    found = problems(manifest)
    assert list(manifest.table["path"]) == ["fake/good.mp4", "real/empty.mp4", "real/good.mp4"]
    expected = {
        "real/notes.pdf": ".pdf",
        "real/noending": "no ending",
        "real/.mp4": "no name",
        "real/._good.mp4": "hidden",
        ".hidden": "hidden folder",
        "real/line\nbreak.mp4": "control character",
        "real/locked.mp4": "permission",
        "real/empty.mp4": "empty file",
        "fake/frames": "30 files",
        "real/gone.mp4": "leads nowhere",
        "real/folder.mp4": "folder",
        "real/loop": "already read",
        "real/pipe.mp4": "ordinary",
        "real/\\udcff.mp4": "UTF-8",
    }
    assert set(found) == set(expected)
    for path, words in expected.items():
        assert words in found[path], path
    Manifest.load(manifest.save(tmp_path / "m.csv"))


def test_a_linked_folder_is_followed(tmp_path):
    make(tmp_path / "disk", "a.mp4", "b.mp4")
    make(tmp_path / "set", "fake/c.mp4")
    (tmp_path / "set/real").symlink_to(tmp_path / "disk")
    assert list(build_manifest(tmp_path / "set").table["path"]) == ["fake/c.mp4", "real/a.mp4", "real/b.mp4"]


def test_building_changes_nothing_on_disk(tmp_path):
    make(tmp_path, "real/a.mp4", "fake/b.mp4")

    def state():
        return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_size) for p in tmp_path.rglob("*"))

    before = state()
    build_manifest(tmp_path)
    assert state() == before


def test_nothing_usable_is_an_error_that_says_what_was_looked_for(tmp_path):
    for root, words in (("nowhere", "nothing at"), ("empty", "real/ and fake/"), ("misnamed", "no video")):
        if root != "nowhere":
            (tmp_path / root).mkdir()
        if root == "misnamed":
            make(tmp_path / root, "real/a.pdf")
        with pytest.raises(SpotterError, match=words):
            build_manifest(tmp_path / root)
    make(tmp_path / "two", "Celeb-real/id0_0000.mp4", "original_sequences/youtube/raw/videos/000.mp4")
    with pytest.raises(DataError, match="more than one data set"):
        build_manifest(tmp_path / "two")
    with pytest.raises(DataError, match="Choose one of"):
        build_manifest(tmp_path, layout="imagenet")
    with pytest.raises(DataError, match="Give either"):
        build_manifest(make(tmp_path, "a.mp4") / "a.mp4")


# --- on disk ---------------------------------------------------------------------------------------------------------


def test_save_and_load(tmp_path):
    make(
        tmp_path / "set",
        "real/a,b.mp4",
        'real/"q".mp4',
        "fake/ü — é.mp4",
        "fake/ lead.mp4",
        "real/NA.mp4",
        "fake/x.txt",
    )
    manifest = split_by_group(build_manifest(tmp_path / "set"), seed=3)
    path = manifest.save(tmp_path / "runs" / "m.csv")
    again = Manifest.load(path)
    assert again.root == tmp_path / "set"
    pd.testing.assert_frame_equal(again.table, manifest.table)
    pd.testing.assert_frame_equal(again.report, manifest.report)
    assert again.settings == manifest.settings and again.notes == manifest.notes
    beside = json.loads(path.with_suffix(".json").read_text())
    assert beside["settings"]["split"]["seed"] == 3 and beside["report"][0]["path"] == "fake/x.txt"
    first = path.read_bytes()
    assert again.save(path).read_bytes() == first
    assert Manifest.load(path, root=tmp_path).root == tmp_path
    with pytest.raises(DataError, match="nothing at"):
        Manifest.load(path, root=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"\.csv"):
        manifest.save(tmp_path / "m.json")


def test_a_manifest_above_its_videos_moves_with_them(tmp_path):
    make(tmp_path / "one" / "set", "real/a.mp4", "fake/b.mp4")
    build_manifest(tmp_path / "one" / "set").save(tmp_path / "one" / "m.csv")
    shutil.move(tmp_path / "one", tmp_path / "two")
    assert Manifest.load(tmp_path / "two" / "m.csv").root == tmp_path / "two" / "set"


def test_load_without_its_json_or_with_a_strangers(tmp_path):
    make(tmp_path, "m.csv", content=b"path,label\na.mp4,1\n")
    assert Manifest.load(tmp_path / "m.csv").root == tmp_path
    make(tmp_path, "m.json", content=b'{"something": "else"}')
    assert Manifest.load(tmp_path / "m.csv").table["method"].tolist() == ["unknown"]
    make(tmp_path, "m.csv", content=b"path,label\na.mp4,perhaps\n")
    with pytest.raises(DataError, match="perhaps"):
        Manifest.load(tmp_path / "m.csv")


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8).map(str.strip)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(words, words, words, st.integers(0, 1)), min_size=1, max_size=6))
def test_any_text_survives_the_csv(tmp_path_factory, lines):
    root = tmp_path_factory.mktemp("any")
    table = pd.DataFrame(
        [
            (
                f"v{i}/x{name.replace('/', '').replace(chr(92), '')}.mp4",
                label,
                "set",
                method or "m",
                "",
                group,
                "",
                "",
                "",
                "",
            )
            for i, (name, method, group, label) in enumerate(lines)
        ],
        columns=[
            "path",
            "label",
            "dataset",
            "method",
            "compression",
            "group",
            "ids",
            "split",
            "official_split",
            "mask",
        ],
    ).astype({"label": "int64", **dict.fromkeys(("path", "dataset", "method", "group", "ids", "mask"), "str")})
    table["method"] = table["method"].where(table["label"] == 1, "")
    manifest = Manifest(
        root, table.astype({c: "str" for c in table if c != "label"}), pd.DataFrame(columns=["path", "problem"])
    )
    again = Manifest.load(manifest.save(root / "m.csv"))
    pd.testing.assert_frame_equal(again.table, manifest.table)


def test_counts(tmp_path):
    make(tmp_path, "real/a.mp4", "fake/swap/b.mp4", "fake/swap/c.mp4")
    counts = build_manifest(tmp_path).counts()
    assert counts.loc["real", "none"] == 1 and counts.loc["swap", "none"] == 2


def test_a_hundred_thousand_files_in_ten_seconds(tmp_path):
    lines = ["path,label,method,group"]
    for folder in range(100):
        label = ("real", "fake")[folder % 2]
        (tmp_path / label / str(folder)).mkdir(parents=True)
        for i in range(1000):
            path = f"{label}/{folder}/{i}.mp4"
            os.close(os.open(tmp_path / path, os.O_CREAT))
            lines.append(f"{path},{label},,g{(folder * 1000 + i) % 7919}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    start = time.process_time()
    manifest = build_manifest(tmp_path)
    built = time.process_time()
    audit = audit_split(split_by_group(manifest))
    judged = time.process_time()
    shutil.rmtree(tmp_path)
    assert len(manifest.table) == 100_000 and audit.ok
    assert built - start < 10 and judged - built < 10
