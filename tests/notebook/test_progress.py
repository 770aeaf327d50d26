"""The bar that runs while a notebook works."""

from __future__ import annotations

import io
import sys

from spotterlib.notebook import progress_bar


def test_a_bar_counts_and_ends(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    bar = progress_bar("Faces", 7)
    for share in (1 / 7, 3 / 7, 1.0):
        bar(share)
    last = out.getvalue().split("\r")[-1]
    assert "Faces: 100%" in last and "7/7" in last and last.endswith("\n")
    assert "videos" in last and "<" in last  # elapsed < to go


def test_in_a_notebook_it_is_one_output_that_is_replaced(monkeypatch):
    from spotterlib.notebook.progress import _Output

    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    import IPython.display

    monkeypatch.setattr(IPython.display, "display", lambda data, raw, display_id: Handle())
    line = _Output()
    for text in ("\rFaces: 10%", "\n", "\rFaces: 100%", ""):
        line.write(text)
        line.flush()
    assert shown == ["Faces: 10%", "Faces: 100%"]
