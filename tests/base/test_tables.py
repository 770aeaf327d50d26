"""Tables are safe to open in a spreadsheet, and read back to what they were."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from spotterlib.base import from_cells, read_table, readable, to_cells, write_csv

NAMES = [
    '=HYPERLINK("http://a.example";"look").mp4', "+cmd|' /C calc'!A0.mp4", "-x.mp4", "@SUM(A1).mp4", "\tt.mp4",
    "\rr.mp4", "a\rb.mp4", "a\n=1+1.mp4", "'=x.mp4", "''-x", "./plain", "'a", " =x.mp4", "＝x.mp4", "＋x", "plain.mp4",
    'a,b;c"d', "=", "", "a;=HYPERLINK(1)", "y;'=x", "z; -1\t+2\n@3", "a;' =x", "./;'=1", "plain; text",
]  # fmt: skip


@pytest.fixture
def table():
    return pd.DataFrame({"path": NAMES, "mask": NAMES, "reason": NAMES, "p": [-0.5] * len(NAMES)})


def test_no_cell_of_a_written_table_is_a_formula(tmp_path, table):
    write_csv(tmp_path / "t.csv", table)
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    assert len(rows) == len(NAMES)
    texts = [cell for row in rows for cell in row[:3]]
    assert not [cell for cell in texts if cell.lstrip("'").startswith(tuple("=+-@＝＋－＠\t\r\n ")) and cell[:1] != "'"]
    assert [row[3] for row in rows] == ["-0.5"] * len(rows), "numbers stay numbers"
    for line in (tmp_path / "t.csv").read_bytes().split(b"\r"):  # a line that a reader may see begins with no formula
        assert not line.startswith((b"=", b"+", b"-", b"@"))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_nor_where_a_spreadsheet_separates_cells_by_something_else(tmp_path, table, separator):
    """Excel in a language of decimal commas takes `;`, and a quote inside such a cell for a letter."""
    write_csv(tmp_path / "t.csv", table)
    text = (tmp_path / "t.csv").read_text(encoding="utf-8")
    cells = [cell for line in text.splitlines()[1:] for cell in line.split(separator)]
    assert not [cell for cell in cells if cell.strip().startswith(tuple("=+-@＝＋－＠"))]


def test_a_written_table_reads_back_to_what_it_was(tmp_path, table):
    write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table)
    pd.testing.assert_frame_equal(from_cells(to_cells(table)), table)


def test_who_reads_it_with_pandas_finds_the_files(tmp_path):
    names = ["=1+1.mp4", "+x.mp4", "-x.mp4", "@x.mp4", "plain.mp4"]
    for name in names:
        (tmp_path / name).write_text(name)
    write_csv(tmp_path / "t.csv", pd.DataFrame({"path": names}))
    again = pd.read_csv(tmp_path / "t.csv")
    assert [(tmp_path / path).read_text() for path in again["path"]] == names
    assert again["path"].tolist()[-1] == "plain.mp4"


def test_a_table_for_people_has_no_nan_and_plain_names():
    cells = {"val_auc": [0.12345, None], "n": [3, 4], "who": ["a_b", None], "ends": [(0.5, 0.75), None]}
    shown = readable(pd.DataFrame(cells, index=["tpr", "x_y"]), {"tpr": "fakes caught", "n": "videos"})
    assert shown.columns.tolist() == ["val auc", "videos", "who", "ends"]
    assert shown.index.tolist() == ["fakes caught", "x y"]
    assert shown.to_numpy().tolist() == [["0.123", 3, "a_b", "0.500 to 0.750"], ["–", 4, "–", "–"]]
