"""What SECURITY.md promises, where no other test keeps it: names, files, disks, memory, and the same answer again."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import resource
import shutil
import sys
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from makers.bounded import finished
from makers.face_clips import manifest_of, synthetic, with_surroundings
from makers.files import contents
from makers.report_factory import make_report, make_video

from spotterlib.base import (
    ROOT,
    DataError,
    SpotterError,
    VideoError,
    WriteError,
    enough_memory,
    inside,
    save_figure,
    write_json,
)
from spotterlib.data import Manifest
from spotterlib.evaluation import perturb_manifest
from spotterlib.evidence import export_page, write_diagnostic_video
from spotterlib.evidence.boxes import ScanBox
from spotterlib.faces import cache, cache_faces, find_faces, load_cache_table, plot_faces
from spotterlib.fakes import make_samples
from spotterlib.model import SpotterNet, load_checkpoint, save_checkpoint
from spotterlib.notebook import export_html, write_index
from spotterlib.scan import folders, scan_folder, scan_video, score_faces
from spotterlib.scan.journal import Journal
from spotterlib.training import TrainConfig, fit, resume
from spotterlib.video import choose_perturbations, write_video

CARD = {
    "thresholds": {"t_low": 0.5, "t_high": 0.5},
    "calibration": {"clip": {"scale": 1.0, "bias": 0.0}, "frame": {"scale": 1.0, "bias": 0.0}},
}
NASTY = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", '"><svg onload=alert(3)>')


# --- names stay under their root -------------------------------------------------------------------------------------

LEAVING = ["../outside.npz", "/etc/passwd", "a/../../outside.npz", "..", ".", "a\0b"]


@pytest.mark.parametrize("name", LEAVING)
def test_a_name_that_leaves_its_root_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="is not a file under"):
        inside(tmp_path, name)


def test_a_name_under_its_root_may_be_any(tmp_path):
    for name in ("a.npz", "a/b.npz", "..a", "a/../b", "~"):
        assert inside(tmp_path, name).is_relative_to(tmp_path)
    (tmp_path / "link").symlink_to("/")
    assert inside(tmp_path, "link/etc") == tmp_path / "link" / "etc", "a link is the owner's own word"


def synthetic_cache(folder: Path, monkeypatch) -> pd.DataFrame:
    """A face cache of two videos with faces that never were."""
    monkeypatch.setattr(cache, "find_faces", lambda path, **_: with_surroundings(synthetic([True] * 8)))
    for name in ("0.mp4", "1.mp4"):
        (folder / name).write_bytes(name.encode())
    return cache_faces(manifest_of(folder, "0.mp4", "1.mp4"), folder / "cache")


@pytest.mark.parametrize("name", ["../0.mp4", "/etc/passwd"])
def test_a_cache_table_names_only_files_of_its_cache(tmp_path, monkeypatch, name):
    synthetic_cache(tmp_path, monkeypatch)
    place = tmp_path / "cache" / "cache.csv"
    table = pd.read_csv(place, keep_default_na=False)
    table.loc[0, "file"] = name
    table.to_csv(place, index=False)
    with pytest.raises(DataError, match="is not a file under"):
        load_cache_table(tmp_path / "cache")


def test_a_table_of_samples_removes_only_samples(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    folder = tmp_path / "samples"
    folder.mkdir()
    lines = pd.DataFrame([{"path": "../mine.txt", "mask": "", "recipe": "old"}])
    lines.to_csv(folder / "metadata.csv", index=False)
    with pytest.raises(DataError, match="is not a file under"):
        make_samples(folder, pairs=1)
    assert (tmp_path / "mine.txt").read_text() == "precious"


# --- no shell, no code ----------------------------------------------------------------------------------------------

PACKAGE = sorted((ROOT / "spotterlib").rglob("*.py"))
TOOLS = sorted(file for folder in ("scripts", "benchmarks") for file in (ROOT / folder).glob("*.py"))


def named(file: Path) -> str:
    """A file as the tests call it: two rooms may have files of one name."""
    return file.relative_to(ROOT).as_posix().removeprefix("spotterlib/")


RUNS = {"subprocess", "pty", "shlex", "commands", "marshal", "shelve", "dill", "cloudpickle"}
CALLS = {"system", "popen", "eval", "exec", "spawnl", "spawnv", "execv", "execl", "execvp", "startfile"}


@pytest.mark.parametrize("file", [*PACKAGE, *TOOLS], ids=named)
def test_nothing_calls_a_shell_or_runs_what_it_reads(file):
    """`net.eval()` is torch's own; torch.load reads tensors alone, numpy unpickles nothing; scripts begin processes."""
    banned = RUNS - {"subprocess"} if file in TOOLS else RUNS
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names} | {
                (getattr(node, "module", "") or "").split(".")[0]
            }
            assert not names & banned, f"{file.name}:{node.lineno}"
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        where = f"{file.name}:{node.lineno} {ast.unparse(node)[:60]}"
        assert name not in CALLS or (name == "eval" and owner and not node.args), where
        assert given.get("shell") != "True", where
        if name in ("load", "loads") and owner in ("torch", "np", "pickle", "joblib"):
            safe = {"torch": ("weights_only", "True"), "np": ("allow_pickle", "False")}[owner]
            assert given.get(safe[0]) == safe[1], where


def test_a_checkpoint_of_elsewhere_is_refused_with_the_reason(tmp_path):
    """A .pth is read by nobody but the run that wrote it; nothing of it is executed."""
    done = tmp_path / "done"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (done,))

    torch.save({"net": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(SpotterError, match="reads no pickles"):
        load_checkpoint(tmp_path / "trap.pth")
    data = training_data()
    with pytest.raises(SpotterError, match=r"trap\.pth is no whole safetensors"):
        next(fit(TrainConfig(epochs=1), data, data, tmp_path / "run", start=tmp_path / "trap.pth", device="cpu"))
    (tmp_path / "run" / "last.pt").parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "trap.pth", tmp_path / "run" / "last.pt")
    with pytest.raises(SpotterError, match=r"last\.pt is no whole state"):
        next(fit(TrainConfig(epochs=1), data, data, tmp_path / "run", device="cpu"))
    assert not done.exists()


def training_data():
    """Two rows, one of each class, that nobody has to load."""
    from spotterlib.training import ClipDataset

    rows = [{"label": label, "group": str(label)} for label in (0, 1)]
    return ClipDataset(rows, lambda *_: pytest.fail("nothing was to be trained"), 2, augment=False)


# --- what is written is whole, or the old file stays ----------------------------------------------------------------

WRITES = {
    "write_text",
    "write_bytes",
    "to_csv",
    "savefig",
    "save_file",
    "savez",
    "imwrite",
    "copyfile",
    "copy",
    "copy2",
}
ELSEWHERE = {
    ("scan/folders.py", "open"): "the journal: lines are only added, and half a line is passed over",
    ("base/locks.py", "write_bytes"): "the temporary file itself, begun empty",
    ("faces/cache_file.py", "savez"): "into the temporary file that cache.py claimed",
    ("evidence/drop.py", "open"): "into a temporary file that stays open between messages",
}


def writes(node: ast.Call) -> str:
    """The name of a call that writes a file, or ""."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    texts = [
        arg.value for arg in [*node.args, *(word.value for word in node.keywords)] if isinstance(arg, ast.Constant)
    ]
    if name == "open" and owner != "os":
        modes = [text for text in texts if isinstance(text, str) and re.fullmatch(r"[rwax]\+?b?\+?", text)]
        return name if any(mode.strip("b") != "r" for mode in modes) else ""
    if name == "save" and owner == "torch":
        return name
    if (name in ("copy", "copy2") and owner != "shutil") or (name == "to_csv" and not node.args):
        return ""
    return name if name in WRITES else ""


@pytest.mark.parametrize("file", PACKAGE, ids=named)
def test_every_file_is_written_under_a_temporary_name(file):
    safe: set[ast.AST] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            opened = " ".join(ast.unparse(item.context_expr) for item in node.items)
            if "atomic_path(" in opened or "claimed(" in opened:
                safe |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and writes(node) and node not in safe:
            into = ast.unparse(node.args[0]) if node.args else ""
            buffer = into in ("picture", "buffer")
            assert buffer or (named(file), writes(node)) in ELSEWHERE, f"{file.name}:{node.lineno} {ast.unparse(node)}"


def test_the_search_for_writes_finds_them():
    found = [writes(node) for node in ast.walk(ast.parse("open(p, 'w'); p.write_text(t); open(p); torch.save(a, p)"))
             if isinstance(node, ast.Call)]  # fmt: skip
    assert sorted(found) == ["", "open", "save", "write_text"]


def table_of(count: int) -> Manifest:
    return manifest_of("/videos", *[f"{k}.mp4" for k in range(count)])


def tensors(count: int) -> torch.nn.Module:
    return torch.nn.Linear(count, count)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return make_report(make_video(tmp_path_factory.mktemp("report") / "clip.mp4"))


def writers(report) -> dict[str, tuple[str, object]]:
    """Everything that writes: the file, and a function of the folder and of how much to write."""
    state = resume.RunState([], 0.0, 0.0, 0)
    noise = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), np.uint8)
    return {
        "a page": ("page.html", lambda at, n: export_page(report, at / "page.html")),
        "a diagnostic video": ("d.mp4", lambda at, n: write_diagnostic_video(report, at / "d.mp4")),
        "a video": ("v.mp4", lambda at, n: write_video(at / "v.mp4", noise, 10, crf=10)),
        "a checkpoint": ("c.safetensors", lambda at, n: save_checkpoint(at / "c.safetensors", tensors(n), CARD)),
        "a run": ("last.pt", lambda at, n: resume.keep_state(at / "last.pt", state, {}, {"net": tensors(n)})),
        "a history": ("history.json", lambda at, n: write_json(at / "history.json", [{"epoch": k} for k in range(n)])),
        "a split": ("split.csv", lambda at, n: table_of(n).save(at / "split.csv")),
        "a figure": ("faces.png", lambda at, n: save_figure(plot_faces([noise[0]]), at / "faces.png")),
        "an index": ("index.html", lambda at, n: write_index(at, "title", [("a", "b" * n * 20)])),
    }


KINDS = list(writers(None))


class Full:
    """A folder on a disk with room for nothing: a small tmpfs, or no file allowed to grow beyond 2 KB."""

    def __init__(self, folder: Path, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted

    def __enter__(self) -> None:
        if self.mounted:
            with (self.folder / "filler").open("wb", buffering=0) as filler:
                while True:
                    try:
                        filler.write(bytes(4096))
                    except OSError as error:
                        assert error.errno == errno.ENOSPC
                        break
        else:
            self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, self.before[1]))

    def __exit__(self, *_) -> None:
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


@pytest.fixture(params=["a limit", "a tmpfs"])
def disk(request, tmp_path):
    """A folder and what fills its disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "a limit":
        yield Full(folder, False)
        return
    mounted = finished(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)])
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here ({mounted.stderr.strip()})")
    yield Full(folder, True)
    assert finished(["umount", str(folder)]).returncode == 0


def held(folder: Path) -> list[str]:
    """Files under a folder that this process has open, removed ones too."""
    descriptors = Path("/proc/self/fd").glob("*") if os.path.exists("/proc/self/fd") else []
    return [where for where in map(os.path.realpath, descriptors) if where.startswith(str(folder))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_named_and_the_old_file_stays(report, disk, kind):
    name, write = writers(report)[kind]
    write(disk.folder, 2)
    before = contents(disk.folder)
    assert name in before
    with disk, pytest.raises(SpotterError) as caught:
        write(disk.folder, 300)
    assert re.search("No space left|File too large", str(caught.value)) and str(disk.folder) in str(caught.value)
    assert contents(disk.folder) == before
    assert not held(disk.folder), "a removed file that is still open keeps its room"
    write(disk.folder, 300)
    assert len(contents(disk.folder)) == len(before)


@pytest.fixture
def locked():
    """A folder that may be read by all and written by none, seen by a user whom that stops."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    if not os.getuid():
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def lock(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    if not os.getuid():
        os.seteuid(65534)


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_only_folder_is_named_and_what_is_in_it_stays(report, locked, kind, tmp_path):
    _, write = writers(report)[kind]
    for shared in (tmp_path, *tmp_path.parents, Path(report.video).parent):  # the video must stay readable
        if shared.stat().st_uid == os.getuid() and str(shared).startswith(tempfile.gettempdir()):
            shared.chmod(shared.stat().st_mode | 0o055)
    write(locked, 2)
    before = contents(locked)
    lock(locked)
    for folder in (locked, locked / "new"):
        with pytest.raises(SpotterError, match="Permission denied") as caught:
            write(folder, 3)
        assert str(locked) in str(caught.value)
    assert contents(locked) == before


def test_training_says_at_once_that_it_may_not_write(locked):
    data = training_data()
    lock(locked)
    with pytest.raises(WriteError, match=r"run/last\.pt cannot be written"):
        next(fit(TrainConfig(epochs=1), data, data, locked / "run", device="cpu"))


def test_a_folder_scan_on_a_full_disk_keeps_its_journal(report, disk, tmp_path, detector, monkeypatch):
    """Full in the middle of a line: nothing finished is lost, and the next scan goes on."""
    looked = []
    monkeypatch.setattr(folders, "scan_video", lambda path, *_: looked.append(path.name) or report)
    for k in range(30):
        (tmp_path / "videos" / f"{k:02d}.mp4").parent.mkdir(exist_ok=True)
        (tmp_path / "videos" / f"{k:02d}.mp4").write_bytes(b"a")
    write_json(disk.folder / "scans.json", [])
    if disk.mounted:
        monkeypatch.setattr(Journal, "add", filling(Journal.add, disk, 5))
        with pytest.raises(DataError, match=r"No space left.*Is there room"):
            scan_folder(tmp_path / "videos", disk.folder, detector)
        disk.__exit__()
        monkeypatch.undo()
        monkeypatch.setattr(folders, "scan_video", lambda path, *_: looked.append(path.name) or report)
    else:
        with disk, pytest.raises(DataError, match=r"File too large.*Is there room"):
            scan_folder(tmp_path / "videos", disk.folder, detector)
    assert json.loads((disk.folder / "scans.json").read_text()) == []
    before = list(looked)
    assert 3 < len(before) < 30
    table = scan_folder(tmp_path / "videos", disk.folder, detector)
    assert table["path"].tolist() == [f"{k:02d}.mp4" for k in range(30)] and (table["status"] == "ok").all()
    assert len(set(looked[len(before) :]) & set(before)) <= 1, "only the one whose line was cut is looked at again"


def filling(add, disk, after: int):
    """A journal whose disk fills up before its `after`th line."""

    def added(self, key, row):
        if len(self.rows) == after:
            disk.__enter__()
            row = row | {"reason": "long " * 2000}
        add(self, key, row)

    return added


def test_a_video_that_is_copied_is_copied_whole(disk, tmp_path):
    """Robustness copies what is no video as it is: half of it must not be taken for the whole the next time."""
    (tmp_path / "0.mp4").write_bytes(b"no video" * 1000)
    how = choose_perturbations("H.264 crf 40")[0]
    manifest = manifest_of(tmp_path, "0.mp4")
    with disk, pytest.raises(WriteError, match=r"0\.mp4 cannot be written"):
        perturb_manifest(manifest, disk.folder, how)
    assert not contents(disk.folder)
    root = perturb_manifest(manifest, disk.folder, how).root
    assert (root / "0.mp4").read_bytes() == b"no video" * 1000


# --- no memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("can't start new thread"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
    ],
)
def test_every_library_runs_out_of_memory_in_the_same_words(error):
    with (
        pytest.raises(SpotterError, match="The scan of a needs more memory than there is"),
        enough_memory("The scan of a"),
    ):
        raise error
    with pytest.raises(SpotterError, match="needs more memory"), enough_memory("The scan of a"):
        try:
            raise error
        except (MemoryError, RuntimeError) as cause:
            raise VideoError("the face detector failed") from cause


def test_a_worker_that_the_system_ends_is_named_and_the_cache_stays(tmp_path, monkeypatch):
    """As Linux does it where memory runs out: the largest process is killed."""
    table = synthetic_cache(tmp_path, monkeypatch)
    before = contents(tmp_path / "cache")

    def ended(*_, **__):
        def run(jobs):
            list(jobs)
            raise TerminatedWorkerError("A worker process managed by the executor was unexpectedly terminated.")

        return run

    monkeypatch.setattr(cache, "Parallel", ended)
    with pytest.raises(DataError, match=r"A worker process was ended.*memory.*workers"):
        cache_faces(manifest_of(tmp_path, *table["path"]), tmp_path / "cache", workers=2)
    assert contents(tmp_path / "cache") == before


def test_a_name_that_speaks_of_memory_is_only_a_name():
    with pytest.raises(VideoError, match="is empty"), enough_memory("The scan"):
        raise VideoError("out of memory.mp4 is empty.")
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("The scan"):
        raise RuntimeError("shapes differ")


SHORT = """
import resource, sys
from spotterlib.model import load_checkpoint
from spotterlib.base import SpotterError
from spotterlib.scan import scan_video

detector = load_checkpoint(sys.argv[2], "cpu")
print(scan_video(sys.argv[1], detector).label, flush=True)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 30_000_000, resource.RLIM_INFINITY))
try:
    scan_video(sys.argv[3], detector)
except SpotterError as error:
    print(error, flush=True)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
print(scan_video(sys.argv[1], detector).label)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read from /proc")
def test_a_scan_without_memory_is_one_error_and_the_next_one_works(clips, checkpoint, tmp_path):
    pictures = np.full((12, 1080, 1920, 3), 90, np.uint8)
    big = write_video(tmp_path / "big.mp4", pictures, 12)
    command = [sys.executable, "-c", SHORT, str(clips / "face.mp4"), str(checkpoint), str(big)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = finished(command, env=env)
    said = run.stdout.splitlines()
    assert run.returncode == 0, run.stderr[-2000:]
    assert said[0] == said[-1] and "The scan of big.mp4 needs more memory than there is" in said[1]


NO_THREAD = """
import threading
import torch
torch.set_num_threads(3)
from spotterlib.base import on_one_core

start, begun = threading.Thread.start, []

def refused(thread):
    begun.append(thread)
    if len(begun) == 2:
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = refused
try:
    on_one_core(len, "a")
except RuntimeError as error:
    print(error)
print(on_one_core(len, "abc").result())
"""


def test_a_process_that_may_begin_no_thread_says_so_and_ends():
    """Threads that wait for one that cannot begin would keep the process for ever."""
    run = finished([sys.executable, "-c", NO_THREAD], limit=60, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (run.returncode, run.stdout) == (0, "can't start new thread\n3\n"), run.stderr[-2000:]


# --- every name is escaped -------------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes: what a name in it must not change."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, *(name for name, _ in attrs)))


def same_page(write, plain: str, name: str) -> None:
    assert Elements(write(name)).found == Elements(write(plain)).found
    assert name not in write(name)


@pytest.mark.parametrize("name", NASTY)
def test_a_page_has_the_same_elements_whatever_its_names_are(report, tmp_path, name):
    def page(text):
        checkpoint = report.checkpoint | {"name": text, "sha256": text}
        told = replace(report, video=text.replace("/", "∕"), reason=text, checkpoint=checkpoint)
        return export_page(told, tmp_path / "page.html").read_text("utf-8")

    assert Elements(page(name)).found == Elements(page("plain")).found
    same_page(lambda text: write_index(tmp_path, text, [(text, f"{text}.mp4")]).read_text("utf-8"), "plain", name)


@pytest.mark.parametrize("name", NASTY[:1])
def test_widgets_escape_every_name(report, tmp_path, monkeypatch, name):
    monkeypatch.setattr("spotterlib.base.paths.ROOT", tmp_path)
    box = ScanBox()
    box.path.value = str(tmp_path / name.replace("/", "∕"))  # there is none: the sentence that says so names it
    box.button.click()
    said = box.state.value
    assert "There is nothing at" in said and Elements(said).found == [("div", "class", "style")]
    box.drop._handle_custom_msg({"begin": name, "size": 3}, [])
    scripts = sorted((ROOT / "spotterlib" / "evidence").glob("*.js"))
    script = "".join(file.read_text("utf-8") for file in scripts)
    assert "innerHTML" not in script, "what is said is set as text"


@pytest.mark.parametrize("name", NASTY)
def test_what_a_notebook_shows_of_a_table_is_escaped(name):
    """Names in the cells, the columns and the index of tables, as 01 to 04 end their cells with them."""
    from IPython.core.formatters import DisplayFormatter

    table = table_of(2).table
    for column in ("path", "group", "method", "dataset", "ids"):
        table[column] = name
    table["label"], manifest = 1, replace(table_of(2), table=table)
    shown = [manifest.table, manifest.counts(), pd.DataFrame({name: [1]}), [name], {name: name}, manifest]
    for thing in shown:
        page = DisplayFormatter().format(thing)[0].get("text/html", "")
        assert not {"img", "script", "svg"} & {element[0] for element in Elements(page).found}


@pytest.mark.parametrize("name", [*NASTY, "--><script>alert(4)</script>", "$\\frac$"])
def test_a_figure_takes_any_name(tmp_path, name):
    _, drawing = save_figure(plot_faces([np.zeros((8, 8, 3), np.uint8)], [name], title=name), tmp_path / "a")
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(drawing).iter() if element.tag is not None}
    assert not {"script", "img"} & tags


@pytest.mark.parametrize("name", NASTY[:1])
def test_the_page_of_a_notebook_escapes_its_name(tmp_path, name):
    def page(text):
        nbformat.write(nbformat.v4.new_notebook(cells=[]), tmp_path / f"{text}.ipynb")
        return export_html(tmp_path / f"{text}.ipynb").read_text("utf-8")

    assert Elements(page(name)).found == Elements(page("plain")).found


# --- the same answer again -------------------------------------------------------------------------------------------

SCAN = """
import json, sys
import torch
from spotterlib.faces import face_networks
from spotterlib.model import load_checkpoint
from spotterlib.scan import scan_video

REFUSED = "socket.connect socket.getaddrinfo subprocess.Popen os.system os.exec os.posix_spawn os.fork".split()

def refuse(event, arguments):
    if event in REFUSED:
        raise PermissionError(f"{event} {arguments}")

torch.set_num_threads(1)
detector = load_checkpoint(sys.argv[2], "cpu")
face_networks("cpu")
sys.addaudithook(refuse)
report = scan_video(sys.argv[1], detector)
print(json.dumps([report.to_dict(), [face.heatmaps.tolist() for face in report.faces]]))
"""


def numbers(value) -> list[float]:
    """Every number in a report, in order; what is no number must be the same anyway."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in numbers(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [float(value)] if isinstance(value, int | float) else []


def test_another_process_says_the_same_and_more_threads_give_the_same_verdict(clips, detector, checkpoint, tmp_path):
    """Of a file whose name asks for a shell, with the network and every program closed."""
    video = tmp_path / "$(touch harm); `touch harm` | a&b.mp4"
    shutil.copy(clips / "late.mp4", video)
    command = [sys.executable, "-c", SCAN, str(video), str(checkpoint)]
    run = finished(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    assert [path.name for path in tmp_path.iterdir()] == [video.name]
    before, reports = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        reports.append(scan_video(video, detector))
    torch.set_num_threads(before)
    there, heat = json.loads(run.stdout)
    here = reports[0].to_dict()
    for one in (there, here):
        del one["timings"], one["examined"]
    assert [there[name] for name in ("label", "reason", "video")] == [
        here[name] for name in ("label", "reason", "video")
    ]
    assert numbers(there) == pytest.approx(numbers(here), abs=1e-6)
    wanted = numbers([face.heatmaps.tolist() for face in reports[0].faces])
    assert numbers(heat) == pytest.approx(wanted, abs=1e-6) and any(wanted)
    assert reports[1].label == reports[0].label
    assert reports[1].probability == pytest.approx(reports[0].probability, abs=1e-3)


def test_half_precision_gives_the_same_verdict(clips, detector, monkeypatch):
    found = find_faces(clips / "late.mp4")
    (whole,) = score_faces(detector, found)
    plain = SpotterNet._run

    def halved(*given):
        with torch.autocast("cpu", torch.bfloat16):  # a switch of the thread, and the network has threads of its own
            return plain(*given)

    monkeypatch.setattr(SpotterNet, "_run", halved)
    (half,) = score_faces(detector, found)
    assert half.label == whole.label and half.probability != whole.probability
    assert half.probability == pytest.approx(whole.probability, abs=0.05)
