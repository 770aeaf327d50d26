"""Names of a scrubber's controls for a screen reader, which ipywidgets leaves without any."""

from __future__ import annotations

from pathlib import Path

import anywidget


class ControlNames(anywidget.AnyWidget):
    """Shows nothing: names the buttons of Play and the handles of the sliders in the scrubber that it is put in."""

    _esm = Path(__file__).with_name("names.js")
