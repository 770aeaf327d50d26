"""The search for leaks in a table of videos with a split: by person and group, never pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..data import stem_of

KINDS = {
    "same file": "one file in two splits",
    "same pair": "two fakes of the same people or sources",
    "fake and its real": "a fake, and a real video of a person or source in it",
    "same real": "two real videos of one person or source",
    "shared identity": "two fakes that share one person or source",
    "same group": "two videos of one group, joined by nothing above",
}
_RANK = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True, eq=False)
class LeakAudit:
    """What an audit found.

    leaks: one line for each held-out video, kind of leak and split it leaks from, with the first video that proves it:
        columns kind, split, path, other_split, other_path, chain ("test fake 033_097 (FaceSwap) ← train real 097").
    counts: kind → number of held-out videos that leak so (exact; a video may be in several kinds).
    held_out, checked, leaking: videos outside the part for training; those of them that could be checked; that leak.
    share_of_test_fakes: 0…1, of the test fakes that could be checked those that leak; None where there is none.
    ok: False, a leak was found; True, none was; None, nothing could be checked. unknown: videos of any part that name
        no person, source or group, which no audit can judge.
    verdict: one sentence.
    """

    leaks: pd.DataFrame
    counts: dict[str, int]
    held_out: int
    checked: int
    leaking: int
    share_of_test_fakes: float | None
    ok: bool | None
    unknown: int
    verdict: str


def tokens_of(table: pd.DataFrame) -> pd.DataFrame:
    """What joins rows, long: columns row (position) and token ("id:097", "group:g1", or "path:…" for a row without)."""
    rows = pd.Series(range(len(table)), name="row")
    ids = table["ids"].reset_index(drop=True).str.split(";").explode().str.strip()
    ids = "id:" + ids[ids != ""]
    paths, groups = table["path"].reset_index(drop=True), table["group"].reset_index(drop=True)
    groups = "group:" + groups[(groups != "") & (groups != paths)]  # a group named like its file is a row of its own
    joined = pd.concat([ids, groups])
    alone = "path:" + paths[~rows.isin(joined.index)]
    long = pd.concat([joined, alone]).rename("token").rename_axis("row").reset_index()
    return long.drop_duplicates(ignore_index=True)


def audit_table(table: pd.DataFrame) -> LeakAudit:
    """Audit rows whose column split is filled (rows with an empty one are left aside)."""
    unknown = int(tokens_of(table)["token"].str.startswith("path:").sum())
    rows = table[table["split"] != ""].sort_values("path", kind="stable").reset_index(drop=True)
    rows["rank"] = rows["split"].map(_RANK).fillna(-1).astype(int)
    tokens = tokens_of(rows)
    tokens = tokens[~tokens["token"].str.startswith("path:")]
    by_id = tokens[tokens["token"].str.startswith("id:")].rename(columns={"token": "key"})
    by_id = by_id.assign(label=rows["label"].to_numpy()[by_id["row"]])
    sets = by_id.sort_values("key").groupby("row")["key"].agg([";".join, "size"])
    pairs = sets.loc[(sets["size"] > 1) & (rows["label"].reindex(sets.index) == 1), "join"].rename("key").reset_index()
    real, fake = by_id[by_id["label"] == 0], by_id[by_id["label"] == 1]
    lone = "row " + fake["row"].astype(str)  # a fake of one known person is no pair: it differs from every other
    fake = fake.assign(pair=fake["row"].map(sets["join"]).where(fake["row"].map(sets["size"]) > 1, lone))
    groups = tokens[tokens["token"].str.startswith("group:")].rename(columns={"token": "key"})
    files = pd.DataFrame({"row": rows.index, "key": rows["path"]})[rows["path"].duplicated(keep=False)]
    found = [
        _meet("same file", rows, files, files),
        _meet("same pair", rows, pairs, pairs),
        _meet("fake and its real", rows, fake, real),
        _meet("fake and its real", rows, real, fake),
        _meet("same real", rows, real, real),
        _meet("shared identity", rows, fake, fake, unlike="pair"),
    ]
    closer = pd.concat(found)[["row", "other_split"]].drop_duplicates()
    joined = _meet("same group", rows, groups, groups).merge(closer, how="left", indicator=True)
    found.append(joined[joined["_merge"] == "left_only"].drop(columns="_merge"))
    leaks = pd.concat(found, ignore_index=True)
    leaks["order"] = leaks["kind"].map({kind: place for place, kind in enumerate(KINDS)})
    leaks = leaks.sort_values(["order", "row", "other"], kind="stable")
    leaks = leaks.drop_duplicates(["kind", "row", "other_split"], ignore_index=True)
    counts = {kind: int(leaks.loc[leaks["kind"] == kind, "row"].nunique()) for kind in KINDS}
    leaking, out = set(leaks["row"]), rows["split"] != _first_part(rows)
    named = rows.index.isin(tokens["row"])
    comparable = rows.loc[named, "split"].nunique() > 1  # who names somebody in one part alone is compared with nobody
    judged = out & ((named & comparable) | rows.index.isin(leaking))
    tested = rows.index[judged & (rows["split"] == "test") & (rows["label"] == 1)]
    share = float(tested.isin(leaking).mean()) if len(tested) else None
    ok = False if leaking else True if judged.any() or not out.any() else None
    found = {"held_out": int(out.sum()), "checked": int(judged.sum()), "leaking": len(leaking)}
    verdict = _verdict(rows, ok, tested.isin(leaking), found, unknown)
    return LeakAudit(
        _written(leaks, rows), counts, **found, share_of_test_fakes=share, ok=ok, unknown=unknown, verdict=verdict
    )


def _first_part(rows: pd.DataFrame) -> str:
    """The part that the others are held out from: that for training, where there is one."""
    return rows.sort_values(["rank", "split"], kind="stable")["split"].iloc[0] if len(rows) else ""


def _meet(kind: str, rows: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame, unlike: str = "") -> pd.DataFrame:
    """Rows of `left` that meet, by key, a row of `right` in a split of lower rank: kind, row, other, other_split.

    Only the first of `right` in each key and split is met (with `unlike`, the first two that differ in that column:
    one of them differs from whatever is on the left), so a person in a thousand videos costs a thousand, not a million.
    """
    split, rank = rows["split"].to_numpy(dtype=object), rows["rank"].to_numpy()
    right = right.assign(other_split=split[right["row"]]).sort_values("row", kind="stable")
    if unlike:
        right = right.drop_duplicates(["key", "other_split", unlike])
        right = right[right.groupby(["key", "other_split"]).cumcount() < 2]
    else:
        right = right.drop_duplicates(["key", "other_split"])
    right = right.rename(columns={"row": "other", unlike: "other_" + unlike})
    met = left.drop(columns="label", errors="ignore").merge(right.drop(columns="label", errors="ignore"), on="key")
    # held out is the side of higher rank; names of splits that are not ours rank alike and are ordered by name
    mine, theirs = rank[met["row"]], rank[met["other"]]
    tie = (mine == theirs) & (split[met["row"]] > split[met["other"]])
    met = met[(mine > theirs) | tie]
    if unlike:
        met = met[met[unlike] != met["other_" + unlike]]
    return met[["row", "other", "other_split"]].assign(kind=kind)


def _written(leaks: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The leaks with paths and chains."""

    def told(positions: pd.Series) -> list[str]:
        part = rows.loc[positions, ["split", "label", "path", "method"]]
        return [
            f"{split} {'fake' if label else 'real'} {stem_of(path)}{f' ({method})' if label and method else ''}"
            for split, label, path, method in part.itertuples(index=False)
        ]

    chain = [f"{one} ← {other}" for one, other in zip(told(leaks["row"]), told(leaks["other"]), strict=True)]
    return pd.DataFrame(
        {
            "kind": leaks["kind"],
            "split": rows.loc[leaks["row"], "split"].to_numpy(),
            "path": rows.loc[leaks["row"], "path"].to_numpy(),
            "other_split": leaks["other_split"],
            "other_path": rows.loc[leaks["other"], "path"].to_numpy(),
            "chain": pd.Series(chain, dtype="str"),
        }
    )


def _verdict(rows: pd.DataFrame, ok: bool | None, tested: np.ndarray, found: dict[str, int], unknown: int) -> str:
    """One sentence. tested: of every test fake that could be checked whether it leaks."""
    unsure = f"; {unknown} videos name no person, source or group, and nothing can be said of those" if unknown else ""
    if rows["split"].nunique() == 1:
        return f"No leak: all {len(rows)} videos are in one part, {rows['split'].iloc[0]}, and none is held out."
    if ok is None and unknown >= len(rows):
        return (
            f"Not checked: none of the {len(rows)} videos names a person, source or group, so nobody knows whether "
            "somebody is in two splits."
        )
    if ok is None:
        return f"Not checked: the videos that name a person, source or group have none in another split{unsure}."
    if ok:
        whole = f"no person, source, group or file of {len(rows) - unknown} videos is in two splits"
        return f"No leak: {whole}, by what names and metadata tell{unsure}."
    if tested.any():
        what = f"{tested.sum()} of {len(tested)} test fakes ({100 * tested.mean():.1f} %)"
    else:
        what = f"{found['leaking']} held-out videos"
    return f"This split leaks: {what} share a person, source, group or file with another split{unsure}."
