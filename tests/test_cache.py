"""The face cache: what a scan would cut, kept without visible loss, resumable, and never in a half state."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from face_clips import manifest_of, synthetic, with_surroundings
from joblib import parallel_config

from spotterlib import cache, faces
from spotterlib._camera import PLAIN, Camera, Carrier, film
from spotterlib.cache import cache_faces, load_cache_table, load_cached, read_cache, training_rows
from spotterlib.faces import find_faces
from spotterlib.model import load_checkpoint
from spotterlib.project import DataError, VideoError
from spotterlib.video import iterate_frames


@pytest.fixture(scope="module")
def made(clips, tmp_path_factory):
    """A folder with the clips and a file that is no video, its cache, and the table of it."""
    root = tmp_path_factory.mktemp("videos")
    for clip in clips.glob("*.mp4"):
        shutil.copy(clip, root)
    (root / "text.mp4").write_text("no video")
    shares = []
    out = tmp_path_factory.mktemp("cache")
    names = ["face.mp4", "two.mp4", "late.mp4", "empty.mp4", "text.mp4", "missing.mp4"]
    table = cache_faces(manifest_of(root, *names), out, progress=shares.append)
    assert shares == pytest.approx(np.arange(1, 7) / 6)
    return root, out, table.set_index("path")


@pytest.fixture
def quick(monkeypatch):
    """Faces without MTCNN: `quick.faces` for any video; `quick.looked` lists the videos looked at."""

    class Quick:
        faces = with_surroundings(synthetic([True] * 24))
        looked: list[str]

    quick = Quick()
    quick.looked = []

    def find(path, **settings):
        quick.looked.append(Path(path).name)
        if Path(path).read_bytes().startswith(b"bad"):
            raise VideoError(f"{path} is no video.")
        return quick.faces

    monkeypatch.setattr(cache, "find_faces", find)
    return quick


def test_every_video_has_a_row_that_says_what_became_of_it(made):
    _, out, table = made
    assert table["status"].to_dict() == {
        "face.mp4": "ok", "two.mp4": "several faces", "late.mp4": "ok", "empty.mp4": "no face",
        "text.mp4": "unreadable", "missing.mp4": "unreadable",
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


def test_the_table_comes_back_as_it_was(made):
    root, out, table = made
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


def test_what_is_cached_is_what_a_scan_cuts(made):
    root, _, table = made
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


def test_a_face_that_comes_late_stays_late(made):
    kept = read_cache(made[2].loc["late.mp4", "file"], grid_only=True)
    assert kept.clips[0].valid.tolist() == [False] * 14 + [True] * 10
    assert (kept.clips[0].frames[:14] == 0).all()


def contents(folder):
    """Every file under a folder, hidden ones too, with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_video_is_looked_at_once(tmp_path, quick):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    manifest = manifest_of(tmp_path, "a.mp4", "b.mp4")
    first = cache_faces(manifest, tmp_path / "out")
    content = contents(tmp_path / "out")
    again = cache_faces(manifest, tmp_path / "out")
    assert quick.looked == ["a.mp4", "b.mp4"]
    assert first.drop(columns="seconds").equals(again.drop(columns="seconds"))
    assert contents(tmp_path / "out") == content
    cache_faces(manifest, tmp_path / "anew")
    assert contents(tmp_path / "anew") == content  # the same bytes, whenever and wherever made
    (tmp_path / "b.mp4").write_bytes(b"another b")
    cache_faces(manifest, tmp_path / "out")
    assert quick.looked == ["a.mp4", "b.mp4"] * 2 + ["b.mp4"]


@pytest.mark.parametrize(
    ("room", "name", "value"),
    [
        ("faces", "MARGIN", 30), ("faces", "CROP", 192), ("faces", "_DETECT_SIDE", 480),
        ("faces", "_MIN_CONFIDENCE", 0.8), ("cache", "BETWEEN", 1), ("cache", "max_windows", 2),
    ],
)  # fmt: skip
def test_another_setting_is_another_cache(tmp_path, quick, monkeypatch, room, name, value):
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    manifest = manifest_of(tmp_path, "a.mp4", "b.mp4")
    first = cache_faces(manifest, tmp_path / "out")
    before = contents(tmp_path / "out")
    if name == "max_windows":
        other = cache_faces(manifest, tmp_path / "out", max_windows=value)
    else:
        monkeypatch.setattr(faces if room != "cache" else cache, name, value)
        other = cache_faces(manifest, tmp_path / "out")
    assert quick.looked == ["a.mp4", "b.mp4"] * 2
    assert not set(first["file"]) & set(other["file"])
    assert len({Path(file).parent for file in other["file"]}) == 1  # never half of one and half of the other
    after = contents(tmp_path / "out")
    assert all(after[name] == data for name, data in before.items() if name != "cache.csv")
    monkeypatch.undo()
    monkeypatch.setattr(cache, "find_faces", lambda *_, **__: pytest.fail("it is cached already"))
    assert cache_faces(manifest, tmp_path / "out")["file"].tolist() == first["file"].tolist()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "middle of nowhere", "other archive", "tail"])
def test_a_damaged_file_is_made_anew(tmp_path, quick, damage):
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
    assert quick.looked == ["a.mp4", "a.mp4"]
    assert table.loc[0, "status"] == "ok"
    assert file.read_bytes() == good


def test_damage_inside_is_noticed_when_it_is_read(tmp_path, quick):
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
    with pytest.raises(DataError, match="Delete it"):
        read_cache(tmp_path / "out" / "missing.npz")


def test_no_pickle_is_read(tmp_path):
    np.savez(tmp_path / "evil.npz", meta=np.array([{"faces": 0}], dtype=object))
    with pytest.raises(DataError, match=r"evil\.npz"):
        read_cache(tmp_path / "evil.npz")


def test_a_full_disk_is_an_error_and_no_unreadable_video(tmp_path, quick, monkeypatch):
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
    assert quick.looked == ["a.mp4", "b.mp4", "b.mp4"]


def test_a_place_that_is_a_file_is_named(tmp_path, quick):
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file"):
        cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "file" / "cache")


def test_names_of_every_kind_have_a_file_each(tmp_path, quick):
    names = [
        "x/a.mp4", "y/a.mp4", "a b.mp4", "-a.mp4", "a:b.mp4", "ünï.mp4", "名" * 60 + ".mp4", "🙂" * 60 + ".mp4",
        "x" * 240 + ".mp4", "..mp4.mp4", "a\nb.mp4",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    quick.faces = with_surroundings(synthetic([True] * 8))
    table = cache_faces(manifest_of(tmp_path, *names), tmp_path / "out")
    assert (table["status"] == "ok").all(), table["reason"].tolist()
    assert table["file"].nunique() == len(names)
    assert all(len(os.path.basename(file).encode()) <= 200 for file in table["file"])
    assert load_cache_table(tmp_path / "out")["path"].tolist() == names
    assert {Path(file).parent.parent for file in table["file"]} == {tmp_path / "out"}


def test_status_is_short_below_eight_frames_of_every_window(tmp_path, quick):
    (tmp_path / "a.mp4").write_bytes(b"a")
    manifest = manifest_of(tmp_path, "a.mp4")
    for count, status in [(7, "short"), (8, "ok")]:
        seen = [k < count for k in range(24)] + [k < 5 for k in range(24)]
        quick.faces = with_surroundings(synthetic(seen, windows=[0] * 24 + [1] * 24))
        table = cache_faces(manifest, tmp_path / f"out{count}")
        assert table.loc[0, "status"] == status
        assert ("7 frames" in table.loc[0, "reason"]) == (count == 7)


def test_workers_make_the_same_cache(tmp_path, quick):
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


# --- for training ----------------------------------------------------------------------------------------------------


def cached(tmp_path, quick, faces):
    (tmp_path / "a.mp4").write_bytes(b"a")
    quick.faces = with_surroundings(faces)
    return {"file": cache_faces(manifest_of(tmp_path, "a.mp4"), tmp_path / "out").loc[0, "file"]}


def test_training_rows_are_the_usable_videos_of_a_split(made):
    table = made[2].reset_index()
    rows = training_rows(table, "train")
    assert [row["path"] for row in rows] == ["face.mp4", "two.mp4", "late.mp4"]
    assert [row["label"] for row in rows] == [0, 1, 0]
    assert set(rows[0]) == {"file", "label", "group", "method", "path"}
    assert training_rows(table, "test") == []


def test_evaluation_sees_the_grid(made):
    row = {"file": made[2].loc["face.mp4", "file"]}
    carrier, grid = load_cached(row, None, 24), read_cache(row["file"], grid_only=True).clips[0]
    assert carrier.frames.shape == (24, 336, 336, 3)
    assert np.array_equal(film(carrier, PLAIN), grid.frames)
    assert np.array_equal(carrier.valid, grid.valid)
    assert carrier.landmarks == pytest.approx(grid.crop_landmarks() + 56, abs=1e-4)
    assert np.array_equal(carrier.boxes, np.tile(np.float32([56, 56, 280, 280]), (24, 1)))


def test_a_moved_crop_shows_what_was_around_the_face(made):
    """Shifted, zoomed and turned as far as training does, a cached face looks as one filmed from its video."""
    root, _, table = made
    row = table.loc["face.mp4"]
    carrier, track = load_cached({"file": row["file"]}, None, 24), read_cache(row["file"]).tracks[0]
    pictures = np.stack([picture for _, _, picture in iterate_frames(root / "face.mp4")])[track.frames]
    whole = Carrier(pictures, track.landmarks, track.boxes, track.valid)
    for camera in (Camera(shift=(0.06, -0.06)), Camera(zoom=1.12), Camera(roll=8.0, shift=(-0.05, 0.0))):
        difference = np.abs(film(carrier, camera).astype(int) - film(whole, camera))
        band = np.concatenate([difference[:, :14].ravel(), difference[:, -14:].ravel(), difference[:, :, :14].ravel()])
        assert band.mean() < 4  # grey levels; strips of padding or of mirrored face differ by 15 and more


def test_training_draws_starts_and_lengths(tmp_path, quick):
    row = cached(tmp_path, quick, synthetic([True] * 24))
    drawn = [load_cached(row, np.random.default_rng(seed), 24) for seed in range(12)]
    spans = {(int(c.frames[c.valid][0].max()), int(c.frames[c.valid][-1].max())) for c in drawn}
    assert len(spans) > 6  # the synthetic crops are as bright as their place in the video
    again = load_cached(row, np.random.default_rng(3), 24)
    assert np.array_equal(again.frames, drawn[3].frames)
    for carrier in drawn:
        assert carrier.frames.shape == (24, 336, 336, 3)
        assert carrier.valid.sum() >= 8
        brightness = carrier.frames[carrier.valid].max((1, 2, 3)).astype(int)
        assert (np.diff(brightness) > 0).all()  # in order, none twice
        assert (carrier.frames[~carrier.valid] == 0).all()
        assert np.isfinite(carrier.landmarks).all()
    assert load_cached(row, None, 8).valid.tolist() == [True] * 8


def test_a_window_without_the_face_is_never_drawn(tmp_path, quick):
    seen = [False] * 24 + [k >= 12 for k in range(24)]
    row = cached(tmp_path, quick, synthetic(seen, windows=[0] * 24 + [1] * 24))
    assert load_cached(row, None, 24).valid.sum() == 12
    for seed in range(12):
        assert load_cached(row, np.random.default_rng(seed), 24).valid.sum() >= 8


def test_a_gap_in_the_middle_is_not_all_that_is_drawn(tmp_path, quick):
    row = cached(tmp_path, quick, synthetic([k < 5 or k >= 19 for k in range(24)]))
    for seed in range(20):
        assert load_cached(row, np.random.default_rng(seed), 24).valid.sum() >= 8


def test_the_first_face_with_enough_is_the_one_trained_on(tmp_path, quick):
    row = cached(tmp_path, quick, synthetic([k < 7 for k in range(24)], [k >= 10 for k in range(24)]))
    assert load_cached(row, None, 24).valid.sum() == 14
    row = cached(tmp_path / "out", quick, synthetic([k < 7 for k in range(24)]))
    with pytest.raises(DataError, match="too little to train on"):
        load_cached(row, None, 24)
