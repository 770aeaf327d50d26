"""How near the floor: every figure of the speed table, as ratios within one run.

    python benchmarks/bench.py      (or: make bench; some of it: --only scan heatmaps)

Makes its clips under runs/bench (sample people who do not exist), measures, prints a table and writes latest.json to
`--out`. Every figure is the median of --rounds rounds, the parts of a ratio measured in turn in each, so
that whatever else the machine does falls on all of them. Seconds of the clock. Nothing else should run beside it.
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from clips import make_clip, repeat_clip
from torch import nn

from spotterlib.base import (
    ROOT,
    command_line,
    output_path,
    pick_device,
    run_main,
    seed_everything,
    versions,
    write_json,
)
from spotterlib.evidence import write_diagnostic_video
from spotterlib.faces import cache_faces
from spotterlib.faces.detect import reduced
from spotterlib.faces.mtcnn import LEAST_FACE, PYRAMID
from spotterlib.fakes import make_samples
from spotterlib.model import DEFAULT_CHECKPOINT, SpotterNet, load_checkpoint
from spotterlib.scan import explain_clips, scan_video
from spotterlib.splits import split_by_group
from spotterlib.training import Batches, TrainConfig, batch_loss, cached_parts, class_weights, fit, make_loader
from spotterlib.training.settings import make_optimizer, pick_precision  # the room's own: a step taken apart
from spotterlib.video import decoded, iterate_frames, opened, read_frames, write_video

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "device", out="benchmarks")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="every figure is the median of so many")
    options = parser.parse_args(arguments)
    seed_everything(0)
    work = output_path("runs/bench")
    work.mkdir(parents=True, exist_ok=True)
    device = pick_device(options.device)
    rows = []
    for part in options.only or PARTS:
        for row in PARTS[part](work, options.rounds, device):
            rows.append(row)
            print(told(row), flush=True)
    facts = {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "rounds": options.rounds,
        "versions": versions(),
        "rows": rows,
    }
    print(write_json(output_path(options.out) / "latest.json", facts))


# --- measuring -------------------------------------------------------------------------------------------------------


def seconds(rounds: int, **work: Callable[[], object]) -> dict[str, float]:
    """The median time of each piece of work, all of them done in turn in every round; one round before is not timed."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, function in work.items():
            begun = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                taken[name].append(time.perf_counter() - begun)
    return {name: median(values) for name, values in taken.items()}


def row(what: str, value: float, sign: str, target: float, **parts: float) -> dict:
    """One line of the table; sign: "≤" where the target is the most that is allowed, "≥" where it is asked for."""
    met = value <= target if sign == "≤" else value >= target
    rounded = {name: round(part, 4) for name, part in parts.items()}
    return {"what": what, "value": round(value, 3), "sign": sign, "target": target, "met": met, "parts": rounded}


def told(row: dict) -> str:
    """A line of the table to read."""
    parts = ", ".join(f"{name} {value:.3g}" for name, value in row["parts"].items())
    met = "met   " if row["met"] else "missed"
    return f"{met} {row['what']}: {row['value']:.2f} ({row['sign']} {row['target']:g}); {parts}"


def processor() -> str:
    """The processor's name."""
    named = Path("/proc/cpuinfo")
    lines = named.read_text().splitlines() if named.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def clip(work: Path, size: tuple[int, int], length: float = 11.0, people: int = 1, loop: bool = False) -> Path:
    """A clip to measure on, made once."""
    path = work / f"{size[1]}p-{length:g}s-{people}{'-loop' * loop}.mp4"
    return path if path.exists() else make_clip(path, size, length, people, loop)


def decode(path: Path) -> None:
    """Decode every frame in order, and do nothing with it."""
    with opened(path) as (container, stream):
        for _ in decoded(container, stream):
            pass


def child(code: str, *given: object) -> tuple[float, float]:
    """Seconds and peak resident memory (MB, Linux) of a process of its own that runs `code`.

    Not getrusage's: that begins with what the process that began it had in memory.
    """
    begun = time.perf_counter()
    peak = run(code, "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])", given)
    return time.perf_counter() - begun, peak / 1024


def processor_seconds(code: str, *given: object) -> float:
    """Processor seconds of a process of its own that runs `code`, its start included."""
    return run(code, "import time; print(time.process_time())", given)


def run(code: str, last: str, given: tuple[object, ...]) -> float:
    """The number that `last` prints after `code`, in a process of its own."""
    command = [sys.executable, "-c", f"{code}\n{last}", *map(str, given)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=600)
    return float(done.stdout.split()[-1])


# --- the parts -------------------------------------------------------------------------------------------------------


def bench_scan(work: Path, rounds: int, device: str) -> list[dict]:
    """A scan beside what it would take with plain tools: decoding, facenet-pytorch's MTCNN on 24 frames one by one, and
    the network once on 24 crops."""
    detector = load_checkpoint(device=device)
    packaged = plain_mtcnn(device)
    rows = []
    for name, size in SIZES.items():
        path = clip(work, size)
        report = scan_video(path, detector)
        crops = report.faces[0].clip.frames[None]
        small = [reduced(picture) for picture in read_frames(path, report.faces[0].track.frames).values()]

        def detect(pictures: list = small) -> None:
            for picture in pictures:
                packaged.detect(picture[None], landmarks=True)

        found = seconds(
            rounds,
            scan=lambda path=path: scan_video(path, detector),
            decode=lambda path=path: decode(path),
            mtcnn=detect,
            network=lambda crops=crops: detector.clip_logits(crops),
        )
        floor = found["decode"] + found["mtcnn"] + found["network"]
        rows.append(row(f"scan of 11 s {name} / its floor", found["scan"] / floor, "≤", 0.4, **found))
        if device.startswith("cuda"):
            rows.append(row(f"scan of 11 s {name}, s", found["scan"], "≤", 1.0))
    return rows


def plain_mtcnn(device: str):
    """facenet-pytorch's own MTCNN, with the settings of ours."""
    sys.path.insert(0, str(ROOT / "tests" / "makers"))
    from torchvision_ops import declare_missing_operators

    declare_missing_operators()
    from facenet_pytorch import MTCNN

    how = {"keep_all": True, "select_largest": False, "post_process": False, "device": device}
    return MTCNN(min_face_size=LEAST_FACE, factor=PYRAMID, **how)


def bench_heatmaps(work: Path, rounds: int, device: str) -> list[dict]:
    """What the heatmaps of 24 frames add to the forward pass."""
    detector = load_checkpoint(device=device)
    crops = scan_video(clip(work, SIZES["720p"]), detector).faces[0].clip.frames[None]
    valid = np.ones(crops.shape[:2], bool)
    found = seconds(
        4 * rounds,
        forward=lambda: detector.clip_logits(crops),
        with_heat=lambda: explain_clips(detector, crops, valid),
    )
    share = found["with_heat"] / found["forward"] - 1
    return [row("heatmaps of 24 frames, beyond the forward pass / the forward pass", share, "≤", 0.25, **found)]


def bench_video(work: Path, rounds: int, device: str) -> list[dict]:
    """The diagnostic video beside decoding and encoding the clip without drawing, and beside the scan."""
    detector = load_checkpoint(device=device)
    rows = []
    for name, size in SIZES.items():
        path = clip(work, size)
        report = scan_video(path, detector)
        found = seconds(
            max(rounds // 2, 1),
            drawn=lambda report=report: write_diagnostic_video(report, work / "drawn.mp4"),
            plain=lambda path=path: write_video(
                work / "plain.mp4", (picture for _, _, picture in iterate_frames(path)), 25.0, audio_from=path
            ),
            scan=lambda path=path: scan_video(path, detector),
        )
        rows.append(
            row(f"diagnostic video {name} / decode + encode", found["drawn"] / found["plain"], "≤", 1.15, **found)
        )
        rows.append(row(f"diagnostic video {name} / scan", found["drawn"] / found["scan"], "≤", 3.0))
    return rows


SCAN = "import sys; from spotterlib import scan_video; print(scan_video(sys.argv[1], device=sys.argv[2]).label)"
TWICE = f"""{SCAN}
import time
begun = time.perf_counter()
scan_video(sys.argv[1], device=sys.argv[2])
print(time.perf_counter() - begun)
"""


def bench_long(work: Path, rounds: int, device: str) -> list[dict]:
    """Ten minutes of 1080p, in one shot and in 55: beside decoding them, and beside the memory of ten seconds."""
    short, rows = clip(work, SIZES["1080p"]), []
    _, little = child(SCAN, short, device)
    pieces = {"in one shot": (clip(work, SIZES["1080p"], 12.0, loop=True), 50), "in 55 shots": (short, 55)}
    for what, (piece, times) in pieces.items():
        path = work / f"long {what}.mp4"
        if not path.exists():
            repeat_clip(piece, path, times)
        begun = time.perf_counter()
        decode(path)
        decoding = time.perf_counter() - begun
        ran, peak = child(SCAN, path, device)
        name = f"scan of ten minutes of 1080p {what}"
        rows.append(row(f"{name} / decoding it", ran / decoding, "≤", 1.3, scan=ran, decode=decoding))
        rows.append(
            row(f"{name}: peak memory beyond that of 11 s, MB", peak - little, "≤", 150, long=peak, short=little)
        )
    return rows


def bench_first(work: Path, rounds: int, device: str) -> list[dict]:
    """The first scan of a fresh process beside a second one: what importing and loading take."""
    path, beyond, warm = clip(work, SIZES["720p"]), [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", TWICE, str(path), device], check=True, capture_output=True, text=True, cwd=ROOT
        )
        whole, again = time.perf_counter() - begun, float(done.stdout.split()[-1])
        warm.append(again)
        beyond.append(whole - 2 * again)
    return [row("first scan in a fresh process beyond a warm one, s", median(beyond), "≤", 2.0, warm=median(warm))]


def bench_training(work: Path, rounds: int, device: str) -> list[dict]:
    """Clips of 24 frames from the cache beside what the device takes, and a step beside one without our ways."""
    manifest = make_samples(work / "samples", pairs=4)
    cached = cache_faces(split_by_group(manifest, (0.5, 0.25, 0.25)), work / "train" / "cache", workers=2)
    assert (cached["file"] != "").all()
    train, val = cached_parts(work / "train", 24, 0.5)
    train.rows = train.rows * 4
    loader = make_loader(train, 2, True, workers=1)
    ready = list(loader)  # the worker has begun, and these are for the steps
    begun = time.perf_counter()
    makes = sum(len(batch["label"]) for batch in loader) / (time.perf_counter() - begun)
    precision, frozen = pick_precision("auto", device), TrainConfig.frozen
    takes: dict[str, float] = {}
    for what, stages in (("", frozen), ("whole ", 0)):
        nets = {"ours": (SpotterNet().freeze(stages), precision), "plain": (PlainNet().freeze(stages), "no")}
        steps = {name: step(net, how, device, ready[0], class_weights(train)) for name, (net, how) in nets.items()}
        taken = seconds(rounds, **steps)
        takes |= {what + name: len(ready[0]["label"]) / one for name, one in taken.items()}
    out = work / "fit"
    shutil.rmtree(out, ignore_errors=True)
    quick = TrainConfig(batch=4, epochs=2, workers=1)
    *_, record = fit(quick, train, val, out, DEFAULT_CHECKPOINT, device=device)
    rate = record["clips_per_second"]
    rows = [
        row("clips made by one worker / clips trained on, trunk frozen", makes / takes["ours"], "≥", 1.2, makes=makes),
        row("training step, trunk frozen / plain fp32 step", takes["ours"] / takes["plain"], "≥", 2.5, **takes),
        row("training step, all stages / plain fp32 step", takes["whole ours"] / takes["whole plain"], "≥", 1.5),
        row("share of training time spent waiting for clips", record["waiting"], "≤", 0.1, clips_per_second=rate),
    ]
    if device.startswith("cuda"):
        rows.append(row("training frames/s, whole network", 24 * takes["whole ours"], "≥", 1500))
    return rows


class PlainNet(SpotterNet):
    """The network without our ways on a CPU: torch's own depthwise convolutions, and all pictures at once."""

    def __init__(self) -> None:
        super().__init__()
        for block in self.backbone._blocks:
            ours = block._depthwise_conv
            channels, side = len(ours.weight), ours.weight.shape[-1]
            conv = nn.Conv2d(channels, channels, side, ours.stride, groups=channels, bias=False)
            conv.weight = ours.weight
            block._depthwise_conv = nn.Sequential(ours.static_padding, conv)

    def feature_maps(self, images: torch.Tensor) -> torch.Tensor:
        return self._run(images, 0, len(self.stages()))


def step(net: SpotterNet, precision: str, device: str, batch: dict, weights: torch.Tensor) -> Callable[[], None]:
    """One training step of `fit` on a given batch."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")
    config = TrainConfig()
    optimizer = accelerator.prepare(make_optimizer(net, config)[0])
    model = accelerator.prepare_model(net.to(memory_format=torch.channels_last), evaluation_mode=True)
    net.train()
    ((moved, clips, frames),) = Batches([batch], False, accelerator.device)
    sizes = (clips, frames, weights.to(accelerator.device), config.gamma, config.frame_weight)

    def run() -> None:
        accelerator.backward(batch_loss(accelerator, model, moved, *sizes)[0])
        optimizer.step()
        optimizer.zero_grad()

    return run


ONE_BY_ONE = """
import sys, time
from spotterlib import load_checkpoint, scan_folder
detector = load_checkpoint(device=sys.argv[3])
begun = time.perf_counter()
table = scan_folder(sys.argv[1], sys.argv[2], detector, workers=int(sys.argv[4]))
assert set(table["status"]) == {"ok"}
print(time.perf_counter() - begun)
"""


def bench_folder(work: Path, rounds: int, device: str) -> list[dict]:
    """A folder of 20 clips: on all cores, one by one and two at a time, beside one thread for everything."""
    folder = work / "folder"
    folder.mkdir(exist_ok=True)
    for number in range(20):
        if not (folder / f"{number}.mp4").exists():
            shutil.copy(clip(work, SIZES["720p"]), folder / f"{number}.mp4")
    ways = {"single_thread": (1, 1), "one_by_one": (None, 1), "two_at_a_time": (None, 2)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(max(rounds // 2, 1)):
        for name, (threads, workers) in ways.items():
            shutil.rmtree(work / "scans", ignore_errors=True)
            limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}
            alone = ["taskset", "-c", "0"] if threads else []  # FFmpeg's threads, too, on one core
            given = [str(folder), str(work / "scans"), device, str(workers)]
            done = subprocess.run(
                [*alone, sys.executable, "-c", ONE_BY_ONE, *given],
                check=True, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **limits},
            )  # fmt: skip
            taken[name].append(float(done.stdout.split()[-1]))
    found = {name: median(values) for name, values in taken.items()}
    faster = {name: found[name] / found["two_at_a_time"] for name in ("single_thread", "one_by_one")}
    return [
        row("folder, two at a time, times as fast as on one core", faster["single_thread"], "≥", 1.7, **found),
        row("folder, two at a time, times as fast as one by one", faster["one_by_one"], "≥", 1.5),
    ]


PARTS = {
    "scan": bench_scan,
    "heatmaps": bench_heatmaps,
    "video": bench_video,
    "long": bench_long,
    "first": bench_first,
    "training": bench_training,
    "folder": bench_folder,
}

if __name__ == "__main__":
    run_main(main)
