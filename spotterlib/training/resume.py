"""The state of a training run on disk: everything needed to go on as if it had never been stopped."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..base import CheckpointError, NotReadyError, atomic_path
from .dataset import ClipDataset

FREE = {"epochs", "patience", "workers", "precision"}
"""Settings that may change when a run goes on."""


@dataclass
class RunState:
    """Where a run stands: history, one record a finished epoch; best, its highest validation AUC; best_f1, the
    validation F1 of the last epoch that gained; waited, epochs since then."""

    history: list[dict]
    best: float
    best_f1: float
    waited: int


def describe(data: ClipDataset) -> dict:
    """What tells that a run goes on with the data that it began with, wherever they lie now."""
    fakes = sum(int(row["label"]) for row in data.rows)
    counts = {"reals": len(data.rows) - fakes, "fakes": fakes, "frames": int(data.frames), "seed": int(data.seed)}
    counts |= {"shows": data.shows} if data.shows > 1 else {}
    return {**counts, "augment": bool(data.augment), "selfblend": float(data.selfblend)}


def keep_state(path: Path, state: RunState, about: dict, parts: dict) -> None:
    """Write `last.pt`, whole or not at all. about: config, and data and start; parts: what has a `state_dict`."""
    kept = {**{k: v.state_dict() for k, v in parts.items()}, "state": asdict(state), **about}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(kept, file)
        except RuntimeError as error:  # torch's word for a disk that is full; Python's is behind it
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def restore_state(path: Path, about: dict, parts: dict) -> RunState:
    """Load `last.pt` into the parts. Only tensors and plain values are read.

    Raises `NotReadyError` when it is of another run (settings, data or start differ), `CheckpointError` when damaged.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        differing = [k for k, v in about["config"].items() if k not in FREE and kept["config"].get(k) != v]
        differing += [k for k, v in about["data"].items() if "data" in kept and kept["data"].get(k) != v]
        if not differing:
            for name, part in parts.items():
                part.load_state_dict(kept[name])
            return RunState(**kept["state"])
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} is no whole state of a run ({reason}). Delete it to begin anew.") from error
    raise NotReadyError(
        f"{path.parent} holds another run ({', '.join(differing)} differ). Give this one a name of its own (`run` in "
        "notebook 03, --run in a terminal, another out in Python), or move that folder away."
    )
