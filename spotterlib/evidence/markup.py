"""HTML from the Jinja2 files in `templates/`, for pages and for widgets: all of it comes from there.

Whoever fills a template hands over plain values. What stands for a user's text is escaped, whatever it holds; a value
that is missing, or None, is an error and no empty place.
"""

from __future__ import annotations

import base64
import functools
import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from ..base import to_json


def fill_page(template: str, /, **values: Any) -> str:
    """The text of a page: a file of `templates/` with its values. Raises `UndefinedError` when one is missing."""
    return _templates().get_template(template).render(values)


def fill_widget(part: str, /, **values: Any) -> str:
    """A piece of HTML for a widget: a macro of `templates/widgets.html`. Raises as `fill_page` does."""
    return str(getattr(_templates().get_template("widgets.html").module, part)(**values))


def figure_text(value: Any, digits: int = 3) -> str:
    """A figure as pages and widgets show it: "–" for none, `digits` of a float behind the point, else as it is."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def data_address(picture: bytes, kind: str = "jpeg") -> str:
    """A picture file, of the kind "jpeg" or "png", as an address that carries it."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


@functools.cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_present,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # `tojson` writes <, >, & and ' as \u003c and so on: no text in the data can end the element that holds them
    found.policies.update({"json.dumps_function": to_json, "json.dumps_kwargs": {"indent": None}})
    return found


def _present(value: Any) -> Any:
    if value is None:
        raise UndefinedError("A template has no place for None: say in words what is not known.")
    return value
