"""What a user may hand over by mistake ends in an error of Spotter's own, with the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from makers.face_clips import manifest_of

from spotterlib.base import (
    DataError,
    SpotterError,
    WriteError,
    enough_memory,
    find_input,
    output_path,
    pick_device,
    write_json,
)
from spotterlib.data import build_manifest
from spotterlib.faces import cache_faces, detect_faces, find_faces
from spotterlib.model import load_checkpoint
from spotterlib.notebook import setup
from spotterlib.scan import scan_folder, scan_video, score_cache
from spotterlib.video import PERTURBATIONS, perturb_video, write_video

MISSING = ["cuda:99", "gpu", "meta", "", "CPU"] + ["mps"] * (not torch.backends.mps.is_available())


@pytest.mark.parametrize("device", [*MISSING, 0, None])
def test_a_device_that_is_not_there_is_said(device):
    with pytest.raises(SpotterError, match=r'There is no device .* here .*device="auto"'):
        pick_device(device)


def test_devices_that_are_there_are_taken():
    assert pick_device("cpu") == "cpu" and pick_device("cpu:0") == "cpu:0"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["mps", "cuda:99"])
def test_every_way_in_looks_at_the_device(device, clips, checkpoint, tmp_path):
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is one here")
    video, manifest = clips / "face.mp4", manifest_of(clips, "face.mp4")
    ways = [
        lambda: load_checkpoint(checkpoint, device),
        lambda: scan_video(video, checkpoint, device),
        lambda: scan_folder(clips, tmp_path / "out", checkpoint, device),
        lambda: score_cache(checkpoint, pd.DataFrame({"file": []}), device),
        lambda: cache_faces(manifest, tmp_path / "cache", device=device),
        lambda: find_faces(video, device=device),
        lambda: detect_faces([np.zeros((64, 64, 3), np.uint8)], device),
        lambda: setup(device=device),
    ]
    for way in ways:
        with pytest.raises(SpotterError, match="There is no device"):
            way()
    assert not (tmp_path / "cache" / "cache.csv").exists(), "no video is called unreadable for want of a device"


@pytest.mark.parametrize("path", [2024, 1.5, True, None, b"x", "a\0b"])
def test_what_is_no_path_is_said(path, tmp_path, checkpoint):
    ways = [
        lambda: find_input(path),
        lambda: output_path(path),
        lambda: build_manifest(path),
        lambda: scan_video(path, checkpoint),
        lambda: write_video(path, [], 12),
        lambda: write_json(path, {}),
        lambda: perturb_video(path, tmp_path / "a.mp4", PERTURBATIONS[0]),
        lambda: cache_faces(manifest_of(tmp_path, "a.mp4"), path),
    ]
    if path is not None:  # which stands for the checkpoint that is shipped
        ways.append(lambda: load_checkpoint(path, "cpu"))
    for way in ways:
        with pytest.raises(SpotterError, match="is no path"):
            way()


def test_a_number_for_a_folder_says_how_to_name_it():
    with pytest.raises(DataError, match=r"2024 is no path \(its type is int\).*'2024'.*-r instead of -p"):
        build_manifest(2024)


def test_a_name_that_is_too_long_is_refused_at_once(tmp_path):
    name = "n" * 250 + "_spotter.mp4"
    for write in (output_path, lambda path: write_json(path, {})):
        with pytest.raises(WriteError, match=r"too long.*Give it a shorter name"):
            write(tmp_path / name)
    with pytest.raises(SpotterError, match=r"too long.*Give it a shorter name"):
        write_video(tmp_path / name, [np.zeros((32, 32, 3), np.uint8)], 12)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "told",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB)"),
    ],
)
def test_a_full_gpu_is_an_error_with_a_remedy(told):
    with (
        pytest.raises(SpotterError, match=r"The scan of a\.mp4 needs more memory.*GPU.*device=\"cpu\""),
        enough_memory("The scan of a.mp4"),
    ):
        raise told


def test_a_full_machine_is_no_full_gpu():
    with pytest.raises(SpotterError, match=r"needs more memory.*fewer workers") as told, enough_memory("It"):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    assert "GPU" not in str(told.value)
