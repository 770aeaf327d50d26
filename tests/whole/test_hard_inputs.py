"""The worst files there are: each ends as the truth beside it says, and no other file is harmed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from makers.bounded import finished
from makers.face_clips import manifest_of
from makers.hard_inputs import (
    CASES,
    Case,
    Outcome,
    as_nobody,
    descriptors,
    faults,
    make_all,
    open_folder,
    outcome_of,
    scan_over_and_over,
)
from makers.video_files import encode

from spotterlib.base import ROOT, VideoError, own_name
from spotterlib.data import build_manifest
from spotterlib.faces import cache_faces, load_cache_table
from spotterlib.notebook import read_records, run_notebook
from spotterlib.scan import score_cache
from spotterlib.video import iterate_frames, probe_video, sample_frames

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
CACHED = [case for case in CASES if not case.nobody and case.name != "no UTF-8"]  # no table can hold that name


@dataclass(frozen=True)
class Corpus:
    """What became of all cases: paths and outcomes (or what was raised instead) by name, and the cache's table."""

    root: Path
    paths: dict[str, Path]
    outcomes: dict[str, Outcome | Exception]
    table: pd.DataFrame
    before: dict[str, str]
    descriptors: tuple[int, int]


def fingerprint(root: Path) -> dict[str, str]:
    """Every name under a folder, with a hash of what a file holds or the place a link leads to."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file() and not os.access(path, os.R_OK):
            found[str(path)] = f"closed, {path.stat().st_size} bytes"  # who is not root may not read it
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = "folder" if path.is_dir() else "other"
    return found


@pytest.fixture(scope="module")
def corpus(detector):
    """Every case made, scanned once and cached once."""
    with open_folder() as folder:
        root = folder / "videos"
        root.mkdir()
        paths = make_all(root)
        before, outcomes = fingerprint(root), {}
        outcome_of(paths["mp4, H.264"], detector)  # what is opened once stays open
        opened = descriptors()
        for case in CASES:
            with as_nobody() if case.nobody else contextlib.nullcontext():
                try:
                    outcomes[case.name] = outcome_of(paths[case.name], detector)
                except Exception as error:  # its own test raises it
                    outcomes[case.name] = error
        left = descriptors()
        names = [paths[case.name].relative_to(root).as_posix() for case in CACHED]
        table = cache_faces(manifest_of(root, *names), folder / "cache")
        yield Corpus(root, paths, outcomes, table, before, (opened, left))


def test_there_are_enough_of_all_kinds():
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.outcome for case in CASES} == {"scored", "undecided", "error"}


def test_a_wrong_outcome_is_seen(corpus):
    case = next(case for case in CASES if case.name == "turned by 90°")
    right = corpus.outcomes[case.name]
    away = (right.centre[0] + 10, right.centre[1])
    for wrong in (
        {"outcome": "undecided"}, {"frames": 11}, {"shown": (128, 96)}, {"ends": 1.0}, {"faces": 2}, {"centre": away},
    ):  # fmt: skip
        assert len(faults(case, replace(right, **wrong))) == 1, wrong
    assert faults(replace(case, says="no such words"), right)


# --- every case ------------------------------------------------------------------------------------------------------


@each
def test_a_scan_ends_as_it_should(corpus, case: Case):
    found = corpus.outcomes[case.name]
    if isinstance(found, Exception):
        raise found
    assert faults(case, found) == []
    if case.outcome == "error":
        assert str(corpus.paths[case.name]) in found.says, "an error names its file"
        assert "\n" not in found.says.replace(str(corpus.paths[case.name]), "")
    if case.outcome == "undecided":
        assert (found.label, found.probability) == ("UNDECIDED", None)
        assert found.says
    if case.outcome == "scored":
        assert 0 <= found.probability <= 1


@pytest.mark.parametrize("case", CACHED, ids=lambda case: case.name)
def test_a_cache_says_the_same(corpus, case):
    row = corpus.table.iloc[CACHED.index(case)]
    assert row["status"] == case.cached_as, row["reason"]
    assert (row["file"] != "") == (case.cached_as not in ("unreadable", "no face", "missing"))
    if case.outcome == "error":
        assert str(corpus.paths[case.name]) in row["reason"]
    else:
        assert row["faces"] == corpus.outcomes[case.name].tracks


def test_cached_faces_get_the_scores_of_scanned_ones(corpus, detector):
    names = ["turned by 90°", "variable frame rate", "two faces", "a tiny face (16 px)", "8K", "zeros in its middle"]
    rows = corpus.table.iloc[[[case.name for case in CACHED].index(name) for name in names]]
    for name, score in zip(names, score_cache(detector, rows)["probability"], strict=True):
        scanned = corpus.outcomes[name].probability
        assert np.isnan(score) if scanned is None else score == pytest.approx(scanned, abs=0.01), name


def test_the_table_of_the_cache_is_read_back_whole(corpus):
    kept = load_cache_table(corpus.root.parent / "cache")
    for column in ("path", "status", "reason"):
        assert kept[column].tolist() == corpus.table[column].tolist()


def test_who_may_not_read_gets_a_row_that_says_so(corpus, tmp_path_factory):
    with open_folder() as out:
        out.chmod(0o777)
        (case,) = [case for case in CASES if case.nobody]
        path = corpus.paths[case.name].relative_to(corpus.root).as_posix()
        with as_nobody():
            (row,) = cache_faces(manifest_of(corpus.root, path), out / "cache").to_dict("records")
    assert row["status"] == "unreadable"
    assert case.says in row["reason"]


def test_a_manifest_loses_none_of_them(corpus):
    real = corpus.root.parent / "set" / "real"
    real.parent.mkdir()
    real.symlink_to(corpus.root)
    manifest = build_manifest(real.parent, "plain")
    told = set(manifest.table["path"]) | set(manifest.report["path"])
    for case in CASES:
        if case.name != "missing.mp4":
            path = "real/" + corpus.paths[case.name].relative_to(corpus.root).as_posix()
            assert path.encode("utf-8", "backslashreplace").decode() in told, case.name
    assert len(manifest.table) >= 80


# --- what must not happen --------------------------------------------------------------------------------------------


def test_no_other_file_is_harmed(corpus):
    assert fingerprint(corpus.root) == corpus.before
    for place in (Path.cwd(), ROOT, corpus.root.parent):
        assert not (place / "executed").exists()


def test_no_descriptor_is_left_open(corpus):
    before, after = corpus.descriptors
    assert after <= before + 2


PEAK = """
import os, resource, sys

if hasattr(os, "sched_setaffinity"):  # FFmpeg holds a frame for each core that it may use
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
from spotterlib.faces import find_faces
from spotterlib.base import VideoError

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    find_faces(sys.argv[1], between=2, wide=True)
except VideoError as error:
    print(error, file=sys.stderr)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("name", "most"),
    [("8K", 1500), ("a picture that would fill the memory", 50), ("a frame count that lies (4 billion)", 400)],
)
def test_memory_is_bounded(corpus, name, most):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PEAK, str(corpus.paths[name])]
    done = finished(command, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most, "MB more than before the video was opened"


def test_scanning_over_and_over_changes_nothing(corpus, detector):
    paths = [corpus.paths[name] for name in ("mp4, H.264", "ts cut at 20 %", "no face", "text.mp4")]
    found = scan_over_and_over(paths, detector, scans=32, threads=4)
    assert found["other answers"] == 0
    assert found["files at the end"] <= found["files"]
    assert found["memory at the end"] < 1.2 * found["memory"]  # over thousand scans soak.py holds it to a twentieth


# --- flipped bits ----------------------------------------------------------------------------------------------------

FLIPPED = [
    ("a.mp4", "libx264", {}), ("a.mov", "libx264", {"muxer": {"movflags": "frag_keyframe+empty_moov"}}),
    ("a.mkv", "libx265", {"x265-params": "log-level=none"}), ("a.webm", "libvpx-vp9", {"deadline": "realtime"}),
    ("a.avi", "mpeg4", {}), ("a.ts", "libx264", {}), ("a.mpg", "mpeg2video", {"rate": 25}),
    ("a.gif", "gif", {"pix": "rgb8"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "settings"), FLIPPED)
def test_flipped_bits_give_frames_or_one_error(tmp_path, name, codec, settings):
    whole = np.frombuffer(encode(tmp_path / name, codec, **settings).read_bytes(), np.uint8)
    rng = np.random.default_rng(len(name))
    lengths, taken = [], []
    for trial in range(50):
        data, count = whole.copy(), 1 + trial % 12
        # half of them in the first 600 bytes, where the headers are
        places = rng.integers(0, len(data) if trial % 2 else min(600, len(data)), count)
        data[places] ^= np.uint8(1) << rng.integers(0, 8, count, dtype=np.uint8)
        path = tmp_path / f"flipped-{name}"
        path.write_bytes(data.tobytes())
        taken.clear()
        try:
            info = probe_video(path)
            frames = [(time, frame.shape) for _, time, frame in iterate_frames(path)]
            times = sample_frames(
                path, lambda times: [np.arange(len(times))], lambda groups: lambda i, t, frame: taken.append(i)
            )
        except VideoError as error:
            assert str(path) in str(error)
            lengths.append(0)
            continue
        assert np.isfinite(times).all() and (np.diff(times) > 0).all() and times[0] == 0
        # each frame in a size of its own, which a spoilt header may change midway; the file's is that of one of them
        assert len(frames) > 0 and (info.height, info.width, 3) in {shape for _, shape in frames}
        assert np.array_equal(times, [time for time, _ in frames])
        assert taken[-len(times) :] == list(range(len(times)))
        lengths.append(len(times))
    assert max(lengths) >= 20, "few flips ruin a whole video"


# --- notebook 00 -----------------------------------------------------------------------------------------------------

SCANNED = ["turned by 90°", "no face", "HTML", "mp4 (index in front) cut at 60 %"]


@pytest.mark.parametrize("name", SCANNED)
def test_notebook_00_shows_it(corpus, checkpoint, tmp_path, monkeypatch, name):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = {"video": str(corpus.paths[name]), "checkpoint": str(checkpoint), "out": str(tmp_path / "out")}
    record = read_records(run_notebook("00", tmp_path / "00.ipynb", given))["scan"]
    found = corpus.outcomes[name]
    assert (record["label"], record["reason"], record["faces"]) == (found.label, found.says, found.tracks)
    assert record["probability"] == (found.probability and pytest.approx(found.probability, abs=1e-4))
    stem = own_name(corpus.paths[name])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{stem}_spotter.{ending}" for ending in ("mp4", "html", "json")
    )
    page = (tmp_path / "out" / f"{stem}_spotter.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert probe_video(tmp_path / "out" / f"{stem}_spotter.mp4").frames == found.frames


def test_notebook_00_ends_in_the_one_error(corpus, checkpoint, tmp_path):
    from papermill import PapermillExecutionError

    given = {"video": str(corpus.paths["text.mp4"]), "checkpoint": str(checkpoint), "out": str(tmp_path / "out")}
    with pytest.raises(PapermillExecutionError, match="cannot be read as a video"):
        run_notebook("00", tmp_path / "00.ipynb", given)
    cells = nbformat.read(tmp_path / "00.ipynb", as_version=4).cells
    errors = [output for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert [error.ename for error in errors] == ["VideoError"]
    assert not (tmp_path / "out").exists()
