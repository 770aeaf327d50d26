"""Tables of videos as people write them: CSV read with care, columns completed, people found in names."""

from __future__ import annotations

import csv
import os
import posixpath
from pathlib import Path

import pandas as pd

from ..base import DataError, from_cells, shortened
from .csv_head import csv_mark
from .layouts import read_folders
from .rows import COLUMNS, METHODS, PATH_NAMES, SCHEMES, label_of
from .walk import stem_of

_MOST_COLUMNS = 1000
_SPLITS = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}


def read_csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A CSV as text, column names in lower case, anyone's names of the path column understood.

    Comma, semicolon or tab by its first line, or what Excel's line `sep=;` says. What `write_csv` changed for
    spreadsheets is as it was. Raises `DataError` when it cannot be read or names no path.
    """
    try:
        if os.path.lexists(path) and not os.path.isfile(path):
            raise OSError("it is no ordinary file")  # who reads a pipe waits for ever
        with open(path, encoding="utf-8-sig") as file:
            mark, before = csv_mark(file)
            names = next((row for row in csv.reader(file, delimiter=mark) if "".join(row).strip()), [])
        if len(names) > _MOST_COLUMNS:  # over hundreds of thousands pandas sits for hours
            raise ValueError(f"it has {len(names)} columns, and at most {_MOST_COLUMNS} are read")
        # the line of names as a row: where another line is longer, pandas would take its first field for a number
        table = pd.read_csv(
            path, sep=mark, header=None, skiprows=before, dtype=str, keep_default_na=False, encoding="utf-8-sig",
            skipinitialspace=True,
        )  # fmt: skip
    except (OSError, ValueError, csv.Error) as error:
        why = " ".join(str(error).split())
        uneven = isinstance(error, pd.errors.ParserError)
        quotes = "; what holds a separator, as the number 1,0 does between commas, needs quotes" * uneven
        raise DataError(
            f"{path} cannot be read as a CSV ({why}). Save it as UTF-8 with a line of names{quotes}."
        ) from error
    names = [str(name).strip().lower() for name in table.iloc[0]]
    table = table.iloc[1:].reset_index(drop=True)
    table.columns = ["path" if name in PATH_NAMES and "path" not in names else name for name in names]
    twice = sorted(set(table.columns[table.columns.duplicated()]) & set(COLUMNS))
    if twice:
        raise DataError(f"{path} has two columns {twice[0]}, and only one can be meant. Take the other one out.")
    if "path" not in table:
        raise DataError(
            f"{path} needs one column path; it has {shortened(', '.join(names))}. Name it in the first line."
        )
    return from_cells(table.loc[:, ~table.columns.duplicated()])


def complete_table(
    raw: pd.DataFrame, root: Path | None, source: str, names: list[str] | None = None, folder_splits: bool = True
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """A table as text → the columns of a manifest, and the lines that had to be left out.

    Label, method, compression and split come from the folder names where the table has none, ids from file names that
    follow a known data set's way (then `names` gets a note). `root` None: the paths are anyone's and lead anywhere; a
    label that nothing else gives is read from such a name, too.
    Raises `DataError` for a path that leaves the root.
    """
    table = pd.DataFrame(index=pd.RangeIndex(len(raw)))
    for column in COLUMNS:
        given = raw[column].reset_index(drop=True) if column in raw else pd.Series("", index=table.index)
        table[column] = given.fillna("").astype(str).str.strip() if column not in ("path", "mask") else given.fillna("")
    if root is not None:
        for column in ("path", "mask"):
            table[column] = clean_paths(table[column].astype(str), root, source)
    else:
        table["path"] = [path and posixpath.normpath(path.replace("\\", "/")) for path in table["path"].astype(str)]
    from_folders = pd.DataFrame(
        [read_folders(path.rpartition("/")[0]) for path in table["path"]],
        columns=["label", "method", "compression", "split"],
    )
    labels = table["label"].map(label_of).astype("float64")
    labels = labels.where(table["label"] != "", from_folders["label"].astype("float64"))
    if root is None:
        unsaid = labels.isna() & (table["label"] == "")
        labels = labels.mask(unsaid, table["path"].map(_label_in_name))
    known = labels.notna() & (table["path"] != "")
    bad = [
        (path, f"its label {shortened(label)!r} is neither 0/real nor 1/fake")
        if path
        else (f"line {line + 2}", "it names no file")
        for line, path, label in table.loc[~known, ["path", "label"]].itertuples()
    ]
    told = table["label"].str.lower().map(METHODS).fillna("")  # a label may be the method's name
    table["method"] = table["method"].where(table["method"] != "", told)
    for column in ("method", "compression"):
        table[column] = table[column].where(table[column] != "", from_folders[column])
    table["method"] = table["method"].where(labels == 1, "").mask((labels == 1) & (table["method"] == ""), "unknown")
    table["dataset"] = table["dataset"].where(table["dataset"] != "", "plain")
    for column in ("split", "official_split"):
        table[column] = table[column].str.lower().replace(_SPLITS)
    if folder_splits and (table["split"] == "").all() and from_folders["split"].replace("", None).nunique() > 1:
        table["split"] = from_folders["split"]
    table["label"] = labels
    table = table[known].reset_index(drop=True)
    types = {column: "int64" if column == "label" else "str" for column in COLUMNS}
    return _ids_from_names(table.astype(types), names), bad


def _label_in_name(path: str) -> float:
    """1 or 0 where a file is named as a fake or a real video of a known data set is, else NaN."""
    for real_name, fake_name, _ in SCHEMES.values():
        if real_name.fullmatch(stem_of(path)) or fake_name.fullmatch(stem_of(path)):
            return float(fake_name.fullmatch(stem_of(path)) is not None)
    return float("nan")


def _ids_from_names(table: pd.DataFrame, notes: list[str] | None) -> pd.DataFrame:
    """Fill ids where nothing is known and most fakes are named as known data sets name them (one or several)."""
    free = (table["ids"] == "") & (table["group"] == "")
    fake = free & (table["label"] == 1)
    if not fake.any():
        return table
    stems = table["path"].map(stem_of)
    named: dict[str, pd.Series] = {}
    for scheme, (real_name, fake_name, before) in SCHEMES.items():
        matches = stems.where(free & ~fake, "").map(real_name.fullmatch)
        matches = matches.mask(fake, stems.map(fake_name.fullmatch))
        hits = matches[free & matches.notna()]
        if fake[hits.index].any():
            named[scheme] = hits.map(lambda m, before=before: ";".join(before + name.lower() for name in m.groups()))
    if sum(fake[ids.index].sum() for ids in named.values()) * 2 >= fake.sum():
        for scheme, ids in named.items():
            table.loc[ids.index, "ids"] = ids
            if notes is not None:
                notes.append(f"{len(ids)} files are named as in {scheme}: the people in them were read from the names.")
    return table


def clean_paths(paths: pd.Series, root: Path, source: str) -> pd.Series:
    """Paths relative to the root in POSIX form. Raises `DataError` for one that leaves it."""
    odd = paths.str.contains(r"^[A-Za-z]:|\\|\x00|(?:^|/)\.{0,2}(?:/|$)", regex=True) & (paths != "")
    cleaned = paths.copy()
    for index, path in paths[odd].items():
        text = path.replace("\\", "/") if "\\" in path and not os.path.lexists(root / path) else path
        if os.path.isabs(text) and "\0" not in text:
            text = Path(os.path.relpath(text, root)).as_posix()
        text = posixpath.normpath(text)
        if text.split("/")[0] in ("..", ".") or text.startswith("/") or "\0" in text or text[1:3] == ":/":
            raise DataError(
                f"{source} names {shortened(path)!r}, which is not under {root}. Paths are relative to that folder: "
                "put the CSV at the top of the folder that holds the videos (a saved manifest can be given root=)."
            )
        cleaned[index] = text
    return cleaned
