"""The long tests: every hard input, bits flipped through whole scans, a thousand scans in one process, fuzzing.

    python scripts/soak.py                     everything (about an hour and a half on 2 cores); `make soak`
    python scripts/soak.py --only scans        some parts: cases, flips, scans, fuzz
    python scripts/soak.py --table             every hard input once; writes docs/hard_inputs.md

Prints a figure a line; ends with 1 and says what was wrong if anything was. Fuzzing needs atheris (the extra `soak`);
what it finds is left in runs/soak and belongs into KEPT of tests/whole/test_fuzz_targets.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from spotterlib.base import ROOT, atomic_path, command_line, output_path, run_main
from spotterlib.faces import cache_faces
from spotterlib.model import Detector, load_checkpoint

sys.path.insert(0, str(ROOT / "tests"))
from makers.face_clips import manifest_of
from makers.fuzz_targets import TARGETS
from makers.hard_inputs import (
    CASES,
    Case,
    Outcome,
    as_nobody,
    faults,
    make_all,
    open_folder,
    outcome_of,
    scan_over_and_over,
)  # fmt: skip
from makers.reported import REPORTED

TABLE = ROOT / "docs" / "hard_inputs.md"
SOAKED = ["mp4, H.264", "mkv, HEVC 8 bit", "webm, VP9", "turned by 90°", "zeros in its middle", "no face", "text.mp4"]
"""What is scanned over and over: healthy, damaged, nobody, and no video."""


def soak_scans(detector: Detector, scans: int) -> list[str]:
    """Many scans in one process with 1 and with 4 threads."""
    wrong = []
    with open_folder() as folder:
        paths = list(make_all(folder, [case for case in CASES if case.name in SOAKED]).values())
        answers = [outcome_of(path, detector) for path in paths]
        for threads in (1, 4):
            found = scan_over_and_over(paths, detector, scans, threads)
            print(", ".join(f"{name} {value:.6g}" for name, value in found.items()), flush=True)
            before, after = found["memory"], found["memory at the end"]
            if abs(after / before - 1) > 0.05:
                wrong.append(f"memory went from {before:.0f} to {after:.0f} MB on {threads} threads")
            if found["files at the end"] > found["files"]:
                wrong.append(f"{found['files at the end'] - found['files']} files stayed open on {threads} threads")
            if found["other answers"] or answers != [outcome_of(path, detector) for path in paths]:
                wrong.append(f"{found['other answers']} answers differed on {threads} threads")
    return wrong


def sweep_cases(detector: Detector) -> list[tuple[Case, Outcome, str]]:
    """Every case scanned, and cached: with what became of it, and the cache's status."""
    found = []
    with open_folder() as folder:
        (folder / "videos").mkdir()
        (folder / "of-nobody").mkdir()
        (folder / "of-nobody").chmod(0o777)
        paths = make_all(folder / "videos")
        for case in CASES:
            with as_nobody() if case.nobody else contextlib.nullcontext():
                outcome = outcome_of(paths[case.name], detector)
                status = "not listed"  # a name that no table can hold
                if case.name != "no UTF-8":
                    out = folder / ("of-nobody" if case.nobody else "cache")
                    # a cache refuses a manifest of which not one video is there
                    wanted = [paths[case.name], *([paths[CASES[0].name]] if case.cached_as == "missing" else [])]
                    listed = manifest_of(folder, *(path.relative_to(folder).as_posix() for path in wanted))
                    status = cache_faces(listed, out).loc[0, "status"]
            found.append((case, outcome, status))
    return found


def check_cases(detector: Detector) -> list[str]:
    """What is wrong with any case."""
    wrong = []
    for case, outcome, status in sweep_cases(detector):
        said = faults(case, outcome)
        if status not in (case.cached_as, "not listed"):
            said.append(f"cached as {status} instead of {case.cached_as}")
        wrong += [f"{case.group}, {case.name}: {text}" for text in said]
    print(f"cases {len(CASES)}, wrong {len(wrong)}", flush=True)
    return wrong


def soak_flips(detector: Detector, each: int) -> list[str]:
    """Bits flipped, and files cut at every tenth, through whole scans."""
    names = ["mp4, H.264", "mkv, HEVC 8 bit", "webm, VP9", "avi, MPEG-4 part 2", "mpg, MPEG-2", "ts, H.264", "gif"]
    wrong: list[str] = []
    with open_folder() as folder:
        paths = make_all(folder, [case for case in CASES if case.name in names])
        for name, path in paths.items():
            whole, outcomes = path.read_bytes(), Counter()
            rng = random.Random(name)
            for trial in range(each + 9):
                data = bytearray(whole)
                if trial < 9:
                    del data[len(data) * (trial + 1) // 10 :]
                else:
                    for _ in range(1 + trial % 12):
                        place = rng.randrange(len(data) if trial % 2 else min(600, len(data)))
                        data[place] ^= 1 << rng.randrange(8)
                path.write_bytes(data)
                try:
                    outcomes[outcome_of(path, detector).outcome] += 1
                except Exception as error:  # a finding, and the next file is tried
                    kept = output_path(f"runs/soak/{trial:04d}{path.suffix}")
                    kept.write_bytes(data)
                    wrong.append(f"{name}, trial {trial}: {error!r}; the file is kept as {kept}")
            print(f"{name}: {dict(outcomes)} of {each + 9}", flush=True)
    return wrong


FUZZER = """
import sys, tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["spotterlib", "json", "csv"]):
    from makers.fuzz_targets import run_target

def one(data):
    with tempfile.TemporaryDirectory() as folder:
        run_target(sys.argv[1], data, Path(folder))

atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
atheris.Fuzz()
"""


def soak_fuzz(seconds: int) -> list[str]:
    """Fuzz every target, each in a process of its own."""
    wrong = []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    for name, (_, texts) in TARGETS.items():
        with tempfile.TemporaryDirectory() as seeds:
            for number, text in enumerate(texts):
                Path(seeds, str(number)).write_bytes(text)
            kept = output_path(f"runs/soak/{name.replace(' ', '-')}-")
            options = [f"-max_total_time={seconds}", f"-artifact_prefix={kept}", "-max_len=4096", "-timeout=30"]
            command = [sys.executable, "-c", FUZZER, name, *options, "-print_final_stats=1", seeds]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
        lines = done.stderr.splitlines()
        runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
        covered = next((line.split("cov: ")[1].split()[0] for line in reversed(lines) if "cov: " in line), "?")
        print(f"{name}: {runs} texts, coverage {covered}", flush=True)
        if done.returncode:
            wrong.append(f"{name}: {' '.join((done.stdout + done.stderr).splitlines()[-25:])[-1200:]}")
    return wrong


def write_table(detector: Detector) -> None:
    """docs/hard_inputs.md from a run of every case."""
    found = sweep_cases(detector)
    counts = Counter(outcome.outcome for _, outcome, _ in found)
    scored, undecided, errors = (counts[name] for name in ("scored", "undecided", "error"))
    head = f"""# Hard inputs

{len(found)} files that are odd, broken or made to break something, each with the truth about it
(`tests/makers/hard_inputs.py`): what becomes of it, how many frames decode, how large they are shown, when the last one
is, how many faces there are and where. The tests make them all, of sample people who do not exist; `make test` scans
and caches each, and runs notebook 00 on five. `python scripts/soak.py --table` wrote this page, with the shipped
checkpoint: {scored} are scored, {undecided} are UNDECIDED with a reason, {errors} end in one error that names the file.

"""
    rows, group = [], ""
    for case, outcome, status in found:
        if case.group != group:
            group = case.group
            rows += [f"\n## {group[:1].upper()}{group[1:]}\n", "| input | outcome | frames | faces | in a cache |"]
            rows.append("| --- | --- | --- | --- | --- |")
        what = f"{case.outcome}: “… {case.says} …”" if case.says else case.outcome
        numbers = ["", ""] if outcome.outcome == "error" else [str(outcome.frames), str(outcome.tracks)]
        off = "".join(f" **Not as it should be: {text}**" for text in faults(case, outcome))
        rows.append(f"| {case.name} | {what}{off} | {' | '.join(numbers)} | {status} |")
    wrong = [f"* {case.name[:1].upper()}{case.name[1:]}: {case.wrong}." for case in CASES if case.wrong]
    told = [f"| {what} | {right} | `{test}` |" for what, right, test in REPORTED]
    rows += [
        "\n## What users of like tools reported\n",
        "| situation | here | held by, under `tests/` |",
        "| --- | --- | --- |",
        *told,
    ]
    tail = "\n\n## What is still wrong\n\n" + "\n".join([*wrong, *(f"* {text}" for text in STILL_WRONG)]) + "\n"
    with atomic_path(TABLE) as temporary:
        temporary.write_text(head + "\n".join(rows).lstrip("\n") + tail, encoding="utf-8")
    print(f"{TABLE.relative_to(ROOT)}: {len(found)} cases")


STILL_WRONG = (
    "Only an MP4 says that it was cut short. A cut MKV, WebM, AVI or TS is judged by what is left of it.",
    "A crowd through a long video takes 150 KB a face and grid frame: ten faces through twelve minutes 2 GB.",
    "A cache worker holds the 70 frames of a window: of 4K and above 25 to 28 MB each, 2 GB.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__)
    names = ["cases", "flips", "scans", "fuzz"]
    parser.add_argument("--only", nargs="+", choices=names, metavar="PART", help=f"of {', '.join(names)}")
    parser.add_argument("--scans", type=int, default=1000, help="in one process, on 1 and again on 4 threads")
    parser.add_argument("--flips", type=int, default=150, help="of each of seven files")
    parser.add_argument("--seconds", type=int, default=120, help="of fuzzing, for each target")
    parser.add_argument("--table", action="store_true", help="write docs/hard_inputs.md instead")
    options = parser.parse_args(arguments)
    detector = load_checkpoint(None, "cpu")
    if options.table:
        write_table(detector)
        return
    parts = {
        "cases": lambda: check_cases(detector),
        "flips": lambda: soak_flips(detector, options.flips),
        "scans": lambda: soak_scans(detector, options.scans),
        "fuzz": lambda: soak_fuzz(options.seconds),
    }
    wrong = []
    for name in options.only or names:
        begun = time.perf_counter()
        wrong += parts[name]()
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    print("\n".join(wrong) or "Nothing was wrong.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    run_main(main)
