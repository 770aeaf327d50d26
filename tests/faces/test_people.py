"""Tracks of one person are joined by face, those of two people, or of two places at one moment, are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spotterlib.base import data_home
from spotterlib.faces import distances, find_faces, main_face, mean_face, people
from spotterlib.faces.people import people_of
from spotterlib.fakes import PEOPLE
from spotterlib.fakes.samples import Sample, draw_sample, load_people
from spotterlib.video import fitted, write_video


@pytest.fixture
def points(monkeypatch):
    """Faces whose "crop" is their embedding's first number."""

    def embedded(crops, landmarks, device):
        found = np.zeros((len(crops), 128), np.float32)
        found[:, 0] = [float(crop) for crop in crops]
        return found

    monkeypatch.setattr(people, "embed_faces", embedded)


def looks(*values: float) -> dict:
    return {row: (value, None, 1.0) for row, value in enumerate(values)}


def test_near_faces_are_joined_and_what_is_seen_at_one_moment_is_not(points):
    seen = [{0, 1}, {2, 3}, {2, 3}, {9}]
    faces = [looks(0.0, 0.1), looks(0.1, 0.1), looks(0.12, 0.1), looks(5.0)]
    assert people_of(seen, faces, "cpu") == [[0, 1], [2], [3]]
    assert people_of(seen[:1] + seen[3:], [faces[0], looks(0.05)], "cpu") == [[0, 1]]


def test_where_nobody_could_be_another_no_face_is_embedded(monkeypatch):
    monkeypatch.setattr(people, "embed_faces", lambda *_: pytest.fail("embedded"))
    assert people_of([{0, 1}, {0, 1, 2}], [looks(0, 0), looks(0, 0, 0)], "cpu") == [[0], [1]]
    assert people_of([{0, 1}], [looks(0, 0)], "cpu") == [[0]]
    assert people_of([], [], "cpu") == []


@pytest.fixture(scope="module")
def sample_people():
    """The embeddings (32, 128) of the sample people, a portrait each."""
    stills = [cv2.imread(str(still))[..., ::-1] for still in sorted(PEOPLE.glob("p*.jpg"))]
    return np.stack([mean_face([np.ascontiguousarray(still)], "cpu")[0] for still in stills])


def nearest(points: np.ndarray) -> float:
    """How near the nearest two are."""
    apart = distances(points, points)
    return float(apart[np.triu_indices(len(points), 1)].min())


def test_no_two_of_the_sample_people_are_taken_for_one(sample_people):
    assert len(sample_people) == 32 and nearest(sample_people) > people.SAME_PERSON


def test_no_two_speakers_before_a_camera_are_taken_for_one(sample_people, grid_clips):
    """Ten of GRID and five before a webcam (a clip each, docs/people.md), beside the sample people."""
    folder = data_home() / "data" / "clips"
    webcam = [folder / f"{name}.mkv" for name in ("again", "bird", "book", "eat", "hungry")]
    clips = [*grid_clips, *(clip for clip in webcam if clip.is_file())]
    found = np.stack([main_face(clip, "cpu")[0] for clip in clips])
    assert len(found) >= 10 and nearest(np.concatenate([found, sample_people])) > people.SAME_PERSON


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two people in three shots of 2 s: one, the other, and the first again, backwards."""
    everybody = load_people()
    drawn = [
        draw_sample(Sample(f"real/{name}.mp4", 0, "", "", name, "", ""), everybody, 0)[0] for name in ("p02", "p11")
    ]
    one, other = ([fitted(picture, (300, 300)) for picture in frames[:50]] for frames in drawn)
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, [*one, *other, *one[::-1]], 25.0, crf=18)


def test_a_person_who_comes_back_is_one_face_and_windows_end_at_cuts(film):
    found = find_faces(film)
    assert len(found.tracks) == 2 and len(found.windows) == 3
    assert found.windows == tuple((pytest.approx(2.0 * k), pytest.approx(2.0 * k + 1.96)) for k in range(3))
    main, other = (sorted(set(track.windows[track.valid])) for track in found.tracks)
    assert (main, other) == ([0, 2], [1])
    _, _, there = found.tracks[0].at(np.array([1.96, 2.0, 3.0, 3.96, 4.0]))
    assert there.tolist() == [True, False, False, False, True]
