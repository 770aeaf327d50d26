"""Run the whole series on the sample clips: what `make demo` does.

    python scripts/demo.py [--out runs/demo]

Makes the sample clips, runs notebooks 00 to 05 with papermill, exports a page of each, and leaves it all in the folder
with an index.html. A stage whose notebook, code, parameters and forerunners are unchanged is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import sys
import time
from pathlib import Path

from spotterlib import project
from spotterlib.model import DEFAULT_CHECKPOINT
from spotterlib.runner import export_html, list_notebooks, notebook_title, run_notebook, write_index
from spotterlib.samples import make_samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/demo")
    out = project.output_path(parser.parse_args().out)
    # relative to the clone where it lies in it: then the executed notebooks name no machine's folders
    named = out.relative_to(project.ROOT).as_posix() if out.is_relative_to(project.ROOT) else str(out)
    begun = time.perf_counter()
    stage("samples", lambda: make_samples("data/samples"))
    key = source_key()
    for notebook in list_notebooks():
        parameters = {"work": named}
        if notebook.stem[:2] in ("00", "05"):
            parameters = {"out": f"{named}/{'scan' if notebook.stem[:2] == '00' else 'inspect'}"}
        key = hashlib.sha256(f"{key}{notebook.read_text(encoding='utf-8')}{parameters}".encode()).hexdigest()
        stamp = out / "stages" / f"{notebook.stem}.txt"
        page = out / f"{notebook.stem}.html"
        if page.exists() and stamp.exists() and stamp.read_text() == key:
            print(f"{notebook.stem}: as it was")
            continue
        executed = out / notebook.name
        stage(notebook.stem, lambda: export_html(run_notebook(notebook, executed, parameters), page))  # noqa: B023
        with project.atomic_path(stamp) as temporary:
            temporary.write_text(key)
    summarise(out)
    print(f"\nDone in {time.perf_counter() - begun:.0f} s. Open {out / 'index.html'}")


def stage(name: str, work) -> None:
    """Do one stage and say how long it took."""
    print(f"{name} … ", end="", flush=True)
    begun = time.perf_counter()
    work()
    print(f"{time.perf_counter() - begun:.0f} s", flush=True)


def source_key() -> str:
    """A hash of what the notebooks' results depend on: the package, the shipped checkpoint, the published figures."""
    whole = hashlib.sha256()
    beside = [DEFAULT_CHECKPOINT.with_suffix(".json"), project.ROOT / "data" / "published.csv"]
    for path in sorted([*(project.ROOT / "spotterlib").glob("*.*"), *beside]):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def summarise(out: Path) -> None:
    """Print the verdicts of all test clips against their labels, and write index.html."""
    evaluation = project.read_json(out / "evaluation" / "evaluation.json")
    rows = evaluation["verdicts"]
    truth = {0: "REAL", 1: "FAKE"}
    print("\nTest clips (the checkpoint trained just now; beside it the one that Spotter ships):")
    print(f"{'clip':<28}{'truth':<8}{'p(fake)':<10}{'verdict':<12}shipped")
    for row in rows:
        p = "—" if row["probability"] is None else f"{row['probability']:.3f}"
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

    links = [(f"{n.stem[:2]} · {notebook_title(n)[0]}", f"{n.stem}.html") for n in list_notebooks()]
    links += [
        ("The split", "split.csv"),
        ("The face cache", "cache/cache.csv"),
        ("Training history", "train/history.json"),
        ("Evaluation: the report", "evaluation/report.html"),
        ("Evaluation: all figures, for programs", "evaluation/evaluation.json"),
        ("Report to hand on", "inspect/report.html"),
        ("Diagnostic video", "inspect/diagnostic.mp4"),
    ]
    cells = ""
    for row in rows:
        shown = (row["path"], truth[row["label"]], row["verdict"], row["verdict_against"])
        cells += "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in shown) + "</tr>"
    head = "<tr><th>test clip</th><th>truth</th><th>trained here</th><th>shipped checkpoint</th></tr>"
    table = f"<h2>Test clips</h2><table>{head}{cells}</table><p>{html.escape(' '.join(said))}</p>"
    missing = [path for _, path in links if not (out / path).exists()]
    if missing:
        sys.exit(f"The demo did not leave {', '.join(missing)} in {out}.")
    write_index(out, "Spotter: a run of the series on its sample clips", links, table)


if __name__ == "__main__":
    main()
