"""A stopped or killed run goes on as if it had not been; another one is not taken for it."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from makers.training_runs import QUICK, Stopped, faces, run, same_state, stop_at, untimed, whole_run

from spotterlib.base import ROOT, CheckpointError, NotReadyError, file_sha256
from spotterlib.model import load_checkpoint
from spotterlib.training import loop, read_history

pytestmark = pytest.mark.usefixtures("one_thread")


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

    keep = loop.keep_state
    monkeypatch.setattr(loop, "keep_state", failing)
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
    with pytest.raises(NotReadyError, match=r"lr differ.*`run` in notebook 03"):
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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_run_goes_on_to_the_weights_of_an_unbroken_one(tmp_path):
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path;"
        "from makers.training_runs import kill_at, whole_run; whole_run(Path(sys.argv[1]), kill_at(3))"
    )
    here = str(Path(__file__).parents[1])
    paths = [here, str(ROOT), os.environ.get("PYTHONPATH", "")]
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "killed")], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    )
    history = whole_run(tmp_path / "whole")
    assert killed.wait(timeout=900) == -signal.SIGKILL
    assert len(json.loads((tmp_path / "killed" / "history.json").read_text())) == 1, "in the middle of the second epoch"
    assert untimed(whole_run(tmp_path / "killed")) == untimed(history)
    assert same_state(tmp_path / "whole", tmp_path / "killed")
    assert [r["frozen"] for r in history] == [15, 0]
    assert load_checkpoint(tmp_path / "killed" / "best.safetensors", device="cpu").card["training"]["frozen"] == 15
