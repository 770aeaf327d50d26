"""`spotter doctor`: what is installed, what is missing, and whether a scan's steps work here."""

from __future__ import annotations

import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ..base import ROOT, SpotterError, pick_device

EXTRAS = {name: f"pip install 'spotterlib[{name}]'" for name in ("notebooks", "onnx", "provenance")}
"""What users may want beside the package, and how they get it."""


def examination(told: Callable[[str], object] | None = None) -> tuple[list[dict], bool]:
    """Look at the installation: a row each thing (name, state "ok" or "missing", note), and whether all needed is well.

    told: called with a line of each. What only an extra needs is told, and is no fault.
    """
    rows: list[dict] = []

    def add(name: str, well: bool, note: str, needed: bool = True) -> None:
        rows.append({"name": name, "state": "ok" if well else "missing", "needed": needed, "note": note})
        if told is not None:
            told(f"{'ok     ' if well else 'MISSING' if needed else 'no     '} {name}: {note}")

    add("Python", True, f"{platform.python_version()} on {sys.platform}, {platform.machine()}")
    for name, extra in _requirements():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            remedy = EXTRAS.get(extra, f"pip install {name}") if extra else f"pip install {name}"
            add(name, False, f"not installed; {remedy}", needed=not extra)
        else:
            add(name, True, version, needed=not extra)
    add("spotterlib", True, str(ROOT / "spotterlib"))
    for name, work in (("checkpoint", _checkpoint), ("sample people", _people), ("self-test", _self_test)):
        begun = time.perf_counter()
        try:
            note = work()
        except (SpotterError, ImportError, OSError, RuntimeError) as error:
            add(name, False, f"{error}")
        else:
            add(name, True, f"{note} ({time.perf_counter() - begun:.1f} s)")
    return rows, all(row["state"] == "ok" for row in rows if row["needed"])


def _requirements() -> list[tuple[str, str]]:
    """(package, extra) of what the package asks for, "" for what it cannot do without; those of users alone."""
    found = []
    for line in metadata.requires("spotterlib") or []:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"""extra\s*==\s*['"](\w+)""", line)
        if name and (extra is None or extra[1] in EXTRAS):
            found.append((name[0], extra[1] if extra else ""))
    return found


def _checkpoint() -> str:
    from ..model import load_checkpoint

    return repr(load_checkpoint())


def _people() -> str:
    from ..fakes import load_people

    return f"{len(load_people())} portraits of people who do not exist"


def _self_test() -> str:
    """A video of one second is made and scanned, in a folder that is removed again."""
    import numpy as np

    from ..fakes import sample_still
    from ..scan import scan_video
    from ..video import write_video

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture = sample_still()
        file = write_video(Path(folder) / "self-test.mp4", np.repeat(picture[None], 8, 0), 8.0)
        report = scan_video(file)
    if not report.faces:
        raise SpotterError("No face was found in a sample portrait. Install the packages anew.")
    gpu = "" if find_spec("torch") is None else f" on {pick_device()}"
    return f"a face was found and scored{gpu}"
