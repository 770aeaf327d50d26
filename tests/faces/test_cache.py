"""The face cache: what a scan would cut, kept without visible loss, resumable, and never in a half state."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from makers.face_clips import manifest_of, synthetic, with_surroundings
from makers.files import contents

from spotterlib.base import DataError
from spotterlib.faces import cache, cache_faces, crops, detect, find_faces, load_cache_table, read_cache
from spotterlib.model import load_checkpoint
from spotterlib.training.cached import load_cached


def test_every_video_has_a_row_that_says_what_became_of_it(cached_clips):
    _, out, table = cached_clips
    assert table["status"].to_dict() == {
        "face.mp4": "ok", "two.mp4": "several faces", "late.mp4": "ok", "empty.mp4": "no face",
        "text.mp4": "unreadable", "missing.mp4": "missing",
    }  # fmt: skip
    assert table["faces"].tolist() == [1, 2, 1, 0, 0, 0]
    assert table["found"].tolist() == pytest.approx([1, 1, 10 / 24, 0, 0, 0])
    assert "text.mp4" in table.loc["text.mp4", "reason"]
    assert "missing.mp4" in table.loc["missing.mp4", "reason"]
    assert [bool(file) for file in table["file"]] == [True, True, True, False, False, False]
    for file, size in zip(table["file"], table["bytes"], strict=True):
        assert not file or Path(file).stat().st_size == size
    folder = Path(table["file"].iloc[0]).parent
    assert sorted(path.name for path in out.iterdir()) == ["cache.csv", folder.name]
    files = sorted(path.name for path in folder.iterdir())
    assert len(files) == 5  # four videos could be looked at; the settings
    assert not any(name.startswith(".") for name in files)


def test_the_table_comes_back_as_it_was(cached_clips):
    root, out, table = cached_clips
    again = load_cache_table(out).set_index("path")
    assert set(table) - set(again) == {"seconds"}  # no two runs share them, and a cache is the same after each
    for column in again:
        assert again[column].tolist() == table[column].tolist(), column
    assert again["ids"].tolist() == ["000", "001", "002", "003", "004", "005"]
    moved = out.parent / "moved"
    shutil.copytree(out, moved)
    file = Path(load_cache_table(moved).loc[0, "file"])
    assert file.is_file() and file.parent.parent == moved
    assert root.name not in Path(table["file"].iloc[0]).name


def test_what_is_cached_is_what_a_scan_cuts(cached_clips):
    root, _, table = cached_clips
    for name in ("face.mp4", "two.mp4"):
        scanned, kept = find_faces(root / name), read_cache(table.loc[name, "file"], grid_only=True)
        assert kept.info == scanned.info
        assert kept.windows == scanned.windows
        assert kept.coverage == scanned.coverage
        assert np.array_equal(kept.times, scanned.times)
        assert len(kept.tracks) == len(scanned.tracks)
        for a, b in zip(kept.tracks, scanned.tracks, strict=True):
            assert a.id == b.id
            for column in ("frames", "times", "boxes", "landmarks", "confidences", "windows"):
                x, y = getattr(a, column), getattr(b, column)
                assert x.dtype == y.dtype
                assert np.array_equal(x, y, equal_nan=x.dtype.kind == "f"), column
        for a, b in zip(kept.clips, scanned.clips, strict=True):
            for column in ("times", "boxes", "landmarks", "valid"):
                assert np.array_equal(getattr(a, column), getattr(b, column), equal_nan=column != "valid"), column
            assert np.array_equal(a.frames, b.frames)  # to the pixel, and so to the score
    shipped = load_checkpoint(device="cpu")
    scores = [shipped.score_clips(clip.frames[None], clip.valid[None])[0] for clip in (a, b)]
    assert abs(scores[0] - scores[1]) <= 0.01
    whole = read_cache(table.loc["face.mp4", "file"]).clips[0]
    assert len(whole.frames) == 30  # the frames between those of the grid too
    fresh = find_faces(root / "face.mp4", between=2).clips[0]
    assert np.abs(whole.frames.astype(int) - fresh.frames).mean() < 1.5  # grey levels: JPEG


def test_a_face_that_comes_late_stays_late(cached_clips):
    kept = read_cache(cached_clips[2].loc["late.mp4", "file"], grid_only=True)
    assert kept.clips[0].valid.tolist() == [False] * 14 + [True] * 10
    assert (kept.clips[0].frames[:14] == 0).all()


def test_a_video_is_looked_at_once(tmp_path, quick_faces):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    manifest = manifest_of(tmp_path, "a.mp4", "b.mp4")
    first = cache_faces(manifest, tmp_path / "out")
    content = contents(tmp_path / "out")
    again = cache_faces(manifest, tmp_path / "out")
    assert quick_faces.looked == ["a.mp4", "b.mp4"]
    assert first.drop(columns="seconds").equals(again.drop(columns="seconds"))
    assert contents(tmp_path / "out") == content
    cache_faces(manifest, tmp_path / "anew")
    assert contents(tmp_path / "anew") == content  # the same bytes, whenever and wherever made
    (tmp_path / "b.mp4").write_bytes(b"another b")
    cache_faces(manifest, tmp_path / "out")
    assert quick_faces.looked == ["a.mp4", "b.mp4"] * 2 + ["b.mp4"]


def test_two_data_sets_share_a_cache_and_not_their_faces(tmp_path, quick_faces):
    """FaceForensics++ has `033_097.mp4` in many folders: of two roots, one replaced the other's."""
    files = []
    for root in ("one", "other"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "033_097.mp4").write_bytes(root.encode())
        files.append(cache_faces(manifest_of(tmp_path / root, "033_097.mp4"), tmp_path / "out").loc[0, "file"])
    assert len(set(files)) == 2 and quick_faces.looked == ["033_097.mp4"] * 2
    cache_faces(manifest_of(tmp_path / "one", "033_097.mp4"), tmp_path / "out")
    assert quick_faces.looked == ["033_097.mp4"] * 2, "what was found first is still there"


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("crops", "MARGIN", 30), ("crops", "CROP", 192), ("detect", "DETECT_SIDE", 480),
        ("detect", "MIN_CONFIDENCE", 0.8), ("cache", "BETWEEN", 1), ("cache", "max_windows", 2),
    ],
)  # fmt: skip
def test_another_setting_is_another_cache(tmp_path, quick_faces, monkeypatch, file, name, value):
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    manifest = manifest_of(tmp_path, "a.mp4", "b.mp4")
    first = cache_faces(manifest, tmp_path / "out")
    before = contents(tmp_path / "out")
    if name == "max_windows":
        other = cache_faces(manifest, tmp_path / "out", max_windows=value)
    else:
        monkeypatch.setattr({"crops": crops, "detect": detect, "cache": cache}[file], name, value)
        other = cache_faces(manifest, tmp_path / "out")
    assert quick_faces.looked == ["a.mp4", "b.mp4"] * 2
    assert not set(first["file"]) & set(other["file"])
    assert len({Path(file).parent for file in other["file"]}) == 1  # never half of one and half of the other
    after = contents(tmp_path / "out")
    assert all(after[name] == data for name, data in before.items() if name != "cache.csv")
    monkeypatch.undo()
    monkeypatch.setattr(cache, "find_faces", lambda *_, **__: pytest.fail("it is cached already"))
    assert cache_faces(manifest, tmp_path / "out")["file"].tolist() == first["file"].tolist()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "middle of nowhere", "other archive", "tail"])
def test_a_damaged_file_is_made_anew(tmp_path, quick_faces, damage):
    (tmp_path / "a.mp4").write_bytes(b"a")
    manifest = manifest_of(tmp_path, "a.mp4")
    file = Path(cache_faces(manifest, tmp_path / "out").loc[0, "file"])
    good = file.read_bytes()
    if damage == "other archive":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("meta.npy", "no array")
    else:
        file.write_bytes(
            {
                "cut": good[: len(good) // 2], "empty": b"", "text": b"nothing of use", "tail": good[:-20],
                "middle of nowhere": b"PK\x05\x06" + bytes(18),
            }[damage]
        )  # fmt: skip
    with pytest.raises(DataError, match=r"Delete it and run cache_faces"):
        read_cache(file)
    table = cache_faces(manifest, tmp_path / "out")
    assert quick_faces.looked == ["a.mp4", "a.mp4"]
    assert table.loc[0, "status"] == "ok"
    assert file.read_bytes() == good


def test_damage_inside_is_noticed_when_it_is_read(tmp_path, quick_faces):
    (tmp_path / "a.mp4").write_bytes(b"a")
    table = cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "out")
    file = Path(table.loc[0, "file"])
    data = bytearray(file.read_bytes())
    where = data.index(b"\xff\xd8\xff") + 400  # inside the first JPEG
    data[where : where + 50] = bytes(50)
    file.write_bytes(data)
    for read in (read_cache, lambda path: load_cached({"file": str(path)}, None, 24)):
        with pytest.raises(DataError, match="Delete it and run cache_faces"):
            read(file)
    with pytest.raises(DataError, match=r"Run cache_faces \(02\) again"):
        read_cache(tmp_path / "out" / "missing.npz")


def test_no_pickle_is_read(tmp_path):
    np.savez(tmp_path / "evil.npz", meta=np.array([{"faces": 0}], dtype=object))
    with pytest.raises(DataError, match=r"evil\.npz"):
        read_cache(tmp_path / "evil.npz")


def test_a_full_disk_is_an_error_and_no_unreadable_video(tmp_path, quick_faces, monkeypatch):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    manifest, save, written = manifest_of(tmp_path, "a.mp4", "b.mp4"), np.savez, []

    def full(file, **arrays):
        written.append(file)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="No space left"):
        cache_faces(manifest, tmp_path / "out")
    assert [name.split("/")[1][0] for name in sorted(contents(tmp_path / "out"))] == [
        "a",
        "s",
    ]  # a-….npz, settings.json
    cache_faces(manifest, tmp_path / "out")  # room again: only what is missing is made
    assert quick_faces.looked == ["a.mp4", "b.mp4", "b.mp4"]


def test_a_place_that_is_a_file_is_named(tmp_path, quick_faces):
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file"):
        cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "file" / "cache")


def test_names_of_every_kind_have_a_file_each(tmp_path, quick_faces):
    names = [
        "x/a.mp4", "y/a.mp4", "a b.mp4", "-a.mp4", "a:b.mp4", "ünï.mp4", "名" * 60 + ".mp4", "🙂" * 60 + ".mp4",
        "x" * 240 + ".mp4", "..mp4.mp4", "a\nb.mp4",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    quick_faces.faces = with_surroundings(synthetic([True] * 8))
    table = cache_faces(manifest_of(tmp_path, *names), tmp_path / "out")
    assert (table["status"] == "ok").all(), table["reason"].tolist()
    assert table["file"].nunique() == len(names)
    assert all(len(os.path.basename(file).encode()) <= 200 for file in table["file"])
    assert load_cache_table(tmp_path / "out")["path"].tolist() == names
    assert {Path(file).parent.parent for file in table["file"]} == {tmp_path / "out"}


def test_status_is_short_below_eight_frames_of_every_window(tmp_path, quick_faces):
    (tmp_path / "a.mp4").write_bytes(b"a")
    manifest = manifest_of(tmp_path, "a.mp4")
    for count, status in [(7, "short"), (8, "ok")]:
        seen = [k < count for k in range(24)] + [k < 5 for k in range(24)]
        quick_faces.faces = with_surroundings(synthetic(seen, windows=[0] * 24 + [1] * 24))
        table = cache_faces(manifest, tmp_path / f"out{count}")
        assert table.loc[0, "status"] == status
        assert ("7 frames" in table.loc[0, "reason"]) == (count == 7)


def test_workers_make_the_same_cache(tmp_path, quick_faces):
    for k in range(6):
        (tmp_path / f"{k}.mp4").write_bytes(b"bad" if k == 3 else b"%d" % k)
    manifest = manifest_of(tmp_path, *(f"{k}.mp4" for k in range(6)))
    one = cache_faces(manifest, tmp_path / "one")
    with parallel_config(backend="threading"):  # joblib's own switch, as a cluster's would be
        two = cache_faces(manifest, tmp_path / "two", workers=2)
    drop = ["seconds", "file"]
    assert one.drop(columns=drop).equals(two.drop(columns=drop))
    for a, b in zip(one["file"], two["file"], strict=True):
        assert bool(a) == bool(b)
        assert not a or Path(a).read_bytes() == Path(b).read_bytes()


def test_an_empty_manifest_and_a_missing_cache_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match="no video"):
        cache_faces(manifest_of(tmp_path), tmp_path / "out")
    with pytest.raises(DataError, match="notebook 02"):
        load_cache_table(tmp_path / "out")
    (tmp_path / "out").mkdir()
    for text in ("", "nonsense\n1\n", "\0\0"):
        (tmp_path / "out" / "cache.csv").write_text(text)
        with pytest.raises(DataError, match=r"cache\.csv"):
            load_cache_table(tmp_path / "out")
