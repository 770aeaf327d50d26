"""The exported graphs say what torch says; the folder is checked; torch is not needed to score from it."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from spotterlib import Detector, SpotterError, export_onnx, grad_cam, load_checkpoint, scan_video
from spotterlib.base import ROOT, CheckpointError
from spotterlib.faces import face_networks, face_recogniser
from spotterlib.portable import app_constants
from spotterlib.scan import explain_clips

NAMES = {"trunk.onnx", "recurrent.onnx", "pnet.onnx", "rnet.onnx", "onet.onnx", "recogniser.onnx"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The shipped checkpoint, exported."""
    return export_onnx(None, tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """A checkpoint with random weights, exported."""
    return export_onnx(checkpoint, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Four clips of 24 faces, uint8 (4, 24, 224, 224, 3), that move and flicker a little: portraits, two of them with
    another's middle pasted in."""
    found = []
    files = sorted((ROOT / "spotterlib" / "fakes" / "people").glob("*.jpg"))[:4]
    stills = [cv2.resize(cv2.imread(str(file))[..., ::-1], (256, 256), interpolation=cv2.INTER_AREA) for file in files]
    for number, still in enumerate(stills):
        still = still.copy()
        if number % 2:
            still[70:170, 70:170] = stills[number - 1][70:170, 70:170]
        moved = [still[t : t + 224, t // 2 : t // 2 + 224].astype(int) + t % 5 for t in range(24)]
        found.append(np.clip(moved, 0, 255))
    return np.stack(found).astype(np.uint8)


@pytest.fixture(scope="module")
def valid() -> np.ndarray:
    """Which of their frames count: all, some in the middle not, the first not, one alone."""
    there = np.ones((4, 24), bool)
    there[1, 5:11] = there[2, 0] = False
    there[3] = np.arange(24) == 7
    return there


@pytest.mark.parametrize("which", ["shipped", "exported"])
def test_graphs_and_torch_agree(which, request, checkpoint, faces, valid):
    torchs = load_checkpoint(None if which == "shipped" else checkpoint, device="cpu")
    onnxs = Detector.from_onnx(request.getfixturevalue(which))
    ours, theirs = onnxs.clip_logits(faces, valid), torchs.clip_logits(faces, valid)
    assert onnxs.calibrated(ours[0], "clip") == pytest.approx(torchs.calibrated(theirs[0], "clip"), abs=1e-3)
    assert np.array_equal(np.isnan(ours[1]), ~valid)
    each = onnxs.calibrated(ours[1][valid], "frame")
    assert each == pytest.approx(torchs.calibrated(theirs[1][valid], "frame"), abs=1e-3)
    assert np.ptp(theirs[0]) > 1e-2 and np.ptp(theirs[1][valid]) > 1e-2, "what gives one number agrees with anything"
    assert onnxs.score_frames(faces[0][:, ::-1]) == pytest.approx(torchs.score_frames(faces[0][:, ::-1]), abs=1e-3)
    assert onnxs.thresholds == torchs.thresholds and onnxs.name == torchs.name and onnxs.most_roll == torchs.most_roll


def test_heat_is_that_of_grad_cam_for_the_frame_head(shipped, faces, valid):
    theirs = explain_clips(load_checkpoint(device="cpu"), faces, valid, target="frame")[2]
    ours = explain_clips(Detector.from_onnx(shipped), faces, valid)[2]
    assert ours == pytest.approx(theirs, abs=1e-3 * float(theirs.max())) and theirs.max() > 0
    assert (ours[~valid] == 0).all()


def test_a_video_is_scanned_as_with_the_checkpoint(exported, detector, clips):
    ours, theirs = (scan_video(clips / "face.mp4", each) for each in (Detector.from_onnx(exported), detector))
    assert ours.label == theirs.label and ours.checkpoint == theirs.checkpoint
    assert ours.probability == pytest.approx(theirs.probability, abs=1e-3)
    assert ours.frame_scores == pytest.approx(theirs.frame_scores, abs=1e-3, nan_ok=True)
    assert ours.faces[0].track.boxes.tolist() == theirs.faces[0].track.boxes.tolist()
    assert ours.faces[0].heatmaps.max() > 0


def test_what_graphs_cannot_say_is_not_said(shipped, faces, valid, clips):
    """The card tells how well the heat of the clip head points; that of the graphs is the frame head's."""
    graphs = Detector.from_onnx(shipped)
    assert graphs.card["localisation"] and scan_video(clips / "face.mp4", graphs).checkpoint["localisation"] is None
    pictures = torch.from_numpy(faces).permute(0, 1, 4, 2, 3).float()
    with pytest.raises(SpotterError, match="exported from"):
        grad_cam(graphs.net, pictures, torch.from_numpy(valid))


@pytest.mark.parametrize("size", [(1, 12, 12), (2, 24, 24), (1, 48, 48), (1, 91, 64), (1, 37, 130)])
def test_the_finders_are_those_of_mtcnn(exported, size):
    count, height, width = size
    for name, side in (("pnet", None), ("rnet", 24), ("onet", 48)):
        shape = (count, 3, side or height, side or width)
        pictures = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        session = onnxruntime.InferenceSession(exported / f"{name}.onnx")
        ours = dict(
            zip((end.name for end in session.get_outputs()), session.run(None, {"pictures": pictures}), strict=True)
        )
        with torch.no_grad():
            theirs = face_networks()[name]((torch.from_numpy(pictures) - 127.5) * 0.0078125)
        names = ("regressions", "landmarks", "probabilities") if name == "onet" else ("regressions", "probabilities")
        assert set(ours) == set(names)
        for key, value in zip(names, theirs, strict=True):
            assert ours[key] == pytest.approx(value.numpy(), abs=1e-4), (name, key)


def test_the_recogniser_is_that_of_the_package(exported, faces):
    net, _ = face_recogniser()
    cut = faces[:, ::6, :150, 40:190].reshape(-1, 150, 150, 3)
    pictures = np.ascontiguousarray(cut.transpose(0, 3, 1, 2), np.float32)
    session = onnxruntime.InferenceSession(exported / "recogniser.onnx")
    ours = session.run(["points"], {"pictures": pictures})[0]
    with torch.no_grad():
        theirs = net(torch.from_numpy(pictures)).numpy()
    assert np.linalg.norm(ours - theirs, axis=1).max() <= 1e-3, "two people are 0.36 apart at least"
    assert np.linalg.norm(theirs[:1] - theirs[4:], axis=1).min() > 0.05, "what gives one point agrees with anything"


def test_what_lies_in_the_folder(shipped):
    about = json.loads((shipped / "spotter.json").read_text())
    assert {file.name for file in shipped.iterdir()} == NAMES | {"spotter.json"} and set(about["files"]) == NAMES
    assert all(about["files"][name]["bytes"] == (shipped / name).stat().st_size for name in NAMES)
    assert about["constants"] == json.loads(json.dumps(app_constants()))
    assert about["card"]["calibration"] == load_checkpoint(device="cpu").card["calibration"]
    told = export_onnx.__doc__
    sizes = {"8.3 MB": ["trunk"], "11.4 MB": ["recurrent"], "6.5 MB": ["recogniser"]}
    sizes["2.0 MB"] = ["pnet", "rnet", "onet"]
    for size, names in sizes.items():
        assert f"{sum(about['files'][f'{name}.onnx']['bytes'] for name in names) / 1e6:.1f} MB" == size
        assert size in told
    kinds = {weight.data_type for weight in onnx.load(shipped / "trunk.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds


def test_the_same_checkpoint_gives_the_same_bytes(checkpoint, exported, tmp_path):
    again = export_onnx(checkpoint, tmp_path / "again")
    assert all((again / name).read_bytes() == (exported / name).read_bytes() for name in NAMES | {"spotter.json"})


def test_torch_is_not_imported(exported):
    code = f"""
import sys, numpy as np
from spotterlib import Detector
found = Detector.from_onnx({str(exported)!r})
clip = np.zeros((1, 2, 224, 224, 3), np.uint8)
print(np.isfinite([*found.score_clips(clip), *found.score_frames(clip[0])]).all(), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=480, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_what_is_not_whole_is_refused(exported, tmp_path):
    with pytest.raises(CheckpointError, match=r"no exported checkpoint.*export_onnx"):
        Detector.from_onnx(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no whole export"):
        Detector.from_onnx(tmp_path)
    for name in ("spotter.json", "trunk.onnx", "recurrent.onnx"):
        (tmp_path / name).write_bytes((exported / name).read_bytes())
    assert Detector.from_onnx(tmp_path).name
    (tmp_path / "recurrent.onnx").write_bytes((exported / "recurrent.onnx").read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"recurrent.onnx is not the file.*export_onnx"):
        Detector.from_onnx(tmp_path)
    about = json.loads((tmp_path / "spotter.json").read_text())
    for broken in ("[]", "{}", json.dumps({**about, "card": {}}), json.dumps({**about, "files": {}})):
        (tmp_path / "spotter.json").write_text(broken)
        with pytest.raises(CheckpointError, match="no whole export"):
            Detector.from_onnx(tmp_path)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(package, exported, tmp_path):
    calls = {"onnx": f"export_onnx(None, {str(tmp_path)!r})", "onnxruntime": f"Detector.from_onnx({str(exported)!r})"}
    code = f"""
import sys
sys.modules[{package!r}] = None
import spotterlib
try:
    spotterlib.{calls[package]}
except spotterlib.SpotterError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=480, check=True)
    assert done.stdout.strip() == f'{package} is not installed. Run: pip install "spotterlib[onnx]"'


def test_errors_are_those_of_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        export_onnx(tmp_path / "none.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(SpotterError, match="cannot be written"):
        export_onnx(None, tmp_path / "file")
