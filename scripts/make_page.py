"""The whole detector in one page that scans a video in a browser, with nothing uploaded: what `make page` does.

    python scripts/make_page.py          (or: make page)

Exports the checkpoint, fetches the JavaScript that the page carries (once, about 36 MB from npm, checked against pinned
hashes, kept in runs/npm), and writes index.html. Open it from disk; it needs no network.
"""

from __future__ import annotations

from collections.abc import Sequence

from spotterlib.base import command_line, run_main
from spotterlib.portable import write_page


def main(arguments: Sequence[str] | None = None) -> None:
    options = command_line(__doc__, "checkpoint", out="runs/page").parse_args(arguments)
    page = write_page(options.out, options.checkpoint)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB. Open it in a browser.")


if __name__ == "__main__":
    run_main(main)
