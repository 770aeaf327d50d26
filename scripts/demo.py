"""Run the whole series on the sample clips: what `make demo` does.

    python scripts/demo.py          (or: make demo)

Makes the sample clips, runs notebooks 00 to 05 with papermill, exports a page of each, writes the page that scans in a
browser (where npm's packages for it are there or can be fetched), and leaves it all in the folder with an index.html. A
stage whose notebook, code, parameters and forerunners are unchanged is not run again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from spotterlib.base import (
    ROOT,
    NotReadyError,
    SpotterError,
    atomic_path,
    command_line,
    output_path,
    read_json,
    run_main,
)
from spotterlib.fakes import make_samples
from spotterlib.metrics import probability_text
from spotterlib.model import DEFAULT_CHECKPOINT
from spotterlib.notebook import (
    Card,
    export_html,
    keep_picture,
    list_notebooks,
    notebook_title,
    run_notebook,
    write_index,
)
from spotterlib.portable import write_page

LIVE = "page/index.html"
"""The page that scans in a browser, in the folder of the demo."""


def main(arguments: Sequence[str] | None = None) -> None:
    out = output_path(command_line(__doc__, out="runs/demo").parse_args(arguments).out)
    # relative to the clone where it lies in it: then the executed notebooks name no machine's folders
    named = out.relative_to(ROOT).as_posix() if out.is_relative_to(ROOT) else str(out)
    begun = time.perf_counter()
    stage("samples", lambda: make_samples("data/samples"))
    key = source_key()
    for notebook in list_notebooks():
        parameters = {"work": named}
        if notebook.stem[:2] in ("00", "05"):
            parameters = {"out": f"{named}/{'scan' if notebook.stem[:2] == '00' else 'inspect'}"}
        key = hashlib.sha256(f"{key}{notebook.read_text(encoding='utf-8')}{parameters}".encode()).hexdigest()
        executed, page = out / notebook.name, out / f"{notebook.stem}.html"
        once(out, key, page, lambda: export_html(run_notebook(notebook, executed, parameters), page))  # noqa: B023
    try:
        once(out, source_key(), out / LIVE, lambda: write_page(out / "page"))
    except SpotterError as error:
        print(f"not written: {error}")
    summarise(out)
    print(f"\nDone in {time.perf_counter() - begun:.0f} s. Open {out / 'index.html'}")


def once(out: Path, key: str, page: Path, work: Callable[[], object]) -> None:
    """The stage that writes `page`, unless it was written by the same key."""
    name = page.stem if page.parent == out else page.parent.name
    stamp = out / "stages" / f"{name}.txt"
    if page.exists() and stamp.exists() and stamp.read_text() == key:
        print(f"{name}: as it was")
        return
    stage(name, work)
    with atomic_path(stamp) as temporary:
        temporary.write_text(key)


def stage(name: str, work: Callable[[], object]) -> None:
    """Do one stage and say how long it took."""
    print(f"{name} … ", end="", flush=True)
    begun = time.perf_counter()
    work()
    print(f"{time.perf_counter() - begun:.0f} s", flush=True)


def source_key() -> str:
    """A hash of what the notebooks' results depend on: the package, the shipped checkpoint, the published figures."""
    whole = hashlib.sha256()
    code = [path for path in (ROOT / "spotterlib").rglob("*.*") if path.suffix in (".py", ".html", ".js", ".csv")]
    for path in sorted([*code, DEFAULT_CHECKPOINT.with_suffix(".json")]):
        whole.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def newest(out: Path, pattern: str) -> str:
    """The file that was made last of those that fit a pattern, as a path from `out`; the pattern where none does."""
    found = sorted(out.glob(pattern), key=lambda file: file.stat().st_mtime_ns)
    return found[-1].relative_to(out).as_posix() if found else pattern


def summarise(out: Path) -> None:
    """Print the verdicts of all test clips against their labels, and write index.html."""
    evaluation = read_json(out / "evaluation" / "evaluation.json")
    rows = evaluation["verdicts"]
    truth = {0: "REAL", 1: "FAKE"}
    print("\nTest clips (the checkpoint trained just now; beside it the one that Spotter ships):")
    print(f"{'clip':<28}{'truth':<8}{'p(fake)':<10}{'verdict':<12}shipped")
    for row in rows:
        p = probability_text(row["probability"])
        print(f"{row['path']:<28}{truth[row['label']]:<8}{p:<10}{row['verdict']:<12}{row['verdict_against']}")
    said = []
    for who, column in (("Trained just now", "verdict"), ("Shipped", "verdict_against")):
        right = sum(row[column] == truth[row["label"]] for row in rows)
        undecided = sum(row[column] == "UNDECIDED" for row in rows)
        said.append(
            f"{who}: {right} right, {len(rows) - right - undecided} wrong, {undecided} undecided of {len(rows)}."
        )
    print("\n".join(said))
    print(
        f"{evaluation['n_groups']} groups of people prove nothing about other videos: this shows that everything runs."
    )

    page, video = newest(out, "inspect/*_spotter.html"), newest(out, "inspect/*_spotter.mp4")
    links = [(f"{n.stem[:2]} · {notebook_title(n)[0]}", f"{n.stem}.html") for n in list_notebooks()]
    links += [
        ("The split", "split.csv"),
        ("The face cache", "cache/cache.csv"),
        ("Training history", "train/history.json"),
        ("Evaluation: the report", "evaluation/report.html"),
        ("Evaluation: all figures, for programs", "evaluation/evaluation.json"),
        ("Report to hand on", page),
        ("Diagnostic video", video),
    ]
    if (out / LIVE).exists():
        links.append(("Scan in a browser, nothing uploaded: the detector in one page", LIVE))
    missing = [path for _, path in links if not (out / path).exists()]
    if missing:
        raise NotReadyError(
            f"The demo did not leave {', '.join(missing)} in {out}. Remove that folder and run it again."
        )
    cards = [
        Card(
            "Scan",
            "One video: a verdict, a score for every frame, and where something spoke for a fake.",
            "cards/scan.png",
            keep_picture(out / "00_scan_a_video.ipynb", "sheet", out / "cards" / "scan.png")
            or "The most telling frames of the scanned video, each beside its heatmap",
            [("How it was scanned", "00_scan_a_video.html")],
        ),
        Card(
            "Evaluate",
            "The small checkpoint that this run trained (not the one that Spotter ships), on people it has never seen: "
            "who was called what, and the surest mistakes.",
            "evaluation/confusion.png",
            said[0],
            [("The report", "evaluation/report.html"), ("How it was measured", "04_evaluate.html")],
        ),
        Card(
            "Inspect",
            "A fake frame by frame: what spoke for it, beside what is known to have been pasted.",
            "cards/inspect.png",
            keep_picture(out / "05_inspect.ipynb", "plot_known_mask(", out / "cards" / "inspect.png"),
            [
                ("The page to hand on", page),
                ("The diagnostic video", video),
                ("How it was inspected", "05_inspect.html"),
            ],
        ),
    ]
    head = ("test clip", "truth", "trained here", "shipped checkpoint")
    shown = [(row["path"], truth[row["label"]], row["verdict"], row["verdict_against"]) for row in rows]
    title = "Spotter: a run of the series on its sample clips"
    write_index(out, title, links, "Test clips", head, shown, " ".join(said), cards)


if __name__ == "__main__":
    run_main(main)
