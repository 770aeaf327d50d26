"""A bar for long work: how much is done, how long it took, and how long the rest will take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def progress_bar(label: str, total: int, unit: str = "video") -> Callable[[float], None]:
    """A bar for the `progress` of any long work of this package: call it with the share done, 0…1.

    total: how many there are, in `unit`s. It is one line of text that is written over, on standard output or, in a
    notebook, as one output that keeps its last state: no widget, which other viewers could not show.
    """
    bar = tqdm(total=total, desc=label, unit=f" {unit}s", file=_line(), mininterval=0.5, ncols=96)

    def show(share: float) -> None:
        bar.update(round(share * total) - bar.n)
        if share >= 1:
            bar.close()

    return show


def _line() -> Any:
    """Where tqdm writes."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return _Output() if hasattr(shell, "kernel") else sys.stdout


class _Output:
    """One output of a notebook cell that every write replaces (a stream would keep them all)."""

    def __init__(self) -> None:
        from IPython.display import display

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        if text.strip():
            self.handle.update({"text/plain": text.strip()}, raw=True)

    def flush(self) -> None:
        """Nothing is held back."""
