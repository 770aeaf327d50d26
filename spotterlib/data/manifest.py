"""Data sets as people have them → a table of videos: what each is, who is in it, and what was left out and why.

Nothing is copied or moved, and no video is opened: a manifest is a CSV of paths that later steps read through.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..base import DataError, atomic_path, find_input, home, output_path, read_json, shortened, write_csv, write_json
from .choosing import read_tree
from .fakeavceleb import is_fakeavceleb_csv
from .rows import COLUMNS, Found
from .tables import complete_table, read_csv
from .walk import EMPTY, file_problem, other_problems, walk_tree

LAYOUTS = ("auto", "ffpp", "celebdf", "dfdc", "fakeavceleb", "plain", "csv")


@dataclass(frozen=True, eq=False)
class Manifest:
    """A table of videos, one row each, and how it was made.

    root: folder that the paths are relative to.
    table: columns path (POSIX, relative), label (int64: 0 real, 1 fake), dataset, method ("" for real, "unknown" for a
        fake that does not say), compression ("raw", "c23", "c40" or ""), group (component of `split_by_group`, or the
        author's group; "" until known), ids (people or sources in it, joined by ";"; "" unknown), split ("", "train",
        "val", "test"), official_split (likewise), mask (relative path or ""). Sorted by path when built.
    report: columns path, problem: files left out and why. An empty file is in both: it keeps its row and is reported.
    settings: how it was made (layout, split, seed, fractions, notes), JSON-ready.
    """

    root: Path
    table: pd.DataFrame
    report: pd.DataFrame
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What a reader must know about how it was built and split, one sentence each."""
        return [*self.settings.get("notes", []), *self.settings.get("split", {}).get("notes", [])]

    def counts(self) -> pd.DataFrame:
        """Videos by method (rows; "real" first) and split (columns)."""
        kind = self.table["method"].where(self.table["label"] == 1, " real")
        counted = pd.crosstab(kind, self.table["split"].replace("", "none"))
        order = [name for name in ("train", "val", "test", "none") if name in counted]
        return counted[order].rename(index=str.strip).rename_axis(index="videos", columns=None)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table as CSV, and beside it a JSON of the same stem with root, settings and report.

        The root is kept relative to the CSV where both lie in one project, so that a clone can be moved. A relative
        `path` lies under the clone. No name in it is a formula to a spreadsheet (`write_csv`). Returns the CSV's path.
        Raises `DataError` for another ending than `.csv`.
        """
        path = output_path(path)
        if path.suffix.lower() != ".csv":
            raise DataError(f"{path} should end in .csv: a manifest is a CSV with a JSON of the same name beside it.")
        root, folder = Path(os.path.abspath(self.root)), Path(os.path.abspath(path.parent))
        together = root.is_relative_to(folder) or (root.is_relative_to(home()) and folder.is_relative_to(home()))
        kept = Path(os.path.relpath(root, folder)) if together else root
        report = self.report.to_dict("records")
        about = {"root": kept.as_posix(), "videos": len(self.table), "settings": self.settings, "report": report}
        with atomic_path(path) as temporary, atomic_path(path.with_suffix(".json")) as beside:  # both, or the old two
            write_csv(temporary, self.table)
            write_json(beside, about)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Manifest:
        """Read a manifest. `root` replaces the folder its paths are relative to (say, on another machine).

        Without `root`: the one in the JSON beside it, else the CSV's own folder. Whether the videos are there is seen
        when they are read. Raises `DataError` for a missing file or column, an unknown label, or a path that leaves the
        root (text alone is judged: a link inside the root may lead anywhere).
        """
        path = find_input(path)
        beside = _read_beside(path.with_suffix(".json"))
        base = find_input(root) if root is not None else Path(os.path.normpath(path.parent / beside.get("root", "")))
        table, bad = complete_table(read_csv(path), base, str(path))
        if bad:
            raise DataError(
                f"{path}: {bad[0][1]} ({shortened(bad[0][0])}). Mend that line, or make the manifest again."
            )
        left_out = [(line["path"], line["problem"]) for line in beside.get("report", [])]
        return cls(base, table, _report(left_out), beside.get("settings", {}))


def _read_beside(file: Path) -> dict[str, Any]:
    """The JSON that was saved beside a manifest; {} where there is none, or one of something else."""
    beside = read_json(file) if file.exists() else None
    if not isinstance(beside, dict) or "settings" not in beside:
        return {}
    settings, report, root = beside["settings"], beside.get("report", []), beside.get("root", "")
    split = settings.get("split", {}) if isinstance(settings, dict) else None
    notes = [made.get("notes", []) for made in (settings, split)] if isinstance(split, dict) else [None]
    sound = isinstance(root, str) and "\0" not in root and all(isinstance(lines, list) for lines in [report, *notes])
    if not sound or not all(isinstance(row, dict) and {"path", "problem"} <= set(row) for row in report):
        raise DataError(f"{file} is not as a saved manifest leaves it. Make the manifest again, or delete that file.")
    return beside


def build_manifest(root: str | os.PathLike[str], layout: str = "auto") -> Manifest:
    """Make the table of all videos under a folder, or of those in a CSV, without opening, copying or moving one.

    layout: "ffpp" (FaceForensics++: official tree or flat mirror, any subset, DFD actors), "celebdf" (Celeb-DF v2),
    "dfdc", "fakeavceleb", "plain" (real/ and fake/ at any depth, with an optional metadata.csv at the top: path, label,
    method, group, ids, mask, …), "csv" (`root` is a CSV file with path and label, paths relative to its folder or the
    one above), or "auto": of those that the folder has signs of the one that lists most.

    A file that is unknown, unreadable or misnamed is a row of the report. An empty file keeps its row in the table and
    is in the report too. Folders named train, val and test fill the column split, except in DFDC.
    Raises `DataError` when nothing is there, the layout is not known, or a listed path leaves the root.
    """
    place = find_input(root)
    if layout not in LAYOUTS:
        raise DataError(f"There is no layout {layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
    if place.suffix.lower() == ".csv" and place.is_file() and is_fakeavceleb_csv(place):
        place = place.parent  # it names folders and files apart, which its reader joins
    if place.is_dir() and layout != "csv":
        tree = walk_tree(place)
        layout, found = read_tree(tree, layout)
        problems = [*tree.problems, *found.problems]
        told = found.used | {path for path, _ in found.problems}
        problems += other_problems([path for path in tree.others if path not in told])
        raw = pd.DataFrame(found.rows, columns=list(COLUMNS)) if isinstance(found.rows, list) else found.rows
        base, source = place, str(place)
    elif place.is_file() and layout in ("auto", "csv") and place.suffix.lower() in (".csv", ".tsv", ".txt"):
        layout, found, problems, source = "csv", Found(), [], str(place)
        raw = read_csv(place)
        base = _folder_of(raw["path"], place)
    else:
        raise DataError(f"{place} is no folder of videos and no CSV for the layout {layout!r}. Give either.")
    table, bad = complete_table(raw, base, source, names=found.notes, folder_splits=layout != "dfdc")
    problems += bad
    if layout == "csv":
        table, more = _look(table, base)
        problems += more
    if table.empty:
        first = f"; the first: {shortened(problems[0][0])}: {problems[0][1]}" if problems else ""
        raise DataError(
            f"{source} gave no video ({len(problems)} files were left out{first}). Check folder and layout."
        )
    table = table.sort_values("path", kind="stable", ignore_index=True)
    settings = {"layout": layout, "notes": found.notes}
    return Manifest(base, table, _report(sorted(set(problems))), settings)


def _folder_of(paths: pd.Series, source: Path) -> Path:
    """The folder that a CSV's paths are relative to: its own, or the one above (FaceForensics++'s lie in `csv/`)."""
    names = [name.replace("\\", "/") for name in paths if "\0" not in name and name]
    folders = (source.parent, source.parent.parent)
    return next((folder for folder in folders if any(os.path.lexists(folder / name) for name in names)), folders[0])


def _look(table: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Leave out rows of a CSV that are listed again or whose file is not there."""
    again = table["path"].duplicated()
    problems = [(path, "listed again: its first line was taken") for path in table.loc[again, "path"]]
    table = table[~again]
    states = pd.Series([file_problem(root / path) for path in table["path"]], index=table.index, dtype="str")
    problems += list(zip(table.loc[states != "", "path"], states[states != ""], strict=True))
    return table[states.isin(["", EMPTY])].reset_index(drop=True), problems


def _report(problems: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(problems, columns=["path", "problem"], dtype="str")
