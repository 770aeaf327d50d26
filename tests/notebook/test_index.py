"""The first page of a folder: three things to look at, and what the verdicts mean."""

from __future__ import annotations

import base64

import nbformat
import pytest
from nbformat import v4

from spotterlib.base import NotReadyError, make_figure, say
from spotterlib.notebook import Card, keep_picture, write_index


def test_cards_come_first_and_verdicts_are_explained(tmp_path):
    card = Card("Scan", "One video.", "cards/scan.png", "a face in red", [("how", "00.html")])
    text = write_index(tmp_path, "A run", [("split", "split.csv")], cards=[card]).read_text("utf-8")
    assert '<img alt="a face in red" src="cards/scan.png">' in text and '<a href="00.html">how</a>' in text
    assert text.index("00.html") < text.index("UNDECIDED") < text.index("split.csv")
    assert "UNDECIDED" not in write_index(tmp_path, "A run", [("split", "split.csv")]).read_text("utf-8")


def test_a_picture_is_kept_with_its_words(tmp_path):
    figure = make_figure()[0]
    say(figure.axes[0], "3 of 4 caught")
    drawn, words = figure._repr_png_()
    shown = v4.new_output(
        "execute_result", {"image/png": base64.b64encode(drawn).decode()}, metadata={"image/png": words}
    )
    cells = [v4.new_code_cell("a()"), v4.new_code_cell("plot(b)", outputs=[shown])]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert keep_picture(tmp_path / "a.ipynb", "plot(", tmp_path / "a.png") == "3 of 4 caught"
    assert (tmp_path / "a.png").read_bytes() == drawn
    with pytest.raises(NotReadyError, match="Run the notebook"):
        keep_picture(tmp_path / "a.ipynb", "a(", tmp_path / "b.png")
