"""The face cache under fire: killed at any moment, shared by processes, on a full disk, in somebody else's folder."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from makers.bounded import end, finished, first_line, signalled
from makers.face_clips import manifest_of, synthetic
from makers.files import contents

from spotterlib.base import ROOT, DataError, VideoError
from spotterlib.data import build_manifest
from spotterlib.faces import cache, cache_faces, load_cache_table, read_cache

NAMES = [f"{k}.mp4" for k in range(4)]


def found_in(path, **_):
    """Faces without MTCNN: others in every video; "3.mp4" is none."""
    number = int(Path(path).stem)
    if number == 3:
        raise VideoError(f"{path} is no video.")
    faces = synthetic([True] * (8 + number))
    clips = [replace(c, wide=np.pad(c.frames, ((0, 0), (56, 56), (56, 56), (0, 0)), mode="edge")) for c in faces.clips]
    return replace(faces, clips=tuple(clips))


def child(work) -> int:
    """Run `work` in a forked process; returns its id. It ends with 0, or with 1 where `work` raised.

    What waits for ever is ended by SIGALRM: what another thread was in the middle of at the fork stays so.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(180)
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    """How a child ended: 0, 1, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def videos(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "find_faces", found_in)
    (tmp_path / "videos").mkdir()
    for name in NAMES:
        (tmp_path / "videos" / name).write_bytes(name.encode())
    return manifest_of(tmp_path / "videos", *NAMES)


@pytest.fixture
def undisturbed(videos, tmp_path):
    """What a run that nobody disturbs leaves behind."""
    cache_faces(videos, tmp_path / "undisturbed")
    return contents(tmp_path / "undisturbed")


def traced(work, stop: int = -1) -> int:
    """Run `work` and count the lines of Python it goes through, NumPy's and zipfile's too; SIGKILL at line `stop`."""
    lines = 0

    def count(frame, event, argument):
        nonlocal lines
        lines += 1
        if lines == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


def test_killed_at_any_line_and_started_again_it_leaves_the_same_bytes(videos, undisturbed, tmp_path):
    lines = traced(lambda: cache_faces(videos, tmp_path / "whole"))
    rng = np.random.default_rng(0)
    half_done = 0
    for number in range(12):
        out = tmp_path / f"killed{number}"
        for moment in rng.integers(1, lines, size=1 + number % 2):  # every other one is killed a second time
            status = ended(child(lambda out=out, m=moment: traced(lambda: cache_faces(videos, out), int(m))))
            assert status in (0, -signal.SIGKILL)  # what is done already makes the second run shorter
        left = contents(out) if out.exists() else {}
        half_done += 0 < len([name for name in left if name.endswith(".npz")]) < 4
        for name, data in left.items():  # no file under its own name is ever half written
            assert Path(name).name.startswith(".") or data == undisturbed[name], name
        cache_faces(videos, out)
        assert contents(out) == undisturbed
    assert half_done >= 4


def test_the_lock_of_one_killed_as_it_finished_is_taken_away(videos, undisturbed, tmp_path, monkeypatch):
    def run():
        replace = os.replace

        def replaced(part, final):
            replace(part, final)
            if Path(final).suffix == ".npz":
                os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(os, "replace", replaced)
        cache_faces(videos, tmp_path / "out")

    assert ended(child(run)) == -signal.SIGKILL
    assert [name for name in contents(tmp_path / "out") if name.endswith(".lock")]
    cache_faces(videos, tmp_path / "out")
    assert contents(tmp_path / "out") == undisturbed


def test_two_processes_share_the_work_and_do_nothing_twice(videos, undisturbed, tmp_path, monkeypatch):
    """The first holds a video until the second has gone on to another; only then may it end."""
    held, passed = os.pipe(), os.pipe()
    log = tmp_path / "log"

    def run(who):
        def find(path, **_):
            with log.open("a") as file:
                file.write(f"{who} {Path(path).name}\n")
            if who == "first" and path.name == "0.mp4":
                os.write(held[1], b".")
                os.read(passed[0], 1)
            if who == "second":
                os.write(passed[1], b".")
            return found_in(path)

        monkeypatch.setattr(cache, "find_faces", find)
        cache_faces(videos, tmp_path / "out")

    first = child(lambda: run("first"))
    signalled(held[0])
    second = child(lambda: run("second"))
    assert (ended(first), ended(second)) == (0, 0)
    done = [line.split() for line in log.read_text().splitlines()]
    cached = [name for _, name in done if name != "3.mp4"]  # of what is no video there is nothing to share
    assert sorted(cached) == NAMES[:3]
    assert {who for who, _ in done} == {"first", "second"}
    assert contents(tmp_path / "out") == undisturbed
    for pipe in (*held, *passed):
        os.close(pipe)


def test_what_a_killed_process_had_in_hand_is_taken_over(videos, undisturbed, tmp_path, monkeypatch):
    held, waiting = os.pipe(), os.pipe()

    def run(who):
        def find(path, **_):
            if who == "first":
                os.write(held[1], b".")
                signal.pause()  # it never ends by itself
            if path.name == "2.mp4":
                os.write(waiting[1], b".")
            return found_in(path)

        monkeypatch.setattr(cache, "find_faces", find)
        cache_faces(videos, tmp_path / "out")

    first = child(lambda: run("first"))
    signalled(held[0])
    second = child(lambda: run("second"))
    signalled(waiting[0])
    os.kill(first, signal.SIGKILL)
    assert ended(first) == -signal.SIGKILL
    assert ended(second) == 0
    assert contents(tmp_path / "out") == undisturbed
    for pipe in (*held, *waiting):
        os.close(pipe)


def test_all_workers_killed_in_the_middle(videos, undisturbed, tmp_path, monkeypatch):
    begun = os.pipe()

    def run():
        def find(path, **_):
            os.write(begun[1], b".")
            signal.pause() if threading.current_thread() is threading.main_thread() else threading.Event().wait()

        monkeypatch.setattr(cache, "find_faces", find)
        with parallel_config(backend="threading"):
            cache_faces(videos, tmp_path / "out", workers=3)

    pid = child(run)
    for _ in range(3):
        signalled(begun[0])
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL
    assert len([name for name in contents(tmp_path / "out") if name.endswith(".npz")]) == 3  # claims, still empty
    cache_faces(videos, tmp_path / "out")
    assert contents(tmp_path / "out") == undisturbed
    for pipe in begun:
        os.close(pipe)


REAL_RUN = """
import sys
from spotterlib.data import build_manifest
from spotterlib.faces import cache_faces

def told(share):
    print(share, flush=True)

if __name__ == "__main__":
    cache_faces(build_manifest(sys.argv[1]), sys.argv[2], workers=2, progress=told)
"""


def test_killed_with_its_worker_processes_on_real_videos(clips, tmp_path):
    """SIGKILL for the run and joblib's processes together, when one of four videos is done; MTCNN and all."""
    (tmp_path / "data" / "real").mkdir(parents=True)
    for k in range(4):
        shutil.copy2(clips / ("two.mp4" if k % 2 else "face.mp4"), tmp_path / "data" / "real" / f"{k}.mp4")
    script = tmp_path / "run.py"
    script.write_text(REAL_RUN)
    command = [sys.executable, str(script), str(tmp_path / "data")]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    run = subprocess.Popen([*command, str(tmp_path / "killed")], **pipes, env=env, text=True, start_new_session=True)
    try:
        assert first_line(run).strip() == "0.25"
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait(timeout=240) == -signal.SIGKILL
    finally:
        end(run)
        run.stdout.close()
    assert not (tmp_path / "killed" / "cache.csv").exists()
    again = finished([*command, str(tmp_path / "killed")], env=env)
    assert again.returncode == 0, again.stderr
    cache_faces(build_manifest(tmp_path / "data"), tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


@pytest.mark.parametrize("step", range(5))
def test_a_disk_that_fills_up_is_named_and_harms_nothing(videos, undisturbed, tmp_path, monkeypatch, step):
    """The second cache file written by half; the settings, the table; a rename; the lock itself."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    calls = []

    def fails(work, when):
        def failing(*arguments, **more):
            calls.append(arguments)
            if not when(arguments):
                return work(*arguments, **more)
            if arguments and isinstance(arguments[0], Path) and step < 3:
                arguments[0].write_bytes(b"half of a file")
            raise full

        return failing

    with monkeypatch.context() as patch:
        if step == 0:
            patch.setattr(np, "savez", fails(np.savez, lambda _: len(calls) == 2))
        elif step in (1, 2):
            name = ("settings", "cache")[step - 1]
            patch.setattr(Path, "write_text", fails(Path.write_text, lambda given: name in given[0].name))
        elif step == 3:
            patch.setattr(os, "replace", fails(os.replace, lambda _: len(calls) == 3))
        else:
            lock = re.compile(r"\.(?!settings).*\.lock")
            patch.setattr(os, "open", fails(os.open, lambda given: lock.fullmatch(Path(str(given[0])).name)))
        with pytest.raises(DataError, match=r"No space left.*What is cached already stays valid"):
            cache_faces(videos, tmp_path / "out")
    left = contents(tmp_path / "out")
    assert all(undisturbed[name] == data for name, data in left.items())
    assert len(left) == [2, 0, 4, 2, 1][step]
    cache_faces(videos, tmp_path / "out")
    assert contents(tmp_path / "out") == undisturbed


def test_the_system_stops_a_write_in_the_middle(videos, undisturbed, tmp_path):
    """Not injected: the kernel refuses to let any file grow beyond 4 KB."""

    def run():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with pytest.raises(DataError, match="File too large"):
            cache_faces(videos, tmp_path / "out")

    assert ended(child(run)) == 0
    assert all(undisturbed[name] == data for name, data in contents(tmp_path / "out").items())
    cache_faces(videos, tmp_path / "out")
    assert contents(tmp_path / "out") == undisturbed


@pytest.fixture
def open_folder():
    """A folder that every user of the machine may look into (pytest's own are private)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody():
    """The test's own rights, or nobody's where it runs as root, whom no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_a_read_only_folder_is_named_and_what_is_in_it_stays(videos, open_folder, request):
    few = replace(videos, table=videos.table.iloc[:2].reset_index(drop=True))
    shutil.copytree(videos.root, open_folder / "videos")
    few, whole = replace(few, root=open_folder / "videos"), replace(videos, root=open_folder / "videos")
    cache_faces(few, open_folder / "out")
    before = contents(open_folder / "out")
    for folder in (open_folder / "out", *(open_folder / "out").iterdir()):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    request.getfixturevalue("as_nobody")
    with pytest.raises(DataError, match=r"out.*cannot be written \(Permission denied\).*may you write there"):
        cache_faces(whole, open_folder / "out")
    with pytest.raises(DataError, match="cannot be written"):
        cache_faces(whole, open_folder / "new" / "cache")
    assert contents(open_folder / "out") == before
    assert len(read_cache(load_cache_table(open_folder / "out").loc[0, "file"]).clips[0].frames) == 15


def test_a_video_that_may_not_be_read_is_a_row(videos, open_folder, request, monkeypatch):
    shutil.copytree(videos.root, open_folder / "videos")
    (open_folder / "videos" / "1.mp4").chmod(0)
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)

    def find(path, **_):
        with open(path, "rb"):
            return found_in(path)

    monkeypatch.setattr(cache, "find_faces", find)
    request.getfixturevalue("as_nobody")
    table = cache_faces(replace(videos, root=open_folder / "videos"), open_folder / "out")
    assert table["status"].tolist() == ["ok", "unreadable", "ok", "unreadable"]
    assert "Permission denied" in table.loc[1, "reason"]
