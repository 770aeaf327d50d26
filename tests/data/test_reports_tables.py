"""Names that a spreadsheet would compute: a manifest is safe to open and reads back to the same names."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from spotterlib.data import Manifest, build_manifest
from spotterlib.splits import audit_split, split_by_group

NAMES = ['=HYPERLINK("http:,,a.example").mp4', "+cmd|x.mp4", "@SUM(A1).mp4", "-x.mp4", "plain.mp4"]


@pytest.fixture
def listed(tmp_path):
    """A folder with odd names at its top, listed in a CSV that nobody made safe; people are named like formulas."""
    root = tmp_path / "videos"
    root.mkdir()
    for name in NAMES:
        (root / name).write_text("a video")
    lines = {
        "path": NAMES,
        "label": [0, 1, 0, 1, 0],
        "method": ["", "=m", "", "+m", ""],
        "ids": ["=1", "=1", "@b", "@b", "c"],
    }
    pd.DataFrame(lines).to_csv(root / "list.csv", index=False)
    return root


def test_a_saved_manifest_is_safe_and_reads_back(listed, tmp_path):
    made = split_by_group(build_manifest(listed / "list.csv"))
    assert sorted(made.table["path"]) == sorted(NAMES)
    place = made.save(tmp_path / "split.csv")
    with open(place, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    again = Manifest.load(place)
    pd.testing.assert_frame_equal(again.table, made.table)
    assert all((again.root / path).is_file() for path in again.table["path"])
    plain = pd.read_csv(place, keep_default_na=False)
    assert all((listed / path).is_file() for path in plain["path"]), "pandas alone finds the files, too"
    assert audit_split(place).verdict == audit_split(made).verdict


def test_a_list_by_others_may_have_been_made_safe_as_ours_is(listed):
    table = pd.read_csv(listed / "list.csv", dtype=str, keep_default_na=False)
    table["path"] = "./" + table["path"]
    table.to_csv(listed / "other.csv", index=False)
    assert sorted(build_manifest(listed / "other.csv").table["path"]) == sorted(NAMES)
