"""A person who is under two names on two sides of a split is found by face, and nobody else is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from spotterlib.base import ROOT, DataError
from spotterlib.data import build_manifest
from spotterlib.faces import audit_faces, plot_face_pairs
from spotterlib.video import write_video

PEOPLE = ROOT / "spotterlib" / "fakes" / "people"


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Six sample people in train and test, and p02 once more in test: renamed, smaller, darker and from the left."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("p01", "p02", "p03", "p06", "p11", "p12"):
        picture = cv2.imread(str(PEOPLE / f"{name}.jpg"))[..., ::-1]
        write_video(folder / "real" / f"{name}.mp4", [_even(picture)] * 6, 25.0)
        if name == "p02":
            small = cv2.resize(np.ascontiguousarray(picture[:, 12:]), None, fx=0.7, fy=0.7)
            write_video(folder / "real" / "stranger.mp4", [_even((small * 0.75).astype(np.uint8))] * 6, 25.0)
    lines = [f"real/{p.name},{p.stem}" for p in sorted((folder / "real").iterdir())]
    (folder / "metadata.csv").write_text("\n".join(["path,ids", *lines]) + "\n")
    manifest = build_manifest(folder, "plain")
    sides = {"p01": "train", "p02": "train", "p03": "train", "p06": "test", "p11": "test", "p12": "val"}
    part = [sides.get(ids, "test") for ids in manifest.table["ids"]]
    return replace(manifest, table=manifest.table.assign(split=part))


def _even(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])


def test_the_planted_person_is_found_and_nobody_else(split):
    audit = audit_faces(split)
    assert (audit.compared, audit.unseen) == (7, 0)
    (line,) = audit.matches.itertuples(index=False)
    assert {line.ids, line.other_ids} == {"p02", "stranger"} and {line.split, line.other_split} == {"train", "test"}
    assert line.distance < 0.36 and audit.verdict.startswith("1 pair of names")
    assert [crop.shape for crop in audit.faces[0]] == [(224, 224, 3)] * 2
    figure = plot_face_pairs(audit)
    assert len(figure.axes) == 2 and figure.get_suptitle().startswith("1 pair of names")


def test_one_name_and_one_side_are_no_match(split):
    table = split.table
    named = table.assign(ids=table["ids"].replace("stranger", "p02"))
    assert audit_faces(replace(split, table=named)).matches.empty
    one_side = audit_faces(replace(split, table=table.assign(split="train")))
    assert one_side.matches.empty and one_side.verdict.startswith("No person was found under two names")


def test_without_a_split_it_says_so(split):
    with pytest.raises(DataError, match="split_by_group"):
        audit_faces(replace(split, table=split.table.assign(split="")))
