"""What a command of a terminal begins and ends with: options in the same words everywhere, errors without a traceback.

Its `main(arguments=None)` parses with `command_line(__doc__, …)`; as a script it is begun by `run_main(main)`.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import DataError, SpotterError
from .paths import data_home

COMMON = {
    "checkpoint": {"help": "a .safetensors file with its card beside it (default: the shipped one)"},
    "device": {"default": "auto", "help": "cpu, cuda, or auto: a GPU where there is one"},
    "seed": {"type": int, "default": 0, "help": "of everything that is drawn"},
}
"""Options that mean the same in every command that has them."""


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """The docstring as it stands, and the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        without = action.default is None or action.default is False
        return action.help if without else super()._get_help_string(action)


def command_line(about: str | None, *common: str, out: str | None = None) -> argparse.ArgumentParser:
    """A parser for a command; about: its module's docstring, shown by `--help`.

    common: which options of `COMMON` it has; out: where its results go unless `--out` says so (None: no such option).
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=_Help)
    if out is not None:
        parser.add_argument("--out", default=out, help="folder for what it writes; a relative one lies under the clone")
    for name in common:
        parser.add_argument(f"--{name}", **COMMON[name])
    return parser


def need_data(*parts: str) -> Path:
    """The folder that SPOTTER_DATA names. Raises `DataError` that says which of the `parts` needed are missing."""
    home = data_home()
    if home is None:
        raise DataError(f"Set SPOTTER_DATA to the folder that holds {', '.join(parts)}.")
    missing = [part for part in parts if not (home / part).exists()]
    if missing:
        raise DataError(f"{home}, the folder that SPOTTER_DATA names, lacks {', '.join(missing)}.")
    return home


def run_main(main: Callable[[], int | None]) -> None:
    """Run a command: what a user can mend ends it with one line and 1, Ctrl-C with what is kept and 130; what it
    returns is its exit code, none is 0."""
    try:
        code = main()
    except SpotterError as error:
        sys.exit(str(error))
    except KeyboardInterrupt as stop:
        print(str(stop) or "Stopped.", file=sys.stderr)
        gc.freeze()  # or taking apart what is there takes Python seconds
        sys.exit(130)  # as shells say it of what Ctrl-C ended
    if code:
        sys.exit(code)
