"""Links to results, in a notebook: they open and download where JupyterLab serves the folder, else the path is said."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class ResultLinks(anywidget.AnyWidget):
    """A line for each result: what it is, and links that open and download it.

    files: what, name and place (the whole path, with slashes) of each. Only the browser knows at which address the
    server has them, and from which folder on; of a file outside of it, or elsewhere than in JupyterLab, it shows the
    path. home: the folder that a server may write as "~".
    """

    _esm = Path(__file__).with_name("links.js")
    files = traitlets.List().tag(sync=True)
    home = traitlets.Unicode(Path.home().as_posix()).tag(sync=True)

    def add(self, what: str, file: Path) -> None:
        """One more result."""
        self.files = [*self.files, {"what": what, "name": file.name, "place": file.resolve().as_posix()}]
