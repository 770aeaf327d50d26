"""Fixtures of the room of the network."""

from __future__ import annotations

import pytest
from makers.nets import CARD, make_net

from spotterlib.model import SpotterNet, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def net() -> SpotterNet:
    return make_net()


@pytest.fixture(scope="module")
def saved(net, tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "made.safetensors", net, CARD)


@pytest.fixture(scope="module")
def detector(saved):
    return load_checkpoint(saved, device="cpu")
