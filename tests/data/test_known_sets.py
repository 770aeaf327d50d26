"""FaceForensics++, Celeb-DF and DFDC as they lie on disk, whole, mirrored and damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from makers.trees import make, problems, rows

from spotterlib.base import DataError
from spotterlib.data import build_manifest


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
    assert manifest.settings["layout"] == "ffpp"
    assert problems(manifest) == {"metadata.csv": "left aside: a table that this layout does not read"}


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
