"""Manifests of people who are swapped in pairs, for the tests of splits and their audit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spotterlib.data import Manifest

COLUMNS = ["path", "label", "dataset", "method", "compression", "group", "ids", "split", "official_split", "mask"]


def manifest_from(lines: list[dict]) -> Manifest:
    table = pd.DataFrame([{**dict.fromkeys(COLUMNS, ""), "label": 0, "dataset": "plain", **line} for line in lines])
    types = {column: "int64" if column == "label" else "str" for column in COLUMNS}
    return Manifest(
        Path("videos"), table[COLUMNS].astype(types), pd.DataFrame(columns=["path", "problem"], dtype="str")
    )


def swap(a: str, b: str, method: str = "FaceSwap", split: str = "", **more) -> dict:
    return {
        "path": f"fake/{method}/{a}_{b}.mp4",
        "label": 1,
        "method": method,
        "ids": f"{a};{b}",
        "split": split,
        **more,
    }


def real(a: str, split: str = "", **more) -> dict:
    return {"path": f"real/{a}.mp4", "ids": a, "split": split, **more}


def pairs_of_people(count: int, **more) -> list[dict]:
    lines = []
    for i in range(count):
        a, b = f"p{2 * i:02}", f"p{2 * i + 1:02}"
        lines += [real(a, **more), real(b, **more), swap(a, b, **more), swap(b, a, "self-blend", **more)]
    return lines
