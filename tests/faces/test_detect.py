"""The detector finds faces where they are put, the same on any machine, and trips over nothing."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from makers.bounded import finished
from makers.face_clips import portrait, stage

from spotterlib.base import VideoError, threads
from spotterlib.faces import detect, detect_faces, find_faces
from spotterlib.video import read_frames


def test_a_box_is_where_the_face_was_put():
    picture, marks = portrait("p01")
    frames = np.stack([stage((420, 300), 1, (picture[None], np.array([place])))[0] for place in [(5, 9), (250, 100)]])
    one, other = detect_faces(frames)
    assert len(one.boxes) == len(other.boxes) == 1
    assert other.boxes[0] - one.boxes[0] == pytest.approx([245, 91, 245, 91], abs=6)
    assert np.abs(one.landmarks[0] - (marks + np.array([5, 9]))).max() < 7
    assert np.abs(other.landmarks[0] - (marks + np.array([250, 100]))).max() < 7
    assert one.confidences[0] > 0.9
    # boxes are in px of the frame given, whatever size MTCNN saw
    large = cv2.resize(frames[1], None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    (found,) = detect_faces([large])
    assert found.boxes[0] / 3 == pytest.approx(other.boxes[0], abs=6)
    assert found.landmarks[0] / 3 == pytest.approx(other.landmarks[0], abs=4)


@pytest.mark.parametrize("size", [(1, 1), (23, 400), (400, 23), (24, 24), (24, 3000)])
def test_small_and_long_pictures_have_no_face(size):
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    assert [len(found.boxes) for found in detect_faces(frames)] == [0, 0]
    assert detect_faces(frames)[0].landmarks.shape == (0, 5, 2)


def test_what_is_found_is_the_same_on_any_number_of_cores(clips):
    """And torch is left as it was: for this thread, and for those that begin later."""
    frames = list(read_frames(clips / "face.mp4", range(0, 24, 8)).values())
    before = torch.get_num_threads()
    found = {}
    try:
        for cores in (1, 2, 3):
            torch.set_num_threads(cores)
            threads._pool.cache_clear()
            found[cores] = detect_faces(frames)
            assert threads.on_one_core(torch.get_num_threads).result() == 1
            assert torch.get_num_threads() == cores
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(torch.get_num_threads).result() == cores
    finally:
        torch.set_num_threads(before)
        threads._pool.cache_clear()
    for cores in (2, 3):
        for one, other in zip(found[1], found[cores], strict=True):
            assert len(one.boxes) == 1
            assert np.array_equal(one.boxes, other.boxes) and np.array_equal(one.landmarks, other.landmarks)


class Stumbling:
    """An MTCNN that fails, as facenet-pytorch's does, on a picture with a given first pixel, unless it has a border."""

    def __init__(self, error, at=7, hopeless=False):
        self.error, self.at, self.hopeless = error, at, hopeless
        self.sizes = []

    def detect(self, pictures, landmarks):
        self.sizes.append(pictures.shape[:3])
        bad = pictures[:, 0, 0, 0] == self.at
        if bad.any() or self.hopeless:
            raise self.error
        boxes = np.array([[[30.0, 32, 50, 52, 0.99], [0, 0, 9, 9, 0.5]]] * len(pictures), dtype=object)
        return boxes[..., :4], boxes[..., 4], np.full((len(pictures), 2, 5, 2), 33.0).astype(object)


@pytest.mark.parametrize("error", [RuntimeError("torch.cat(): expected a non-empty list"), IndexError("mask [3] [2]")])
def test_mtcnn_tripping_over_one_picture_spares_the_others(monkeypatch, error):
    frames = np.zeros((3, 40, 40, 3), np.uint8)
    frames[1] = 7
    stumbling = Stumbling(error)
    monkeypatch.setattr(detect, "_detector", lambda device, steps: stumbling)
    found = detect_faces(frames)
    assert sorted(stumbling.sizes) == [(1, 40, 40)] * 3 + [(1, 80, 80)]
    assert [len(f.boxes) for f in found] == [1, 1, 1]
    assert found[0].boxes[0].tolist() == [30, 32, 50, 52]
    assert found[1].boxes[0].tolist() == [10, 12, 30, 32]  # without the border of 20 px
    assert found[1].landmarks[0, 0].tolist() == [13, 13]


def test_a_detector_that_fails_for_good_names_the_video(monkeypatch, clips):
    monkeypatch.setattr(detect, "_detector", lambda device, steps: Stumbling(RuntimeError("no memory"), hopeless=True))
    with pytest.raises(VideoError, match=r"empty\.mp4.*no memory"):
        find_faces(clips / "empty.mp4")


def test_boxes_that_are_no_boxes_are_left_out(monkeypatch):
    class Odd:
        def detect(self, pictures, landmarks):
            boxes = np.array([[[0, 0, np.nan, 9], [9, 9, 3, 3], [1, 1, 5, np.inf], [2, 2, 8, 8], [1, 1, 3, 3]]])
            return boxes, np.array([[0.99, 0.99, 0.99, 0.95, 0.97]]), np.zeros((1, 5, 5, 2))

    monkeypatch.setattr(detect, "_detector", lambda device, steps: Odd())
    (found,) = detect_faces(np.zeros((1, 40, 40, 3), np.uint8))
    assert found.boxes.tolist() == [[1, 1, 3, 3], [2, 2, 8, 8]]
    assert found.confidences.tolist() == pytest.approx([0.97, 0.95])


def test_facenet_is_imported_only_when_a_face_is_looked_for():
    code = "import sys, spotterlib.faces; print('facenet_pytorch' in sys.modules)"
    assert finished([sys.executable, "-c", code]).stdout == "False\n"
