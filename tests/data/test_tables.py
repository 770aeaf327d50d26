"""Tables as people write them are understood, or refused in one error."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from makers.trees import make, problems, rows

from spotterlib.base import DataError
from spotterlib.data import Manifest, build_manifest
from spotterlib.splits import audit_split


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
