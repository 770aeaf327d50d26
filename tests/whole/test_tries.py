"""Every "What to try" of notebooks 01 to 05 is done, in a kernel, on one small clip."""

from __future__ import annotations

import re
import shutil

import nbformat
import pandas as pd
import pytest
from makers.trees import plant
from safetensors.torch import save_file

from spotterlib.base import read_json
from spotterlib.faces import load_cache_table
from spotterlib.model import SpotterNet
from spotterlib.notebook import list_notebooks
from spotterlib.training import read_history

SMALL = {"epochs": 1, "frames": 2, "batch": 8}
PAIRS = [("000", "001"), ("002", "003"), ("004", "005")]


@pytest.fixture(scope="module")
def series(clip, kernel, tmp_path_factory):
    """Notebooks 01 to 03 on real and fake videos of three pairs: the folder with the data, and that of the results."""
    home = tmp_path_factory.mktemp("tries")
    paths = [f"real/{name}.mp4" for pair in PAIRS for name in pair] + [f"fake/{a}_{b}.mp4" for a, b in PAIRS]
    plant(home / "data", clip, paths)
    work = str(home / "work")
    assert kernel.run("01", home / "01.ipynb", data=str(home / "data"), work=work)["split"]["ok"]
    kernel.run("02", home / "02.ipynb", work=work, workers=1)
    kernel.run("03", home / "03.ipynb", work=work, **SMALL)
    return home


def test_01_your_own_videos_and_who_is_in_them(series, kernel):
    """1 and 2: a folder of one's own, the second time with the metadata.csv that the first proposed."""
    run, work = kernel.run, series / "own"
    paths = [f"real/{name}.mp4" for name in ("anna", "ben", "carl")] + ["fake/anna_fake.mp4", "fake/ben_fake.mp4"]
    plant(series / "mine", series / "data" / "real" / "000.mp4", paths)
    first = run("01", series / "own.ipynb", data=str(series / "mine"), work=str(work))["split"]
    assert first["checked"] == 0 and (work / "metadata.csv").is_file()
    shutil.copy(work / "metadata.csv", series / "mine")
    known = run("01", series / "own.ipynb", data=str(series / "mine"), work=str(work), by_face=True)["split"]
    assert known["ok"] is not False and pd.read_csv(work / "split.csv")["ids"].notna().any()


def test_01_a_published_split_is_audited(series, kernel):
    """3."""
    kernel.execute(f"from spotterlib import audit_split\nfound = audit_split({str(series / 'work' / 'split.csv')!r})")
    kernel.execute("assert found.ok and found.checked")


def test_02_again_longer_and_with_a_photograph(series, kernel):
    """1, 2 and 3."""
    work, run = series / "work", kernel.run
    before = {path: path.stat().st_mtime_ns for path in (work / "cache").rglob("*.npz")}
    run("02", series / "02again.ipynb", work=str(work), workers=1)
    assert {path: path.stat().st_mtime_ns for path in (work / "cache").rglob("*.npz")} == before
    other = series / "photograph"
    plant(series / "with", series / "data" / "real" / "000.mp4", ["real/000.mp4", "real/001.mp4", "fake/000_001.mp4"])
    kernel.execute(
        "from PIL import Image; from spotterlib.fakes import sample_still\n"
        f"Image.fromarray(sample_still()).save({str(series / 'with' / 'real' / 'photo.mp4')!r}, 'jpeg')"
    )
    run("01", series / "w1.ipynb", data=str(series / "with"), work=str(other))
    run("02", series / "w2.ipynb", work=str(other), workers=1, max_windows=6)
    table = load_cache_table(other / "cache").set_index("path")
    assert table.loc["real/photo.mp4", "status"] in ("unreadable", "short") and table.loc["real/photo.mp4", "reason"]
    assert (table.drop("real/photo.mp4")["status"] == "ok").all()


def test_03_self_blends_more_epochs_and_other_weights(series, kernel):
    """1, 2 and 3: each beside the run that is there, none of them in its way."""
    work, run = series / "work", kernel.run
    run("03", series / "03a.ipynb", work=str(work), run="selfblend", selfblend=1.0, **SMALL)
    assert read_json(work / "selfblend" / "best.json")["validation"]["clips"] > 0
    run("03", series / "03b.ipynb", work=str(work), **SMALL | {"epochs": 2})
    assert [record["epoch"] for record in read_history(work / "train")] == [0, 1]
    save_file(SpotterNet().backbone.state_dict(), series / "b0.safetensors")
    run("03", series / "03c.ipynb", work=str(work), run="imagenet", start=str(series / "b0.safetensors"), **SMALL)
    assert read_json(work / "imagenet" / "best.json")["training"]["start"] == "b0.safetensors"


def test_04_a_rate_of_ones_own_all_damage_and_another_data_set(series, kernel, checkpoint):
    """1, 2 and 3."""
    work, run = series / "work", kernel.run
    about = {"checkpoint": str(checkpoint), "device": "cpu", "workers": 1}
    run("04", series / "04a.ipynb", work=str(work), perturbations="all", **about)
    damaged = read_json(work / "evaluation" / "evaluation.json")["robustness"]
    assert len(damaged) > 8
    run("04", series / "04b.ipynb", work=str(work), perturbations="", fpr=0.01, **about)
    found = read_json(work / "evaluation" / "evaluation.json")
    assert "at most 1.0% of the reals" in found["thresholds"]["origin"]
    assert any("too few for a threshold" in note for note in found["notes"])
    run("04", series / "04c.ipynb", work=str(work), perturbations="", split="", **about)
    assert read_json(work / "evaluation" / "evaluation.json")["split"] is None


def test_05_a_mistake_one_line_and_a_smooth_heat(series, kernel, checkpoint):
    """1, 2 and 3."""
    video = str(series / "data" / "fake" / "000_001.mp4")
    out = str(series / "inspect")
    found = kernel.run("05", series / "05.ipynb", video=video, checkpoint=str(checkpoint), out=out)["inspect"]
    assert found["other"] == "" and list((series / "inspect").glob("*_spotter.html"))
    kernel.execute(f"from spotterlib import examine\nexamine({video!r}, detector)")
    kernel.execute("shown = FrameScrubber(report).build()\nshown.style.value = 'smooth'\nshown.threshold.value = 0.0")


def test_every_try_is_one_of_these():
    """A notebook's tries are three; what they are is read here, so that another one gets its test."""
    first = {}
    for path in list_notebooks()[1:]:
        texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if "## What to try" in cell.source]
        first[path.stem[:2]] = re.findall(r"^\d\. (\w+ \w+)", texts[0].replace("`", ""), re.MULTILINE)
    assert first == {
        "01": ["Point data", "Add a", "Audit a"],
        "02": ["Run it", "Raise max_windows", "Put a"],
        "03": ["Set selfblend", "Raise epochs", "Start from"],
        "04": ["Set perturbations", "Set fpr", "Build a"],
        "05": ["Inspect one", "Type examine", "Draw the"],
    }
