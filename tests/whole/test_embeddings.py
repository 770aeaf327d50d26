"""By which faces people were told apart stays in memory: no file that Spotter writes holds an embedding."""

from __future__ import annotations

import io
import struct
from dataclasses import fields, is_dataclass
from decimal import Decimal

import numpy as np
import pytest
from makers.face_clips import manifest_of, moving, stage, write_clip
from makers.files import contents

from spotterlib.base import write_json
from spotterlib.evidence import export_page, write_diagnostic_video
from spotterlib.faces import cache_faces, people
from spotterlib.scan import scan_folder, scan_video

MARK = np.float32(0.73105857)
"""Every number of every embedding: means of such are such, too."""


@pytest.fixture
def embedded(monkeypatch):
    """Embeddings that can be known anywhere; counts the faces that got one."""
    counts = []

    def marked(crops, landmarks, device):
        counts.append(len(crops))
        return np.full((len(crops), 128), MARK)

    monkeypatch.setattr(people, "embed_faces", marked)
    return counts


def traces_of(name: str, data: bytes) -> list[str]:
    """How a file tells an embedding: two of its numbers in a row as bytes, or one as text or in an array."""
    found = [kind for kind in "efd" for order in "<>" if struct.pack(f"{order}2{kind}", MARK, MARK) in data]
    found += [text for text in (str(MARK)[:7], f"{Decimal(float(MARK)):.6f}") if text.encode() in data]
    if name.endswith(".npz"):
        arrays = np.load(io.BytesIO(data), allow_pickle=False)
        found += [key for key in arrays.files if holds(arrays[key])]
    return found


def holds(value) -> bool:
    """Whether an array has the mark in it, or is as long as an embedding."""
    array = np.asarray(value)
    return array.dtype.kind == "f" and bool(np.isclose(array, MARK, atol=1e-6).sum() > 1 or 128 in array.shape)


def arrays_in(value, where: str = "report"):
    """Every array in a report, by where it is."""
    if is_dataclass(value):
        for each in fields(value):
            yield from arrays_in(getattr(value, each.name), f"{where}.{each.name}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from arrays_in(one, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for one in value:
            yield from arrays_in(one, where)
    elif isinstance(value, np.ndarray):
        yield where, value


def test_no_file_and_no_report_holds_an_embedding(embedded, detector, tmp_path):
    """A person on the left who leaves, then one on the right: might they be one? They are compared to find out."""
    away = np.full((24, 2), np.nan)
    left, right = away.copy(), away.copy()
    left[:12], right[12:] = 8.0, (168.0, 8.0)
    times = np.arange(24) / 12
    videos, out = tmp_path / "videos", tmp_path / "out"
    actors = (moving("p01", times), left), (moving("p07", times, seed=1), right)
    film = write_clip(videos / "film.mp4", stage((320, 192), 24, *actors))

    report = scan_video(film, detector)
    assert sum(embedded) == 8 and len(report.faces) == 1, "four faces of each, which came out as one person's"
    write_json(out / "report.json", report.to_dict(heat=True))
    export_page(report, out / "page.html")
    write_diagnostic_video(report, out / "film.mp4")
    scan_folder(videos, out / "scans", detector)
    cache_faces(manifest_of(videos, "film.mp4"), out / "cache")
    assert sum(embedded) == 24, "the folder and the cache told people apart, too"

    written = contents(out)
    kinds = {name.rpartition(".")[2] for name in written}
    assert {"json", "jsonl", "html", "mp4", "csv", "npz"} <= kinds, sorted(written)
    assert {name: found for name, data in written.items() if (found := traces_of(name, data))} == {}
    assert [where for where, array in arrays_in(report) if holds(array)] == []
    assert "embedding" not in str(report.to_dict(heat=True)).lower()


def test_a_trace_would_be_found(tmp_path):
    """In every form in which the test above looks for one."""
    point = np.full(128, MARK)
    np.savez_compressed(tmp_path / "a.npz", point=point)
    (tmp_path / "b.bin").write_bytes(b"x" + point.astype(">f8").tobytes())
    write_json(tmp_path / "c.json", {"point": point})
    (tmp_path / "d.csv").write_text(",".join(f"{value:.6f}" for value in point))
    assert all(traces_of(name, data) for name, data in contents(tmp_path).items())
    assert holds(point[:2]) and holds(np.zeros((3, 128), np.float32)) and not holds(np.zeros((3, 7, 7)))
