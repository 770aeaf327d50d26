"""The page of a notebook needs no network, and every picture on it has words."""

from __future__ import annotations

import base64
import re

import nbformat
import pytest
from nbformat import v4

from spotterlib.base import make_figure, say
from spotterlib.notebook import export_html

WIDGET = "application/vnd.jupyter.widget-view+json"


def output(data, **metadata):
    return v4.new_output("display_data", data, metadata=metadata)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    figure = make_figure()[0]
    say(figure.axes[0], "AUC 0.81 on 9 videos")
    drawn, words = figure._repr_png_()
    code = base64.b64encode(drawn).decode()
    cells = [
        v4.new_markdown_cell("# 07 · A\n\n![badge](https://a.example/badge.svg)\n\n$x$ [next](01_split.ipynb)"),
        v4.new_code_cell("1", outputs=[output({"image/png": code}, **{"image/png": words})]),
        v4.new_markdown_cell("## 2 · A sheet\n\nThe *worst* `crops` of [all](b.ipynb). More."),
        v4.new_code_cell(
            "2", outputs=[output({"image/png": code}), output({WIDGET: {"model_id": "a"}, "text/plain": "x"})]
        ),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    folder = tmp_path_factory.mktemp("page")
    nbformat.write(notebook, folder / "07_a.ipynb")
    return export_html(folder / "07_a.ipynb").read_text(encoding="utf-8")


def test_nothing_is_fetched(page):
    assert not re.search(r'\b(?:src|data)="https?:', page) and not re.search(
        r"""(?:import|from)\s*\(?["']https?:""", page
    )
    assert not re.search(r'<link[^>]*href="https?:', page) and "cdnjs" not in page and "unpkg" not in page
    assert "badge" in page and 'href="01_split.html"' in page


def test_every_picture_has_words(page):
    pictures = re.findall(r"<img[^>]*>", page)
    assert [re.search(r'alt="([^"]*)"', picture)[1] for picture in pictures] == [
        "AUC 0.81 on 9 videos", "The worst crops of all.",
    ]  # fmt: skip
    assert "No description" not in page


def test_a_widget_says_that_it_needs_a_kernel(page):
    assert "Open 07_a.ipynb in JupyterLab" in page and "model_id" not in page
