"""Notebooks run without a hand on them: papermill, with misspelt parameters refused; and what the series is."""

from __future__ import annotations

import ast
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import ROOT, DataError, find_input, output_path

NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its name, its type as written ("str", "int", …), its default, and its help."""

    name: str
    type: str
    default: Any
    help: str


def list_notebooks() -> list[Path]:
    """The series in its order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def find_notebook(name: str | os.PathLike[str]) -> Path:
    """A notebook by its number ("03"), its name ("03_train") or its path. Raises `DataError` when there is none."""
    series = list_notebooks()
    matches = [path for path in series if path.stem == str(name) or path.stem.split("_")[0] == str(name)]
    if not matches and not series and Path(name).suffix != ".ipynb":
        raise DataError(f"The notebooks are not in the package: clone its repository, or give a path, not {name!r}.")
    return matches[0] if matches else find_input(name)


def notebook_parameters(notebook: str | os.PathLike[str]) -> dict[str, Parameter]:
    """The parameters of a notebook, by name, as papermill sees them."""
    from papermill import inspect_notebook

    found = inspect_notebook(str(find_notebook(notebook)))
    return {
        name: Parameter(name, p["inferred_type_name"], ast.literal_eval(p["default"]), p["help"])
        for name, p in found.items()
    }


def run_notebook(
    notebook: str | os.PathLike[str],
    out: str | os.PathLike[str],
    parameters: dict[str, Any] | None = None,
    progress_bar: bool = False,
) -> Path:
    """Execute a notebook and write the executed copy to `out`; the original stays as it is.

    A parameter that the notebook does not have is refused (papermill would only warn), and so is a value of another
    type than the default's. Raises `DataError` for these, and papermill's `PapermillExecutionError` when a cell fails;
    the executed copy then ends with that cell.
    """
    import papermill
    from traitlets.config import Config

    source = find_notebook(notebook)
    known = notebook_parameters(source)
    given = dict(parameters or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise DataError(f"{source.name} has no parameter {', '.join(unknown)}. It has: {', '.join(known)}.")
    for name, value in given.items():
        default = known[name].default
        if isinstance(value, os.PathLike):
            given[name] = value = os.fspath(value)
        fits = isinstance(value, type(default)) or (type(default) is float and type(value) is int)
        if not fits or (isinstance(value, bool) and not isinstance(default, bool)):
            raise DataError(f"{source.name}: {name} must be {type(default).__name__}, not {value!r}.")
    final = output_path(out)
    # over sockets in a folder of its own, where there are such, no other user of the machine can listen to the kernel,
    # nor does a second run at the same time: jupyter_client would name both their sockets kernel-ipc-1
    with tempfile.TemporaryDirectory(prefix="spotter-") as folder:
        posix = {"transport": "ipc", "ip": os.path.join(folder, "kernel")}
        # a kernel that is ended while it is busy logs an error of it, on the terminal; errors of cells come another way
        hushed = {"extra_arguments": ["--IPKernelApp.log_level=50"]}
        kernel = posix if os.name == "posix" else {"transport": "tcp"}
        quiet = Config({"KernelManager": kernel, "NotebookClient": hushed})
        papermill.execute_notebook(str(source), str(final), given, progress_bar=progress_bar, config=quiet)
    return final


def notebook_title(notebook: str | os.PathLike[str]) -> tuple[str, str]:
    """A notebook's title without its number, and the first sentence under it."""
    import nbformat

    lines = nbformat.read(find_notebook(notebook), as_version=4).cells[0].source.splitlines()
    title = lines[0].lstrip("# ").split("·", 1)[-1].strip()
    text = next(line for line in lines[1:] if line.strip())
    return title, text.split(". ")[0].rstrip(".") + "."


def notebook_table() -> str:
    """The table of the series for the README, made from the notebooks themselves."""
    rows = ["| notebook | what it does |", "| --- | --- |"]
    for path in list_notebooks():
        number = path.stem.split("_")[0]
        title, sentence = notebook_title(path)
        rows.append(f"| [{number} · {title}](notebooks/{path.name}) | {sentence} |")
    return "\n".join(rows)
