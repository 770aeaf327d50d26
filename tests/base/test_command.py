"""Commands of a terminal: options in the same words, data that must be there, and how a command ends."""

from __future__ import annotations

import importlib

import pytest

from spotterlib.base import ROOT, DataError, command_line, need_data, run_main

COMMANDS = [*(ROOT / "scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
COMMANDS = sorted(file for file in COMMANDS if file.name not in ("cards.py", "clips.py", "make_people.py"))


def test_an_option_has_one_meaning_and_shows_its_default():
    parser = command_line("What it does.\n\n    as it stands", "checkpoint", "device", "seed", out="runs/there")
    text = parser.format_help()
    assert "\n    as it stands\n" in text
    assert all(said in " ".join(text.split()) for said in ("(default: runs/there)", "(default: auto)", "(default: 0)"))
    assert vars(parser.parse_args([])) == {"out": "runs/there", "checkpoint": None, "device": "auto", "seed": 0}
    assert not hasattr(command_line("Nothing to write.").parse_args([]), "out")


def test_data_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("SPOTTER_DATA", raising=False)
    with pytest.raises(DataError, match="Set SPOTTER_DATA to the folder that holds data/grid, weights"):
        need_data("data/grid", "weights")
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("SPOTTER_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"SPOTTER_DATA names, lacks data/grid\."):
        need_data("data/grid", "weights")
    assert need_data("weights") == tmp_path.resolve()


def test_what_a_user_can_mend_ends_a_command_with_one_line(capsys):
    def mend() -> None:
        raise DataError("There is no such thing. Give another.")

    with pytest.raises(SystemExit, match=r"^There is no such thing\. Give another\.$"):
        run_main(mend)

    def stop() -> None:
        raise KeyboardInterrupt("The work was stopped. What is done is kept.")

    with pytest.raises(SystemExit) as left:
        run_main(stop)
    assert left.value.code == 130 and capsys.readouterr().err == "The work was stopped. What is done is kept.\n"


@pytest.mark.parametrize("file", COMMANDS, ids=lambda file: file.name)
def test_every_command_says_how_it_is_run(file, monkeypatch, capsys):
    monkeypatch.syspath_prepend(file.parent)
    main = importlib.import_module(file.stem).main
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert f"python {file.relative_to(ROOT).as_posix()}" in capsys.readouterr().out, "its docstring, with the command"
