"""A notebook's first call and its records: seed, device and style set, results kept in the executed file."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

from ..base import pick_device, plain, seed_everything, versions

RECORD_MIME = "application/vnd.spotter.record+json"


@dataclass(frozen=True)
class Setup:
    """What a notebook runs on; shows as one line."""

    seed: int
    device: str
    threads: int
    versions: dict[str, str]

    def __repr__(self) -> str:
        shown = " · ".join(f"{name} {self.versions[name]}" for name in ("spotterlib", "torch") if name in self.versions)
        python = platform.python_version()
        return f"Spotter on {self.device}, {self.threads} threads · seed {self.seed} · Python {python} · {shown}"


def setup(seed: int = 0, device: str = "auto") -> Setup:
    """Seed everything, choose the device, set the plot style; the first call of every notebook."""
    import torch

    from ..base import use_style

    seed_everything(seed)
    use_style()
    return Setup(seed, pick_device(device), torch.get_num_threads(), versions())


def record(name: str, value: Any) -> None:
    """Keep a result in the executed notebook, unseen by the reader, for tests and later notebooks."""
    from IPython.display import display

    display({RECORD_MIME: {"name": name, "value": plain(value)}}, raw=True)


def read_records(notebook: str | os.PathLike[str]) -> dict[str, Any]:
    """The results that `record` kept in an executed notebook, the last of each name."""
    import nbformat

    found: dict[str, Any] = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            kept = output.get("data", {}).get(RECORD_MIME)
            if kept:
                found[kept["name"]] = kept["value"]
    return found
