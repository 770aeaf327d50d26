"""Fakes of somebody's own videos: what they differ in, what is said of them, and what is never overwritten."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from makers.face_clips import moving, stage, write_clip

from spotterlib.base import DataError
from spotterlib.data import build_manifest
from spotterlib.fakes import make_fakes
from spotterlib.splits import audit_split, split_by_group
from spotterlib.video import is_synthetic, iterate_frames, probe_video

NAMES = ["fake/anna_face_ben.mp4", "fake/anna_face_selfblend.mp4", "fake/ben_anna_face.mp4", "fake/ben_selfblend.mp4"]


@pytest.fixture(scope="module")
def phone(clips, tmp_path_factory):
    """Two people as their telephones keep them, one in a folder of her name; a stage without anybody; a text."""
    folder = tmp_path_factory.mktemp("phone")
    (folder / "anna").mkdir()
    shutil.copy(clips / "face.mp4", folder / "anna" / "face.mp4")
    other = moving("p07", np.arange(20) / 12, seed=1)
    write_clip(folder / "ben.mp4", stage((224, 192), 20, (other, np.full((20, 2), 8.0))))
    shutil.copy(clips / "empty.mp4", folder / "empty.mp4")
    (folder / "notes.txt").write_text("x")
    return folder


@pytest.fixture(scope="module")
def made(phone, tmp_path_factory):
    shares = []
    manifest = make_fakes(phone, tmp_path_factory.mktemp("made") / "set", progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    return manifest


def pictures(path):
    return np.stack([frame for _, _, frame in iterate_frames(path)]).astype(int)


def test_each_real_video_brings_a_self_blend_and_a_swap(made, phone):
    table = made.table.set_index("path")
    assert table.index.tolist() == [*NAMES, "real/anna_face.mp4", "real/ben.mp4"]
    assert table["label"].tolist() == [1, 1, 1, 1, 0, 0] and set(table["group"]) == {"anna-ben"}
    assert table.loc[NAMES, "method"].tolist() == ["FaceSwap", "SelfBlend", "FaceSwap", "SelfBlend"]
    assert table.loc[NAMES[0], "ids"] == "anna;ben" and table.loc[NAMES[1], "ids"] == "anna"
    assert made.report["path"].tolist() == ["empty.mp4"] and "shows no face" in made.report["problem"][0]
    assert build_manifest(made.root).table.equals(made.table), "as 01 finds it"
    assert not [path for path in made.root.parent.iterdir() if path != made.root], "nothing is left of the making"
    assert sorted(path.name for path in phone.iterdir()) == ["anna", "ben.mp4", "empty.mp4", "notes.txt"]


def test_a_fake_differs_where_its_mask_is_white_and_hardly_elsewhere(made):
    for name in NAMES:
        row = made.table.set_index("path").loc[name]
        real = pictures(made.root / f"real/{'anna_face' if name.startswith('fake/anna') else 'ben'}.mp4")
        fake, mask = pictures(made.root / name), pictures(made.root / row["mask"])[..., 0]
        assert fake.shape == real.shape and len(mask) == len(fake)
        apart = np.abs(fake - real).mean(-1)
        assert apart[mask > 200].mean() > 3 * apart[mask < 5].mean()
        assert 0.02 < (mask > 128).mean() < 0.6


def test_what_is_synthetic_says_so_in_its_metadata(made, phone, tmp_path):
    for row in made.table.itertuples():
        assert is_synthetic(made.root / row.path) == bool(row.label)
        assert not row.mask or is_synthetic(made.root / row.mask)
        assert probe_video(made.root / row.path).codec == "h264"
    only = tmp_path / "only"
    only.mkdir()
    shutil.copy(made.root / NAMES[0], only)
    with pytest.raises(DataError, match="it is no real video"):
        make_fakes(only, tmp_path / "out")


def test_nothing_is_overwritten(made, phone, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in made.root.rglob("*")}
    with pytest.raises(DataError, match="nothing is overwritten"):
        make_fakes(phone, made.root)
    assert {path: path.stat().st_mtime_ns for path in made.root.rglob("*")} == before
    with pytest.raises(DataError, match="beside that folder"):
        make_fakes(phone, phone / "set")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no video"):
        make_fakes(tmp_path / "none", tmp_path / "out")
    (tmp_path / "none" / "a.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"No video of .* can be used. a.mp4: "):
        make_fakes(tmp_path / "none", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["none"], "a run that fails leaves nothing"


def test_a_split_of_it_does_not_leak(made):
    split = split_by_group(made)
    assert audit_split(split).ok is not False


def test_fakes_of_names_that_meet_or_are_long_replace_no_other(clips, tmp_path):
    """1.mp4 wearing 1_1's face, and 1_1.mp4 wearing that of 1, were both 1_1_1.mp4."""
    phone, long = tmp_path / "phone", "n" * 246
    phone.mkdir()
    for name in ("1", "1_1", long):
        shutil.copy(clips / "face.mp4", phone / f"{name}.mp4")
    table = make_fakes(phone, tmp_path / "set").table
    assert table["path"].is_unique and table["mask"][table["mask"] != ""].is_unique
    assert table.groupby("method").size().to_dict() == {"": 3, "FaceSwap": 2, "SelfBlend": 3}
    assert len(list((tmp_path / "set" / "fake").iterdir())) == 5
