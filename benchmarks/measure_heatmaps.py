"""Measure whether a checkpoint's heatmaps point at the fake, and write the figures into its card.

    SPOTTER_DATA=… python benchmarks/measure_heatmaps.py

Self-blends with known masks are drawn on the sample people and, where SPOTTER_DATA names a folder with
`data/portraits`, on portraits of people that training left out; the sample clips of data/samples have masks of their
own. Each heatmap stands beside that of the same net with random weights and a centred Gaussian. Prints the tables,
writes all figures to `--out`/figures.json, and those from which the sentence beside every heatmap is worded into the
card. Portraits are blended in memory alone; no picture is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from cards import keep_in_card
from tqdm import tqdm

from spotterlib.base import ROOT, command_line, data_home, output_path, run_main, write_json
from spotterlib.evaluation import localisation as loc
from spotterlib.fakes import PEOPLE, find_portraits, load_still, make_samples, plan_samples
from spotterlib.model import Detector, load_checkpoint

sys.path.insert(0, str(ROOT / "scripts"))  # whom the checkpoint was trained on
from train_checkpoint import is_validation, name_hash

REGIONS = {"small": ("mouth", "half", "eyes"), "large": ("whole", "face", "inner")}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", "device", out="runs/heatmaps")
    parser.add_argument("--portraits", type=int, default=24, help="people from data/portraits, three blends each")
    parser.add_argument("--people", type=int, default=24, help="sample people, one blend each")
    parser.add_argument("--clips", type=int, default=16, help="sample clips")
    parser.add_argument("--curves", type=int, default=10, help="people whose blends are taken apart; 0 draws no curves")
    options = parser.parse_args(arguments)
    detector = load_checkpoint(options.checkpoint, options.device)
    carriers = list(people(options.portraits, options.people))
    plan = [(row, region) for row, regions in carriers for region in regions]
    random, rows, curves = None, [], []
    for row, region in tqdm(plan, desc="self-blends", mininterval=10):
        case = blend(row, region)
        random = random or loc.randomised(detector, case.frames)
        if case.masks[::2].any():
            rows.append(loc.measure_case(detector, random, case))
    taken = [(row, regions[0]) for row, regions in carriers][: options.curves]
    for row, region in tqdm(taken, desc="curves", mininterval=10):
        curves.append(loc.removal_curves(detector, blend(row, region)))
    found = {"selfblends": by_size(rows), "samples": by_size(list(samples(detector, random, options.clips)))}
    called = [row for row in rows if row["probability"] >= detector.thresholds[1]]
    found["selfblends called FAKE"] = by_size(called)
    small = found["selfblends"]["small"]
    short = {name: loc.shortfalls(small, name) for name in loc.MAPS}
    if curves:
        found["curves"] = loc.summarise_curves(curves, [row["group"] for row, _ in taken])
    figures = {"checkpoint": detector.name, "sha256": detector.card["sha256"], "shortfalls": short, **found}
    out = output_path(options.out)
    write_json(out / "figures.json", figures)
    card = keep_in_card(options.checkpoint, "localisation", {"shortfalls": short["heat"], "small": small})
    print_tables(found)
    print("\nOn small masks:")
    for name, kinds in short.items():
        print(f"{name}: " + (f"falls short in {', '.join(kinds)}" if kinds else "reached"))
    print(f"Written to {out / 'figures.json'} and {card}")


def people(portraits: int, sampled: int) -> Iterator[tuple[dict, list[str]]]:
    """Rows of stills that no checkpoint was trained on, each with the regions to blend, a small one first."""
    home = data_home()
    root = home / "data" / "portraits" if home else None
    if root is not None and root.is_dir() and portraits:
        names = sorted((p.relative_to(root).as_posix() for p in root.rglob("*.jpg")), key=name_hash)
        aside = (PEOPLE / "set_aside.txt").read_text(encoding="utf-8").split()
        chosen = [name for name in names if is_validation(name) and name not in aside][:portraits]
        for number, row in enumerate(find_portraits(root, set(names) - set(chosen))):
            small = [REGIONS["small"][(number + k) % 3] for k in range(2)]
            yield row, [*small, REGIONS["large"][number % 3]]
    for number, row in enumerate(find_portraits(PEOPLE)[:sampled]):
        yield row, [REGIONS["small"][number % 3]]


def blend(row: dict, region: str) -> loc.Case:
    """One self-blend of a still, the same in every run."""
    rng = np.random.default_rng([5, name_hash(row["name"]) % 2**31, sum(map(ord, region))])
    return loc.blended_case(load_still(row, rng, 24), row["group"], region, rng)


def samples(detector: Detector, random: Detector, count: int) -> Iterator[dict]:
    """The first `count` sample clips that are fakes, measured."""
    folder = make_samples("data/samples").root
    plan = [sample for sample in plan_samples() if sample.mask][:count]
    for sample in tqdm(plan, desc="samples", mininterval=10):
        case = loc.filmed_case(folder / sample.path, folder / sample.mask, sample.group, sample.method, detector.device)
        if case is not None and (case.masks.any((1, 2)) & case.valid)[::2].any():
            yield loc.measure_case(detector, random, case)


def by_size(rows: list[dict]) -> dict[str, dict]:
    """Summaries of small, middle and large masks, and of all."""
    sizes = {size: [row for row in rows if loc.size_of(row["area"]) == size] for size in ("small", "middle", "large")}
    return {size: loc.summarise(found) for size, found in {**sizes, "all": rows}.items() if found}


def print_tables(found: dict) -> None:
    """The figures as tables in Markdown."""
    print("\n| fakes | masks | clips, people | area | map | hottest point in the mask | heat in it | IoU | zone |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in ("selfblends", "selfblends called FAKE", "samples"):
        for size, one in found[name].items():
            for kind in loc.MAPS + loc.BASELINES:
                figures = " | ".join(f"{one[kind][key]:.3f}" for key in ("hit", "energy", "iou", "zone"))
                print(f"| {name} | {size} | {one['clips']}, {one['people']} | {one['area']:.3f} | {kind} | {figures} |")
    print("\n| small masks of self-blends | hottest point | heat in the mask | IoU | zone |")
    print("| --- | --- | --- | --- | --- |")
    small = found["selfblends"]["small"]
    for name in loc.MAPS:
        for base in loc.BASELINES:
            print(f"| {name} − {base} | " + " | ".join(said(v) for v in small[f"{name} over {base}"].values()) + " |")
    if "curves" in found:
        print("\n| area under P(fake) | heat first | random order | difference |\n| --- | --- | --- | --- |")
        for kind, one in found["curves"].items():
            print(f"| {kind} | {one['heat']:.3f} | {one['random']:.3f} | {said(one['difference'])} |")


def said(value: list) -> str:
    """A difference with its interval."""
    bounds = "" if value[1] is None else f" [{value[1]:+.3f}, {value[2]:+.3f}]"
    return f"{value[0]:+.3f}{bounds}"


if __name__ == "__main__":
    run_main(main)
