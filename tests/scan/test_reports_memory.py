"""A GPU whose memory is full ends a scan or a scoring in an error with the remedy; a folder goes on with the others."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from makers.face_clips import synthetic

from spotterlib.base import SpotterError
from spotterlib.faces import detect, find_faces
from spotterlib.model import Detector
from spotterlib.scan import scan_folder, scan_video, score_cache, scoring, videos


def full(*_, **__):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


REMEDY = r"needs more memory than there is\. It is the GPU's that is full: .*device=\"cpu\""


def test_a_scan_of_a_full_gpu(clips, detector, monkeypatch):
    monkeypatch.setattr(videos, "explain_clips", full)
    with pytest.raises(SpotterError, match=rf"The scan of face\.mp4 {REMEDY}"):
        scan_video(clips / "face.mp4", detector)


def test_a_face_detector_on_a_full_gpu(clips, detector, monkeypatch):
    monkeypatch.setattr(detect, "find_boxes", full)
    with pytest.raises(SpotterError, match=rf"The scan of face\.mp4 {REMEDY}"):
        scan_video(clips / "face.mp4", detector)
    with pytest.raises(SpotterError, match='device="cpu"'):
        find_faces(clips / "face.mp4")


def test_a_folder_of_which_one_video_is_too_large(clips, detector, monkeypatch, tmp_path):
    explained, seen = videos.explain_clips, []

    def once(*given, **how):
        seen.append(1)
        return full() if len(seen) == 1 else explained(*given, **how)

    monkeypatch.setattr(videos, "explain_clips", once)
    table = scan_folder(clips, tmp_path / "out", detector)
    failed = table[table["status"] == "failed"]
    assert len(failed) == 1 and "It is the GPU's that is full" in failed["reason"].iloc[0]
    monkeypatch.undo()
    again = scan_folder(clips, tmp_path / "out", detector)
    assert set(again["status"]) == {"ok"}, "it is tried again"


def test_scoring_a_cache_on_a_full_gpu(detector, monkeypatch):
    monkeypatch.setattr(scoring, "read_cache", lambda *_, **__: synthetic([True] * 24, grid_only=True))
    monkeypatch.setattr(Detector, "clip_logits", full)
    with pytest.raises(SpotterError, match=rf"Scoring 1 cached videos? {REMEDY}"):
        score_cache(detector, pd.DataFrame({"path": ["a.mp4"], "file": ["a.npz"]}))
