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

from spotterlib.manifest import Manifest, build_manifest
from spotterlib.project import DataError, SpotterError, read_json
from spotterlib.splits import audit_split, split_by_group


def make(root: Path, *paths: str, content: bytes = b"x") -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def rows(manifest: Manifest) -> pd.DataFrame:
    assert list(manifest.table["path"]) == sorted(manifest.table["path"])
    return manifest.table.set_index("path")


def problems(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.report.itertuples(index=False))


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


def test_a_text_that_would_fill_the_memory_is_one_error(tmp_path):
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match=r"big\.json cannot be read as JSON \(it has 1,099,511,627,776 bytes"):
        read_json(tmp_path / "big.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label\na.mp4,0,\nb.mp4,1,\n", "Expected 2 fields in line 2, saw 3"),  # pandas took "0" for the path
        ("path,label,split\n1,a.mp4,0,train\n2,b.mp4,1,test\n", "Expected 3 fields in line 2, saw 4"),
        ("path,label,split,split\na.mp4,0,train,test\nb.mp4,1,test,test\n", "two columns split"),
        ("path,label," + "x," * 200_000 + "\na.mp4,0\n", "200003 columns"),  # hours in pandas
    ],
)
def test_a_table_that_can_be_read_in_two_ways_is_one_error(tmp_path, text, says):
    (tmp_path / "m.csv").write_text(text)
    make(tmp_path, "a.mp4", "b.mp4")
    for read in (build_manifest, Manifest.load, audit_split):
        with pytest.raises(DataError, match=says) as caught:
            read(tmp_path / "m.csv")
        assert str(tmp_path / "m.csv") in str(caught.value) and "\n" not in str(caught.value)


def test_an_error_is_short_however_long_a_name_is(tmp_path):
    (tmp_path / "m.csv").write_text('path,label\n"' + "a\n" * 100_000 + '",0\n')
    with pytest.raises(DataError, match="there is no such file") as caught:
        build_manifest(tmp_path / "m.csv")
    assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


def test_a_damaged_table_of_dfdc_is_reported(tmp_path):
    make(tmp_path, "a/x.mp4")
    (tmp_path / "labels.csv").write_text("filename,label\n" + "a" * 200_000 + ",0\n")
    with pytest.raises(DataError, match=r"labels\.csv: it cannot be read as a CSV"):
        build_manifest(tmp_path, "dfdc")


# --- FaceForensics++ -------------------------------------------------------------------------------------------------


def test_official_tree_of_faceforensics(tmp_path):
    make(
        tmp_path,
        "original_sequences/youtube/c23/videos/033.mp4",
        "original_sequences/youtube/c0/videos/097.mp4",
        "original_sequences/actors/c40/videos/01__walking_down_street.mp4",
        "manipulated_sequences/FaceSwap/c23/videos/033_097.mp4",
        "manipulated_sequences/FaceSwap/c40/videos/033_097.mp4",
        "manipulated_sequences/Deepfakes/raw/videos/033_097.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__talking__YVGY8LOK.mp4",
        "manipulated_sequences/FaceSwap/masks/videos/033_097.mp4",
        "manipulated_sequences/Face2Face/masks/videos/500_501.mp4",
        "manipulated_sequences/FaceSwap/c23/videos/final.mp4",
        "elsewhere/033.mp4",
        "readme.md",
    )
    for split, pair in (("train", ["033", "097"]), ("val", ["1", "2"]), ("test", ["3", "4"])):
        make(tmp_path, f"splits/{split}.json", content=json.dumps([pair]).encode())
    manifest = build_manifest(tmp_path)
    table = rows(manifest)
    assert manifest.settings["layout"] == "ffpp" and manifest.notes == []
    assert len(table) == 7
    swap = table.loc["manipulated_sequences/FaceSwap/c40/videos/033_097.mp4"]
    assert swap.to_dict() == {
        "label": 1,
        "dataset": "FaceForensics++",
        "method": "FaceSwap",
        "compression": "c40",
        "group": "",
        "ids": "033;097",
        "split": "",
        "official_split": "train",
        "mask": "manipulated_sequences/FaceSwap/masks/videos/033_097.mp4",
    }
    assert table.loc["manipulated_sequences/Deepfakes/raw/videos/033_097.mp4", "mask"] == ""
    real = table.loc["original_sequences/youtube/c0/videos/097.mp4"]
    assert (real["label"], real["method"], real["compression"], real["ids"]) == (0, "", "raw", "097")
    actor = table.loc["original_sequences/actors/c40/videos/01__walking_down_street.mp4"]
    assert (actor["dataset"], actor["ids"], actor["official_split"]) == ("DeepFakeDetection", "actor01", "")
    acted = table.loc["manipulated_sequences/DeepFakeDetection/c23/videos/01_02__talking__YVGY8LOK.mp4"]
    assert (acted["label"], acted["method"], acted["ids"]) == (1, "DeepFakeDetection", "actor01;actor02")
    assert set(problems(manifest)) == {
        "manipulated_sequences/Face2Face/masks/videos/500_501.mp4",
        "manipulated_sequences/FaceSwap/c23/videos/final.mp4",
        "elsewhere/033.mp4",
        "readme.md",
    }


def test_flat_mirror_keeps_every_method_of_one_name(tmp_path):
    root = tmp_path / "FaceForensics++_C23"
    methods = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")
    make(root, "original/033.mp4", "csv/Deepfakes.csv", *(f"{method}/033_097.mp4" for method in methods))
    make(root, "DeepFakeDetection/01_02__hugging__ABCDEFGH.mp4")
    manifest = build_manifest(root)
    table = rows(manifest)
    assert manifest.settings["layout"] == "ffpp"
    assert len(table) == 7 and table["label"].sum() == 6
    assert set(table["compression"]) == {"c23"}
    assert set(table.loc[table["label"] == 1, "method"]) == {*methods, "DeepFakeDetection"}
    assert "file names" in manifest.notes[0]


def test_official_json_that_contradicts_itself_is_reported(tmp_path):
    make(
        tmp_path,
        "original_sequences/youtube/raw/videos/001.mp4",
        "manipulated_sequences/FaceSwap/raw/videos/001_002.mp4",
    )
    make(tmp_path, "splits/train.json", content=b'[["001", "003"]]')
    make(tmp_path, "splits/val.json", content=b"{}")
    make(tmp_path, "splits/test.json", content=b'[["002", "003"]]')
    manifest = build_manifest(tmp_path)
    found = problems(manifest)
    assert "003" in found["splits/train.json"]
    assert "pairs" in found["splits/val.json"]
    assert "different official splits" in found["manipulated_sequences/FaceSwap/raw/videos/001_002.mp4"]
    make(tmp_path, "splits/val.json", content=b"not json")
    assert "JSON" in problems(build_manifest(tmp_path))["splits/val.json"]


def test_a_mask_is_never_a_video(tmp_path):
    make(
        tmp_path,
        "original_sequences/youtube/c23/videos/033.mp4",
        "original_sequences/youtube/masks/videos/033.mp4",
        "manipulated_sequences/FaceSwap/c23/videos/033_097.mp4",
    )
    manifest = build_manifest(tmp_path)
    assert len(manifest.table) == 2 and (manifest.table["mask"] == "").all()
    assert "mask" in problems(manifest)["original_sequences/youtube/masks/videos/033.mp4"]


def test_official_lists_may_hold_numbers(tmp_path):
    make(tmp_path, "original_sequences/youtube/c23/videos/007.mp4", "splits/test.json", content=b"[[7, 12]]")
    assert rows(build_manifest(tmp_path))["official_split"].tolist() == ["test"]


def test_a_metadata_csv_of_another_kind_is_reported(tmp_path):
    make(tmp_path, "original_sequences/youtube/c23/videos/007.mp4", "metadata.csv", content=b"video_id,url\n1,x\n")
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "ffpp" and set(problems(manifest)) == {"metadata.csv"}
    with pytest.raises(DataError, match="video_id"):
        build_manifest(make(tmp_path / "own", "real/a.mp4", "metadata.csv", content=b"video_id\n1\n"))


# --- Celeb-DF --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["", "videos/"])
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_celeb_df(tmp_path, level, case):
    real, youtube, fake = (case(name) for name in ("Celeb-real", "YouTube-real", "Celeb-synthesis"))
    make(
        tmp_path,
        f"{real}/{level}id0_0000.mp4",
        f"{real}/{level}id1_0000.MP4",
        f"{youtube}/{level}00170.mp4",
        f"{fake}/{level}id0_id1_0000.mp4",
        f"{fake}/{level}id0_0001.mp4",
    )
    listed = "1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n0 YouTube-real/00170.mp4\n"
    make(tmp_path, "List_of_testing_videos.txt", content=(listed + "1 Celeb-real/id9_0009.mp4\nnonsense\n").encode())
    manifest = build_manifest(tmp_path)
    table = rows(manifest)
    assert manifest.settings["layout"] == "celebdf"
    assert set(table["dataset"]) == {"Celeb-DF v2"}
    by_ids = table.reset_index().set_index("ids")
    assert by_ids["label"].to_dict() == {"id0": 0, "id1": 0, "youtube00170": 0, "id0;id1": 1}
    assert by_ids["official_split"].to_dict() == {
        "id0": "test",
        "id1": "train",
        "youtube00170": "test",
        "id0;id1": "test",
    }
    found = problems(manifest)
    assert "not a name" in found[f"{fake}/{level}id0_0001.mp4"]
    assert "other label" in found[f"{youtube}/{level}00170.mp4"]
    assert "no such video" in found["celeb-real/id9_0009"]
    assert "nonsense" in found["List_of_testing_videos.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff1 Celeb-real/id0_0000.mp4\r\n0 Celeb-synthesis/id0_id1_0000.mp4\r\n",
        "1\tCeleb-real/id0_0000.mp4\n\n0  Celeb-synthesis\\videos\\id0_id1_0000.mp4",
    ],
)
def test_a_testing_list_as_other_editors_leave_it(tmp_path, text):
    make(tmp_path, "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-real/id2_0000.mp4")
    make(tmp_path, "List_of_testing_videos.txt", content=text.encode())
    manifest = build_manifest(tmp_path)
    assert rows(manifest)["official_split"].tolist() == ["test", "train", "test"] and manifest.report.empty


def test_lists_that_cannot_be_opened_are_reported(tmp_path):
    make(tmp_path, "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    (tmp_path / "List_of_testing_videos.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "metadata.json")  # waiting for it would never end
    (tmp_path / "labels.csv").symlink_to(tmp_path / "nowhere")
    manifest = build_manifest(tmp_path)
    assert len(manifest.table) == 2
    assert set(problems(manifest)) == {"List_of_testing_videos.txt", "metadata.json", "labels.csv"}


# --- DFDC ------------------------------------------------------------------------------------------------------------


def dfdc_part(root: Path, part: int) -> None:
    entries = {
        f"real{part}.mp4": {"label": "REAL", "split": "train", "original": None},
        f"fake{part}.mp4": {"label": "FAKE", "split": "train", "original": f"real{part}.mp4"},
    }
    make(root, *(f"dfdc_train_part_{part}/{name}" for name in entries))
    make(root, f"dfdc_train_part_{part}/metadata.json", content=json.dumps(entries).encode())


def test_dfdc_parts_and_tables(tmp_path):
    for part in range(3):
        dfdc_part(tmp_path, part)
    make(tmp_path, "dfdc_train_part_0/stray.mp4", "validation/a.mp4", "validation/b.mp4", "test/videos/c.mp4")
    make(tmp_path, "validation/labels.csv", content=b"filename,label\na.mp4,0\nb.mp4,1\ngone.mp4,1\n")
    make(tmp_path, "test/labels.csv", content=b"filename,label\nc.mp4,FAKE\n")
    manifest = build_manifest(tmp_path)
    table = rows(manifest)
    assert manifest.settings["layout"] == "dfdc"
    assert table["label"].sum() == 5 and len(table) == 9
    fake = table.loc["dfdc_train_part_1/fake1.mp4"]
    assert (fake["ids"], fake["method"], fake["official_split"]) == ("real1;dfdc_train_part_1", "unknown", "train")
    assert table["official_split"].value_counts().to_dict() == {"train": 6, "val": 2, "test": 1}
    assert (table["split"] == "").all()
    found = problems(manifest)
    assert "no such video" in found["validation/gone.mp4"] and "names it" in found["dfdc_train_part_0/stray.mp4"]
    assert any("sound" in note for note in manifest.notes)


def test_dfdc_with_one_part_joins_by_original_and_says_so(tmp_path):
    dfdc_part(tmp_path, 7)
    entries = json.loads((tmp_path / "dfdc_train_part_7/metadata.json").read_text())
    entries["odd.mp4"] = {"label": "MAYBE"}
    make(tmp_path, "dfdc_train_part_7/odd.mp4")
    make(tmp_path, "dfdc_train_part_7/metadata.json", content=json.dumps(entries).encode())
    manifest = build_manifest(tmp_path / "dfdc_train_part_7")
    assert set(manifest.table["ids"]) == {"real7"}
    assert any("same actors" in note for note in manifest.notes)
    assert "MAYBE" in problems(manifest)["odd.mp4"]


def test_dfdc_test_set_as_it_is_handed_out(tmp_path):
    """Its metadata.json tells of augmentations and gives no label; the CSV does."""
    make(tmp_path, "test/a.mp4", "test/b.mp4")
    make(tmp_path, "test/metadata.json", content=b'{"a.mp4": {"augmentations": []}, "b.mp4": {"augmentations": []}}')
    make(tmp_path, "test/labels.csv", content=b"Filename, Label\na.mp4, 1\nb.mp4, 0\n")
    manifest = build_manifest(tmp_path)
    assert rows(manifest)["label"].tolist() == [1, 0] and manifest.report.empty
    assert set(manifest.table["official_split"]) == {"test"}


def test_one_dfdc_table_for_several_folders(tmp_path):
    make(tmp_path, "validation/a.mp4", "test/a.mp4", "validation/x/b.mp4", "test/x/c.mp4", "validation/x/c.mp4")
    lines = b"filename,label\nvalidation/a.mp4,1\ntest/a.mp4,0\nb.mp4,1\nc.mp4,1\n"
    make(tmp_path, "labels.csv", content=lines)
    (tmp_path / "odd.csv").write_bytes(b'"' + b"x" * 200_000 + b'"\n1\n')
    manifest = build_manifest(tmp_path)
    assert rows(manifest)["label"].to_dict() == {"test/a.mp4": 0, "validation/a.mp4": 1, "validation/x/b.mp4": 1}
    assert {"c.mp4", "test/x/c.mp4", "validation/x/c.mp4", "odd.csv"} == set(problems(manifest))


# --- plain folders ---------------------------------------------------------------------------------------------------


def test_plain_folders_of_any_depth_and_ending(tmp_path):
    make(tmp_path, "real/a.mp4", "real/deep/er/b.MPG", "Fake/c.webm", "Fake/FaceFusion/c.mkv", "Fake/x/y/d.avi")
    make(tmp_path, "elsewhere/e.mp4", "fake/real/f.mp4")
    manifest = build_manifest(tmp_path)
    table = rows(manifest)
    assert table["label"].to_dict() == {
        "Fake/FaceFusion/c.mkv": 1,
        "Fake/c.webm": 1,
        "Fake/x/y/d.avi": 1,
        "real/a.mp4": 0,
        "real/deep/er/b.MPG": 0,
    }
    assert list(table["method"]) == ["FaceFusion", "unknown", "x", "", ""]
    assert set(problems(manifest)) == {"elsewhere/e.mp4", "fake/real/f.mp4"}
    assert (table["ids"] == "").all()


def test_plain_folders_with_the_names_of_faceforensics_are_joined_by_them(tmp_path):
    make(tmp_path, "real/033.mp4", "real/097.mp4", "fake/Deepfakes_033_097.mp4", "fake/097_033.mp4", "fake/mine.mp4")
    manifest = build_manifest(tmp_path)
    assert list(rows(manifest)["ids"]) == ["097;033", "033;097", "", "033", "097"]
    assert "FaceForensics++" in manifest.notes[0]
    make(tmp_path / "both", "real/033.mp4", "real/id1_0000.mp4", "real/01__walk.mp4")
    make(tmp_path / "both", "fake/033_097.mp4", "fake/id1_id2_0000.mp4", "fake/01_02__walk__ABCDEFGH.mp4")
    both = build_manifest(tmp_path / "both")  # of several data sets
    assert set(both.table["ids"]) == {"033;097", "actor01;actor02", "id1;id2", "033", "actor01", "id1"}
    assert len(both.notes) == 3
    # numbers alone say nothing: without fakes named in pairs each file is its own
    other = make(tmp_path / "other", "real/anna/001.mp4", "real/bert/001.mp4", "fake/one.mp4", "fake/two.mp4")
    assert (build_manifest(other).table["ids"] == "").all()


def test_plain_with_metadata(tmp_path):
    make(tmp_path, "real/p1.mp4", "real/p2.mp4", "fake/p1.mp4", "fake/p1_mask.mp4", "loose.mov", "fake/wrong.mp4")
    make(tmp_path, "masks/spare.mp4", "masks/p9.png", "fake/unlisted.mp4")
    make(
        tmp_path,
        "metadata.csv",
        content=b"path,label,method,group,ids,mask\nreal/p1.mp4,real,,g1,p1,\nreal/p2.mp4,0,,g1,p2,\n"
        b"fake/p1.mp4,fake,swap,g1,p1;p2,fake/p1_mask.mp4\nloose.mov,1,self-blend,g2,,masks/p9.png\n"
        b"fake/wrong.mp4,real,,g3,,\nreal/gone.mp4,real,,g1,,\nreal/p1.mp4,real,,g9,,\n,real,,,,\n",
    )
    manifest = build_manifest(tmp_path)
    table = rows(manifest)
    assert list(table.index) == ["fake/p1.mp4", "fake/unlisted.mp4", "loose.mov", "real/p1.mp4", "real/p2.mp4"]
    assert table.loc["fake/p1.mp4"].to_dict() == {
        "label": 1,
        "dataset": "plain",
        "method": "swap",
        "compression": "",
        "group": "g1",
        "ids": "p1;p2",
        "split": "",
        "official_split": "",
        "mask": "fake/p1_mask.mp4",
    }
    assert table.loc["loose.mov", ["label", "mask"]].tolist() == [1, "masks/p9.png"]
    assert set(problems(manifest)) == {
        "fake/wrong.mp4",
        "real/gone.mp4",
        "real/p1.mp4",
        "masks/spare.mp4",
        "metadata.csv",
    }


def test_folders_named_for_splits_fill_the_split(tmp_path):
    make(
        tmp_path,
        *(
            f"{split}/{label}/v{i}.mp4"
            for i, split in enumerate(("train", "Valid", "test"))
            for label in ("real", "fake")
        ),
    )
    table = rows(build_manifest(tmp_path))
    assert table["split"].to_dict() == {
        f"{folder}/{label}/v{i}.mp4": split
        for i, (folder, split) in enumerate((("train", "train"), ("Valid", "val"), ("test", "test")))
        for label in ("real", "fake")
    }


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv(tmp_path, mark):
    make(tmp_path, "clips/a.mp4", "clips/b.mp4", "fake/c.mp4", "clips/d.mp4")
    lines = [
        ["Filename", "Label", "subject"],
        ["clips/a.mp4", "REAL", "1"],
        [str(tmp_path / "clips/b.mp4"), "1", "2"],
        ["fake\\c.mp4", "", "2"],
        ["./clips//d.mp4", "maybe", ""],
        ["clips/gone.mp4", "0", ""],
        ["clips/a.mp4", "1", ""],
        ["", "1", ""],
    ]
    make(tmp_path, "list.csv", content=("\ufeff" + "\n".join(mark.join(line) for line in lines)).encode())
    manifest = build_manifest(tmp_path / "list.csv")
    assert manifest.root == tmp_path
    assert rows(manifest)["label"].to_dict() == {"clips/a.mp4": 0, "clips/b.mp4": 1, "fake/c.mp4": 1}
    found = problems(manifest)
    assert "maybe" in found["clips/d.mp4"] and "no such file" in found["clips/gone.mp4"]
    assert "listed again" in found["clips/a.mp4"] and "names no file" in found["line 8"]


def test_a_csv_with_the_methods_as_labels(tmp_path):
    make(tmp_path, "v/a.mp4", "v/b.mp4", "v/c.mp4")
    text = b"File Path,Label\nv/a.mp4,original\nv/b.mp4,FaceSwap\nv/c.mp4,Pristine\n"
    make(tmp_path, "list.csv", content=text)
    table = rows(build_manifest(tmp_path / "list.csv"))
    assert table["label"].tolist() == [0, 1, 0] and table["method"].tolist() == ["", "FaceSwap", ""]


@pytest.mark.parametrize(
    "path", ["../a.mp4", "/etc/passwd", "x/../../a.mp4", "..\\a.mp4", "C:\\clips\\a.mp4", ".", ".."]
)
@pytest.mark.parametrize("column", ["path", "mask"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path, path, column):
    make(tmp_path / "in", "real/a.mp4")
    make(tmp_path, "a.mp4")
    line = {"path": "real/a.mp4", "label": "0", "mask": "", column: path}
    table = tmp_path / "in" / "list.csv"
    pd.DataFrame([line]).to_csv(table, index=False)
    with pytest.raises(DataError, match="not under"):
        build_manifest(table)
    with pytest.raises(DataError, match="not under"):
        Manifest.load(table)
    shutil.copy(table, tmp_path / "in" / "metadata.csv")
    with pytest.raises(DataError, match="not under"):
        build_manifest(tmp_path / "in")


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"path,path\na,b\n", b"path,Label,label\na,1,1\n", b"\xff\xfe\x00", b"\n\n"]
)
def test_a_csv_that_is_none_is_a_data_error(tmp_path, content):
    make(tmp_path, "bad.csv", content=content)
    with pytest.raises(DataError, match=r"bad\.csv"):
        build_manifest(tmp_path / "bad.csv")


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
