"""Notebooks opened where Spotter is not installed: Colab, VS Code with another kernel."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

from spotterlib.base import ROOT
from spotterlib.notebook import list_notebooks

NOTEBOOKS = list_notebooks()
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def install_cells(path) -> tuple[str, str]:
    """The text and the code that ask whether Spotter is there: nothing before them but the parameters."""
    cells = nbformat.read(path, as_version=4).cells
    (asks,) = [k for k, cell in enumerate(cells) if cell.cell_type == "code" and "find_spec" in cell.source]
    earlier = [cell for cell in cells[:asks] if cell.cell_type == "code"]
    assert all("parameters" in cell.metadata.get("tags", []) for cell in earlier), "before all that needs Spotter"
    return cells[asks - 1].source, cells[asks].source


@each
def test_the_first_code_says_how_to_install(path, tmp_path):
    how, code = install_cells(path)
    for word in ("make lab", "VS Code", ".venv", "Colab", "git clone", "pip install -e", "Restart"):
        assert word in how, word
    # a Python that has nothing but itself, as a kernel chosen by mistake
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: Spotter is not installed in this kernel: the text above says how")


@each
def test_where_it_is_installed_the_cell_is_silent(path):
    exec(install_cells(path)[1], {})


def test_all_notebooks_ask_in_the_same_words():
    assert len({install_cells(path) for path in NOTEBOOKS}) == 1


def test_the_first_notebook_and_the_readme_have_a_colab_badge():
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    assert badge in nbformat.read(NOTEBOOKS[0], as_version=4).cells[0].source
    assert badge in (ROOT / "README.md").read_text(encoding="utf-8")
