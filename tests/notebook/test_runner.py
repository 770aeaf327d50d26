"""A notebook is run with the parameters that it has, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import papermill
import pytest

from spotterlib.base import DataError
from spotterlib.notebook import run_notebook


def test_unknown_parameter_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"01_split\.ipynb has no parameter wrok\. It has: data, "):
        run_notebook("01", tmp_path / "out.ipynb", {"wrok": "x"})
    assert not (tmp_path / "out.ipynb").exists()


def test_wrong_type_is_refused(tmp_path):
    with pytest.raises(DataError, match="epochs must be int"):
        run_notebook("03", tmp_path / "out.ipynb", {"epochs": "many"})


def test_unknown_notebook_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing at"):
        run_notebook("77", tmp_path / "out.ipynb")


@pytest.mark.skipif(os.name != "posix", reason="needs sockets in the file system")
def test_two_runs_at_a_time_never_share_a_socket(tmp_path, monkeypatch):
    """Both would be kernel-ipc-1 of the working directory, and one hears what the other signed: "Invalid Signature"."""
    folders = []

    def execute(*_, config, **__):
        folder = Path(config["KernelManager"]["ip"]).parent
        assert config["KernelManager"]["transport"] == "ipc" and folder.stat().st_mode & 0o077 == 0, "nobody else's"
        folders.append(folder)

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    for _ in range(2):
        run_notebook("01", tmp_path / "out.ipynb")
    assert len(set(folders)) == 2 and not any(folder.exists() for folder in folders)


def test_what_a_kernel_logs_at_its_end_is_not_an_error_on_the_terminal(tmp_path, capfd):
    source = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(
                'get_ipython().kernel.log.error("KeyboardInterrupt caught in kernel.")\nprint(x)'
            ),
        ]
    )
    source.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(source, tmp_path / "small.ipynb")
    done = nbformat.read(run_notebook(tmp_path / "small.ipynb", tmp_path / "out.ipynb", {"x": 2}), as_version=4)
    assert done.cells[-1].outputs[0].text == "2\n"
    assert "KeyboardInterrupt" not in "".join(capfd.readouterr())
