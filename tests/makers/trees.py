"""Trees of tiny files for the tests of manifests, and what a manifest says of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spotterlib.data import Manifest


def make(root: Path, *paths: str, content: bytes = b"x") -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def rows(manifest: Manifest) -> pd.DataFrame:
    assert list(manifest.table["path"]) == sorted(manifest.table["path"])
    return manifest.table.set_index("path")


def problems(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.report.itertuples(index=False))
