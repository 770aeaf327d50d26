"""The audit names every kind of leak, in any table, fast."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from makers.pairs import COLUMNS, manifest_from, real, swap

from spotterlib.base import DataError
from spotterlib.data import Manifest, build_manifest
from spotterlib.splits import audit_split, compare_audits, split_by_file, split_by_group


def test_every_kind_of_leak_with_its_chain():
    lines = [
        real("097", "train"),
        swap("033", "097", split="test"),
        swap("097", "033", "Deepfakes", split="train"),
        real("500", "val"),
        {**real("500", "train"), "path": "other/500.mp4"},
        swap("700", "701", split="test"),
        swap("701", "702", split="train"),
        {"path": "real/x.mp4", "group": "g", "split": "test"},
        {"path": "real/y.mp4", "group": "g", "split": "train"},
        {"path": "real/twice.mp4", "split": "test"},
        {"path": "real/twice.mp4", "split": "train"},
        {"path": "real/out.mp4", "ids": "097"},
    ]
    audit = audit_split(manifest_from(lines))
    assert audit.counts == {
        "same file": 1,
        "same pair": 1,
        "fake and its real": 1,
        "same real": 1,
        "shared identity": 1,
        "same group": 1,
    }
    assert list(audit.leaks.columns) == ["kind", "split", "path", "other_split", "other_path", "chain"]
    assert list(audit.leaks["chain"]) == [
        "test real twice ← train real twice",
        "test fake 033_097 (FaceSwap) ← train fake 097_033 (Deepfakes)",
        "test fake 033_097 (FaceSwap) ← train real 097",
        "val real 500 ← train real 500",
        "test fake 700_701 (FaceSwap) ← train fake 701_702 (FaceSwap)",
        "test real x ← train real y",
    ]
    assert audit.share_of_test_fakes == 1 and not audit.ok
    assert audit.verdict.startswith("This split leaks: 2 of 2 test fakes (100.0 %)")


def test_audit_of_anyones_csv_and_folders(tmp_path):
    files = {
        "train": ["real/097.mp4", "fake/Deepfakes/033_097.mp4", "fake/FaceSwap/500_501.mp4"],
        "test": ["real/033.mp4", "fake/FaceSwap/097_033.mp4"],
    }
    lines = ["file,set,split"]
    for split, paths in files.items():
        for path in paths:
            (tmp_path / "set" / split / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / split / path).write_bytes(b"x")
            lines.append(f"/somewhere/else/{path},1,{split}ing" if split == "train" else f"../videos/{path},2,{split}")
    (tmp_path / "anyone.csv").write_text("\n".join(lines))
    for audit in (audit_split(tmp_path / "set"), audit_split(tmp_path / "anyone.csv")):
        assert audit.counts["same pair"] == 1 and audit.counts["fake and its real"] == 2
        assert audit.share_of_test_fakes == 1
        assert "test fake 097_033 (FaceSwap) ← train real 097" in set(audit.leaks["chain"])
    (tmp_path / "none.csv").write_text("path,label\na.mp4,1\n")
    with pytest.raises(DataError, match=r"none\.csv has no split"):
        audit_split(tmp_path / "none.csv")
    with pytest.raises(DataError, match="nothing at"):
        audit_split(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    [
        "path,split\n033_097.mp4,test\nclips/097.mp4,train\n",
        "file,label,split\nD:\\ff\\FaceSwap\\033_097.mp4,FAKE,test\nD:\\ff\\original\\097.mp4,REAL,train\n",
        "path,label,split\n./a/033_097.mp4,Deepfakes,test\na//./097.mp4,original,train\n",
        "path,label,split\nx.mp4,what,train\n033_097.mp4,1,test\n097.mp4,0,train\n",
        "path,split\nid0_id1_0000.mp4,train\n033_097.mp4,test\n097.mp4,train\nid1_0000.mp4,train\n",
    ],
)
def test_a_csv_of_anyones_is_understood_or_says_what_was_not(tmp_path, text):
    (tmp_path / "anyone.csv").write_text(text)
    audit = audit_split(tmp_path / "anyone.csv")
    assert audit.counts["fake and its real"] == 1 and audit.share_of_test_fakes == 1
    assert ("Not judged: 1, the first x.mp4" in audit.verdict) == ("what" in text)


def test_videos_that_no_audit_could_place_are_counted(tmp_path):
    for name in ("train/real/1.mp4", "test/fake/2.mp4", "test/3.mp4", "test/4.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert "Not judged: 1, the first test/3.mp4" in audit_split(tmp_path).verdict
    (tmp_path / "list.csv").write_text("path,label,split\na.mp4,?,train\nb.mp4,?,test\n")
    with pytest.raises(DataError, match=r"Not judged: 2, the first a\.mp4: its label"):
        audit_split(tmp_path / "list.csv")


def test_a_split_of_one_part_has_nothing_to_leak_into():
    split = split_by_group(manifest_from([real("a"), real("b"), swap("a", "b")]))
    audit = audit_split(split)
    assert audit.ok and audit.share_of_test_fakes is None
    assert audit.verdict.startswith("No leak: all 3 videos are in one part, train")


def test_a_saved_split_is_audited_from_its_csv(tmp_path):
    for i in range(12):
        for folder in ("real", "fake"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{i}.mp4").write_bytes(b"x")
    rows = [f"{folder}/{i}.mp4,{folder},g{i}" for i in range(12) for folder in ("real", "fake")]
    (tmp_path / "metadata.csv").write_text("path,label,group\n" + "\n".join(rows))
    path = split_by_group(build_manifest(tmp_path)).save(tmp_path / "runs/split.csv")
    assert audit_split(path).ok and audit_split(Manifest.load(path)).ok
    assert not audit_split(split_by_file(Manifest.load(path))).ok


def test_official_split_is_audited_where_there_is_no_other():
    lines = [real("a", official_split="train"), swap("a", "b", official_split="test")]
    assert audit_split(manifest_from(lines)).counts["fake and its real"] == 1


def test_audits_stand_side_by_side():
    people = [f"{k:03d}" for k in range(60)]
    lines = [real(a, official_split="test" if a < "030" else "train") for a in people]
    lines += [swap(a, b) for a, b in zip(people[::2], people[1::2], strict=True)]
    manifest = manifest_from(lines)
    audits = {"by file": audit_split(split_by_file(manifest)), "ours": audit_split(split_by_group(manifest))}
    found = compare_audits(audits)
    assert list(found) == ["by file", "ours"]
    assert found.loc["leak as fake and its real", "by file"] == audits["by file"].counts["fake and its real"] > 0
    assert found.loc["leak as fake and its real", "ours"] == 0
    assert found.loc["test fakes that leak", "ours"] == "0.0%"
    assert found.loc["verdict"].tolist() == ["This split leaks", "No leak"]
    assert "leak as same file" not in found.index  # a kind that nobody has
    came = compare_audits(audits, manifest)
    assert list(came) == ["by file", "ours", "as it came"]
    assert came["as it came"].tolist()[-2:] == ["none to check", "No leak"]
    whole = manifest_from([{**line, "official_split": "train"} for line in lines])  # one part is no split
    assert list(compare_audits(audits, whole)) == ["by file", "ours"]


def test_audit_of_large_groups_looks_up_and_does_not_pair():
    n = 50_000
    lines = pd.DataFrame({"path": [f"{i}.mp4" for i in range(n)], "label": np.arange(n) % 2, "ids": "everyone"})
    table = lines.assign(split=np.array(["train", "test"])[np.arange(n) // 2 % 2])
    manifest = manifest_from([{"path": "x"}])
    table = table.reindex(columns=COLUMNS, fill_value="").astype({c: "str" for c in COLUMNS if c != "label"})
    audit = audit_split(Manifest(manifest.root, table, manifest.report))
    assert audit.share_of_test_fakes == 1 and len(audit.leaks) == n
