"""Scores are the calibrated logits of the net, whatever the company; what cannot be scored is NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from makers.nets import crops
from torch import nn

from spotterlib.model import FEATURES, SpotterNet, fill, load_checkpoint, normalise, read_tensors

pytestmark = pytest.mark.usefixtures("one_thread")


def test_scores_are_the_calibrated_logits_of_the_net(detector):
    clips, valid = crops(2, 3), np.array([[True, True, True], [True, False, True]])
    whole, each = detector.clip_logits(clips, valid)
    with torch.no_grad():
        frames = normalise(torch.from_numpy(clips).permute(0, 1, 4, 2, 3))
        logits, by_frame = detector.net(frames, torch.from_numpy(valid))
    assert whole == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=1e-5)
    assert np.isnan(each[~valid]).all() and each[valid] == pytest.approx(by_frame.numpy()[valid], abs=1e-5)
    odds = np.exp(whole.astype(float) * 2.0 - 0.5)
    assert detector.score_clips(clips, valid) == pytest.approx(odds / (1 + odds), abs=1e-6)
    scores = detector.score_frames(clips[0])
    assert scores == pytest.approx(1 / (1 + np.exp(-(each[0] * 0.5 + 0.25))), abs=1e-5) and scores.dtype == np.float64
    assert detector.thresholds == (0.4, 0.7) and detector.name == "made" and detector.device == "cpu"
    assert detector.calibrated(np.array([-1e6, 1e6]), "clip").tolist() == [0.0, 1.0]


def test_a_net_folded_for_scoring_sees_the_same(checkpoint):
    pictures = normalise(torch.from_numpy(crops(17)).permute(0, 3, 1, 2))
    unfolded = SpotterNet()
    fill(unfolded, read_tensors(checkpoint), checkpoint)
    unfolded.eval()
    detector = load_checkpoint(checkpoint, "cpu")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in detector.net.modules())
    with torch.no_grad():
        maps, folded = unfolded.feature_maps(pictures), detector.net.feature_maps(pictures)
    assert folded.shape == maps.shape == (17, FEATURES, 7, 7)
    assert folded.numpy() == pytest.approx(maps.numpy(), abs=1e-4 * float(maps.abs().max()))
    assert maps.std() > 0.01, "maps of nothing would agree on anything"


def test_scores_do_not_depend_on_the_company(detector):
    clips = crops(3, 2)
    together = detector.clip_logits(clips, batch=3)
    alone = detector.clip_logits(clips, batch=1)
    assert together[0] == pytest.approx(alone[0], abs=1e-4) and together[1] == pytest.approx(alone[1], abs=1e-4)
    assert detector.score_clips(clips[::-1])[::-1] == pytest.approx(detector.score_clips(clips), abs=1e-4)


def test_what_cannot_be_scored_is_nan_and_never_a_guess(detector):
    clips = crops(2, 2)
    found = detector.score_clips(clips, np.array([[False, False], [True, True]]))
    assert np.isnan(found[0]) and found[1] == pytest.approx(detector.score_clips(clips[1:])[0], abs=1e-5)
    assert detector.score_clips(clips[:0]).shape == detector.score_frames(clips[0, :0]).shape == (0,)


def test_frames_may_come_from_a_swap_of_channels(detector):
    frames = crops(2)
    assert detector.score_frames(frames[..., ::-1]) == pytest.approx(detector.score_frames(frames[..., ::-1].copy()))
    locked = frames.copy()
    locked.flags.writeable = False
    assert detector.score_frames(locked) == pytest.approx(detector.score_frames(frames))


def test_other_arrays_are_refused(detector):
    for wrong in (crops(2), crops(1, 2).astype(np.float32), crops(1, 2)[:, :, :200]):
        with pytest.raises(ValueError, match="uint8"):
            detector.score_clips(wrong)
    with pytest.raises(ValueError, match="valid"):
        detector.score_clips(crops(1, 2), np.ones((1, 3), bool))
    for wrong in (crops(1, 2), crops(2)[:, :200], crops(2).astype(float)):
        with pytest.raises(ValueError, match="uint8"):
            detector.score_frames(wrong)
