"""Make .venv in the clone and install Spotter into it, in the versions that were tested together: without `make`.

    python scripts/set_up.py          (Windows: py scripts/set_up.py)

It needs Python 3.11 or newer and nothing else, and says at the end what to run. What is there already is kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> None:
    raw = argparse.RawDescriptionHelpFormatter  # not `command_line`: Spotter is not installed yet
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    extras = "what is installed besides: notebooks,onnx or notebooks,test"
    parser.add_argument("--extras", default="notebooks,onnx", help=extras)
    extras = parser.parse_args(arguments).extras
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may well be what starts this
        sys.exit(f"Spotter needs Python 3.11 or newer; this is {sys.version.split()[0]}. Run this with a newer one.")
    place = CLONE / ".venv"
    python = python_of(place)
    if not python.exists():
        venv.create(place, with_pip=True)
    for command in commands(python, extras):
        done = subprocess.run(command, cwd=CLONE, check=False)
        if done.returncode:
            sys.exit("pip could not install it; its lines above say why. Mend that, and run this again.")
    shown = python.relative_to(CLONE)
    print(f"Done. The series on its sample clips: {shown} {Path('scripts', 'demo.py')}")
    print(f"The notebooks: {shown.with_name('jupyter')} lab notebooks")
    print(f"A scan: {shown.with_name('spotter')} scan VIDEO")


def python_of(place: Path) -> Path:
    """The Python of a virtual environment, on this system."""
    return place / "Scripts" / "python.exe" if os.name == "nt" else place / "bin" / "python"


def commands(python: Path, extras: str) -> list[list[str]]:
    """What make runs to install: the same packages in the same versions.

    Compatible, so that editors and type checkers find the clone: they run no import hook.
    """
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not os.environ.get("PYTHONDONTWRITEBYTECODE"):  # what is imported is compiled then, and kept
        pip.append("--no-compile")
    clone = ["--config-settings", "editable_mode=compat", "--editable", f".[{extras}]"]
    return [[*pip, "--constraint", "constraints.txt", *clone]]


if __name__ == "__main__":
    main()
