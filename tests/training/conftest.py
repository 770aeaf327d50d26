"""Fixtures of the room of training."""

from __future__ import annotations

import pytest
from makers.training_runs import Tiny

from spotterlib.model import loading
from spotterlib.training import loop


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(loop, "SpotterNet", Tiny)
    monkeypatch.setattr(loading, "SpotterNet", Tiny)
    monkeypatch.setattr(loading, "fold", lambda net: net)
