"""Judge a checkpoint on a folder of real deepfakes with a CSV: `file,label,group` and, where known, `method`, `source`.

    python benchmarks/deepfakes.py FOLDER --out runs/deepfakes

label: real or fake; group: what a fake and its original share, so that intervals are drawn over it. Only figures leave
the folder: its videos are other people's, and no picture of them is kept but in the face cache under `--out`.
`judge_checkpoint.py --deepfakes FOLDER` does the same beside its other sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from cards import keep_in_card

from spotterlib.base import DataError, command_line, find_input, output_path, run_main, write_json
from spotterlib.data import Manifest
from spotterlib.faces import cache_faces
from spotterlib.metrics import auc, bootstrap_interval
from spotterlib.model import Detector, load_checkpoint
from spotterlib.scan import score_cache

FEW = 5
"""Methods with fewer fakes are counted together."""

SAID = "these videos chose between recipes, so the figures flatter what was chosen; none of them trained it"

_WORDS = ("REAL", "UNDECIDED", "FAKE")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", out="runs/deepfakes")
    parser.add_argument("folder", help="the folder with the videos and their CSV")
    parser.add_argument("--card", action="store_true", help="write the figures into the checkpoint's card, too")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    detector = load_checkpoint(options.checkpoint, options.device)
    found = judge_deepfakes(detector, find_input(options.folder), out)
    write_json(out / "deepfakes.json", found)
    print(deepfake_table(found))
    if options.card:
        kept = {name: value for name, value in found.items() if name != "by_method"}
        keep_in_card(options.checkpoint, "real_deepfakes", {**kept, "said": SAID})


def listed_videos(folder: Path, out: Path) -> Manifest:
    """The videos of a folder's CSV as a manifest, which is kept in `out`. Raises `DataError` without one CSV, or when
    it lacks a column."""
    tables = sorted(folder.glob("*.csv"))
    if len(tables) != 1:
        raise DataError(f"{folder} should hold one CSV with file, label and group; it holds {len(tables)}.")
    table = pd.read_csv(tables[0], keep_default_na=False, dtype=str)
    missing = {"file", "label", "group"} - set(table)
    if missing:
        raise DataError(f"{tables[0]} has no column {', '.join(sorted(missing))}. Add it.")
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "listed.csv"
    columns = [name for name in ("file", "label", "group", "method") if name in table]
    table[columns].rename(columns={"file": "path"}).to_csv(kept, index=False)
    return Manifest.load(kept, root=folder)


def judge_deepfakes(detector: Detector, folder: Path, out: Path) -> dict:
    """Figures of a checkpoint on the folder's videos; see `deepfake_figures`."""
    cache = cache_faces(listed_videos(folder, out), out / "cache", device=detector.device)
    return deepfake_figures(score_cache(detector, cache, device=detector.device))


def deepfake_figures(scored: pd.DataFrame) -> dict:
    """Of a scored table (label, group, method, probability, frame_probability, verdict): AUC over groups with its 95 %
    interval, that of the frames' mean, what reals and fakes were called, by method too, and how many have no score.

    A method's AUC is that of its fakes against all reals; `paired`: the share of fakes that score above the real video
    of their own group, of those that have one.
    """
    seen = scored[scored["probability"].notna()]
    labels, p, groups = (seen[name].to_numpy() for name in ("label", "probability", "group"))
    reals = seen[seen["label"] == 0]
    by_method = {}
    fakes = scored[scored["label"] == 1]
    rare = fakes.groupby("method")["method"].transform("size") < FEW
    for method, part in fakes.groupby(fakes["method"].mask(rare, "others")):
        there = part[part["probability"].notna()]
        answers = np.repeat([0, 1], [len(reals), len(there)])
        scores = np.concatenate([reals["probability"], there["probability"]])
        by_method[method] = {"auc": auc(answers, scores), **_called(part)}
    pairs = seen[seen["label"] == 1].merge(reals, on="group", suffixes=("", "_real"))
    return {
        "auc": auc(labels, p),
        "interval": bootstrap_interval(labels, p, groups, auc),
        "frame_auc": auc(labels, seen["frame_probability"].to_numpy()),
        "groups": int(scored["group"].nunique()),
        "paired": float((pairs["probability"] > pairs["probability_real"]).mean()) if len(pairs) else None,
        "pairs": len(pairs),
        "real": _called(scored[scored["label"] == 0]),
        "fake": _called(scored[scored["label"] == 1]),
        "unscored": int(scored["probability"].isna().sum()),
        "by_method": by_method,
    }


def _called(part: pd.DataFrame) -> dict[str, int]:
    """How many were called what."""
    return {word: int((part["verdict"] == word).sum()) for word in _WORDS}


def deepfake_table(found: dict) -> str:
    """The figures as Markdown: a row for all, and one for each method."""
    interval = "none" if found["interval"] is None else "{:.2f}–{:.2f}".format(*found["interval"])
    reals, fakes = (", ".join(str(found[kind][word]) for word in _WORDS) for kind in ("real", "fake"))
    lines = [
        f"AUC {found['auc']:.3f} (95 % over {found['groups']} groups {interval}), of the mean frame score "
        f"{found['frame_auc']:.3f}; reals called REAL, UNDECIDED, FAKE: {reals}; fakes: {fakes}.",
        "",
        "| method | fakes | AUC against all reals | REAL, UNDECIDED, FAKE |",
        "| --- | --- | --- | --- |",
    ]
    for method, row in found["by_method"].items():
        called = [row[word] for word in _WORDS]
        score = "none" if row["auc"] is None else f"{row['auc']:.2f}"
        lines.append(f"| {method} | {sum(called)} | {score} | {', '.join(map(str, called))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
