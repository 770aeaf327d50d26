"""Every "What to try" of every notebook does what it says, on six short videos of people who do not exist."""

from __future__ import annotations

import re
import shutil

import cv2
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from efficientnet_pytorch import EfficientNet
from makers.face_clips import moving, portrait, stage, write_clip
from safetensors.torch import save_file

from spotterlib import FrameScrubber, audit_split, examine, load_checkpoint, make_fakes, scan_video
from spotterlib.base import read_json
from spotterlib.faces import load_cache_table
from spotterlib.fakes import sample_clip
from spotterlib.notebook import list_notebooks, read_records, run_notebook
from spotterlib.scan import score_cache

PEOPLE = ("p01", "p03", "p05", "p07", "p09", "p11")
SMALL = {"epochs": 1, "frames": 4, "batch": 2}


def test_every_try_has_its_test():
    here = {name for name in globals() if re.fullmatch(r"test_\d\d_\d_\w+", name)}
    for notebook in list_notebooks():
        (text,) = [cell.source for cell in nbformat.read(notebook, 4).cells if cell.source.startswith("## What to try")]
        for number in re.findall(r"^(\d)\. ", text, re.MULTILINE):
            start = f"test_{notebook.stem[:2]}_{number}_"
            found = {name for name in here if name.startswith(start)}
            assert len(found) == 1, f"{notebook.stem}, {number}: {found or 'no test'}"
            here -= found
    assert not here, "tests of what no notebook says"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs a notebook with parameters, and gives what it recorded and the executed copy."""
    folder = tmp_path_factory.mktemp("executed")

    def run(number: str, **parameters) -> tuple[dict, nbformat.NotebookNode]:
        out = run_notebook(number, folder / f"{number}_{len(list(folder.iterdir()))}.ipynb", parameters)
        return read_records(out), nbformat.read(out, 4)

    return run


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """Somebody's own real videos, one a person, 14 frames each."""
    folder = tmp_path_factory.mktemp("phone") / "phone_videos"
    folder.mkdir()
    still = np.full((14, 2), 8.0)
    for seed, name in enumerate(PEOPLE):
        pictures = moving(name, np.arange(14) / 12, seed=seed)
        write_clip(folder / f"{name}.mp4", stage((208, 192), 14, (pictures, still)))
    return folder


@pytest.fixture(scope="module")
def mine(phone, tmp_path_factory, ran):
    """The set that `make_fakes` makes of them, through 01, 02 and 03: the set, and the folder of the results."""
    folder = tmp_path_factory.mktemp("mine")
    make_fakes(phone, folder / "my_set")
    work = str(folder / "work")
    ran("01", data=str(folder / "my_set"), work=work)
    ran("02", work=work)
    ran("03", work=work, **SMALL)
    return folder / "my_set", folder / "work"


# --- 00 --------------------------------------------------------------------------------------------------------------


def test_00_1_a_clip_of_ones_own(ran, phone, tmp_path):
    found, _ = ran("00", video=str(phone / "p01.mp4"), out=str(tmp_path))
    assert found["scan"]["video"].startswith("p01") and found["scan"]["verified"]
    report = scan_video(phone / "p03.mp4")  # the one that is known to be real
    assert report.video.endswith("p03.mp4") and report.probability is not None, "there is something to compare with"
    assert found["scan"]["probability"] != report.probability


def test_00_2_the_seconds_one_doubts(ran, phone, tmp_path):
    pictures = moving("p01", np.arange(10) / 12)
    short = write_clip(tmp_path / "short.mp4", stage((208, 192), 10, (pictures, np.full((10, 2), 8.0))))
    found, _ = ran("00", video=str(short), out=str(tmp_path / "out"))
    assert found["scan"]["faces"] == 1 and found["scan"]["probability"] is not None


def test_00_3_a_checkpoint_of_ones_own(ran, mine, phone, tmp_path):
    _, work = mine
    trained = work / "train" / "best.safetensors"
    ran("00", video=str(phone / "p01.mp4"), checkpoint=str(trained), out=str(tmp_path))
    (kept,) = tmp_path.glob("*_spotter.json")
    assert read_json(kept)["checkpoint"]["sha256"] == load_checkpoint(trained).card["sha256"]


# --- 01 --------------------------------------------------------------------------------------------------------------


def test_01_1_a_folder_with_real_and_fake(ran, mine, tmp_path):
    data, work = mine
    assert {"real", "fake", "masks", "metadata.csv"} <= {place.name for place in data.iterdir()}
    assert len(load_cache_table(work / "cache")) >= 2 * len(PEOPLE)
    bare = tmp_path / "bare"  # nothing but the two folders
    for name in ("real", "fake"):
        shutil.copytree(data / name, bare / name)
    found, _ = ran("01", data=str(bare), work=str(tmp_path / "work"))
    assert sum(found["split"]["counts"].values()) == len(list(bare.rglob("*.mp4")))


def test_01_2_people_who_are_known_to_be_the_same(ran, mine, tmp_path):
    data, _ = mine
    other = tmp_path / "set"
    shutil.copytree(data, other)
    table = pd.read_csv(other / "metadata.csv")
    assert {"path", "group"} <= set(table.columns)
    table["group"] = np.where(table["path"].str.contains("p0"), "one person", table["group"])
    table.to_csv(other / "metadata.csv", index=False)
    found, _ = ran("01", data=str(other), work=str(tmp_path / "work"))
    split = pd.read_csv(tmp_path / "work" / "split.csv")
    assert found["split"]["ok"] and split.loc[split["path"].str.contains("p0"), "split"].nunique() == 1


def test_01_3_anybodys_split_is_audited(tmp_path):
    rows = [("a.mp4", 0, "train"), ("a_fake.mp4", 1, "test"), ("b.mp4", 0, "test")]
    place = tmp_path / "published.csv"
    pd.DataFrame(rows, columns=["path", "label", "split"]).assign(group=["a", "a", "b"]).to_csv(place, index=False)
    assert not audit_split(place).ok


# --- 02 --------------------------------------------------------------------------------------------------------------


def test_02_1_a_second_time_makes_nothing_anew(ran, mine, capfd):
    _, work = mine
    before = {file: file.stat().st_mtime_ns for file in (work / "cache").rglob("*.npz")}
    ran("02", work=str(work))
    assert "encryption" not in capfd.readouterr().err, "what a kernel warns of that others could listen to"
    assert before and before == {file: file.stat().st_mtime_ns for file in (work / "cache").rglob("*.npz")}


def test_02_2_more_windows(ran, mine, tmp_path):
    _, work = mine
    shutil.copytree(work, tmp_path / "work")
    found, _ = ran("02", work=str(tmp_path / "work"), max_windows=8)
    assert found["cache"]["found"] > 0.9
    settings = [read_json(file)["max_windows"] for file in (tmp_path / "work" / "cache").glob("faces-*/settings.json")]
    assert 8 in settings, "cached anew, by windows more"


def test_02_3_a_photograph_called_mp4(ran, phone, tmp_path):
    data = tmp_path / "set"
    for name, kept in (("real", PEOPLE[:3]), ("fake", PEOPLE[3:])):  # which is which says nothing here
        (data / name).mkdir(parents=True)
        for person in kept:
            shutil.copy(phone / f"{person}.mp4", data / name)
    photograph = cv2.imencode(".jpg", portrait("p13")[0][..., ::-1])[1].tobytes()
    (data / "real" / "photograph.mp4").write_bytes(photograph)
    ran("01", data=str(data), work=str(tmp_path / "work"))
    _, executed = ran("02", work=str(tmp_path / "work"))
    table = load_cache_table(tmp_path / "work" / "cache").set_index("path")
    row = table.loc["real/photograph.mp4"]
    assert row["status"] != "ok" and row["reason"], "left out with its reason, and nothing else stops"
    assert (table.drop("real/photograph.mp4")["status"] == "ok").all()
    assert "photograph.mp4" in str(executed.cells)


# --- 03 --------------------------------------------------------------------------------------------------------------


def test_03_1_real_videos_alone_are_enough(ran, mine):
    _, work = mine
    ran("03", work=str(work), run="selfblend", selfblend=1.0, **SMALL)
    judged = {"checkpoint": str(work / "selfblend" / "best.safetensors"), "perturbations": ""}
    found, _ = ran("04", work=str(work), **judged)
    assert found["evaluation"]["verdicts"]


def test_03_2_more_epochs_go_on(ran, mine):
    _, work = mine
    first = read_json(work / "train" / "history.json")
    found, _ = ran("03", work=str(work), **{**SMALL, "epochs": 2})
    history = read_json(work / "train" / "history.json")
    assert found["train"]["epochs"] == len(history) == 2 and history[:1] == first


def test_03_3_imagenet_weights(ran, mine, tmp_path):
    """The file's form, with weights that mean nothing: the real ones are not in the project."""
    _, work = mine
    torch.manual_seed(0)
    state = EfficientNet.from_name("efficientnet-b0").state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "b0.safetensors")
    found, _ = ran("03", work=str(work), run="imagenet", start=str(tmp_path / "b0.safetensors"), **SMALL)
    assert found["train"]["epochs"] == 1 and (work / "imagenet" / "best.safetensors").is_file()


# --- 04 --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(ran, mine):
    """04 with both parameters at once: each is read by cells of its own."""
    _, work = mine
    return ran("04", work=str(work), perturbations="all", fpr=0.01)


def test_04_1_the_damage_at_which_reals_are_accused(judged, mine):
    damage = read_json(mine[1] / "evaluation" / "evaluation.json")["robustness"]
    assert len(damage) > 5 and all("fpr" in row for row in damage)


def test_04_2_one_real_in_a_hundred(judged):
    found, executed = judged
    said = next(cell.outputs for cell in executed.cells if "choose_point(" in cell.source)
    assert found["evaluation"]["verdicts"] and "at most 1.0% of the reals accused" in str(said)


def test_04_3_another_data_set(ran, mine, phone, tmp_path):
    _, work = mine
    other = tmp_path / "other"
    for name, kept in (("real", PEOPLE[:2]), ("fake", PEOPLE[2:4])):
        (other / name).mkdir(parents=True)
        for person in kept:
            shutil.copy(phone / f"{person}.mp4", other / name)
    place = str(tmp_path / "work")
    ran("01", data=str(other), work=place)
    ran("02", work=place)
    trained = str(work / "train" / "best.safetensors")
    found, _ = ran("04", work=place, checkpoint=trained, split="", perturbations="")
    assert len(found["evaluation"]["verdicts"]) == 4


# --- 05 --------------------------------------------------------------------------------------------------------------


def test_05_1_one_of_the_worst_mistakes(ran, mine, tmp_path):
    data, work = mine
    table = load_cache_table(work / "cache")
    scored = score_cache(load_checkpoint(), table)
    worst = scored.loc[(scored["probability"] - scored["label"]).abs().idxmax()]
    found, _ = ran("05", video=str(data / worst["path"]), out=str(tmp_path))
    assert found["inspect"]["label"] == worst["verdict"] and found["inspect"]["other"] == ""


def test_05_2_examined_in_one_line(phone):
    assert isinstance(examine(str(phone / "p01.mp4")), FrameScrubber)


def test_05_3_heat_drawn_smoothly(mine):
    view = FrameScrubber(scan_video(sample_clip("fake"))).build()
    shown = lambda: bytes(view.stack.children[view.slider.value].children[0].value)  # noqa: E731
    before = shown()
    view.style.value = "smooth"
    smooth = shown()
    view.threshold.value = 0.0
    assert len({before, smooth, shown()}) == 3
