"""Faces in videos that users of like tools stumbled over: sizes that change, clocks that jump, people who cross."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from makers.face_clips import manifest_of, moving, portrait, stage
from makers.video_files import encode

from spotterlib.faces import cache_faces, find_faces, read_cache

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
