"""Ten real clips of real people (GRID, CC BY 4.0), where they are at hand: every one gets a verdict or a reason."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib import scan_folder, scan_video
from spotterlib.base import data_home


@pytest.fixture(scope="module")
def grid():
    home = data_home()
    if home is None or not (home / "data" / "grid").is_dir():
        pytest.skip("SPOTTER_DATA is not set to a folder with data/grid")
    return home / "data" / "grid"


def test_every_clip_is_scanned(grid, tmp_path):
    table = scan_folder(grid, tmp_path)
    table = table[table["status"] != "left out"]  # what is beside the clips, in one row
    assert len(table) == 10 and (table["status"] == "ok").all()
    assert (table["faces"] >= 1).all() and table["probability"].between(0, 1).all()
    assert table["label"].isin(["REAL", "FAKE", "UNDECIDED"]).all()
    assert all(row.reason for row in table.itertuples() if row.label == "UNDECIDED")


def test_the_face_is_there_in_every_frame(grid):
    report = scan_video(sorted(grid.glob("*.mpg"))[0])
    assert report.faces[0].track.valid.all() and len(report.times) == 75
    assert np.isfinite(report.frame_scores).all()
