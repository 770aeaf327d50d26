"""The loss by hand; rates, freezing and stopping as the settings say; a stopped run goes on as if it had not been."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from spotterlib import model, training
from spotterlib._losses import MaskHeads
from spotterlib.dataset import Carrier, ClipDataset, make_loader
from spotterlib.model import FEATURES, SpotterNet, load_checkpoint, read_tensors, save_checkpoint
from spotterlib.project import CheckpointError, DataError, NotReadyError, SpotterError, file_sha256, seed_everything
from spotterlib.training import (
    TrainConfig,
    class_weights,
    fit,
    focal_loss,
    make_optimizer,
    pick_precision,
    read_history,
)

QUICK = TrainConfig(batch=2, epochs=3, unfreeze_epoch=1, restart=2, precision="fp32", lr=1e-3)
TIMES = ("seconds", "clips_per_second", "waiting")
LANDMARKS = np.array([[38, 40], [58, 40], [48, 53], [40, 62], [56, 62]], np.float32)


pytestmark = pytest.mark.usefixtures("one_thread")


class Tiny(SpotterNet):
    """SpotterNet in all that training sees of it, at a thousandth of the work."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.backbone = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(18))
        self.gru = nn.GRU(FEATURES, 4, num_layers=2, batch_first=True, bidirectional=True, dropout=0.3)
        self.head = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
        self.frame_head = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 1))
        self.frozen, self.folded = 0, False

    def stages(self) -> list[nn.Module]:
        return list(self.backbone)

    def feature_maps(self, images: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(images, 7)
        for stage in self.backbone:
            x = x + 0.1 * stage(x)
        return x.repeat(1, FEATURES // 3 + 1, 1, 1)[:, :FEATURES]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(training, "SpotterNet", Tiny)
    monkeypatch.setattr(model, "SpotterNet", Tiny)
    monkeypatch.setattr(model, "fold", lambda net: net)


def load_face(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """A small picture, fakes greener than reals, no camera needed."""
    picture = np.random.default_rng(row["seed"]).uniform(60, 180, (6, 6, 3)).astype(np.float32)
    picture = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_CUBIC)
    picture[..., 1] += 40 * row["label"]
    valid = np.ones(frames, bool)
    valid[row.get("lost", [])] = False
    return Carrier(
        np.stack([picture.clip(0, 255).astype(np.uint8)] * frames), np.stack([LANDMARKS] * frames),
        np.tile(np.array([8, 8, 88, 88], np.float32), (frames, 1)), valid,
    )  # fmt: skip


def faces(
    count: int, first: int = 0, frames: int = 2, augment: bool = False, selfblend: float = 0.0, **more
) -> ClipDataset:
    rows = [{"seed": first + k, "label": k % 2, "group": str(first + k), **more} for k in range(count)]
    return ClipDataset(rows, load_face, frames, augment=augment, selfblend=selfblend)


def run(out, config: TrainConfig = QUICK, train=None, val=None, **more) -> list[dict]:
    return list(fit(config, train or faces(3), val or faces(4, 100), out, device="cpu", **more))


def untimed(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if key not in TIMES} for record in history]


def weights_of(out) -> dict[str, torch.Tensor]:
    kept = torch.load(out / "last.pt", weights_only=True)
    moments = {f"{n} {k}": v for n, each in kept["optimizer"]["state"].items() for k, v in each.items()}
    return kept["net"] | moments


def same_state(one, other) -> bool:
    a, b = weights_of(one), weights_of(other)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- the loss --------------------------------------------------------------------------------------------------------


def test_focal_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [2.0, -1.0], [2.0, -1.0], [-30.0, 30.0]])
    labels, weights = torch.tensor([0, 0, 1, 1]), torch.tensor([0.5, 3.0])
    expected = []
    for (a, b), y in zip(logits.tolist(), labels.tolist(), strict=True):
        p = math.exp((a, b)[y]) / (math.exp(a) + math.exp(b))
        expected.append(-(0.5, 3.0)[y] * (1 - p) ** 2 * math.log(p))
    assert focal_loss(logits, labels, weights).tolist() == pytest.approx(expected, abs=1e-6)
    plain = functional.cross_entropy(logits, labels, weight=weights, reduction="none")
    assert torch.allclose(focal_loss(logits, labels, weights, gamma=0.0), plain)


def test_class_weights_stand_outside_the_focal_term():
    even = torch.zeros(2, 2)
    real, fake = focal_loss(even, torch.tensor([0, 1]), torch.tensor([1.0, 4.0])).tolist()
    assert fake / real == pytest.approx(4), "not 21.9"


def test_a_sure_and_right_answer_has_a_finite_gradient():
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([1]), torch.ones(2)).sum().backward()
    assert logits.grad.isfinite().all()


def test_class_weights_balance_what_will_come():
    data = ClipDataset([{"label": 0}] * 6 + [{"label": 1}] * 2, load_face)
    assert class_weights(data).tolist() == pytest.approx([8 / 12, 8 / 4])
    assert class_weights(ClipDataset(data.rows, load_face, selfblend=0.5)).tolist() == pytest.approx([11 / 12, 11 / 10])
    for labels, missing in (([0], "no fake"), ([1], "no real"), ([], "no real")):
        with pytest.raises(DataError, match=f"validation part has {missing}"):
            class_weights(ClipDataset([{"label": label} for label in labels], load_face), "validation")


def test_masked_frames_do_not_reach_the_loss():
    torch.manual_seed(0)
    net, weights = Tiny().eval(), torch.ones(2)
    accelerator = training._accelerator(QUICK, "cpu")
    batch = {
        "frames": torch.randint(0, 256, (2, 3, 3, 224, 224), dtype=torch.uint8), "label": torch.tensor([0, 1]),
        "valid": torch.tensor([[True, True, False], [True, False, False]]),
    }  # fmt: skip
    sizes = (2.0, 3.0, weights, QUICK.gamma, QUICK.frame_weight)
    loss, clips, each = training.batch_loss(accelerator, net, batch, *sizes)
    other = batch["frames"].clone()
    other[~batch["valid"]] = 255
    assert training.batch_loss(accelerator, net, {**batch, "frames": other}, *sizes)[0] == loss
    by_hand = functional.binary_cross_entropy_with_logits(
        each[batch["valid"]], torch.tensor([0.0, 0.0, 1.0]), reduction="none"
    )
    p = torch.exp(-by_hand)
    clip_loss = focal_loss(torch.stack([torch.zeros(2), clips], 1), batch["label"], weights).mean()
    assert loss.item() == pytest.approx((clip_loss + 0.5 * ((1 - p) ** 2 * by_hand).mean()).item(), abs=1e-6)


# --- rates -----------------------------------------------------------------------------------------------------------


def test_the_lower_rate_stays_lower_across_warm_restarts():
    net = Tiny().freeze(14)
    config = TrainConfig()
    optimizer, schedule = make_optimizer(net, config)
    early, late = optimizer.param_groups
    assert {id(p) for p in late["params"]} == {id(p) for stage in net.stages()[:14] for p in stage.parameters()}
    assert {id(p) for group in (early, late) for p in group["params"]} == {id(p) for p in net.parameters()}
    assert early["weight_decay"] == late["weight_decay"] == 1e-4
    for epoch in range(25):
        start, length = max((s, n) for s, n in ((0, 5), (5, 10), (15, 20)) if s <= epoch)  # T₀ = 5, T_mult = 2
        share = (1 + math.cos(math.pi * (epoch - start) / length)) / 2
        assert early["lr"] == pytest.approx(1e-6 + (1e-4 - 1e-6) * share)
        assert late["lr"] == pytest.approx(1e-6 + (1e-5 - 1e-6) * share)
        if epoch == config.unfreeze_epoch:
            net.freeze(0)
        optimizer.step()
        schedule.step()


def test_precision_is_asked_of_the_hardware_and_no_build_crashes(monkeypatch):
    assert pick_precision("fp32", "cuda") == "no" and pick_precision("bf16", "cpu") == "bf16"
    assert pick_precision("auto", "cpu") in ("no", "bf16") and pick_precision("auto", "mps") == "no"
    monkeypatch.setattr(torch.ops, "mkldnn", types.SimpleNamespace())
    assert pick_precision("auto", "cpu") == "no"


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
    keep = training.keep_state

    def kept(path, state, about, parts):
        keep(path, state, about, parts)
        seen.append({k: v.detach().clone() for k, v in parts["net"].state_dict().items()})

    monkeypatch.setattr(training, "keep_state", kept)
    monkeypatch.setattr(training, "validate", lambda *a, real=training.validate: real(*a) | {"val_auc": len(seen) + 1})
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
    real = training.validate
    monkeypatch.setattr(training, "validate", lambda *a: real(*a) | {"val_auc": next(aucs)})
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
    real, left = training.validate, iter([*scores, *[scores[-1]] * 50])
    monkeypatch.setattr(training, "validate", lambda *a: real(*a) | {"val_f1": next(left)})
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


# --- going on --------------------------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def stop_at(step: int):
    """A progress that raises at the given step of the whole run."""
    seen = []

    def progress(share: float) -> None:
        seen.append(share)
        if len(seen) == step:
            raise Stopped

    return progress


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("step", [1, 3, 6])  # two steps an epoch: in the first, the second (unfrozen) and the third
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tiny, tmp_path, step, average):
    config = dataclasses.replace(QUICK, average=average)
    whole = run(tmp_path / "whole", config)
    with pytest.raises(Stopped):
        run(tmp_path / "parts", config, progress=stop_at(step))
    assert untimed(run(tmp_path / "parts", config)) == untimed(whole)
    assert same_state(tmp_path / "whole", tmp_path / "parts")
    for name in ("whole", "parts"):
        assert untimed(read_history(tmp_path / name)) == untimed(whole)
    assert file_sha256(tmp_path / "whole" / "best.safetensors") == file_sha256(tmp_path / "parts" / "best.safetensors")


def test_a_stop_between_the_best_and_the_last_is_healed(tiny, tmp_path, monkeypatch):
    whole = run(tmp_path / "whole")
    saves = []

    def failing(*args):
        saves.append(args)
        if len(saves) == 2:
            raise Stopped
        return keep(*args)

    keep = training.keep_state
    monkeypatch.setattr(training, "keep_state", failing)
    with pytest.raises(Stopped):
        run(tmp_path / "parts")
    load_checkpoint(tmp_path / "parts" / "best.safetensors", device="cpu")
    assert untimed(run(tmp_path / "parts")) == untimed(whole) and same_state(tmp_path / "whole", tmp_path / "parts")
    load_checkpoint(tmp_path / "parts" / "best.safetensors", device="cpu")


def test_a_history_that_fell_behind_is_written_anew(tiny, tmp_path):
    history = run(tmp_path)
    (tmp_path / "history.json").write_text("[]")
    assert run(tmp_path) == history == read_history(tmp_path)


def test_more_epochs_go_on_where_a_run_ended(tiny, tmp_path):
    longer = dataclasses.replace(QUICK, epochs=4)
    whole = run(tmp_path / "whole", longer)
    run(tmp_path / "parts")
    assert untimed(run(tmp_path / "parts", longer)) == untimed(whole) and same_state(
        tmp_path / "whole", tmp_path / "parts"
    )


def test_another_run_is_not_taken_for_this_one(tiny, tmp_path):
    run(tmp_path)
    with pytest.raises(NotReadyError, match="lr differ"):
        run(tmp_path, dataclasses.replace(QUICK, lr=1e-4))
    with pytest.raises(NotReadyError, match="train data differ"):
        run(tmp_path, train=faces(5))
    with pytest.raises(NotReadyError, match="val data differ"):
        run(tmp_path, val=faces(4, 100, frames=3))
    with pytest.raises(NotReadyError, match="start differ"):
        run(tmp_path, start=tmp_path / "best.safetensors")
    fresh = run(tmp_path, dataclasses.replace(QUICK, lr=1e-4), resume=False)
    assert [r["epoch"] for r in fresh] == [0, 1, 2] and fresh[0]["lr"] == 1e-4


def test_a_fresh_start_forgets_the_old_run_at_once(tiny, tmp_path):
    run(tmp_path)
    with pytest.raises(Stopped):
        run(tmp_path, resume=False, progress=stop_at(1))
    assert not (tmp_path / "last.pt").exists() and not (tmp_path / "history.json").exists()
    assert [r["epoch"] for r in run(tmp_path)] == [0, 1, 2]


class Trap:
    def __reduce__(self):
        return (os.abort, ())


def test_a_damaged_state_is_named_and_nothing_in_it_is_run(tiny, tmp_path):
    run(tmp_path, dataclasses.replace(QUICK, epochs=1))
    last = tmp_path / "last.pt"
    whole = last.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"nothing", pickle.dumps(Trap(), 2), pickle.dumps({"net": 1}, 2)):
        last.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"last\.pt"):
            run(tmp_path)
    torch.save({"config": {}}, last)
    with pytest.raises((CheckpointError, NotReadyError)):
        run(tmp_path)


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
    net = training._begin(start)[0]
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
    with pytest.raises(SpotterError, match="cuda was asked for"):
        list(fit(QUICK, faces(2), faces(2), tmp_path, device="cuda"))


# --- where it is pasted ----------------------------------------------------------------------------------------------


def test_mask_loss_by_hand_and_only_where_the_mask_is_known():
    torch.manual_seed(0)
    net = SpotterNet().freeze(10).train()
    heads = MaskHeads(net)
    heads.watch(net)
    net.feature_maps(torch.rand(3, 3, 224, 224))
    middle, last = (heads.seen[number].detach() for number in (0, 1))
    assert middle.shape == (3, 112, 14, 14) and last.shape == (3, 1280, 7, 7)
    pasted = torch.rand(2, 2, 14, 14)
    pasted[1] = torch.nan
    batch = {"pasted": pasted, "valid": torch.tensor([[True, True], [False, True]])}
    with torch.no_grad():
        answers = heads.heads[0](middle)[:2, 0], heads.heads[1](functional.silu(last))[:2, 0]
    whole = 0.0
    for answer, target in zip(answers, (pasted[0], pasted[0].reshape(2, 7, 2, 7, 2).mean((2, 4))), strict=True):
        p = answer.sigmoid()
        whole += float(-(target * p.log() + (1 - target) * (1 - p).log()).sum()) / (3 * answer[0].numel())
    loss = heads.loss(batch, 3.0)
    assert float(loss.detach()) == pytest.approx(whole, rel=1e-5)
    loss.backward()
    assert net.stages()[11]._project_conv.weight.grad.abs().max() > 0
    net.eval()
    with torch.no_grad():
        net.feature_maps(torch.rand(1, 3, 224, 224))
    assert not heads.seen, "nothing is kept outside training"


def test_mask_heads_are_kept_to_go_on_and_stay_out_of_the_checkpoint(tmp_path):
    config = dataclasses.replace(WHOLE, mask_weight=1.0, unfreeze_epoch=0)
    pairs = ClipDataset(faces(1).rows, load_face, 1, augment=False, selfblend=1.0)
    list(fit(config, pairs, faces(2, 50, frames=1), tmp_path, device="cpu"))
    kept = torch.load(tmp_path / "last.pt", weights_only=True)
    assert kept["heads"]["heads.1.weight"].shape == (1, 1280, 1, 1)
    assert not any("heads." in key for key in read_tensors(tmp_path / "best.safetensors"))
    begun = MaskHeads(SpotterNet()).state_dict()
    assert kept["heads"].keys() == begun.keys()
    with pytest.raises(NotReadyError, match="mask_weight"):
        list(fit(dataclasses.replace(config, mask_weight=0.5), pairs, faces(2, 50, frames=1), tmp_path, device="cpu"))


# --- the whole net ---------------------------------------------------------------------------------------------------

WHOLE = TrainConfig(batch=1, epochs=2, frozen=15, unfreeze_epoch=1, precision="fp32", mask_weight=0.5)


def whole_run(out, progress=None) -> list[dict]:
    """Two epochs of two steps; augmented, self-blended; the backbone thaws in the second."""
    pairs = ClipDataset(faces(1).rows + faces(1, 7).rows, load_face, 1, augment=True, selfblend=1.0)
    return list(fit(WHOLE, pairs, faces(2, 50, frames=1), out, device="cpu", progress=progress))


def kill_at(step: int):
    seen = []

    def progress(share: float) -> None:
        seen.append(share)
        if len(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_run_goes_on_to_the_weights_of_an_unbroken_one(tmp_path):
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path; import test_training as t;"
        "t.whole_run(Path(sys.argv[1]), t.kill_at(3))"
    )
    here = str(Path(__file__).parent)
    paths = [here, str(Path(training.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "killed")], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    )
    history = whole_run(tmp_path / "whole")
    assert killed.wait(timeout=300) == -signal.SIGKILL
    assert len(json.loads((tmp_path / "killed" / "history.json").read_text())) == 1, "in the middle of the second epoch"
    assert untimed(whole_run(tmp_path / "killed")) == untimed(history)
    assert same_state(tmp_path / "whole", tmp_path / "killed")
    assert [r["frozen"] for r in history] == [15, 0]
    assert load_checkpoint(tmp_path / "killed" / "best.safetensors", device="cpu").card["training"]["frozen"] == 15


# --- several processes -----------------------------------------------------------------------------------------------


def without_dropout(net: SpotterNet) -> SpotterNet:
    """Dropout and stochastic depth draw differently in every process; everything else must agree."""
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    net.gru.dropout = 0.0
    net.backbone._global_params = net.backbone._global_params._replace(drop_connect_rate=0.0)
    return net


def shared_run(out: str, lr: str) -> None:
    """Seven rows in batches of three: the last leaves nothing for a second process. Norms learn from the start."""
    torch.set_num_threads(1)
    seed_everything(0)
    training.SpotterNet = lambda: without_dropout(SpotterNet())
    config = TrainConfig(
        batch=3, epochs=2, frozen=15, unfreeze_epoch=1, precision="fp32", lr=float(lr), mask_weight=0.5
    )
    data = faces(4).rows + faces(3, 7, lost=[0]).rows
    pairs = ClipDataset(data, load_face, 2, augment=True, selfblend=1.0)
    list(fit(config, pairs, faces(2, 50, frames=1), out, device="cpu"))


@pytest.mark.parametrize("lr", ["1e-4", "1e-8"])
def test_two_processes_train_as_one_does(tmp_path, lr):
    here = str(Path(__file__).parent)
    paths = [here, str(Path(training.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    script = tmp_path / "shared_run.py"
    script.write_text("import sys, test_training as t\nif __name__ == '__main__':\n    t.shared_run(*sys.argv[1:])\n")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    together = [*launch, str(script), str(tmp_path / "two"), lr]
    two = subprocess.Popen(together, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    one = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "one"), lr], env=env, capture_output=True, text=True
    )
    said = two.communicate(timeout=500)[0]
    assert two.returncode == 0 and one.returncode == 0, said + one.stderr
    alone, shared = read_history(tmp_path / "one"), read_history(tmp_path / "two")
    assert len(alone) == len(shared) == 2
    for a, b in zip(alone, shared, strict=True):
        for name in ("train_loss", "val_loss"):
            assert b[name] == pytest.approx(a[name], abs=1e-4), (name, alone, shared)
    if lr == "1e-8":  # with another rate Adam makes steps of what is but rounding, and the gradients part ways
        kept = [
            torch.load(tmp_path / name / "last.pt", weights_only=True)["optimizer"]["state"] for name in ("one", "two")
        ]
        first, second = (torch.cat([state[k]["exp_avg"].flatten() for k in sorted(state)]) for state in kept)
        # one bias whose gradient nearly cancels makes 0.9 % of it; a share that was lost would make half
        assert (first - second).norm() < 0.02 * first.norm(), "the means of the gradients"
