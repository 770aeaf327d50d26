"""Temporal Grad-CAM: the same as captum's, blind to masked frames, safe in threads, without a trace in the net."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from spotterlib.model import load_checkpoint, normalise
from spotterlib.scan import explain_clips, grad_cam, heatmap, shown_heat

T = 6


@pytest.fixture(scope="module")
def pictures():
    """Two clips of smooth noise, uint8 (2, T, 224, 224, 3), no two frames alike."""
    rng = np.random.default_rng(3)
    coarse = torch.from_numpy(rng.uniform(0, 255, (2 * T, 3, 14, 14)).astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).reshape(2, T, 224, 224, 3).byte().numpy()


@pytest.fixture(scope="module")
def valid():
    """The first clip has all its frames, the second lacks the first, the fourth and the last."""
    return np.array([[True] * T, [False, True, True, False, True, False]])


@pytest.fixture(scope="module")
def explained(detector, pictures, valid):
    return explain_clips(detector, pictures, valid)


class Maps(torch.nn.Module):
    """The last convolution with its norm and activation, as a module that captum can hook."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, frames):
        return self.net.feature_maps(frames)


class FakeMinusReal(torch.nn.Module):
    """Frames (T, 3, 224, 224) of one clip → its fake logit minus its real logit, (1,)."""

    def __init__(self, net):
        super().__init__()
        self.net, self.maps = net, Maps(net)

    def forward(self, frames):
        features = self.maps(frames).mean((2, 3))[None]
        logits = self.net.clip_logits(features, torch.ones(1, len(frames), dtype=torch.bool))
        return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("clip", [0, 1])
def test_heat_is_captums_grad_cam(detector, pictures, valid, explained, clip):
    logits, _, heat = explained
    frames = normalise(torch.from_numpy(pictures[clip][valid[clip]]).permute(0, 3, 1, 2))
    model = FakeMinusReal(detector.net)
    oracle = LayerGradCam(model, model.maps).attribute(frames.requires_grad_(True), relu_attributions=True)
    expected = oracle[:, 0].detach().numpy()
    assert expected.max() > 0
    assert heat[clip][valid[clip]] == pytest.approx(expected, rel=1e-5, abs=1e-5 * float(expected.max()))
    assert logits[clip] == pytest.approx(float(model(frames).detach()[0]), rel=1e-4, abs=1e-5)


def test_the_frame_heads_heat_is_its_class_activation_map(detector, pictures, valid):
    """A linear head on pooled maps: its Grad-CAM is its weights on the maps, whatever the other frames are."""
    _, _, heat = explain_clips(detector, pictures, valid, target="frame")
    frames = normalise(torch.from_numpy(pictures[valid]).permute(0, 3, 1, 2))
    with torch.no_grad():
        maps = detector.net.feature_maps(frames)
        weights = detector.net.frame_head[-1].weight[0]
        expected = torch.relu((weights[None, :, None, None] * maps).sum(1) / 49).numpy()
    assert heat[valid] == pytest.approx(expected, rel=1e-3, abs=1e-5 * float(expected.max()))
    with pytest.raises(ValueError, match="not 'face'"):
        explain_clips(detector, pictures, valid, target="face")


def test_shapes_types_and_nothing_where_nothing_is(explained, valid):
    logits, frame_logits, heat = explained
    assert (logits.shape, frame_logits.shape, heat.shape) == ((2,), (2, T), (2, T, 7, 7))
    assert {a.dtype for a in explained} == {np.dtype(np.float32)}
    assert np.isfinite(logits).all()
    assert np.array_equal(np.isfinite(frame_logits), valid)
    assert (heat >= 0).all()
    assert (heat[~valid] == 0).all()
    assert heat.any()


def test_scores_are_those_of_the_plain_forward(detector, pictures, valid, explained):
    logits, frame_logits, _ = explained
    whole, frames = detector.clip_logits(pictures, valid)
    assert logits == pytest.approx(whole, abs=1e-5)
    assert frame_logits[valid] == pytest.approx(frames[valid], abs=1e-5)


def test_masked_frames_have_no_influence(detector, pictures, valid, explained):
    changed = pictures.copy()
    changed[~valid] = np.random.default_rng(0).integers(0, 256, changed[~valid].shape)
    again = explain_clips(detector, changed, valid)
    for a, b in zip(explained, again, strict=True):
        assert np.array_equal(a, b, equal_nan=True)
    # nor has their place: the same frames with the gaps at the end
    packed, front = np.zeros_like(pictures[1:]), np.sort(~valid[1:]) == 0
    packed[front] = pictures[1][valid[1]]
    logits, _, heat = explain_clips(detector, packed, front)
    assert logits[0] == pytest.approx(explained[0][1], abs=1e-6)
    assert heat[front] == pytest.approx(explained[2][1][valid[1]], rel=1e-4, abs=1e-5 * float(heat.max()))


def test_the_batch_changes_nothing(detector, pictures, valid, explained):
    for a, b in zip(explained, explain_clips(detector, pictures, valid, batch=1), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-6, nan_ok=True)


def test_a_clip_without_a_frame_is_not_scored(detector, pictures):
    valid = np.array([[False] * T, [True] + [False] * (T - 1)])
    logits, frame_logits, heat = explain_clips(detector, pictures, valid)
    assert np.isnan(logits[0]) and np.isnan(frame_logits[0]).all() and (heat[0] == 0).all()
    assert np.isfinite(logits[1]) and np.isfinite(frame_logits[1, 0])


def test_the_heat_is_of_fake_whatever_the_verdict(detector, pictures):
    """Turning the two logits round turns the evidence: what spoke for fake then speaks for real, and is not shown."""
    frames = normalise(torch.from_numpy(pictures[:1]).permute(0, 1, 4, 2, 3))
    mask = torch.ones(1, T, dtype=torch.bool)
    last = detector.net.head[-1]
    kept = last.weight.clone(), last.bias.clone()
    logits, _, heat = grad_cam(detector.net, frames, mask)
    try:
        with torch.no_grad():
            last.weight.copy_(kept[0].flip(0))
            last.bias.copy_(kept[1].flip(0))
        turned_logits, _, turned = grad_cam(detector.net, frames, mask)
    finally:
        with torch.no_grad():
            last.weight.copy_(kept[0])
            last.bias.copy_(kept[1])
    assert turned_logits[0].tolist() == pytest.approx(logits[0].flip(0).tolist())
    assert ((heat > 0) & (turned > 0)).sum() == 0
    assert (heat > 0).any() and (turned > 0).any()


def test_the_net_is_left_as_it_was(detector, pictures, valid):
    explain_clips(detector, pictures, valid)
    for module in detector.net.modules():
        assert not module._forward_hooks and not module._backward_hooks and not module._forward_pre_hooks
        assert not module.training
    assert all(p.grad is None and not p.requires_grad for p in detector.net.parameters())
    assert torch.is_grad_enabled()
    with torch.no_grad():  # a caller's own switch neither stops it nor is changed
        assert explain_clips(detector, pictures, valid)[2].any()
        assert not torch.is_grad_enabled()


def test_threads_do_not_mix(detector, pictures, valid, explained):
    before = torch.backends.cudnn.enabled
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(explain_clips, detector, pictures[k % 2][None], valid[k % 2][None]) for k in range(4)]
    for k, job in enumerate(jobs):
        for a, b in zip(job.result(), explained, strict=True):
            assert a[0] == pytest.approx(b[k % 2], rel=1e-4, abs=1e-6, nan_ok=True)
    assert torch.backends.cudnn.enabled == before


def test_cudnn_is_off_only_inside_and_for_one_thread_at_a_time():
    assert torch.backends.cudnn.enabled
    with heatmap._plain_recurrence(cuda=True):
        assert not torch.backends.cudnn.enabled
        assert heatmap._CUDNN.locked()
    assert torch.backends.cudnn.enabled
    with heatmap._plain_recurrence(cuda=False):
        assert torch.backends.cudnn.enabled


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_says_the_same(checkpoint, pictures, valid, explained):
    # cuDNN refuses a recurrent backward in eval mode: this raises where that is not seen to
    on_gpu = load_checkpoint(checkpoint, "cuda")
    with ThreadPoolExecutor(3) as pool:
        for job in [pool.submit(explain_clips, on_gpu, pictures, valid) for _ in range(6)]:
            for a, b in zip(job.result(), explained, strict=True):
                assert a == pytest.approx(b, rel=2e-2, abs=2e-3 * float(np.nanmax(np.abs(b))), nan_ok=True)
    assert torch.backends.cudnn.enabled


# --- what of it is shown ---------------------------------------------------------------------------------------------


def test_a_frame_is_as_red_as_its_score_wherever_it_stands_in_its_window():
    """The raw maps of a window are larger at its ends; what is shown of them is not."""
    raw = np.random.default_rng(0).random((24, 7, 7)).astype(np.float32)
    raw *= (1 + 9 * np.abs(np.linspace(-1, 1, 24)) ** 4)[:, None, None]
    assert raw.max((1, 2)).argmax() in (0, 23)
    scores = np.random.default_rng(1).random(24)
    shown = shown_heat(raw, scores)
    assert shown.dtype == np.float32 and np.allclose(shown.max((1, 2)), scores, atol=1e-6)
    assert np.allclose(shown / shown.max((1, 2), keepdims=True), raw / raw.max((1, 2), keepdims=True), atol=1e-5)
    even = shown_heat(raw, np.full(24, 0.4)).max((1, 2))
    assert np.allclose(even, 0.4, atol=1e-6), "flat scores give even heat"


def test_a_frame_has_its_score_wherever_it_stands_in_its_window(detector, pictures):
    """The frame head knows one frame alone: what makes an end the hottest is in its picture, not in its place."""
    order = np.random.default_rng(2).permutation(len(pictures[0]))
    every = np.ones((1, len(order)), bool)
    _, scores, _ = explain_clips(detector, pictures[:1], every)
    _, moved, _ = explain_clips(detector, pictures[:1, order], every)
    assert not np.array_equal(order, np.arange(len(order))) and np.ptp(scores) > 1e-3
    assert moved[0] == pytest.approx(scores[0, order], abs=1e-4)


def test_what_has_no_score_or_no_heat_is_not_shown():
    raw = np.ones((3, 7, 7), np.float32)
    raw[1] = 0
    shown = shown_heat(raw, np.array([np.nan, 0.9, 0.9]))
    assert not shown[:2].any() and (shown[2] == np.float32(0.9)).all()
