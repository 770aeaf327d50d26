"""What a detector is to whoever uses it: a line, and errors that say what it takes."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib.base import SpotterError
from spotterlib.model import load_checkpoint


def test_a_detector_is_told_in_a_line(detector):
    assert repr(detector) == "Detector('made' on cpu: REAL up to 0.40, FAKE from 0.70)"


@pytest.mark.parametrize("device", [0, None, "gpu", "cuda:99"])
def test_a_device_that_is_none_is_refused_with_the_remedy(checkpoint, device):
    with pytest.raises(SpotterError, match='device="auto"'):
        load_checkpoint(checkpoint, device)


@pytest.mark.parametrize(
    "crops", [None, "a.mp4", [[1], [2, 3]], np.zeros((1, 224, 224, 3)), np.zeros((9, 9), np.uint8)]
)
def test_crops_of_another_kind_are_refused(detector, crops):
    for score in (detector.score_frames, detector.score_clips, detector.clip_logits):
        with pytest.raises(SpotterError, match="uint8"):
            score(crops)


@pytest.mark.parametrize("path", [5, object(), b"a"])
def test_a_checkpoint_that_is_no_path_is_refused(path):
    with pytest.raises(SpotterError, match="no path"):
        load_checkpoint(path, "cpu")
