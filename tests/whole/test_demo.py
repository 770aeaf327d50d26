"""One run of `make demo`, and all that it promises. The run is shared by every test here."""

from __future__ import annotations

import re
import resource
import shutil

import nbformat
import pytest
from makers.bounded import finished

from spotterlib.base import ROOT, read_json
from spotterlib.notebook import list_notebooks, read_records, run_notebook
from spotterlib.video import iterate_frames, probe_video

DEMO = ROOT / "runs" / "demo"


@pytest.fixture(scope="module")
def demo():
    """`make demo`, run for real (what is already there and up to date is reused); its printed text."""
    done = finished(["make", "demo"], 2400, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def worked_by_children() -> float:
    """Processor seconds of the commands that have ended: unlike the clock's, the same on a machine that is shared."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def made(pattern: str):
    """The one file that fits a pattern."""
    (found,) = DEMO.glob(pattern)
    return found


def test_it_leaves_what_it_promises(demo):
    for name in (
        "index.html",
        "split.csv",
        "cache/cache.csv",
        "train/best.safetensors",
        "train/best.json",
        "train/history.json",
        "evaluation/evaluation.json",
        "evaluation/roc.png",
        "evaluation/roc.svg",
        *(f"inspect/{made('inspect/*_spotter' + ending).name}" for ending in (".html", ".mp4")),
    ):
        assert (DEMO / name).stat().st_size > 0, name
    for notebook in list_notebooks():
        assert (DEMO / notebook.name).exists() and (DEMO / f"{notebook.stem}.html").exists()


def test_index_links_resolve(demo):
    text = (DEMO / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(links) >= 12
    for link in links:
        assert (DEMO / link).exists(), link
    assert "http" not in text


def test_it_prints_every_test_clip_and_counts(demo):
    rows = read_json(DEMO / "evaluation" / "evaluation.json")["verdicts"]
    assert len(rows) >= 4
    for row in rows:
        assert row["path"] in demo
    for who in ("Trained just now", "Shipped"):
        counts = re.search(rf"{who}: (\d+) right, (\d+) wrong, (\d+) undecided of (\d+)\.", demo)
        right, wrong, undecided, total = map(int, counts.groups())
        assert right + wrong + undecided == total == len(rows)
    assert "index.html" in demo


def test_every_executed_notebook_is_whole(demo):
    for path in list_notebooks():
        executed = nbformat.read(DEMO / path.name, as_version=4)
        for cell in executed.cells:
            if cell.cell_type == "code":
                assert cell.execution_count is not None
                assert not any(output.output_type == "error" for output in cell.outputs)
                assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.source
        assert len(read_records(DEMO / path.name)) == 1


def test_figures_are_drawn(demo):
    counts = {}
    for path in list_notebooks():
        outputs = [o for c in nbformat.read(DEMO / path.name, as_version=4).cells for o in c.get("outputs", [])]
        counts[path.stem[:2]] = sum("image/png" in o.get("data", {}) for o in outputs)
    assert counts["00"] >= 3 and counts["01"] >= 2 and counts["02"] >= 1 and counts["03"] >= 2
    assert counts["04"] >= 4 and counts["05"] >= 2


def test_diagnostic_video_plays_in_a_browser(demo):
    info = probe_video(made("inspect/*_spotter.mp4"))
    assert info.codec == "h264" and info.width % 2 == 0 and info.height % 2 == 0
    head = (made("inspect/*_spotter.mp4")).read_bytes()
    assert head.find(b"moov") < head.find(b"mdat"), "fast start: the index stands before the pictures"
    assert sum(1 for _ in iterate_frames(made("inspect/*_spotter.mp4"))) == info.frames


def test_split_does_not_leak_and_groups_are_people(demo):
    record = read_records(DEMO / "01_split.ipynb")["split"]
    assert record["ok"] and record["by_file"] > 0.5
    assert set(record["counts"]) == {"train", "val", "test"}


def test_faces_are_found(demo):
    record = read_records(DEMO / "02_cache_faces.ipynb")["cache"]
    assert record["found"] >= 0.95
    assert set(record["statuses"]) <= {"ok", "several faces"}


def test_training_has_a_history(demo):
    history = read_json(DEMO / "train" / "history.json")
    assert [row["epoch"] for row in history] == list(range(len(history)))
    assert all(0 <= row["val_auc"] <= 1 and row["train_loss"] > 0 for row in history)


def test_second_run_reuses_everything(demo):
    before = worked_by_children()
    done = finished(["make", "demo"], cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    again = done.stdout
    assert again.count("as it was") == len(list_notebooks()) + (DEMO / "page" / "index.html").exists()
    assert worked_by_children() - before < 60
    assert again.split("Test clips")[1].split("Done in")[0] == demo.split("Test clips")[1].split("Done in")[0]


def test_training_without_faces_says_what_to_run(tmp_path):
    from papermill import PapermillExecutionError

    with pytest.raises(PapermillExecutionError, match="Run 02 first: it caches the faces"):
        run_notebook("03", tmp_path / "out.ipynb", {"work": str(tmp_path / "empty")})


def test_stepping_through_gives_the_same_as_papermill(demo, tmp_path):
    """Cell by cell in a kernel that sits in notebooks/, as JupyterLab runs it; the parameters as they stand."""
    from nbclient import NotebookClient

    for name, key in (("01_split", "split"), ("04_evaluate", "evaluation")):
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(ROOT / "notebooks")}})
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        assert read_records(tmp_path / f"{name}.ipynb")[key] == read_records(DEMO / f"{name}.ipynb")[key]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (apt-get install chromium)")
def test_the_page_and_the_video_in_a_browser(demo):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto((DEMO / "index.html").as_uri())
        page.wait_for_function("document.querySelector('video').readyState >= 1")
        assert page.evaluate("document.querySelector('video').duration") > 1
        assert page.locator("td").count() >= 16
        browser.close()
