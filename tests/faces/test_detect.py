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


def test_a_detector_that_fails_names_the_video(monkeypatch, clips):
    def hopeless(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(detect, "find_boxes", hopeless)
    with pytest.raises(VideoError, match=r"empty\.mp4.*no memory"):
        find_faces(clips / "empty.mp4")


def test_boxes_that_are_no_boxes_are_left_out(monkeypatch):
    boxes = np.array([[1, 1, 3, 3], [0, 0, np.nan, 9], [9, 9, 3, 3], [1, 1, 5, np.inf], [2, 2, 8, 8], [1, 1, 9, 9]])
    given = boxes.astype(np.float32), np.zeros((6, 5, 2), np.float32), np.float32([0.97, 0.97, 0.96, 0.96, 0.95, 0.89])
    monkeypatch.setattr(detect, "find_boxes", lambda *_: given)
    (found,) = detect_faces(np.zeros((1, 40, 40, 3), np.uint8))
    assert found.boxes.tolist() == [[1, 1, 3, 3], [2, 2, 8, 8]]
    assert found.confidences.tolist() == pytest.approx([0.97, 0.95])


def test_a_frame_soon_after_is_looked_at_as_wholly(clips):
    """Nothing is searched that is smaller than half of what is known, and the face is where it is anyway."""
    for frame in read_frames(clips / "face.mp4", [0, 11, 23]).values():
        large = cv2.resize(frame, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
        seen, size = detect.reduced(large), large.shape[1::-1]
        whole = detect.detect(seen, size, "cpu")
        again = detect.detect_again(seen, size, "cpu", whole.boxes)
        assert len(whole.boxes) == 1 and again.boxes == pytest.approx(whole.boxes, abs=0.01)
        assert again.landmarks == pytest.approx(whole.landmarks, abs=0.01)


def test_nothing_heavy_is_imported_to_look_for_faces():
    """facenet-pytorch gives the weights alone: its code wants torchvision, which takes longer than a scan."""
    code = """
import sys, numpy as np, spotterlib.faces as faces
print("torch" in sys.modules)
faces.detect_faces(np.zeros((1, 99, 99, 3), np.uint8))
print([name for name in ("facenet_pytorch", "torchvision", "pandas", "scipy") if name in sys.modules])
"""
    assert finished([sys.executable, "-c", code]).stdout == "False\n[]\n"
