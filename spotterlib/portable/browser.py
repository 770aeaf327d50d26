"""The whole detector in one HTML file that scans a video in the reader's browser, offline: `write_page`."""

from __future__ import annotations

import base64
import gzip
import os
import tempfile
from pathlib import Path

from ..base import atomic_path, output_path, read_json, versions
from ..evidence import LIMITS, PICTURE_LIMITS, VERDICTS, fill_page, ink_on
from ..faces import cropping
from ..model import ABOUT, looks_for_of, record_of, roll_of
from ..scan import CAUTION, SCHEMA, UNCALIBRATED
from .export import export_onnx
from .libraries import LIBRARIES, library_files

PAGE = Path(__file__).with_name("page")
FINDING = ("numbers", "pixels", "windows", "detect", "follow", "people", "frames")
JUDGING = ("trunk", "judge", "reason", "zones", "still")
SCRIPTS = (*FINDING, *JUDGING, "hash", "worker")
"""What the worker is made of, in this order, after the libraries."""


def write_page(
    folder: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] = "runs/npm",
) -> Path:
    """Write `index.html`, the detector in one file of about 47 MB, and return its path.

    Opened from disk or from a web server, it scans a video where the reader is, and allows no connection anywhere.
    checkpoint: the shipped one when None; cache: where the JavaScript that it carries lies once it came from npm.
    Raises `CheckpointError` and `SpotterError` as `export_onnx` does, and `SpotterError` when npm's packages cannot be
    fetched or are not those that were pinned.
    """
    with tempfile.TemporaryDirectory() as place:
        graphs = export_onnx(checkpoint, place)
        about = read_json(graphs / ABOUT)
        carried = {name: (graphs / name).read_bytes() for name in sorted(about["files"])}
    libraries = library_files(output_path(cache))
    carried |= {name: libraries[name] for name in ("wasm", "glue", "card_wasm", "card_glue")}
    scripts = [(PAGE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    worker = [libraries[name].decode("utf-8") for name in ("runtime", "demuxer")]
    carried["worker"] = "\n;\n".join([*worker, *scripts]).encode("utf-8")
    carried["card"] = libraries["card_runtime"] + b"\n;\n" + (PAGE / "card.js").read_bytes()
    card = about["card"]
    about |= {"version": versions().get("spotterlib", "unknown"), "most_roll": roll_of(card)}
    about |= {"looks_for": looks_for_of(card), "record": record_of(card)}
    about |= {"schema": SCHEMA, "settings": {**cropping(), "graphs": True}}
    about |= {"of_stills": {"caution": CAUTION, "uncalibrated": UNCALIBRATED}}
    target = output_path(folder) / "index.html"
    seen = {"show": ("numbers", "show"), "app": ("app",)}
    text = fill_page(
        "live.html",
        about=about,
        limits=LIMITS,
        picture_limits=PICTURE_LIMITS,
        colors={label: {"plate": list(color), "ink": list(ink_on(color))} for label, color in VERDICTS.items()},
        carried={name: packed(data) for name, data in carried.items()},
        style=(PAGE / "page.css").read_text(encoding="utf-8"),
        **{name: "\n".join((PAGE / f"{each}.js").read_text("utf-8") for each in parts) for name, parts in seen.items()},
        libraries=LIBRARIES,
    )
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def packed(data: bytes) -> str:
    """Bytes as the page carries them: gzip (without a date, so that the same page comes out), then base64."""
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")
