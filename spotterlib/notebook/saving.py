"""What JupyterLab writes when a notebook of the series is saved: its text alone, so that running it changes no file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base import ROOT, atomic_path, output_path


def save_without_outputs(model: dict[str, Any], path: str, contents_manager: Any) -> None:
    """Jupyter's `pre_save_hook` of `make lab`: takes from a notebook of `notebooks/` what running it put in.

    model: what is to be saved, changed in place; path: where, below the server's root, with slashes. Outputs, counts,
    widgets and the kernel's words on itself go; what was run is kept whole in `runs/lab/`. Others stay as they are.
    """
    file = Path(contents_manager.root_dir, path)
    if model["type"] != "notebook" or file.parent != ROOT / "notebooks":
        return
    import nbformat

    notebook = nbformat.from_dict(model["content"])
    with atomic_path(output_path(Path("runs/lab") / file.name)) as temporary:
        nbformat.write(notebook, temporary, version=nbformat.NO_CONVERT)
    name = notebook.metadata.get("kernelspec", {}).get("name", "python3")
    kernel = {"display_name": "Python 3", "language": "python", "name": name}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    model["content"] = notebook
