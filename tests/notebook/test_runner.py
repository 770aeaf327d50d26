"""A notebook is run with the parameters that it has, or not at all."""

from __future__ import annotations

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
