"""Figures that a measurement leaves in the card of the checkpoint that it measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spotterlib.base import find_input, read_json, write_json
from spotterlib.model import DEFAULT_CHECKPOINT


def keep_in_card(checkpoint: str | None, name: str, figures: Any) -> Path:
    """Write figures under a name into the card beside a checkpoint (None: the one that Spotter ships), whose path is
    returned."""
    card = (find_input(checkpoint) if checkpoint else DEFAULT_CHECKPOINT).with_suffix(".json")
    return write_json(card, {**read_json(card), name: figures})
