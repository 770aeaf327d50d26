"""The look at a face cache: counts, contact sheets and the worst detections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from makers.face_clips import manifest_of, moving, stage, synthetic, write_clip

from spotterlib.base import VideoError
from spotterlib.faces import cache, cache_faces, count_statuses, plot_faces, plot_statuses, plot_worst, worst_detections
from spotterlib.faces.cache import STATUSES


def faces_of(*seen, leap: float = 0.0, confidence: float = 1.0):
    """Synthetic faces; the main one's box leaps by so many of its sides in the middle."""
    found = synthetic(*seen)
    if not found.tracks:
        return found
    boxes = found.tracks[0].boxes.copy()
    boxes[len(boxes) // 2 :] += np.float32(leap * 100)
    main = replace(found.tracks[0], boxes=boxes, confidences=found.tracks[0].confidences * np.float32(confidence))
    clips = [replace(c, wide=np.pad(c.frames, ((0, 0), (56, 56), (56, 56), (0, 0)), mode="edge")) for c in found.clips]
    clips[0].boxes[len(boxes) // 2 * 2 :] += np.float32(leap * 100)
    return replace(found, tracks=(main, *found.tracks[1:]), clips=tuple(clips))


VIDEOS = {
    "good.mp4": faces_of([True] * 24),
    "lost.mp4": faces_of([k % 2 == 0 for k in range(24)]),
    "unsure.mp4": faces_of([True] * 24, confidence=0.95),
    "leaps.mp4": faces_of([True] * 24, leap=0.8),
    "crowd.mp4": faces_of([True] * 24, [k > 9 for k in range(24)]),
    "short.mp4": faces_of([k < 5 for k in range(24)]),
    "nobody.mp4": replace(synthetic([True] * 24), tracks=(), clips=()),
    "text.mp4": None,
    "gone.mp4": None,
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    def find(path, **_):
        if VIDEOS[path.name] is None:
            raise VideoError(f"{path} is no video.")
        return VIDEOS[path.name]

    monkeypatch.setattr(cache, "find_faces", find)
    for name in VIDEOS:
        if name != "gone.mp4":
            (tmp_path / name).write_bytes(name.encode())
    person = moving("p01", np.arange(3) / 12)
    write_clip(tmp_path / "nobody.mp4", stage((208, 192), 3, (person, np.full((3, 2), 8.0))))
    return cache_faces(manifest_of(tmp_path, *VIDEOS), tmp_path / "out"), tmp_path


def test_the_measures_are_those_of_the_main_face(made):
    table = made[0].set_index("path")
    assert table.loc["lost.mp4", "found"] == 0.5
    assert table["confidence"].to_dict() == pytest.approx(
        dict.fromkeys(VIDEOS, 1.0) | {"unsure.mp4": 0.95, "nobody.mp4": 0, "text.mp4": 0, "gone.mp4": 0}, abs=1e-4
    )
    assert table.loc["leaps.mp4", "jump"] == pytest.approx(0.8 * 2**0.5, abs=1e-3)
    assert (table["jump"].drop("leaps.mp4") == 0).all()


def test_statuses_are_counted(made):
    counts = count_statuses(made[0])
    assert list(counts.index) == list(STATUSES)
    assert counts.loc["ok", ["real", "fake"]].tolist() == [2, 2]
    assert counts[["real", "fake"]].to_numpy().sum() == len(VIDEOS)
    assert counts.loc["ok", "share"] == "44.4%"
    only = count_statuses(made[0][made[0]["status"] == "short"])
    assert list(only.index) == ["short"]


def test_the_worst_are_the_worst_in_each_measure(made):
    worst = worst_detections(made[0], each=1)
    assert worst[["worst", "path"]].values.tolist() == [
        ["found", "short.mp4"], ["confidence", "unsure.mp4"], ["jump", "leaps.mp4"],
    ]  # fmt: skip
    assert worst_detections(made[0])["path"].tolist() == ["short.mp4", "lost.mp4", "unsure.mp4", "leaps.mp4"]
    good = made[0][made[0]["path"] == "good.mp4"]
    assert worst_detections(good).empty
    assert "No doubt about any of 1 cached video" in plot_worst(good).get_suptitle()


def pictures(figure):
    return [image.get_array() for axes in figure.axes for image in axes.images]


def words(figure):
    return " | ".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_a_sheet_shows_every_status(made):
    table, root = made
    figure = plot_statuses(table, root, each=3)
    assert "9 videos: 4 ok, 1 several faces, 1 short, 1 no face, 1 unreadable, 1 missing" in figure.get_suptitle()
    said = words(figure)
    assert all(status in said for status in STATUSES)
    shown = pictures(figure)
    assert len(shown) == 3 + 5  # of four ok, three
    nobody, text = shown[-3], shown[-2]
    assert nobody.shape[:2] == (192, 208) and nobody.std() > 20  # its own frame, for there is no crop
    assert (text == text[0, 0]).all() and "no frame" in said


def test_the_worst_are_shown_with_their_gaps_and_leaps(made):
    figure = plot_worst(made[0], each=1, across=8)
    assert figure.get_suptitle().startswith("The worst 3 of 6 cached videos")
    said = words(figure)
    assert "found 21%" in said and "confidence 0.950" in said and "leap 1.13" in said
    assert said.count("not found") == 6  # of eight frames spread over the clip, those after the fifth of 24
    times = [float(t.split()[0]) for t in said.split(" | ") if t.endswith(" s")][-8:]
    assert {0.9, 1.0} <= set(times)  # 0.88 and 0.96 s, the two frames of the leap


def test_faces_lie_in_rows_with_their_captions():
    images = [np.full((8, 8, 3), at, np.uint8) for at in range(5)]
    figure = plot_faces(images, ["one", "two", "three", "four", "five"], columns=3, title="Five")
    assert [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes if axes.images] == [0, 1, 2, 3, 4]
    assert [axes.texts[0].get_text() for axes in figure.axes if axes.texts] == ["one", "two", "three", "four", "five"]
    assert figure.get_suptitle() == "Five" and len(figure.axes) == 6
    assert plot_faces(images).get_suptitle() == "5 faces"
