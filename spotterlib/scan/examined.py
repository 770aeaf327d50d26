"""What a report says of how it was made: when, by what, with which settings, on which file."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..base import ROOT, versions
from ..faces import cropping
from ..model import Detector, OnnxNet

SCHEMA = 1
"""Version of the JSON of a report (`ScanReport.to_dict`), described by report.schema.json and docs/report.md."""


@dataclass(frozen=True)
class Examined:
    """When a file was scanned (UTC, ISO 8601 to the second), by which Spotter, on what kind of machine, with which
    settings; all plain values."""

    at: str
    spotter: str
    machine: dict[str, str]
    settings: dict[str, Any]


def examined_now(detector: Detector, **settings: object) -> Examined:
    """The record of a scan that is made now. settings: beside those of how faces are found, cut and scored (`graphs`:
    by onnxruntime, to other last digits than torch's)."""
    at = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return Examined(
        at,
        versions().get("spotterlib", "unknown"),
        machine(detector.device),
        {**cropping(), "graphs": isinstance(detector.net, OnnxNet), **settings},
    )


def about_checkpoint(detector: Detector, t_low: float, t_high: float, localisation: dict | None) -> dict[str, Any]:
    """By which checkpoint, with its hashes, and which thresholds; localisation: how well its heat points at fakes."""
    return {
        "name": detector.name,
        "sha256": detector.card["sha256"],
        "card_sha256": detector.card_sha256,
        "t_low": t_low,
        "t_high": t_high,
        "localisation": localisation,
    }


def machine(device: str) -> dict[str, str]:
    """What digits may depend on: versions, system, processor and device. No name of a person or a host."""
    found = {key: value for key, value in versions().items() if key != "spotterlib"}
    system = platform.uname()
    return found | {"system": f"{system.system} {system.machine}", "processor": _processor(), "device": device}


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine() or "unknown"


def relative_path(path: str) -> str:
    """A path as a report hands it on: from the working directory or the clone, else the name alone, so that nobody
    learns from it where the file lay."""
    place = Path(path)
    for root in (Path.cwd(), ROOT):
        if place.is_relative_to(root):
            return place.relative_to(root).as_posix()
    return place.name


def facts_of(report: Any) -> list[tuple[str, str]]:
    """What a `ScanReport` examined, as rows of (name, value): for the page, and for `repr`."""
    file, made, checkpoint = report.file, report.examined, report.checkpoint
    rate = f", {_bits(file.bit_rate)}" if file.bit_rate else ""
    rows = [
        ("File", f"{file.name}, {file.size:,} bytes"),
        ("SHA-256 of the file", file.sha256),
        ("Container", f"{file.container}{rate}"),
    ]
    sound = [stream for stream in file.streams if stream.kind == "audio"]
    rows += [("Picture", _stream(stream)) for stream in file.streams if stream.kind in ("video", "picture")]
    if not report.still:
        rows.append(("Sound", "; ".join(_stream(stream) for stream in sound) or "none"))
    rows += [
        ("Encoder, as the file says", file.encoder or "not said"),
        ("Created, as the file says", file.created or "not said"),
    ]
    if not report.still:
        rows.append(("Edit lists", "; ".join(_edits(each) for each in file.edit_lists) or "none"))
    types = [*file.source_types, *report.credentials.source_types]
    rows += [
        ("Source type, as claimed", "; ".join(dict.fromkeys(source_words(each) for each in types)) or "not said"),
        ("Content Credentials", report.credentials.said),
        (
            "Examined",
            f"{made.at} (UTC) by Spotter {made.spotter}, on {made.machine.get('device', 'unknown')}",
        ),
        ("Checkpoint", f"{checkpoint.get('name', 'not named')}, SHA-256 {checkpoint.get('sha256') or 'not known'}"),
        ("Its card", f"SHA-256 {checkpoint.get('card_sha256') or 'not known'}"),
        ("Settings", ", ".join(f"{name} {value}" for name, value in made.settings.items() if value is not None)),
        ("Share looked at", f"{100 * report.coverage:.0f} %"),
    ]
    return rows


SOURCES = {
    "digitalcapture": "captured by a digital camera",
    "computationalcapture": "captured by a digital camera, several pictures computed to one",
    "negativefilm": "digitised from a negative",
    "positivefilm": "digitised from a positive",
    "print": "digitised from a print",
    "humanedits": "edited by people",
    "minorhumanedits": "with minor edits by people",
    "compositecapture": "composed of captured parts",
    "composite": "composed of parts",
    "compositesynthetic": "composed, with synthetic parts",
    "algorithmicmedia": "made by an algorithm",
    "trainedalgorithmicmedia": "made by a trained model (generative AI)",
    "compositewithtrainedalgorithmicmedia": "edited with a trained model (generative AI)",
    "algorithmicallyenhanced": "enhanced by an algorithm",
    "digitalcreation": "created digitally by people",
    "digitalart": "created digitally by people",
    "datadrivenmedia": "made from data",
    "virtualrecording": "recorded from a virtual scene",
    "screencapture": "captured from a screen",
}
"""IPTC's Digital Source Types in words, by the end of their address (cv.iptc.org/newscodes/digitalsourcetype)."""


def source_words(address: str) -> str:
    """A source type as words and as it stands in the file."""
    code = address.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    words = SOURCES.get(code.lower())
    return f"{words} ({code})" if words else address


def _bits(rate: int) -> str:
    return f"{rate / 1e6:.2f} Mbit/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kbit/s"


def _stream(stream: Any) -> str:
    told = [stream.codec]
    if stream.rate:
        told.append(f"{stream.rate:.3f} frames a second" if stream.kind == "video" else f"{stream.rate:.0f} Hz")
    if stream.bit_rate:
        told.append(_bits(stream.bit_rate))
    if stream.rotation is not None:
        told.append(f"turned by {stream.rotation}°" if stream.rotation else "not turned")
    return ", ".join(told)


def _edits(edits: Any) -> str:
    entries = [
        f"{length:.3f} s "
        + ("empty" if start < 0 else f"from {start:.3f} s")
        + (f" at rate {rate:g}" if rate != 1 else "")
        for length, start, rate in edits.entries
    ]
    return f"track {edits.track}: {', '.join(entries) or 'empty'}"


def plain_record(report: Any) -> dict[str, Any]:
    """The head of the JSON of a `ScanReport`: the schema's version, and what was examined."""
    return {
        "schema": SCHEMA,
        "video": relative_path(report.video),
        "file": vars(report.file)
        | {
            "streams": [vars(stream) for stream in report.file.streams],
            "edit_lists": [vars(edits) for edits in report.file.edit_lists],
        },
        "credentials": vars(report.credentials),
        "examined": vars(report.examined),
        "info": vars(report.info) | {"path": relative_path(os.fspath(report.info.path))},
    }
