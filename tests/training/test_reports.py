"""Training on nothing, out of memory on a GPU, and taken up again after the kernel was lost."""

from __future__ import annotations

import pytest
import torch
from makers.face_clips import manifest_of, synthetic, with_surroundings

from spotterlib.base import DataError, SpotterError
from spotterlib.faces import cache, cache_faces
from spotterlib.training import ClipDataset, TrainConfig, cached_parts, fit, loop


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A cache of six videos, four for training and two for validation: `work(frames with a face)` makes it."""

    def made(seen: int):
        faces = with_surroundings(synthetic([True] * seen + [False] * (24 - seen)))
        monkeypatch.setattr(cache, "find_faces", lambda path, **_: faces)
        root = tmp_path / "videos"
        root.mkdir(exist_ok=True)
        names = [f"{number}.mp4" for number in range(6)]
        for name in names:
            (root / name).write_text("a video")
        manifest = manifest_of(root, *names)
        manifest.table["split"] = ["train"] * 4 + ["val"] * 2
        cache_faces(manifest, tmp_path / "work" / "cache")
        return tmp_path / "work"

    return made


def test_a_part_without_a_usable_video_says_what_became_of_them(work):
    with pytest.raises(DataError, match=r"“train” has no video to train on \(short: 4\).*8 frames.*02"):
        cached_parts(work(5))
    nothing = ClipDataset([], lambda *_: None)
    with pytest.raises(IndexError, match="no clip"):
        nothing[0]
    assert list(nothing) == []


CONFIG = TrainConfig(epochs=2, batch=4, frozen=18, unfreeze_epoch=-1, precision="fp32")


def test_a_full_gpu_in_training_is_an_error_with_a_remedy(work, tmp_path, monkeypatch):
    def full(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    train, val = cached_parts(work(24), frames=2)
    monkeypatch.setattr(loop, "batch_loss", full)
    with pytest.raises(SpotterError, match=r"The training in .* needs more memory.*smaller batches"):
        list(fit(CONFIG, train, val, tmp_path / "run", device="cpu"))


def test_a_kernel_lost_between_two_epochs_costs_none_of_them(work, tmp_path, monkeypatch):
    train, val = cached_parts(work(24), frames=2)
    run = (CONFIG, train, val, tmp_path / "run")
    first = next(fit(*run, device="cpu"))  # and then the kernel is gone: all cells are run again
    again = list(fit(*run, device="cpu"))
    assert again[0] == first and [record["epoch"] for record in again] == [0, 1]
    assert list(fit(*run, device="cpu")) == again, "a run that is done is told again, not trained again"
