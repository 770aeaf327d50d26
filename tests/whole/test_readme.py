"""The README's commands, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil

import pandas as pd
import pytest
from makers.bounded import finished

from spotterlib.base import ROOT, read_json
from spotterlib.fakes import make_samples
from spotterlib.notebook import read_records

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


SCAN = ".venv/bin/spotter scan clip.mp4 --page"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder like a clone for its reader: clip.mp4, portrait.jpg, my_videos (four pairs of sample people)."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("notebooks", ".venv"):
        if not (ROOT / name).exists():
            pytest.skip(f"no {name} in the clone: make test makes it")
        (folder / name).symlink_to(ROOT / name)
    samples = make_samples("data/samples")
    table = samples.table[samples.table["group"].isin(sorted(set(samples.table["group"]))[:4])]
    videos = folder / "my_videos"
    for path in table["path"]:
        (videos / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(samples.root / path, videos / path)
    pd.DataFrame(table[["path", "label", "method", "group"]]).to_csv(videos / "metadata.csv", index=False)
    for path, group in table[table["label"] == 0][["path", "group"]].head(2).itertuples(index=False):
        (folder / "phone_videos" / group).mkdir(parents=True)
        shutil.copy(samples.root / path, folder / "phone_videos" / group)
    shutil.copy(samples.root / table[table["label"] == 1]["path"].iloc[0], folder / "clip.mp4")
    shutil.copy(ROOT / "spotterlib" / "fakes" / "people" / "p01.jpg", folder / "portrait.jpg")
    return folder


def run(command: str, place) -> str:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = finished(command, 1800, shell=True, cwd=place, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_every_command_is_known_to_a_test():
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]
    run_here = [c for c in commands if c.startswith((".venv/bin/papermill notebooks/", "mkdir -p runs/"))]
    others = {"make demo", "make test", SCAN}
    assert set(commands) - set(run_here) == others, "demo: test_demo.py; test: CI itself; SCAN below"


def test_the_first_command_of_a_scan(place):
    said = run(SCAN, place)
    (page,) = place.glob("spotter_results/*.html")
    assert said.startswith(str(place / "clip.mp4")) and str(page) in said and page.with_suffix(".json").exists()


def test_scan_command(place):
    (command,) = [line for block in blocks("bash") for line in block.splitlines() if "00_scan" in line]
    run(command, place)
    assert read_records(place / "out.ipynb")["scan"]["label"] in ("REAL", "FAKE", "UNDECIDED")


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("import ")[1].split("\n")[0])
def test_python_example(code, place):
    code = code.replace("runs/scans", str(place / "scans")).replace('"clip_spotter.mp4"', f'"{place}/clip_spotter.mp4"')
    code = code.replace('"my_set"', f'"{place}/my_set"')
    script = place / "example.py"
    script.write_text(code, encoding="utf-8")
    run(".venv/bin/python example.py", place)
    if "scan_folder" in code:
        rows = read_json(place / "scans" / "scans.json")
        assert sum(row["status"] == "ok" for row in rows) == 16
        (left_out,) = [row for row in rows if row["status"] != "ok"]
        assert left_out["status"] == "left out" and ".csv" in left_out["reason"]
    if "make_fakes" in code:
        made = pd.read_csv(place / "my_set" / "metadata.csv")
        assert made["label"].tolist().count(0) == 2 and made["label"].tolist().count(1) == 4
    if "write_diagnostic_video(report" in code:
        assert (place / "clip_spotter.mp4").stat().st_size > 10_000


def test_own_data_commands(place):
    (block,) = [block for block in blocks("bash") if "01_split" in block]
    for command in block.splitlines():
        run(command.replace("runs/mine", str(place / "mine")), place)
    evaluation = read_json(place / "mine" / "evaluation" / "evaluation.json")
    assert evaluation["verdicts"] and evaluation["n_groups"] >= 1


def test_each_layout_has_a_command_that_runs_in_a_fresh_clone(place):
    begins = "mkdir -p runs && .venv/bin/papermill notebooks/01_split.ipynb runs/"  # papermill makes no folder
    table = [line for line in TEXT.splitlines() if line.startswith("| ") and "papermill notebooks/01_split" in line]
    assert len(table) == 7 and all(f"| `{begins}" in line for line in table)
    (mine,) = [line.split("`")[-2] for line in table if line.startswith("| folders |")]
    shutil.rmtree(place / "runs", ignore_errors=True)
    run(mine.replace("-p work runs/mine", f"-p work {place}/table"), place)
    assert read_records(place / "runs" / "mine.ipynb")["split"]["ok"]


def test_picture_and_links():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert link.startswith("https://") or (ROOT / link).exists(), link
