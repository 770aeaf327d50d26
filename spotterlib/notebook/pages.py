"""Pages of executed notebooks: one HTML file each that needs no network, every picture with its words."""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path
from typing import Any

from ..base import atomic_path, find_input, output_path
from .session import RECORD_MIME

_WIDGET = "application/vnd.jupyter.widget-view+json"
_ASLEEP = "<p><em>Here stands a control that needs a running notebook. Open {name} in JupyterLab to use it.</em></p>"
_AWAY = (  # what nbconvert's template fetches from elsewhere, and what only serves that
    r'<script[^>]*\bsrc="https?:[^"]*"[^>]*>\s*</script>',
    r'<script[^>]*\btype="module"[^>]*>.*?</script>',
    r'<script[^>]*\btype="text/x-mathjax-config"[^>]*>.*?</script>',
)


def export_html(notebook: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """The page of an executed notebook: one HTML file beside it (or at `out`) that fetches nothing from anywhere.

    A picture without words of its own gets the sentence before its cell; a widget, which needs a kernel, a line that
    says so. Players inside (`export_page`) stay alive.
    """
    import nbformat
    from nbconvert import HTMLExporter

    source = find_input(notebook)
    final = output_path(out) if out is not None else source.with_suffix(".html")
    read = nbformat.read(source, as_version=4)
    read.metadata.pop("widgets", None)
    words = source.stem
    for cell in read.cells:
        if cell.cell_type != "code":
            words = _first_sentence(cell.source) or words if cell.cell_type == "markdown" else words
            cell.pop("outputs", None)
            continue
        # what `record` kept is for programs
        cell["outputs"] = [o for o in cell.get("outputs", []) if set(o.get("data", {"": 0})) != {RECORD_MIME}]
        for output in cell["outputs"]:
            _describe(output, words, source.name)
    body, _ = HTMLExporter().from_notebook_node(read, {"metadata": {"name": source.stem}})
    for away in _AWAY:
        body = re.sub(away, "", body, flags=re.DOTALL)
    body = re.sub(r'<img[^>]*\bsrc="https?:[^"]*"[^>]*>', _alone, body)
    body = re.sub(r'href="([0-9][0-9]_\w+)\.ipynb"', r'href="\1.html"', body)  # the chain leads from page to page
    with atomic_path(final) as temporary:
        temporary.write_text(body, encoding="utf-8")
    return final


def _describe(output: Any, words: str, name: str) -> None:
    """Words for a picture that has none, and a line for a widget."""
    data = output.get("data", {})
    if _WIDGET in data:
        output["data"] = {"text/html": _ASLEEP.format(name=name)}
        return
    kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data and "text/html" not in data), None)
    if kind:  # nbconvert's own template passes the words of a picture over
        said, code = escape(output.metadata.get(kind, {}).get("alt") or words), "".join(data[kind].split())
        output["data"] = {"text/html": f'<img alt="{said}" src="data:{kind};base64,{code}" style="max-width: 100%">'}


def _first_sentence(text: str) -> str:
    """The first sentence of a cell's prose, without its headings and marks; its last heading where it has none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    prose = [line for line in lines if not line.startswith("#")] or [lines[-1].lstrip("# ")] if lines else []
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*`]", "", prose[0])) if prose else ""
    return re.split(r"(?<=[.:?!])\s", plain, maxsplit=1)[0]


def _alone(picture: re.Match[str]) -> str:
    """The words of a picture that lies on another machine."""
    found = re.search(r'\balt="([^"]*)"', picture[0])
    return found[1] if found else ""
