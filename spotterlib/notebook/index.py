"""The first page of a folder of results."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import NotReadyError, atomic_path, find_input
from ..evidence import fill_page


@dataclass(frozen=True)
class Card:
    """One thing to look at: a picture (a path from the folder) with its words, a title, a sentence, and links as (text,
    path)."""

    title: str
    text: str
    picture: str
    words: str
    links: Sequence[tuple[str, str]]


def write_index(
    folder: str | os.PathLike[str],
    title: str,
    links: Sequence[tuple[str, str]],
    heading: str = "",
    head: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    note: str = "",
    cards: Sequence[Card] = (),
) -> Path:
    """`index.html` of a folder: links as (text, relative path), the videos among them shown.

    With `rows` a table stands above them, under a `heading`: `head` names its columns, `note` is said below it. With
    `cards` these come first, and what the verdicts mean.
    """
    page = fill_page(
        "index.html", title=title, links=links, heading=heading, head=head, rows=rows, note=note, cards=cards
    )
    final = Path(folder) / "index.html"
    with atomic_path(final) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return final


def keep_picture(notebook: str | os.PathLike[str], code: str, path: str | os.PathLike[str]) -> str:
    """Write the first picture that an executed notebook's cell with `code` in it shows, as PNG; returns its words.

    Raises `NotReadyError` where there is none: the notebook was not executed, or that cell shows none.
    """
    import nbformat

    source = find_input(notebook)
    for cell in nbformat.read(source, as_version=4).cells:
        for output in cell.get("outputs", []) if code in cell.source else ():
            picture = output.get("data", {}).get("image/png")
            if picture:
                with atomic_path(path) as temporary:
                    temporary.write_bytes(base64.b64decode(picture))
                return output.metadata.get("image/png", {}).get("alt", "")
    raise NotReadyError(f"No cell of {source} with {code} in it shows a picture. Run the notebook, then this again.")
