"""Folders real/ and fake/ as anybody may have them, and the metadata.csv that may lie beside them."""

from __future__ import annotations

import pandas as pd

from ..base import shortened
from .csv_head import csv_names
from .layouts import lists_videos, read_folders
from .rows import PATH_NAMES, Found, label_of
from .tables import clean_paths, read_csv
from .walk import Tree


def read_plain(tree: Tree) -> Found:
    """real/ and fake/ at any depth; a metadata.csv at the top adds to what the folders say, or stands in for them. One
    without a column of paths that lists nothing of what lies there is left aside, and said."""
    found = Found()
    videos = [path for path in tree.videos if not {"mask", "masks"} & set(path.lower().split("/")[:-1])]
    table = pd.DataFrame({"path": pd.Series(videos, dtype="str")})
    beside = next((path for path in tree.others if path.lower() == "metadata.csv"), None)
    labelled = any(read_folders(path.rpartition("/")[0])[0] is not None for path in videos)
    columns = csv_names(tree.root / beside) if beside else []
    if beside and labelled and not PATH_NAMES & set(columns) and not lists_videos(tree, beside, loosely=True):
        told = shortened(", ".join(columns)) or "none"  # the folders say enough without it
        found.problems.append((beside, f"left aside, for it lists none of the videos here (its columns: {told})"))
    elif beside:
        found.used.add(beside)
        listed = read_csv(tree.root / beside)
        for column in {"path", "mask"} & set(listed):
            listed[column] = clean_paths(listed[column], tree.root, str(tree.root / beside))
        again = listed["path"].duplicated() & (listed["path"] != "")
        found.problems += [
            (path, f"listed again in {beside}: its first line was taken") for path in listed["path"][again]
        ]
        listed = listed[~again]
        there = set(tree.videos)
        absent = sorted(set(listed["path"]) - there - {path for path, _ in tree.problems} - {""})
        found.problems += [(path, f"listed in {beside}, but there is no such video") for path in absent]
        unnamed = int((listed["path"] == "").sum())
        found.problems += [(beside, f"{unnamed} lines name no file")] if unnamed else []
        table = listed[listed["path"].isin(there)].merge(table, on="path", how="outer").fillna("")
        if "mask" in table:
            files = there | set(tree.others)
            lost = (table["mask"] != "") & ~table["mask"].isin(files)
            found.problems += [(p, f"its mask {m} is not there") for p, m in table.loc[lost, ["path", "mask"]].values]
            table["mask"] = table["mask"].mask(lost, "")
            found.used |= set(table["mask"]) - {""}
            table = table[~table["path"].isin(found.used)].reset_index(drop=True)  # a mask may lie beside its video
    labels = pd.Series([read_folders(path.rpartition("/")[0])[0] for path in table["path"]], dtype="float64")
    given = table["label"].str.strip() if "label" in table else pd.Series("", index=table.index, dtype="str")
    said = given.map(label_of).astype("float64")
    against = said.notna() & labels.notna() & (said != labels)
    why = f"{beside} gives it the other label than its folder: left out until one is mended"
    found.problems += [(path, why) for path in table["path"][against]]
    nowhere = (given == "") & labels.isna()
    found.problems += [(path, "not under real/ or fake/, or under both") for path in table["path"][nowhere]]
    found.rows = table[~(against | nowhere)]
    spoken_for = found.used | set(table["path"])
    stray = [path for path in tree.videos if path not in spoken_for]
    found.problems += [(path, "a mask that no line of metadata.csv names") for path in stray]
    return found
