"""Faces in videos that users of like tools stumbled over: sizes that change, clocks that jump, people who cross."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from makers.face_clips import manifest_of, moving, portrait, stage
from makers.video_files import encode

from spotterlib.faces import cache_faces, duration_of, find_faces, read_cache
from spotterlib.faces.windows import plan_windows

RATE = 12


def person(name: str, count: int, height: int, size: tuple[int, int], place: tuple[int, int]) -> np.ndarray:
    """A person in motion who stays in one place, uint8 RGB (count, H, W, 3)."""
    return stage(
        size, count, (moving(name, np.arange(count) / RATE, height), np.tile(np.array(place, float), (count, 1)))
    )


def joined(path: Path, *parts: np.ndarray) -> Path:
    """Films one after the other in one transport stream, as a player of it sees them."""
    whole = b""
    for part in parts:
        whole += encode(path.with_suffix(".part.ts"), frames=part, rate=RATE).read_bytes()
    path.with_suffix(".part.ts").unlink()
    path.write_bytes(whole)
    return path


def middle(name: str, height: int, place: tuple[int, int]) -> np.ndarray:
    return portrait(name, height)[1].mean(0) + place


# --- a picture that changes midway -----------------------------------------------------------------------------------


def test_a_person_is_followed_through_a_picture_that_grows(tmp_path):
    """A call that is sent in more pixels after half a second: one person, each crop as sharp as it was sent."""
    small = person("p01", 6, 88, (104, 96), (6, 4))
    large = person("p01", 18, 264, (312, 288), (18, 12))
    found = find_faces(joined(tmp_path / "a.ts", small, large), between=1)
    assert len(found.tracks) == 1
    track, clip = found.tracks[0], found.clips[0]
    assert track.valid.all() and clip.valid.all()
    assert track.sizes.tolist() == [[104, 96]] * 6 + [[312, 288]] * 18
    assert (found.info.width, found.info.height) == (312, 288)
    centres = track.landmarks.mean(1)
    assert np.abs(centres[:6] - middle("p01", 88, (6, 4))).max() < 6
    assert np.abs(centres[6:] - middle("p01", 264, (18, 12))).max() < 18
    sides = track.boxes[:, 2] - track.boxes[:, 0]
    assert abs(np.median(sides[6:]) / np.median(sides[:6]) - 3) < 0.3
    on = track.on((312, 288))
    steps = np.linalg.norm(np.diff((on.boxes[:, :2] + on.boxes[:, 2:]) / 2, axis=0), axis=1)
    assert steps.max() < 0.25 * np.median(sides[6:]), "no leap where the size changes"
    marks = clip.crop_landmarks().mean(1)
    assert np.abs(marks - 112).max() < 45, "every crop shows the face in its middle"


def test_a_title_card_of_another_shape_hides_nobody(tmp_path):
    card = np.full((12, 96, 168, 3), 30, np.uint8)
    tall = person("p07", 24, 176, (144, 240), (0, 40))
    found = find_faces(joined(tmp_path / "a.ts", card, tall))
    alone = find_faces(joined(tmp_path / "b.ts", tall))
    assert len(found.tracks) == len(alone.tracks) == 1
    seen = found.tracks[0].boxes[found.tracks[0].valid]
    assert (found.info.width, found.info.height) == (144, 240)
    assert np.abs(np.median(seen, 0) - np.median(alone.tracks[0].boxes, 0)).max() < 3


def test_a_turn_midway_loses_no_frame(tmp_path):
    """Half of the film lies on its side in the file, and its bitstream says so."""
    film = person("p01", 24, 132, (120, 144), (4, 6))
    lying = encode(tmp_path / "lying.ts", frames=np.rot90(film[:12], -1, (1, 2)), rate=RATE)
    with av.open(str(lying)) as old, av.open(str(tmp_path / "told.ts"), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        told = "h264_metadata=display_orientation=insert:rotate=90"
        change = av.bitstream.BitStreamFilterContext(told, stream, copy)
        for packet in [*(packet for packet in old.demux(stream) if packet.size), None]:
            for each in change.filter(packet):
                each.stream = copy
                new.mux(each)
    upright = encode(tmp_path / "upright.ts", frames=film[12:], rate=RATE)
    (tmp_path / "a.ts").write_bytes((tmp_path / "told.ts").read_bytes() + upright.read_bytes())
    found = find_faces(tmp_path / "a.ts")
    assert len(found.tracks) == 1 and found.tracks[0].valid.all()
    assert (found.info.width, found.info.height) == (120, 144) and found.tracks[0].sizes is None


def test_the_faces_of_a_changing_video_are_cached_as_they_were_found(tmp_path):
    path = joined(
        tmp_path / "a.ts", person("p01", 12, 88, (104, 96), (6, 4)), person("p01", 12, 132, (112, 160), (0, 8))
    )
    found = find_faces(path)
    (row,) = cache_faces(manifest_of(tmp_path, "a.ts"), tmp_path / "cache").to_dict("records")
    kept = read_cache(row["file"], grid_only=True)
    assert row["status"] in ("ok", "several faces")
    for ours, theirs in zip(found.tracks, kept.tracks, strict=True):
        for name in ("boxes", "landmarks", "sizes"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=name != "sizes")
    for ours, theirs in zip(found.clips, kept.clips, strict=True):
        assert np.array_equal(ours.frames, theirs.frames)


# --- a clock that jumps ----------------------------------------------------------------------------------------------

HOUR = 3600 * 1000  # ms


def an_hour_apart(folder: Path, name: str) -> Path:
    """Two seconds of one person; the clock jumps an hour; two seconds of another."""
    first, second = person("p01", 24, 112, (128, 128), (18, 8)), person("p07", 24, 112, (128, 128), (18, 8))
    moments = np.round(np.arange(24) * 1000 / RATE).astype(int)
    if not name.endswith(".ts"):
        times = [*moments.tolist(), *(moments + HOUR).tolist()]
        return encode(folder / name, frames=np.concatenate([first, second]), rate=RATE, times=times)
    parts = [
        encode(folder / "part.ts", frames=frames, rate=RATE, times=(moments + start).tolist()).read_bytes()
        for frames, start in ((first, 0), (second, HOUR))
    ]
    (folder / name).write_bytes(b"".join(parts))
    return folder / name


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4"])
def test_nothing_goes_unlooked_at_because_the_clock_jumps(tmp_path, name):
    path = an_hour_apart(tmp_path, name)
    for found in (find_faces(path), find_faces(path, max_windows=4)):
        assert len(found.times) == 48
        assert found.coverage == 1.0
        assert [end - start for start, end in found.windows] == pytest.approx([23 / RATE] * 2, abs=0.01)
        assert found.windows[1][0] == pytest.approx(3600, abs=0.5), "the gap is there: a player stops here, too"
        assert len(found.tracks) == 2
        for number, track in enumerate(sorted(found.tracks, key=lambda track: track.times[track.valid][0])):
            grid = track.windows == number  # of a shot's window: 4 frames a second, and never fewer than 10
            assert track.valid.tolist() == grid.tolist() and grid.sum() >= 10
        assert found.info.duration == pytest.approx(4, abs=0.01)
        assert found.info.fps == pytest.approx(RATE, rel=0.01)


def test_windows_go_by_what_was_filmed():
    part = np.arange(150) / 25
    apart = np.concatenate([part, 5000 + part, 90_000 + part])
    plans = plan_windows(apart)
    assert [len(plan) for plan in plans] == [24] * 4  # 18 s filmed, in two windows of 9 s, the gaps in their midst
    assert [(plan[0], plan[-1]) for plan in plans] == [(0, 149), (150, 224), (225, 299), (300, 449)]
    assert duration_of(apart) == pytest.approx(18)
    slow = np.arange(60) * 20.0  # three pictures a minute, and no gap
    assert duration_of(slow) == pytest.approx(1200)
    hours = np.concatenate([np.arange(25 * 20) / 25 + 3600 * k for k in range(50)])
    assert len(plan_windows(hours)) == 60
    assert plan_windows(hours)[-1][-1] == len(hours) - 1


def test_a_camera_that_films_now_and_then_is_looked_at_in_every_part():
    """Ten seconds of each of ten hours: by the clock most of sixty windows lay in the dark."""
    times = np.concatenate([np.arange(25 * 10) / 25 + 3600 * k for k in range(10)])
    plans = plan_windows(times)
    assert {int(times[plan[0]] // 3600) for plan in plans} == set(range(10))
    joined = np.concatenate(plans)
    assert joined[0] == 0 and joined[-1] == len(times) - 1
    assert all(times[plan[-1]] - times[plan[0]] < 10 for plan in plans)


# --- two people who cross --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wait", "back"), [(0.0, False), (0.3, False), (0.3, True)])
def test_two_people_who_cross_are_not_taken_for_each_other(tmp_path, wait, back):
    """One passes before the other, stands there for a third of the time or not, and walks on or back."""
    count, wide = 72, 420
    share = np.interp(np.linspace(0, 1, count), [0, 0.5 - wait / 2, 0.5 + wait / 2, 1], [0, 0.5, 0.5, 0 if back else 1])
    times = np.arange(count) / RATE
    actors, middles = [], []
    for seed, (name, along) in enumerate((("p07", 1 - share), ("p01", share))):
        pictures = moving(name, times, 132, seed)
        left = 2 + (wide - pictures.shape[2] - 4) * along
        actors.append((pictures, np.stack([left, np.full(count, 4.0)], axis=1)))
        middles.append(left + portrait(name, 132)[1][:, 0].mean())
    found = find_faces(encode(tmp_path / "a.mkv", frames=stage((wide, 150), count, *actors), rate=RATE))
    apart = np.abs(middles[0] - middles[1]) > 30
    whose = []
    for track in found.tracks:
        there = track.valid & apart[track.frames]
        at = track.landmarks[there][:, :, 0].mean(1)
        nearer = [np.abs(at - middle[track.frames[there]]) for middle in middles]
        whose.append(set(np.argmin(nearer, axis=0).tolist()))
    assert all(len(people) <= 1 for people in whose), "no track is of one person first and of the other then"
    assert set().union(*whose) == {0, 1}
