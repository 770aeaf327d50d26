"""Every layout of data as people have it, through notebooks 01, 02 and 04, headless, by papermill."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from jupyter_client.manager import KernelManager
from makers.face_clips import moving, stage, write_clip

from spotterlib.base import read_json
from spotterlib.data import Manifest
from spotterlib.faces import load_cache_table
from spotterlib.notebook import read_records
from spotterlib.notebook.runner import find_notebook, notebook_parameters

FRAMES = 9
PAIRS = [("000", "001"), ("002", "003"), ("004", "005")]
BOTH_WAYS = [f"{a}_{b}" for pair in PAIRS for a, b in (pair, pair[::-1])]
ALONE = [f"{a}_{b}" for a, b in PAIRS]
PEOPLE = [name for pair in PAIRS for name in pair]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """One person who does not exist, small and short."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    person = moving("p01", np.arange(FRAMES) / 12, height=96)
    return write_clip(path, stage((112, 104), FRAMES, (person, np.full((FRAMES, 2), 4.0))))


@pytest.fixture(scope="module")
def headless(tmp_path_factory):
    """Run a notebook by papermill, all of them in one kernel (starting one takes longer than the notebook)."""
    own = str(tmp_path_factory.mktemp("ipc") / "kernel")  # its sockets, for others run notebooks meanwhile
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=own)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=480)

    def run(name: str, out: Path, **parameters) -> dict:
        assert set(parameters) <= set(notebook_parameters(name))
        client.execute_interactive("%reset -f", silent=True, timeout=480)
        papermill.execute_notebook(
            find_notebook(name), out, parameters, progress_bar=False, km=manager, execution_timeout=900
        )
        return read_records(out)

    def ask(expression: str) -> str:
        """What an expression comes to in the kernel, after a notebook has run in it."""
        reply = client.execute_interactive("", silent=True, user_expressions={"asked": expression}, timeout=480)
        return ast.literal_eval(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"])

    run.ask = ask
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def plant(root: Path, clip: Path, paths: list[str], texts: dict[str, str] | None = None) -> Path:
    """A tree of hard links to one clip, and of text files."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(clip, root / path)
    for path, text in (texts or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def official_faceforensics(root, clip):
    """Two methods, two compressions, masks, the official lists, and the actors of DeepFakeDetection."""
    reals = [f"original_sequences/youtube/c23/videos/{name}.mp4" for name in PEOPLE]
    fakes = [f"manipulated_sequences/Deepfakes/c23/videos/{name}.mp4" for name in BOTH_WAYS]
    fakes += [f"manipulated_sequences/FaceSwap/c40/videos/{name}.mp4" for name in ALONE]
    masks = [f"manipulated_sequences/FaceSwap/masks/videos/{name}.mp4" for name in ALONE]
    acted = [f"original_sequences/actors/c23/videos/{n}__exit_phone_room.mp4" for n in ("01", "02")]
    acted.append("manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4")
    lists = {f"splits/{s}.json": json.dumps([p]) for s, p in zip(("train", "val", "test"), PAIRS, strict=True)}
    plant(root, clip, reals + fakes + masks + acted, lists)
    return root, reals + fakes + acted, {"train", "val", "test"}


def flat_faceforensics(root, clip):
    paths = [f"original/{name}.mp4" for name in PEOPLE]
    paths += [f"{method}/{name}.mp4" for method in ("Deepfakes", "NeuralTextures") for name in ALONE]
    return plant(root, clip, paths, {"csv/FF++_Metadata.csv": "a,b\n1,2\n"}), paths, {"train", "val", "test"}


def celeb(root, clip, level=""):
    """Three people on the testing list, six for training; another case of letters where there is a level."""
    pairs = [("id0", "id1"), ("id2", "id3"), ("id4", "id5")]
    case = str.lower if level else str
    paths = [f"{case('Celeb-real')}/{level}{a}_0000.mp4" for pair in pairs for a in pair]
    paths += [f"{case('Celeb-synthesis')}/{level}{a}_{b}_0000.mp4" for a, b in pairs]
    paths += [f"{case('YouTube-real')}/{level}0000{k}.mp4" for k in range(2)]
    listed = ["1 Celeb-real/id0_0000.mp4", "1 Celeb-real/id1_0000.mp4", "0 Celeb-synthesis/id0_id1_0000.mp4"]
    return plant(root, clip, paths, {"List_of_testing_videos.txt": "\n".join(listed)}), paths, {"train", "val", "test"}


def celeb_with_videos(root, clip):
    return celeb(root, clip, "videos/")


def dfdc(root, clip):
    """Three train parts, and the validation and test sets with their CSV."""
    texts, paths = {}, []
    for part in range(3):
        folder, (real, fake) = f"dfdc_train_part_{part}", (f"r{part}.mp4", f"f{part}.mp4")
        texts[f"{folder}/metadata.json"] = json.dumps(
            {
                real: {"label": "REAL", "split": "train"},
                fake: {"label": "FAKE", "split": "train", "original": real},
            }
        )
        paths += [f"{folder}/{real}", f"{folder}/{fake}"]
    for split in ("validation", "test"):
        texts[f"{split}/labels.csv"] = f"filename,label\n{split}0.mp4,0\n{split}1.mp4,1\n"
        paths += [f"{split}/{split}{k}.mp4" for k in range(2)]
    return plant(root, clip, paths, texts), paths, {"train", "val", "test"}


def plain(root, clip):
    """Folders at different depths, with a metadata.csv that names the people."""
    paths = [f"real/{k}.mp4" for k in range(4)] + [f"fake/swapped/{k}.mp4" for k in range(4)]
    lines = [f"{path},g{Path(path).stem}" for path in paths]
    return (
        plant(root, clip, paths, {"metadata.csv": "path,group\n" + "\n".join(lines)}),
        paths,
        {"train", "val", "test"},
    )


def table(root, clip):
    """A CSV of anyone's, and it is the CSV that is given."""
    paths = [f"a/{k}.mp4" for k in range(4)] + [f"b/{k}.mp4" for k in range(4)]
    lines = [f"{path};{'real' if path[0] == 'a' else 'fake'};g{Path(path).stem}" for path in paths]
    plant(root, clip, paths, {"mine.csv": "file;label;group\n" + "\n".join(lines)})
    return root / "mine.csv", paths, {"train", "val", "test"}


LAYOUTS = {
    official_faceforensics: "ffpp",
    flat_faceforensics: "ffpp",
    celeb: "celebdf",
    celeb_with_videos: "celebdf",
    dfdc: "dfdc",
    plain: "plain",
    table: "csv",
}


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_from_the_folder_to_the_figures(make, clip, headless, checkpoint, tmp_path):
    data, paths, splits = make(tmp_path / "data", clip)
    odd = plant(tmp_path / "data", clip, ["elsewhere/lost.mp4"], {"notes.txt": "x"}) if data.is_dir() else None
    work = tmp_path / "work"
    split = headless("01", tmp_path / "01.ipynb", data=str(data), work=str(work))["split"]
    manifest = Manifest.load(work / "split.csv")
    rows = manifest.table
    assert manifest.settings["layout"] == LAYOUTS[make]
    assert sorted(rows["path"]) == sorted(paths)
    assert split["ok"]
    assert set(rows["split"]) - {""} == splits
    assert set(rows["label"]) == {0, 1}
    if odd:
        assert {"elsewhere/lost.mp4", "notes.txt"} <= set(manifest.report["path"])
    if make is official_faceforensics:
        assert (rows["mask"] != "").sum() == 3
        assert (
            rows["split"]
            .where(rows["dataset"] == "FaceForensics++", rows["official_split"])
            .equals(rows["official_split"])
        )
    cache = headless("02", tmp_path / "02.ipynb", work=str(work), workers=1)["cache"]
    assert cache["statuses"] == {"ok": len(paths)} and cache["found"] == 1.0
    kept = load_cache_table(work / "cache")
    assert kept[["path", "label", "split"]].equals(rows[["path", "label", "split"]])
    assert all(Path(file).is_file() for file in kept["file"])
    cost = {"cost": 20.0} if make is plain else {}
    judged = headless(
        "04", tmp_path / "04.ipynb", work=str(work), checkpoint=str(checkpoint), perturbations="", device="cpu", **cost
    )["evaluation"]
    origin = read_json(work / "evaluation" / "evaluation.json")["thresholds"]["origin"]
    assert ("an accused real costs 20" if cost else "the card of") in origin
    assert sorted(row["path"] for row in judged["verdicts"]) == sorted(kept.loc[kept["split"] == "test", "path"])
    assert all(row["probability"] is not None for row in judged["verdicts"])
    assert (work / "evaluation" / "report.html").is_file()


def test_a_person_under_two_names_is_listed_with_both_faces(headless, tmp_path):
    """p02 is in the data once more as a stranger, smaller and darker, on the other side of the split."""
    names = {name: moving(name, np.arange(4) / 12, height=320) for name in ("p02", "p06", "p11")}
    names["stranger"] = (moving("p02", np.arange(4) / 12, height=224, seed=1) * 0.75).astype(np.uint8)
    for name, person in names.items():
        path = tmp_path / "data" / "real" / f"{name}.mp4"
        write_clip(path, stage((280, 328), 4, (person, np.full((4, 2), 4.0))))
    lines = "".join(f"real/{name}.mp4,{name}\n" for name in names)
    (tmp_path / "data" / "metadata.csv").write_text(f"path,ids\n{lines}")
    run = {"data": str(tmp_path / "data"), "work": str(tmp_path / "work"), "by_face": True, "seed": 1}
    headless("01", tmp_path / "01.ipynb", train_share=0.5, val_share=0.0, **run)
    rows = Manifest.load(tmp_path / "work" / "split.csv").table.set_index("ids")
    assert rows.loc["p02", "split"] != rows.loc["stranger", "split"], "with this seed on two sides"

    cells = [cell for cell in nbformat.read(tmp_path / "01.ipynb", as_version=4).cells if cell.cell_type == "code"]
    (looked,) = [cell for cell in cells if "plot_face_pairs(by_faces)" in cell.source]
    assert any("image/png" in output.get("data", {}) for output in looked.outputs), "the figure of the pair"
    (said,) = [output["data"]["text/plain"] for output in cells[-1].outputs if "text/plain" in output.get("data", {})]
    assert "1 pair of names on two sides may be one person" in said
    titles = headless.ask("[axis.get_title('left') for axis in plot_face_pairs(by_faces).axes]")
    sides = sorted(f"{rows.loc[name, 'split']}: {name}" for name in ("p02", "stranger"))
    assert sorted(title.partition(" (")[0] for title in titles) == sides
    assert (
        headless.ask("[axis.images[0].get_array().shape for axis in plot_face_pairs(by_faces).axes]")
        == [(224, 224, 3)] * 2
    )
