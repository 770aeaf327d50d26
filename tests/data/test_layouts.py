"""Plain folders: what their names say."""

from __future__ import annotations

from makers.trees import make, problems, rows

from spotterlib.data import build_manifest


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
