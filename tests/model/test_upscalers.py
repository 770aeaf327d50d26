"""Upscalers read from ncnn's files compute what their layers say; damaged files are refused with the remedy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spotterlib import CheckpointError
from spotterlib.model import load_upscalers

HEAD = "7767517\n3 3\nInput in 0 1 data\n"


def half(values: np.ndarray) -> bytes:
    """Weights as ncnn keeps them: a mark, two bytes a number, filled up to four."""
    data = values.astype(np.float16).tobytes()
    return (0x01306B47).to_bytes(4, "little") + data + bytes(-len(data) % 4)


def plain(values: np.ndarray) -> bytes:
    return values.astype(np.float32).tobytes()


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return [
        rng.normal(0, 0.3, shape).astype(np.float16).astype(np.float32) for shape in ((5, 3, 3, 3), 5, (3, 5, 4, 4), 3)
    ]


@pytest.fixture
def transposed(tmp_path, numbers):
    """A convolution without padding and a transposed one of stride 2, as waifu2x has them."""
    (tmp_path / "a.param").write_text(
        HEAD + "Convolution one 1 1 data x 0=5 1=3 5=1 6=135 9=2 -23310=1,0.100000\n"
        "Deconvolution two 1 1 x out 0=3 1=4 3=2 4=3 5=1 6=240\n"
    )
    first, one, second, two = numbers
    (tmp_path / "a.bin").write_bytes(half(first) + plain(one) + half(second) + plain(two))
    return tmp_path


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_transposed_convolution_doubles_a_picture(transposed, numbers):
    (upscaler,) = load_upscalers(transposed)
    picture = noise(11, 14)
    found = upscaler(picture)
    assert upscaler.factor == 2 and found.shape == (22, 28, 3) and found.dtype == np.uint8
    first, one, second, two = (torch.from_numpy(values) for values in numbers)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    x = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
    x = torch.nn.functional.leaky_relu(torch.nn.functional.conv2d(x, first, one), 0.1)
    x = torch.nn.functional.conv_transpose2d(x, second.transpose(0, 1), two, stride=2, padding=3)
    wanted = x[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255
    assert np.abs(found - wanted).mean() < 1.5, "bf16"


def test_a_pixel_shuffle_adds_to_the_picture_enlarged(tmp_path):
    (tmp_path / "b.param").write_text(
        HEAD + "Split s 1 2 data a b\nConvolution one 1 1 a x 0=12 1=3 4=1 5=1 6=324\nPReLU p 1 1 x y 0=12\n"
        "PixelShuffle q 1 1 y z 0=2\nInterp r 1 1 b c 0=1 1=2.0 2=2.0\nBinaryOp t 2 1 z c out\n"
    )
    nothing = half(np.zeros(324)) + plain(np.zeros(12)) + plain(np.ones(12))
    (tmp_path / "b.bin").write_bytes(nothing)
    (upscaler,) = load_upscalers(tmp_path)
    picture = noise(6, 9)
    assert np.array_equal(upscaler(picture), picture.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder, data: (folder / "a.bin").write_bytes(data[:-3]), "ends too early"),
        (lambda folder, data: (folder / "a.bin").write_bytes(data + bytes(4)), "longer than its layers say"),
        (lambda folder, data: (folder / "a.bin").write_bytes(bytes(4) + data[4:]), "no weights of two bytes"),
        (lambda folder, data: (folder / "a.bin").unlink(), "is missing"),
        (lambda folder, data: (folder / "a.param").write_text(HEAD + "Softmax s 1 1 data out\n"), "a layer Softmax"),
        (lambda folder, data: (folder / "a.param").write_text(HEAD + "Convolution s 1 1 data o 0=x\n"), "is damaged"),
        (lambda folder, data: (folder / "a.param").unlink(), "holds no upscaler"),
    ],
    ids=["short", "long", "unmarked", "gone", "layer", "number", "none"],
)
def test_damaged_files_are_refused(transposed, spoil, said):
    spoil(transposed, (transposed / "a.bin").read_bytes())
    with pytest.raises(CheckpointError, match=said):
        load_upscalers(transposed)
