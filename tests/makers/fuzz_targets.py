"""What is fuzzed: every reader of text that others write, each on bytes that may be anything.

A target takes bytes and a folder of its own. Whatever the bytes, it returns or raises a `SpotterError`; what it returns
keeps to its root.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from spotterlib.base import SpotterError, read_json
from spotterlib.data import Manifest, build_manifest
from spotterlib.faces import load_cache_table
from spotterlib.model import read_card
from spotterlib.scan.journal import Journal
from spotterlib.splits import audit_split, split_by_group

Target = Callable[[bytes, Path], None]


def _film(path: Path) -> None:
    """A file that passes for a video where none is opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")


def _is_sound(manifest: Manifest, folder: Path) -> None:
    """No path leaves the root, and what was read can be saved and read again."""
    for column in ("path", "mask"):
        for path in manifest.table[column]:
            parts = path.split("/")
            assert not path.startswith("/") and ".." not in parts and "\0" not in path, f"{path!r} leaves the root"
    if not manifest.table.empty:
        again = Manifest.load(split_by_group(manifest).save(folder / "again.csv"), manifest.root)
        assert again.table["path"].tolist() == manifest.table["path"].tolist()


def manifest_csv(data: bytes, folder: Path) -> None:
    """A manifest, loaded, split, audited, saved and loaded again."""
    (folder / "m.csv").write_bytes(data)
    with contextlib.suppress(SpotterError):
        audit_split(folder / "m.csv")
    manifest = Manifest.load(folder / "m.csv")
    _is_sound(manifest, folder)


def manifest_json(data: bytes, folder: Path) -> None:
    """What lies beside a manifest."""
    (folder / "m.csv").write_text("path,label\na.mp4,0\nb.mp4,1\n", encoding="utf-8")
    (folder / "m.json").write_bytes(data)
    manifest = Manifest.load(folder / "m.csv")
    assert len(manifest.table) == 2 and isinstance(manifest.notes, list)
    _is_sound(manifest, folder)


def list_csv(data: bytes, folder: Path) -> None:
    """Anyone's table of videos."""
    _film(folder / "real" / "a.mp4")
    _film(folder / "b.mp4")
    (folder / "list.csv").write_bytes(data)
    _is_sound(build_manifest(folder / "list.csv"), folder)


def metadata_csv(data: bytes, folder: Path) -> None:
    """A metadata.csv at the top of real/ and fake/."""
    _film(folder / "real" / "a.mp4")
    _film(folder / "fake" / "b.mp4")
    (folder / "metadata.csv").write_bytes(data)
    _is_sound(build_manifest(folder), folder)


def celeb_list(data: bytes, folder: Path) -> None:
    """Celeb-DF's list of testing videos."""
    _film(folder / "Celeb-real" / "id0_0000.mp4")
    _film(folder / "Celeb-synthesis" / "id0_id1_0000.mp4")
    (folder / "List_of_testing_videos.txt").write_bytes(data)
    manifest = build_manifest(folder)
    assert len(manifest.table) == 2
    _is_sound(manifest, folder)


def official_json(data: bytes, folder: Path) -> None:
    """FaceForensics++'s lists of pairs."""
    _film(folder / "original_sequences" / "youtube" / "c23" / "videos" / "033.mp4")
    _film(folder / "manipulated_sequences" / "Deepfakes" / "c23" / "videos" / "033_097.mp4")
    (folder / "splits").mkdir(exist_ok=True)
    (folder / "splits" / "train.json").write_bytes(data)
    manifest = build_manifest(folder)
    assert len(manifest.table) == 2
    _is_sound(manifest, folder)


def dfdc_json(data: bytes, folder: Path) -> None:
    """DFDC's metadata.json."""
    _film(folder / "part" / "a.mp4")
    _film(folder / "part" / "b.mp4")
    (folder / "part" / "metadata.json").write_bytes(data)
    _is_sound(build_manifest(folder, "dfdc"), folder)


def dfdc_csv(data: bytes, folder: Path) -> None:
    """DFDC's table of the validation set."""
    _film(folder / "validation" / "a.mp4")
    (folder / "validation" / "labels.csv").write_bytes(data)
    _is_sound(build_manifest(folder, "dfdc"), folder)


def card(data: bytes, folder: Path) -> None:
    """A checkpoint's card."""
    (folder / "c.json").write_bytes(data)
    found = read_card(folder / "c.safetensors")
    assert 0 < float(found["thresholds"]["t_low"]) <= float(found["thresholds"]["t_high"]) < 1


def plain_json(data: bytes, folder: Path) -> None:
    """Any JSON of a run."""
    (folder / "a.json").write_bytes(data)
    read_json(folder / "a.json")


def journal(data: bytes, folder: Path) -> None:
    """The journal of a folder scan: a damaged line costs its own video."""
    good = {"key": "k", "row": {"path": "a.mp4"}}
    (folder / "scans.jsonl").write_bytes(data + b"\n" + json.dumps(good).encode() + b"\n")
    with open(folder / "scans.jsonl", "a+", encoding="utf-8", errors="replace") as file:
        rows = Journal(file, folder).rows
    assert rows["k"]["path"] == "a.mp4"
    assert all(isinstance(row, dict) and len(row) >= 12 for row in rows.values())


def cache_csv(data: bytes, folder: Path) -> None:
    """The table of a face cache."""
    (folder / "cache.csv").write_bytes(data)
    table = load_cache_table(folder)
    assert all(isinstance(file, str) for file in table["file"])


_CARD = {
    "thresholds": {"t_low": 0.4, "t_high": 0.6},
    "calibration": {"clip": {"scale": 1.0, "bias": 0.0}, "frame": {"scale": 1.0, "bias": 0.0}},
    "sha256": "00",
}

TARGETS: dict[str, tuple[Target, list[bytes]]] = {
    "manifest": (
        manifest_csv,
        [
            b"path,label,dataset,method,compression,group,ids,split,official_split,mask\n"
            b"real/a.mp4,0,plain,,,,p1,train,,\nfake/b.mp4,1,plain,x,c23,,p1;p2,test,,m.png\nc.mp4,fake,,,,g,,val,,\n"
        ],
    ),
    "manifest JSON": (
        manifest_json,
        [b'{"root": ".", "videos": 2, "settings": {"notes": ["a"], "split": {"notes": []}}, '
         b'"report": [{"path": "c.mp4", "problem": "gone"}]}'],
    ),
    "list": (list_csv, [b"filename;label\nreal/a.mp4;real\nb.mp4;1\n", b"path\tlabel\tgroup\nb.mp4\tfake\t7\n"]),
    "metadata": (metadata_csv, [b"path,label,method,group,ids,mask\nreal/a.mp4,,,g,,\nfake/b.mp4,1,swap,g,1;2,\n"]),
    "Celeb-DF list": (celeb_list, [b"1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"]),
    "FaceForensics++ JSON": (official_json, [b'[["033", "097"], ["035", "036"]]']),
    "DFDC JSON": (dfdc_json, [b'{"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, '
                              b'"b.mp4": {"label": "REAL"}}']),
    "DFDC table": (dfdc_csv, [b"filename,label\na.mp4,1\n"]),
    "card": (card, [json.dumps(_CARD).encode()]),
    "JSON": (plain_json, [b'{"a": [1, 2.5, null, true, "x"]}']),
    "journal": (journal, [b'{"key": "a|1", "row": {"path": "b.mp4", "status": "ok"}}\n[1]\n']),
    "cache table": (cache_csv, [b"path,label,file,status,faces\na.mp4,0,faces-1/a.npz,ok,1\n"]),
}  # fmt: skip
"""Targets by name, each with seeds: good texts to start from."""


def run_target(name: str, data: bytes, folder: Path) -> None:
    """Run a target; a promised error is as good as none."""
    with contextlib.suppress(SpotterError):
        TARGETS[name][0](data, folder)
