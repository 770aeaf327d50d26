"""Ctrl-C and SIGTERM: long work ends within two seconds, says what is kept, and can be taken up again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from makers.bounded import end, first_line
from makers.face_clips import manifest_of, synthetic, with_surroundings

from spotterlib.base import ROOT
from spotterlib.data import build_manifest
from spotterlib.faces import cache, cache_faces
from spotterlib.scan import scan_folder
from spotterlib.training import read_history
from spotterlib.training.__main__ import main

PROMPT = 2.0  # s: the promise


def slowness() -> float:
    """By how much a second of work takes longer here now than on a machine that does nothing else: 1 or more."""
    begun, worked = time.monotonic(), time.process_time()
    while time.process_time() - worked < 0.1:
        pass
    return max(1.0, (time.monotonic() - begun) / 0.1)


def started(*command: str) -> subprocess.Popen:
    """A Python of its own, and process group, with one thread for torch."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *command], env=env, text=True, start_new_session=True, **pipes)


def stopped(command: list[str], how: signal.Signals, group: bool, out: Path) -> str:
    """Start, wait for the first line of progress, send the signal, and return what was said at the end.

    A machine that is busy with something else is given the time that it takes longer, and two more chances, each in a
    fresh `out`.
    """
    for chance in range(3):
        shutil.rmtree(out, ignore_errors=True)
        run = started(*command)
        try:
            assert first_line(run), run.communicate(timeout=240)[1]
            family = psutil.Process(run.pid).children(recursive=True)
            prompt = PROMPT * slowness()
            begun = time.monotonic()
            (os.killpg if group else os.kill)(run.pid, how)
            said = run.communicate(timeout=240)[1]
            took = time.monotonic() - begun
            prompt = max(prompt, PROMPT * slowness())
        finally:
            end(run)
        assert run.returncode in (-signal.SIGINT, 130), said
        assert not psutil.wait_procs(family, timeout=80)[1], "its worker processes outlived it"
        if took <= prompt or chance == 2:
            assert took <= prompt
            return said.strip().splitlines()[-1]
    raise AssertionError


SCAN = """
import sys
from spotterlib.scan import scan_folder
scan_folder(sys.argv[1], sys.argv[2], sys.argv[3], "cpu", progress=lambda share: print(share, flush=True))
"""


def test_a_folder_scan_goes_on_where_it_was_stopped(clips, checkpoint, tmp_path, one_thread):
    whole, out = scan_folder(clips, tmp_path / "whole", checkpoint, "cpu"), tmp_path / "out"
    said = stopped(["-c", SCAN, str(clips), str(out), str(checkpoint)], signal.SIGTERM, False, out)
    assert said == (
        f"KeyboardInterrupt: The scan of {clips} was stopped. The videos finished so far are kept in {out}: "
        "scan the folder again, and it goes on with the others."
    )
    assert [path.name for path in out.iterdir()] == ["scans.jsonl"]
    done = len((out / "scans.jsonl").read_text().splitlines())
    assert 1 <= done < len(whole)
    again = scan_folder(clips, out, checkpoint, "cpu")
    assert again.drop(columns="seconds").equals(whole.drop(columns="seconds"))


CACHE = """
import sys
from spotterlib.data import build_manifest
from spotterlib.faces import cache_faces

if __name__ == "__main__":
    told = lambda share: print(share, flush=True)
    cache_faces(build_manifest(sys.argv[1]), sys.argv[2], workers=int(sys.argv[3]), progress=told)
"""


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed_cache(clips, tmp_path_factory):
    """Twelve videos, more than are done before a signal comes, and what caching them leaves."""
    folder = tmp_path_factory.mktemp("caches")
    (folder / "data" / "real").mkdir(parents=True)
    for k in range(12):
        shutil.copy2(clips / "two.mp4", folder / "data" / "real" / f"{k}.mp4")
    cache_faces(build_manifest(folder / "data"), folder / "whole")
    return folder


@pytest.mark.parametrize(("how", "group", "workers"), [(signal.SIGTERM, False, 2), (signal.SIGINT, True, 2)])
def test_caching_goes_on_where_it_was_stopped(undisturbed_cache, tmp_path, how, group, workers):
    """The parent alone is told to end, as by a batch system; or the whole group, as by Ctrl-C."""
    out, data = tmp_path / "out", undisturbed_cache / "data"
    (tmp_path / "run.py").write_text(CACHE)
    said = stopped([str(tmp_path / "run.py"), str(data), str(out), str(workers)], how, group, out)
    assert f"Caching faces in {out} was stopped. The videos cached so far are kept in {out}" in said
    assert not (out / "cache.csv").exists()
    whole = kept(undisturbed_cache / "whole")
    assert all(whole[name] == data for name, data in kept(out).items() if not name.startswith("."))
    cache_faces(build_manifest(data), out)
    assert kept(out) == whole


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder as 02 leaves it: four videos in the parts train and val, with faces that never were."""
    monkeypatch.setattr(cache, "find_faces", lambda path, **_: with_surroundings(synthetic([True] * 8)))
    names = [f"{k}.mp4" for k in range(4)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    manifest = manifest_of(tmp_path, *names)
    manifest.table["split"] = ["train", "train", "val", "val"]
    cache_faces(manifest, tmp_path / "work" / "cache")
    return tmp_path / "work"


def run_state(out: Path) -> dict:
    state = torch.load(out / "last.pt", weights_only=True)
    for record in state["state"]["history"]:
        for name in ("seconds", "clips_per_second", "waiting"):
            del record[name]
    return state


def test_training_goes_on_where_it_was_stopped(work, one_thread, capsys):
    """As a command, with a process that prepares clips: SIGTERM right after the first of three epochs."""
    options = ["--epochs", "3", "--batch", "1", "--frames", "2", "--frozen", "18", "--unfreeze-epoch", "-1"]
    options += ["--selfblend", "0", "--precision", "fp32", "--work"]
    command = ["-m", "spotterlib.training", "--workers", "1", *options, str(work)]
    out = work / "train"
    said = stopped(command, signal.SIGTERM, False, out)
    assert said == (
        f"The training in {out} was stopped. The epochs finished so far are kept in {out}: "
        "train there with the same settings, and it goes on."
    )
    assert len(read_history(out)) in (1, 2)
    main([*options, str(work)])
    other = work.parent / "other"
    shutil.copytree(work / "cache", other / "cache")
    main([*options, str(other)])
    one, two = run_state(out), run_state(other / "train")
    assert one["state"] == two["state"]
    assert all(torch.equal(value, two["net"][key]) for key, value in one["net"].items())
