"""The words after `spotter`, and its exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..base import COMMON, run_main

ABOUT = """Spotter looks for deepfakes in video and shows its evidence.

    spotter scan clip.mp4 my_videos --page
    spotter verify spotter_results/clip-0a1b2c3d4e5f.json clip.mp4
    spotter doctor

exit codes: 0 all is done; 1 it could not be done, and a line says what to mend; 2 the command is misspelt; 3 it is
done, and not all is well: a video could not be scanned or is not there, a report does not hold, or the doctor found
something missing; 130 stopped. A verdict is no exit code: --json prints it for programs."""

NOT_ALL_WELL = 3
"""The exit code of what is done where not all is well."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the words say; arguments: those of the command line by default. Returns the exit code."""
    asked = vars(_parser().parse_args(arguments))
    command, as_json = asked.pop("command"), asked.pop("json")
    if command == "scan":
        from .scanning import scan_paths

        told = None if as_json else print
        result = scan_paths(asked.pop("paths"), Path.cwd() / asked.pop("out"), told=told, **asked)
        well = all(row["status"] != "failed" for row in result)
    elif command == "verify":
        from ..scan import verify_report

        found = verify_report(**asked)
        result, well = vars(found), found.same
        if not as_json:
            print(found)
    else:
        from .doctor import examination

        result, well = examination(None if as_json else print)
    if as_json:
        from ..base import to_json

        print(to_json(result))
    return 0 if well else NOT_ALL_WELL


def run() -> None:
    """`main` as a command of a terminal."""
    for stream in (sys.stdout, sys.stderr):  # a console or a pipe that knows not every letter shows it by its number
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    run_main(main)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("spotter", description=ABOUT, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="scan | verify | doctor")
    scan = commands.add_parser("scan", help="look at videos, at all videos in folders, and at pictures")
    what = "a video, a picture (JPEG, PNG, WebP), or a folder of videos"
    scan.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help=what)
    scan.add_argument("--out", default="spotter_results", help="folder for what it writes (%(default)s)")
    scan.add_argument("--page", action="store_true", help="write a page to hand on of every video")
    scan.add_argument("--video", action="store_true", help="write the diagnostic video of every video")
    for name in ("checkpoint", "device"):
        scan.add_argument(f"--{name}", **COMMON[name])
    verify = commands.add_parser("verify", help="check the report of a scan against its video")
    verify.add_argument("report", metavar="REPORT", help="the .json that scan wrote beside page or video")
    verify.add_argument("video", metavar="VIDEO", help="the video that it is about")
    verify.add_argument("--checkpoint", **COMMON["checkpoint"])
    doctor = commands.add_parser("doctor", help="what is installed, what is missing, and a short self-test")
    for each in (scan, verify, doctor):
        each.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    return parser
