"""Fixtures of the room of training."""

from __future__ import annotations

import pytest
from makers.training_runs import Tiny

from spotterlib.model import detector
from spotterlib.training import loop


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(loop, "SpotterNet", Tiny)
    monkeypatch.setattr(detector, "SpotterNet", Tiny)
    monkeypatch.setattr(detector, "fold", lambda net: net)
