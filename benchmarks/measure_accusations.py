"""Whom a checkpoint accuses: photographs of ordinary people, held back from training, by race, sex, age and source.

    SPOTTER_DATA=… python benchmarks/measure_accusations.py --out runs/accusations

Every picture is real. The frame head scores each as a scan cuts it (`fairface-tight` pictures are crops already);
called FAKE at the card's t_high. Race, sex and age are FairFace's labels, as its makers gave them. Writes
accusations.json and accusations.md, the table of checkpoints/README.md; the 95 % intervals are Wilson's.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from cards import keep_in_card

from spotterlib.base import atomic_path, command_line, need_data, output_path, read_json, run_main, write_json
from spotterlib.faces import crop_face
from spotterlib.fakes import find_people, is_held
from spotterlib.model import Detector, load_checkpoint

PEOPLE = "people.json"
"""Kept in the folder of the results: where the faces are, found once."""

BY = {"race": "Race", "gender": "Sex", "age": "Age", "folder": "Kind of source"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", out="runs/accusations")
    parser.add_argument("--people", help="a people.json that training left, so that the faces need not be found anew")
    parser.add_argument("--card", action="store_true", help="write the figures into the checkpoint's card, too")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    kept = output_path(options.people) if options.people else out / PEOPLE
    if not kept.exists():
        write_json(kept, find_people(need_data("data/faces") / "data" / "faces"))
    rows = [row for row in read_json(kept) if is_held(row["group"])]
    found = accusations(load_checkpoint(options.checkpoint, options.device), rows)
    write_json(out / "accusations.json", found)
    with atomic_path(out / "accusations.md") as temporary:
        temporary.write_text(accusation_tables(found), encoding="utf-8")
    print(accusation_tables(found))
    if options.card:
        keep_in_card(options.checkpoint, "accusations", found)


def accusations(detector: Detector, rows: Sequence[dict]) -> dict:
    """Of real pictures: how many there are, how many are called FAKE and UNDECIDED, by each of `BY`."""
    t_low, t_high = detector.thresholds
    crops = np.stack([crop_face(cv2.imread(row["path"])[..., ::-1], np.array(row["box"])) for row in rows])
    scored = pd.DataFrame(rows)[list(BY)].assign(p=detector.score_frames(crops))
    street = scored[scored["race"] != ""]  # those whose makers labelled them

    def share(part: pd.DataFrame) -> dict:
        accused = int((part["p"] >= t_high).sum())
        low, high = wilson(accused, len(part))
        undecided = int(((part["p"] > t_low) & (part["p"] < t_high)).sum())
        return {"people": len(part), "accused": accused, "low": low, "high": high, "undecided": undecided}

    tables = {
        name: {key: share(part) for key, part in (scored if name == "folder" else street).groupby(name)} for name in BY
    }
    return {"checkpoint": detector.card["sha256"], "t_high": t_high, "all": share(street), **tables}


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927); 0…1 without any."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    return float(max(middle - reach, 0)), float(min(middle + reach, 1))


def accusation_tables(found: dict) -> str:
    """The figures as one Markdown table."""
    lines = ["| | people | called FAKE | 95 % interval | UNDECIDED |", "| --- | --- | --- | --- | --- |"]

    def line(title: str, row: dict) -> str:
        accused, undecided = (f"{row[name] / row['people']:.1%}" for name in ("accused", "undecided"))
        return f"| {title} | {row['people']} | {accused} | {row['low']:.1%}–{row['high']:.1%} | {undecided} |"

    lines.append(line("FairFace, all", found["all"]))
    for name, title in BY.items():
        lines += [line(f"{title}: {key}", row) for key, row in found[name].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_main(main)
