"""Rates, freezing and stopping as the settings say; what a run leaves is whole."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from makers.training_runs import QUICK, Stopped, Tiny, faces, load_face, run, stop_at, weights_of
from torch import nn

from spotterlib.base import CheckpointError, DataError, SpotterError, file_sha256
from spotterlib.model import FEATURES, load_checkpoint, read_tensors, save_checkpoint
from spotterlib.training import ClipDataset, fit, loop, make_loader, read_history

pytestmark = pytest.mark.usefixtures("one_thread")


# --- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_says(tiny, tmp_path):
    shares = []
    history = run(tmp_path / "run", card={"name": "mine", "licence": "MIT"}, progress=shares.append)
    assert [r["epoch"] for r in history] == [0, 1, 2] and [r["frozen"] for r in history] == [14, 0, 0]
    assert shares == [0.5, 1.0] * 3, "three rows, two a step: the last, smaller step is taken"
    assert [r["lr"] for r in history] == pytest.approx([1e-3, (1e-3 + 1e-6) / 2, 1e-3])
    assert [r["lr_backbone"] for r in history] == pytest.approx([1e-4, (1e-4 + 1e-6) / 2, 1e-4])
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "best.json", "best.safetensors", "history.json", "last.pt",
    ]  # fmt: skip
    assert read_history(tmp_path / "run") == history
    detector = load_checkpoint(tmp_path / "run" / "best.safetensors", device="cpu")
    best = max(history, key=lambda r: r["val_auc"])
    card = detector.card
    figures = {"auc": best["val_auc"], "frame_auc": best["val_frame_auc"], "f1": best["val_f1"]}
    assert card["validation"] == {"clips": 4, "reals": 2, "groups": 4, **figures}
    assert card["training"]["epoch"] == best["epoch"] and card["training"]["lr"] == 1e-3
    assert card["training"]["start"] is None and card["name"] == "mine" and card["preprocessing"]["frames"] == 24
    counts = card["thresholds"]["counts"]
    assert [sum(counts[name].values()) for name in ("real", "fake")] == [2, 2]
    clips = np.stack(
        [make_loader(faces(4, 100), 4, False).dataset[k][0][0].permute(0, 2, 3, 1).numpy() for k in range(4)]
    )
    p = detector.score_clips(clips)
    t_low, t_high = detector.thresholds
    said = [int(((p >= t_high) & (np.arange(4) % 2 == label)).sum()) for label in (0, 1)]
    assert said == [counts["real"]["fake"], counts["fake"]["fake"]] and t_low <= 0.5 <= t_high


def test_the_running_mean_of_the_weights_is_what_is_kept(tiny, tmp_path, monkeypatch):
    seen = []
    keep = loop.keep_state

    def kept(path, state, about, parts):
        keep(path, state, about, parts)
        seen.append({k: v.detach().clone() for k, v in parts["net"].state_dict().items()})

    monkeypatch.setattr(loop, "keep_state", kept)
    monkeypatch.setattr(loop, "validate", lambda *a, real=loop.validate: real(*a) | {"val_auc": len(seen) + 1})
    run(tmp_path, dataclasses.replace(QUICK, batch=3, average=0.75), train=faces(3))  # a step an epoch
    mean = {key: value.double() for key, value in seen[0].items()}  # it begins where the first step led
    for now in seen[1:]:
        mean = {key: 0.75 * value + 0.25 * now[key].double() for key, value in mean.items()}
    best = read_tensors(tmp_path / "best.safetensors")
    for key, value in mean.items():
        if value.dim():  # not the counters
            assert torch.allclose(best[key].double(), value, atol=2e-3 * max(1, float(value.abs().max()))), key
    name = "backbone.0.0.weight"
    assert not torch.allclose(best[name].double(), seen[-1][name].double(), atol=1e-4), "not the last step's weights"


def test_only_what_is_not_frozen_moves_until_it_thaws(tiny, tmp_path):
    torch.manual_seed(QUICK.seed)
    before = {key: value.clone() for key, value in Tiny().state_dict().items()}
    for epochs, held in ((1, 14), (2, 0)):  # the second call goes on from the first
        run(tmp_path, dataclasses.replace(QUICK, epochs=epochs))
        after = torch.load(tmp_path / "last.pt", weights_only=True)["net"]
        moved = {key for key in before if not torch.equal(before[key], after[key])}
        assert moved == {key for key in before if not (key.startswith("backbone.") and int(key.split(".")[1]) < held)}


class Watched(ClipDataset):
    def __getitem__(self, index: int) -> list:
        self.asked = [*getattr(self, "asked", []), index]
        return super().__getitem__(index)


def test_every_epoch_has_draws_of_its_own_and_validation_always_the_same(tiny, tmp_path):
    train, val = (Watched(data.rows, load_face, 2, augment=False) for data in (faces(3), faces(2, 50)))
    with pytest.raises(Stopped):
        run(tmp_path, train=train, val=val, progress=stop_at(3))
    run(tmp_path, train=train, val=val)
    first, cut, again, last = train.asked[:3], train.asked[3:-6], train.asked[-6:-3], train.asked[-3:]
    assert sorted(first) == [0, 1, 2] and sorted(again) == [3, 4, 5] and sorted(last) == [6, 7, 8]
    assert cut and cut == again[: len(cut)], "the epoch that was cut off is done anew, in the same order"
    assert val.asked == [0, 1] * 3


def test_the_best_epoch_is_kept_whole_whatever_follows(tiny, tmp_path, monkeypatch):
    aucs = iter([0.6, 0.9, 0.7, 0.9])
    real = loop.validate
    monkeypatch.setattr(loop, "validate", lambda *a: real(*a) | {"val_auc": next(aucs)})
    digests = []
    config = dataclasses.replace(QUICK, epochs=4)
    for _ in fit(config, faces(2), faces(2, 50), tmp_path, device="cpu"):
        card = json.loads((tmp_path / "best.json").read_text())
        assert card["sha256"] == file_sha256(tmp_path / "best.safetensors")
        digests.append(card["sha256"])
    assert digests[0] != digests[1] == digests[2] == digests[3] and card["training"]["epoch"] == 1


def test_training_learns(tiny, tmp_path):
    config = dataclasses.replace(QUICK, epochs=8, lr=1e-2, unfreeze_epoch=-1, patience=8)
    history = run(tmp_path, config, faces(8), faces(8, 100))
    assert history[-1]["train_loss"] < history[0]["train_loss"] and max(r["val_auc"] for r in history) > 0.9


# --- stopping early --------------------------------------------------------------------------------------------------


def stops_after(tmp_path, monkeypatch, scores, **settings) -> int:
    """How many epochs a run takes whose validation F1 is given (and stays)."""
    real, left = loop.validate, iter([*scores, *[scores[-1]] * 50])
    monkeypatch.setattr(loop, "validate", lambda *a: real(*a) | {"val_f1": next(left)})
    config = dataclasses.replace(QUICK, **{"epochs": 9, "unfreeze_epoch": -1, **settings})
    return len(run(tmp_path, config, faces(2), faces(2, 50)))


@pytest.mark.parametrize(
    ("scores", "settings", "epochs"),
    [
        ([0.5], {"patience": 2}, 3),
        ([0.5, 0.6, 0.7], {"patience": 2}, 5),
        ([0.5, 0.504, 0.508, 0.512], {"patience": 3, "min_gain": 0.005}, 6),  # the third is a gain over the first
        ([0.5], {"patience": 1, "unfreeze_epoch": 4}, 5),  # waits for the unfreezing, and gives it its patience
        ([0.5], {"patience": 3, "unfreeze_epoch": 4}, 7),
        ([0.5], {"patience": 1, "unfreeze_epoch": 40}, 9),
    ],
)
def test_stopping_early(tiny, tmp_path, monkeypatch, scores, settings, epochs):
    assert stops_after(tmp_path, monkeypatch, scores, **settings) == epochs


def test_a_run_that_stopped_stays_stopped_and_more_patience_goes_on(tiny, tmp_path, monkeypatch):
    assert stops_after(tmp_path, monkeypatch, [0.5], patience=1) == 2
    assert stops_after(tmp_path, monkeypatch, [0.5], patience=1) == 2
    assert stops_after(tmp_path, monkeypatch, [0.5], patience=3) == 4


def test_one_process_trains_at_one_precision_after_another(tiny, tmp_path):
    once = dataclasses.replace(QUICK, epochs=1)
    half = run(tmp_path / "half", dataclasses.replace(once, precision="bf16"))
    full = run(tmp_path / "full", once)
    assert full[0]["train_loss"] == pytest.approx(half[0]["train_loss"], rel=0.05)
    assert weights_of(tmp_path / "half")["gru.weight_ih_l0"].dtype == torch.float32


# --- what may go wrong -----------------------------------------------------------------------------------------------


def test_a_start_may_be_a_checkpoint_or_nothing_else(tiny, tmp_path):
    once = dataclasses.replace(QUICK, epochs=1)
    run(tmp_path / "first", once)
    start = tmp_path / "first" / "best.safetensors"
    run(tmp_path / "second", once, start=start)
    facts = json.loads((tmp_path / "second" / "best.json").read_text())["training"]
    assert facts["start"] == "best.safetensors" and facts["start_sha256"] == file_sha256(start)
    net = loop.begin(start)[0]
    kept = read_tensors(start)
    assert all(torch.equal(value.float(), kept[key].float()) for key, value in net.state_dict().items())
    start.write_bytes(start.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"best\.safetensors"):
        run(tmp_path / "third", once, start=start)
    with pytest.raises(SpotterError, match="nowhere"):
        run(tmp_path / "third", once, start=tmp_path / "nowhere.safetensors")


def test_another_net_is_no_start(tiny, tmp_path):
    net = Tiny()
    net.head[0] = nn.Linear(16, 9)
    card = {"thresholds": {"t_low": 0.5, "t_high": 0.5}}
    card["calibration"] = {head: {"scale": 1.0, "bias": 0.0} for head in ("clip", "frame")}
    place = save_checkpoint(tmp_path / "other.safetensors", net, card)
    with pytest.raises(CheckpointError, match=r"other\.safetensors"):
        run(tmp_path / "run", start=place)


def test_clips_without_a_valid_frame_teach_nothing(tiny, tmp_path):
    once = dataclasses.replace(QUICK, epochs=1, batch=1)
    some = faces(3)
    more = ClipDataset([*some.rows, {"seed": 9, "label": 1, "group": "9", "lost": [0, 1]}], load_face, 2, augment=False)
    history = run(tmp_path / "more", once, more, val=more)
    assert history[0]["val_auc"] is not None and np.isfinite(history[0]["train_loss"])
    assert json.loads((tmp_path / "more" / "best.json").read_text())["validation"]["clips"] == 3
    nothing = faces(2, lost=[0, 1])
    with pytest.raises(DataError, match="training part"):
        run(tmp_path / "nothing", once, nothing)
    with pytest.raises(DataError, match="validation part"):
        run(tmp_path / "unjudged", once, val=nothing)


def test_a_part_without_a_class_is_named_before_anything_is_written(tiny, tmp_path):
    with pytest.raises(DataError, match="training part has no fake"):
        run(tmp_path / "run", train=faces(1))
    with pytest.raises(DataError, match="validation part has no fake"):
        run(tmp_path / "run", val=faces(1))
    assert not (tmp_path / "run").exists()


def test_weights_that_run_away_stop_the_run(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(
        Tiny, "feature_maps", lambda self, images: images.new_full((len(images), FEATURES, 7, 7), torch.nan)
    )
    with pytest.raises(SpotterError, match="no number any more"):
        run(tmp_path)
    assert not (tmp_path / "best.safetensors").exists()


def test_a_device_that_is_not_there_is_no_silent_cpu(tiny, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SpotterError, match="no device 'cuda' here"):
        list(fit(QUICK, faces(2), faces(2), tmp_path, device="cuda"))
