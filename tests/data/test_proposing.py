"""A metadata.csv proposed from names of files that match."""

from __future__ import annotations

import pytest
from makers.pairs import manifest_from

from spotterlib.base import write_csv
from spotterlib.data import build_manifest, propose_metadata


def proposed(*paths):
    lines = [{"path": path, "label": int(path.startswith("fake/"))} for path in paths]
    lines = [line | ({"method": "unknown"} if line["label"] else {}) for line in lines]
    return propose_metadata(manifest_from(lines)).set_index("path")["ids"].to_dict()


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (("033.mp4", "097.mp4", "033_097.mp4"), ("033", "097", "033;097")),
        (("id0_0001.mp4", "id1_0000.mp4", "id0_id1_0000.mp4"), ("id0", "id1", "id0;id1")),
        (("Anna.mov", "bob-2.mp4", "anna_fake.mp4"), ("anna", None, "anna")),
        (("anna_real.mp4", "bob.mp4", "anna_bob.mp4"), ("anna", "bob", "anna;bob")),
        (("my dog.mp4", "b.mp4", "deepfake-my-dog.mp4"), ("my_dog", None, "my_dog")),
    ],
)
def test_names_that_match_are_proposed(names, ids):
    paths = [f"real/{names[0]}", f"real/{names[1]}", f"fake/{names[2]}"]
    assert proposed(*paths) == {path: people for path, people in zip(paths, ids, strict=True) if people}


def test_nothing_is_proposed_where_nothing_matches():
    assert proposed("real/a.mp4", "real/b.mp4", "fake/c.mp4", "fake/fake.mp4") == {}
    known = manifest_from([{"path": "real/a.mp4", "ids": "x"}, {"path": "fake/a_fake.mp4", "label": 1, "group": "y"}])
    assert propose_metadata(known).empty, "what is known is not proposed anew"


def test_a_proposal_saved_beside_the_videos_is_read(tmp_path):
    for path in ("real/anna.mp4", "real/bob.mp4", "fake/anna_fake.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    before = build_manifest(tmp_path)
    assert (before.table["ids"] == "").all()
    write_csv(tmp_path / "metadata.csv", propose_metadata(before))
    after = build_manifest(tmp_path).table.set_index("path")["ids"].to_dict()
    assert after == {"fake/anna_fake.mp4": "anna", "real/anna.mp4": "anna", "real/bob.mp4": ""}
