"""The sample data: people who do not exist, clips from a seed, fakes that differ only under their mask."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib.base import DataError, file_sha256, read_json
from spotterlib.fakes import PEOPLE, make_samples, plan_samples, samples
from spotterlib.fakes.samples import PAIRS, draw_sample, load_people
from spotterlib.video import iterate_frames, probe_video


@pytest.fixture(scope="module")
def people():
    return load_people()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One pair's four clips, made in this process."""
    shares = []
    folder = tmp_path_factory.mktemp("samples")
    return make_samples(folder, seed=3, pairs=1, processes=1, progress=shares.append), shares


def test_pairs_are_disjoint_and_cover_everybody(people):
    named = [name for pair in PAIRS for name in pair]
    assert len(named) == len(set(named)) >= 24
    assert set(named) == set(people)


def test_groups_share_nobody():
    seen: dict[str, str] = {}
    for sample in plan_samples():
        for person in sample.ids.split(";"):
            assert seen.setdefault(person, sample.group) == sample.group
    assert set(seen) == {name for pair in PAIRS for name in pair}
    paths = [sample.path for sample in plan_samples()]
    assert len(paths) == len(set(paths))
    assert {s.method for s in plan_samples()} == {"", "FaceSwap", "SelfBlend"}


def test_no_portrait_feeds_two_people_and_all_are_set_aside():
    listed = read_json(PEOPLE / "people.json")["people"]
    used = [path for person in listed for path in person["portraits"]]
    assert len(used) == len(set(used))
    assert set(used) <= set((PEOPLE / "set_aside.txt").read_text().split())
    for person in listed:
        assert len(person["portraits"]) >= 6
        assert max(person["weights"]) <= 0.3
        assert sum(person["weights"]) == pytest.approx(1, abs=1e-3)


def test_pictures_are_small_and_their_landmarks_lie_in_order(people):
    assert sum(path.stat().st_size for path in PEOPLE.iterdir()) < 2_000_000
    for person in people.values():
        left, right, nose, mouth_left, mouth_right = person["landmarks"]
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


@pytest.mark.parametrize("method", ["FaceSwap", "SelfBlend"])
def test_a_fake_differs_from_its_scene_under_the_mask_alone(people, method):
    sample = next(s for s in plan_samples() if s.method == method)
    real = next(s for s in plan_samples() if s.method == "" and s.person == sample.person)
    scene, nothing, _ = draw_sample(real, people, seed=1)
    fake, mask, crf = draw_sample(sample, people, seed=1)
    assert nothing is None
    assert fake.shape == scene.shape and mask.shape == fake.shape[:3] and 0 <= crf <= 51
    changed = (fake != scene).any(axis=3)
    assert not changed[mask == 0].any()
    assert changed[mask > 0.9 * mask.max()].mean() > 0.5  # a blend may be three quarters strong at its core
    assert mask.min() >= 0 and mask.max() <= 1
    share = (mask > 0.5).mean(axis=(1, 2))
    assert (share > 0.02).all() and (share < 0.5).all()


def test_a_clip_depends_on_seed_and_name_alone(people):
    sample = plan_samples()[2]
    once, _, _ = draw_sample(sample, people, seed=5)
    draw_sample(plan_samples()[0], people, seed=5)
    again, _, _ = draw_sample(sample, people, seed=5)
    assert np.array_equal(once, again)
    other, _, _ = draw_sample(sample, people, seed=6)
    assert other.shape != once.shape or not np.array_equal(once, other)


def test_the_folder_reads_as_a_plain_data_set(made):
    manifest, shares = made
    table = manifest.table
    assert manifest.report.empty
    assert sorted(table["label"]) == [0, 0, 1, 1]
    assert set(table["group"]) == {"p01-p03"}
    assert set(table.loc[table["label"] == 1, "method"]) == {"FaceSwap", "SelfBlend"}
    assert shares == [0.5, 1.0], "person by person"
    for row in table.itertuples():
        info = probe_video(manifest.root / row.path)
        assert info.codec == "h264" and info.fps == pytest.approx(25) and 2 <= info.duration <= 3.05
        frames = sum(1 for _ in iterate_frames(manifest.root / row.path))
        assert frames == info.frames
        assert (row.mask != "") == (row.label == 1)
        if row.mask:
            shown = probe_video(manifest.root / row.mask)
            assert (shown.width, shown.height, shown.frames) == (info.width, info.height, info.frames)


def test_a_second_call_keeps_what_is_whole(made):
    manifest, _ = made
    before = {path: path.stat().st_mtime_ns for path in manifest.root.rglob("*.mp4")}
    lost = manifest.root / manifest.table["path"][0]
    frames = probe_video(lost).frames
    lost.unlink()
    again = make_samples(manifest.root, seed=3, pairs=1, processes=1)
    assert again.table.equals(manifest.table)
    assert probe_video(lost).frames == frames
    for path, time in before.items():
        assert path.stem == lost.stem or path.stat().st_mtime_ns == time


def test_another_seed_replaces_every_clip(tmp_path):
    make_samples(tmp_path, seed=0, pairs=1, processes=1)
    before = {path.name: file_sha256(path) for path in tmp_path.glob("real/*.mp4")}
    make_samples(tmp_path, seed=1, pairs=1, processes=1)
    assert all(file_sha256(tmp_path / "real" / name) != digest for name, digest in before.items())


def test_fewer_pairs_leave_nothing_unlisted(tmp_path):
    make_samples(tmp_path, pairs=2, processes=2)
    kept = file_sha256(tmp_path / "real" / "p01.mp4")
    manifest = make_samples(tmp_path, pairs=1, processes=1)
    assert len(list(tmp_path.rglob("*.mp4"))) == 6 and manifest.report.empty
    assert file_sha256(tmp_path / "real" / "p01.mp4") == kept


def test_a_missing_person_is_named(monkeypatch):
    monkeypatch.setattr(samples, "PAIRS", (("p01", "nobody"),))
    with pytest.raises(DataError, match="nobody"):
        load_people()
