"""Splits that do not leak, against brute force and union-find written here."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.pairs import manifest_from, pairs_of_people, real, swap

from spotterlib.base import DataError
from spotterlib.data import Manifest, build_manifest
from spotterlib.splits import audit_split, compare_audits, split_by_file, split_by_group

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def tokens(line) -> set[str]:
    found = {"id:" + name for name in line.ids.split(";") if name} | ({"group:" + line.group} if line.group else set())
    return found or {"path:" + line.path}


def components(table: pd.DataFrame) -> list[set[str]]:
    """Union-find over paths, the slow way."""
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for line in table.itertuples():
        for token in tokens(line):
            parent[top(token)] = top("row:" + line.path)
    found: dict[str, set[str]] = defaultdict(set)
    for path in table["path"]:
        found[top("row:" + path)].add(path)
    return list(found.values())


# --- the field's leak ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faceforensics(tmp_path_factory) -> Manifest:
    """A tree with the names and counts of FaceForensics++: 1000 people in 500 pairs, both directions, 4 methods."""
    root = tmp_path_factory.mktemp("ffpp")
    people = [f"{i:03}" for i in range(1000)]
    random.Random(0).shuffle(people)
    names = {"original_sequences/youtube": people}
    swaps = [name for a, b in zip(people[::2], people[1::2], strict=True) for name in (f"{a}_{b}", f"{b}_{a}")]
    names |= {f"manipulated_sequences/{method}": swaps for method in METHODS}
    for folder, stems in names.items():
        (root / folder / "c23/videos").mkdir(parents=True)
        for stem in stems:
            (root / folder / "c23/videos" / f"{stem}.mp4").touch()
    return build_manifest(root)


def test_a_split_by_file_leaks_and_ours_does_not(faceforensics):
    assert len(faceforensics.table) == 5000
    for seed in range(3):
        theirs = audit_split(split_by_file(faceforensics, seed=seed))
        assert not theirs.ok and theirs.share_of_test_fakes > 0.9 and "leaks" in theirs.verdict
        held = split_by_file(faceforensics, seed=seed).table.set_index("path")
        test = held[held["split"] == "test"]
        assert abs(len(test) - 750) <= 1
        into_train = theirs.leaks[(theirs.leaks["split"] == "test") & (theirs.leaks["other_split"] == "train")]
        own = into_train[into_train["kind"] == "same pair"]["path"].nunique()
        assert own / (test["label"] == 1).sum() > 0.9
        ours = split_by_group(faceforensics, seed=seed)
        audit = audit_split(ours)
        assert audit.ok and audit.share_of_test_fakes == 0 and audit.leaks.empty and not any(audit.counts.values())
        counts = ours.counts()
        assert (counts["train"] == 700).all() and (counts["val"] == 150).all() and (counts["test"] == 150).all()
        assert ours.table["group"].nunique() == 500


def test_official_lists_of_faceforensics_are_kept(faceforensics):
    ids = faceforensics.table["ids"].str.split(";").str[0].astype(int)
    low = faceforensics.table["ids"].map(lambda names: min(names.split(";")))
    pairs = {}
    for names in faceforensics.table.loc[faceforensics.table["label"] == 1, "ids"]:
        for name in names.split(";"):
            pairs[name] = min(names.split(";"))
    assert len(ids) == 5000 and len(pairs) == 1000 and low.notna().all()
    order = sorted(set(pairs.values()))
    official = {
        name: "train" if order.index(p) < 360 else "val" if order.index(p) < 430 else "test"
        for name, p in pairs.items()
    }
    table = faceforensics.table.assign(
        official_split=[official[names.split(";")[0]] for names in faceforensics.table["ids"]]
    )
    given = Manifest(faceforensics.root, table, faceforensics.report)
    split = split_by_group(given)
    assert (split.table["split"] == split.table["official_split"]).all() and audit_split(split).ok
    assert split.counts().loc["FaceSwap"].tolist() == [720, 140, 140]
    free = split_by_group(given, official=False)
    assert not (free.table["split"] == free.table["official_split"]).all() and audit_split(free).ok


# --- properties ------------------------------------------------------------------------------------------------------


@st.composite
def manifests(draw) -> Manifest:
    people = draw(st.integers(1, 30))
    names = [f"{i}" for i in range(people)]
    lines = []
    for k in range(draw(st.integers(1, 40))):
        label = draw(st.integers(0, 1))
        ids = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        group = draw(st.sampled_from(["", "", "", "g1", "g2", "3"]))
        method = draw(st.sampled_from(["a", "b"])) if label else ""
        lines.append(
            {"path": f"{label}/{k}.mp4", "label": label, "method": method, "ids": ";".join(ids), "group": group}
        )
    return manifest_from(lines)


shares = st.sampled_from(
    [(0.7, 0.15, 0.15), (0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5)]
)


@settings(max_examples=120, deadline=None)
@given(manifests(), shares, st.integers(0, 3))
def test_whole_components_near_the_asked_fractions(manifest, fractions, seed):
    split = split_by_group(manifest, fractions, seed)
    assert list(split.table["path"]) == list(manifest.table["path"])
    placed = split.table.set_index("path")
    assert set(placed["split"]) <= {s for s, f in zip(("train", "val", "test"), fractions, strict=True) if f > 0}
    parts = components(manifest.table)
    groups = [set(placed.loc[list(part), "group"]) for part in parts]
    assert all(len(group) == 1 and "" not in group for group in groups)
    assert len(set.union(*groups)) == len(parts)  # one name a component, one component a name
    sides = [set(placed.loc[list(part), "split"]) for part in parts]
    assert all(len(side) == 1 for side in sides)
    assert audit_split_or_none(split) in (None, True)
    # within one component, unless a split lives on what was lent to it: a real and a fake one
    largest = max(map(len, parts))
    held = placed["split"].value_counts()
    alone = any(
        sum(side == {s} for side in sides) <= 2 for s, f in zip(("train", "val", "test"), fractions, strict=True) if f
    )
    for name, fraction in zip(("train", "val", "test"), fractions, strict=True):
        off = held.get(name, 0) - fraction * len(placed)
        assert off < largest * (2 if alone else 1) + 1e-6 and (off >= -largest - 1e-6 or alone)


def audit_split_or_none(split: Manifest) -> bool | None:
    return audit_split(split).ok if (split.table["split"] != "").any() else None


@settings(max_examples=60, deadline=None)
@given(manifests(), st.integers(0, 2), st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(manifest, seed, shuffler):
    order = list(range(len(manifest.table)))
    shuffler.shuffle(order)
    mixed = Manifest(manifest.root, manifest.table.iloc[order], manifest.report)
    for split in (split_by_group, split_by_file):
        one, other = split(manifest, seed=seed), split(mixed, seed=seed)
        columns = ["split", "group"]
        assert (
            one.table.set_index("path")[columns]
            .sort_index()
            .equals(other.table.set_index("path")[columns].sort_index())
        )
        assert one.notes == other.notes


@settings(max_examples=60, deadline=None)
@given(manifests(), st.integers(0, 2))
def test_splitting_again_changes_nothing(manifest, seed):
    once = split_by_group(manifest, seed=seed)
    again = split_by_group(once, seed=seed)
    first, second = once.table.groupby("path")["group"].first(), again.table.groupby("path")["group"].first()
    assert pd.crosstab(first, second).astype(bool).sum().eq(1).all()  # the same components, whatever they are called


@settings(max_examples=120, deadline=None)
@given(manifests(), st.data())
def test_audit_against_every_pair(manifest, data):
    names = ["train", "val", "test", ""]
    split = data.draw(st.lists(st.sampled_from(names), min_size=len(manifest.table), max_size=len(manifest.table)))
    table = manifest.table.assign(split=pd.Series(split, dtype="str"))
    if not set(split) - {""}:
        with pytest.raises(DataError, match="no split"):
            audit_split(Manifest(manifest.root, table, manifest.report))
        return
    audit = audit_split(Manifest(manifest.root, table, manifest.report))
    expected: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    group_only = defaultdict(set)
    for one, two in combinations(table[table["split"] != ""].itertuples(), 2):
        if one.split == two.split:
            continue
        held, other = sorted((one, two), key=lambda line: names.index(line.split), reverse=True)
        ids = set(held.ids.split(";")) & set(other.ids.split(";")) - {""}
        if ids and held.label != other.label:
            expected["fake and its real", held.path, other.split].add(other.path)
        elif ids and not held.label:
            expected["same real", held.path, other.split].add(other.path)
        elif ids:
            same = set(held.ids.split(";")) == set(other.ids.split(";"))
            expected["same pair" if same and ";" in held.ids else "shared identity", held.path, other.split].add(
                other.path
            )
        elif held.group and held.group == other.group:
            group_only[held.path, other.split].add(other.path)
    closer = {key[1:] for key in expected}
    expected |= {("same group", *key): paths for key, paths in group_only.items() if key not in closer}
    found = {(line.kind, line.path, line.other_split): line.other_path for line in audit.leaks.itertuples()}
    assert set(found) == set(expected) and len(found) == len(audit.leaks)
    assert all(path in expected[key] for key, path in found.items())
    assert {kind: n for kind, n in audit.counts.items() if n} == dict(
        pd.Series([kind for kind, _ in {key[:2] for key in expected}], dtype=object).value_counts()
    )
    placed, leaking = table[table["split"] != ""], {key[1] for key in expected}
    held_out = placed[placed["split"] != min(placed["split"], key=names.index)]
    named = placed[(placed["ids"] != "") | (placed["group"] != "")]
    comparable = set(named["path"]) if named["split"].nunique() > 1 else set()  # of one part alone: with nobody
    judged = set(held_out["path"]) & (comparable | leaking)
    fakes = judged & set(table.loc[(table["split"] == "test") & (table["label"] == 1), "path"])
    assert audit.share_of_test_fakes == (pytest.approx(len(leaking & fakes) / len(fakes)) if fakes else None)
    assert (audit.held_out, audit.checked, audit.leaking) == (len(held_out), len(judged), len(leaking))
    assert audit.ok is (False if expected else True if judged or not len(held_out) else None)
    assert audit.unknown == ((table["ids"] == "") & (table["group"] == "")).sum()


def test_a_golden_split_is_the_same_on_every_machine():
    split = split_by_group(manifest_from(pairs_of_people(8)), seed=1).table
    placed = split.groupby("group")["split"].first()
    assert placed.to_dict() == {
        "p00": "train",
        "p02": "train",
        "p04": "train",
        "p06": "train",
        "p08": "train",
        "p10": "train",
        "p12": "test",
        "p14": "val",
    }


@pytest.mark.parametrize("count", [3, 4, 5, 8, 12])
def test_small_sets_give_each_split_a_group_with_both_labels(count):
    for seed in range(5):
        split = split_by_group(manifest_from(pairs_of_people(count)), seed=seed)
        labels = split.table.groupby("split")["label"].nunique()
        assert labels.to_dict() == {"train": 2, "val": 2, "test": 2}
        assert split.table.groupby("split")["group"].nunique()["train"] == max(
            count - 2 * max(1, round(0.15 * count)), 1
        )
        assert any("fewer than ten" in note for note in split.notes)


def test_one_large_group_leaves_the_small_ones_to_val_and_test():
    lines = [swap("a", f"x{i}") for i in range(50)] + [real("a")] + pairs_of_people(2)
    split = split_by_group(manifest_from(lines))
    assert split.table.groupby("split")["label"].nunique().to_dict() == {"train": 2, "val": 2, "test": 2}
    assert any("train holds 86.4 % of the videos, 70 % were asked" in note for note in split.notes)


def test_files_without_groups_are_their_own_and_both_labels_reach_every_split():
    lines = [{"path": f"real/{i}.mp4"} for i in range(3)]
    lines += [{"path": f"fake/{i}.mp4", "label": 1, "method": "unknown"} for i in range(37)]
    split = split_by_group(manifest_from(lines), seed=2)
    assert split.table.groupby("split")["label"].nunique().to_dict() == {"train": 2, "val": 2, "test": 2}
    assert any("40 of 40 videos name no person" in note for note in split.notes)
    assert list(split.table["group"]) == list(split.table["path"])
    audit = audit_split(split)
    assert audit.ok is None and audit.unknown == 40 and audit.verdict.startswith("Not checked")
    assert audit.checked == 0 < audit.held_out and audit.share_of_test_fakes is None
    by_file = audit_split(split_by_file(manifest_from(lines)))
    table = compare_audits({"by file": by_file, "by group": audit})
    assert by_file.ok is None and set(table.loc["of these leak"]) == set(table.loc["verdict"].str.lower()) == {
        "not checked"
    }


def test_too_few_groups_are_said():
    split = split_by_group(manifest_from([real("a"), real("b"), swap("a", "b"), swap("b", "a", "Deepfakes")]))
    assert split.table["split"].nunique() == 1
    assert any("val has no real video" in note for note in split.notes)
    assert any("test has no fake video" in note for note in split.notes)
    two = split_by_group(manifest_from(pairs_of_people(2)))
    assert set(two.table["split"]) == {"train", "val"}


def test_a_missing_method_is_said():
    lines = [*pairs_of_people(12), swap("p00", "p01", "rare")]
    notes = split_by_group(manifest_from(lines)).notes
    assert sum("no fake of rare" in note for note in notes) == 2


def test_a_data_sets_own_test_part_takes_its_people_out_of_training():
    lines = [
        real("id0", official_split="test"),
        swap("id0", "id1", official_split="test"),
        {**real("id0", official_split="train"), "path": "real/id0_again.mp4"},
        swap("id1", "id2", official_split="train"),
        *pairs_of_people(6, official_split="train"),
        {**swap("id2", "id3"), "official_split": "train"},
    ]
    split = split_by_group(manifest_from(lines))
    placed = split.table.set_index("path")["split"]
    assert placed["real/id0.mp4"] == placed["fake/FaceSwap/id0_id1.mp4"] == "test"
    assert placed["real/id0_again.mp4"] == placed["fake/FaceSwap/id1_id2.mp4"] == ""
    assert placed["fake/FaceSwap/id2_id3.mp4"] in ("train", "val")  # shares nobody with the test part itself
    assert set(placed) == {"train", "val", "test", ""} and (placed == "test").sum() == 2
    assert audit_split(split).ok
    assert any("2 videos are in no split" in note and "id0, id1" in note for note in split.notes)
    # a person of the test part in one's own data follows it
    own = split_by_group(manifest_from([*lines, {**swap("id1", "id0", "mine"), "dataset": "mine"}]), official=True)
    assert audit_split(own).ok


def test_another_data_sets_rows_follow_the_official_part_they_belong_to():
    lines = [*pairs_of_people(2, official_split="train"), *pairs_of_people(3, official_split="")]
    lines = [{**line, "path": f"{i}/{line['path']}"} for i, line in enumerate(lines)]
    for line in lines:
        if "p04" in line["ids"] or "p05" in line["ids"]:
            line["official_split"] = "test"
    lines.append({**swap("p04", "p05", "mine"), "dataset": "mine"})
    placed = split_by_group(manifest_from(lines)).table.set_index("path")["split"]
    assert placed["fake/mine/p04_p05.mp4"] == "test"


def test_train_alone_is_no_official_split():
    split = split_by_group(manifest_from(pairs_of_people(10, official_split="train")))
    assert set(split.table["split"]) == {"train", "val", "test"}


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_fractions_that_are_none(fractions):
    for split in (split_by_group, split_by_file):
        with pytest.raises(DataError, match="add up to 1"):
            split(manifest_from(pairs_of_people(3)), fractions)
