"""The notebooks' form, rule by rule. What they do when executed is in test_demo.py."""

from __future__ import annotations

import ast
import re
import statistics
import sys

import nbformat
import pytest
from makers.bounded import finished

from spotterlib.base import ROOT
from spotterlib.notebook import list_notebooks, notebook_title
from spotterlib.notebook.runner import notebook_parameters

NOTEBOOKS = list_notebooks()
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_the_series_is_whole():
    names = ["00_scan_a_video", "01_split", "02_cache_faces", "03_train", "04_evaluate", "05_inspect"]
    assert [path.stem for path in NOTEBOOKS] == names


@each
def test_cells_are_few_and_short(path):
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code_cells(path)]
    assert len(lengths) <= 15
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 15


@each
def test_no_definitions_no_tricks(path):
    for cell in code_cells(path):
        tree = ast.parse(cell.source)
        assert not any(
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) for node in ast.walk(tree)
        )
        assert not re.search(r"sys\.path|^\s*[!%]|os\.chdir", cell.source, re.MULTILINE)
        joined = {id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values[1:]}
        strings = [
            n.value
            for n in ast.walk(tree)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in joined
        ]
        assert not any(re.match(r"(/|~|[A-Za-z]:\\)\w", text) for text in strings), "no absolute paths"


@each
def test_prose_before_every_code_cell(path):
    cells = read(path).cells
    for before, cell in zip([None, *cells], cells, strict=False):
        if cell.cell_type == "code":
            assert before is not None and before.cell_type == "markdown" and before.source.strip()


@each
def test_kernel_and_outputs(path):
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for cell in code_cells(path):
        assert cell.outputs == [] and cell.execution_count is None


@each
def test_nbstripout_would_change_nothing(path):
    done = finished([sys.executable, "-m", "nbstripout", "--keep-id", "--verify", str(path)])
    assert done.returncode == 0, done.stdout


@each
def test_every_parameter_is_typed_and_helped(path):
    cells = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    known = notebook_parameters(path)
    for node in ast.parse(cells[0].source).body:
        assert isinstance(node, ast.AnnAssign), "one typed parameter a line"
        ast.literal_eval(node.value)
        parameter = known[node.target.id]
        assert parameter.type == node.annotation.id == type(parameter.default).__name__
        assert len(parameter.help) > 10
    assert len(known) == len(ast.parse(cells[0].source).body)
    assert "seed" in known


@each
def test_anatomy(path):
    cells = read(path).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    whole = "\n".join(texts)
    assert re.match(rf"# {path.stem[:2]} · \w", texts[0])
    assert "*Needs:" in texts[0]
    assert texts[1].startswith("**You will learn**") and texts[1].count("\n* ") == 3
    for heading in ("## Result", "## What to try", "## Limits", "## Next"):
        assert heading in whole
    tries = next(text for text in texts if text.startswith("## What to try"))
    assert [line[:2] for line in tries.splitlines() if re.match(r"\d\.", line)] == ["1.", "2.", "3."]
    assert any("record(" in cell.source for cell in code_cells(path))
    assert any(cell.source.startswith("setup(") for cell in code_cells(path))


def test_the_chain_is_whole():
    for number, path in enumerate(NOTEBOOKS):
        first, last = read(path).cells[0].source, read(path).cells[-1].source
        for text in (first, last):
            chain = text.splitlines()[-1]
            links = re.findall(r"\(([\w.]+)\)", chain)
            wanted = NOTEBOOKS[max(number - 1, 0) : number] + NOTEBOOKS[number + 1 : number + 2]
            assert links == [p.name for p in wanted]
            assert chain.startswith("Previous: ") and " | Next: " in chain


@each
def test_links_lead_somewhere(path):
    for cell in read(path).cells:
        for link in re.findall(r"\]\(([\w./]+)\)", cell.source):
            assert (path.parent / link).exists(), link


@each
def test_title_and_first_sentence(path):
    title, sentence = notebook_title(path)
    assert title and sentence.endswith(".") and len(sentence) > 30


def test_the_first_notebook_begins_with_the_box():
    """Before anything is scanned, and before what only those need who write code."""
    asks, box, *_ = code_cells(NOTEBOOKS[0])
    assert "find_spec" in asks.source and box.source.endswith("upload_box()")


def test_readme_table_is_that_of_the_folder():
    from spotterlib.notebook.runner import notebook_table

    assert notebook_table() in (ROOT / "README.md").read_text(encoding="utf-8")
