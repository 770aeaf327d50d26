"""The page that scans in a browser beside Python: probabilities, verdicts, boxes and times, clip by clip.

    python benchmarks/measure_page.py FOLDER [FOLDER …]          (data/samples after `make demo`; needs chromium)
    python benchmarks/measure_page.py --long                     (12 s and ten minutes of 720p, made in runs/page/clips)

Writes the page, opens it in Chromium from disk with the network off, scans the videos in the folders with it and with
`scan_video` by the same graphs, and prints a row a video. What Chromium cannot decode (MPEG-1, HEVC) is turned into
H.264 first, and both scan what came out. Times are processor seconds (Linux): Python's of a loaded detector, the page's
with the start of its worker; memory is that of all the browser's processes at its peak, what they share counted once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clips import make_clip, repeat_clip

from spotterlib import Detector, export_onnx, scan_video
from spotterlib.base import NotReadyError, command_line, find_input, output_path, run_main
from spotterlib.portable import write_page
from spotterlib.video import is_video, iterate_frames, probe_video, write_video

DECODED = ("h264", "vp8", "vp9", "av1", "libdav1d", "libvpx-vp9")
"""Codecs, as FFmpeg names them, that Debian's Chromium decodes."""

COLUMNS = "{:<34}{:<11}{:<11}{:>8}{:>8}{:>9}{:>7}{:>11}{:>10}{:>8}{:>8}{:>9}"
HEAD = (
    "video",
    "Python",
    "page",
    "p",
    "|Δp|",
    "|Δframe|",
    "IoU",
    "|Δbox| px",
    "Python s",
    "page s",
    "wait s",
    "page MB",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "checkpoint", out="runs/page")
    parser.add_argument("folders", nargs="*", help="folders of videos, or videos")
    parser.add_argument("--long", action="store_true", help="scan 12 s and ten minutes of 720p, too")
    parser.add_argument("--every", type=int, default=1, help="take one video of so many")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    videos = [video for folder in options.folders for video in videos_of(find_input(folder))][:: options.every]
    videos += long_clips(out / "clips") if options.long else []
    if not videos:
        parser.error("name a folder, or --long")
    page = write_page(out, options.checkpoint)
    detector = Detector.from_onnx(export_onnx(options.checkpoint, out / "graphs"))
    rows = []
    print(COLUMNS.format(*HEAD))
    with opened(page) as scan:
        for video in videos:
            path = playable(video, out / "converted")
            begun, waited = children_seconds(), time.perf_counter()
            with peak_memory() as most:
                ours = scan(path)
            waited = time.perf_counter() - waited
            page_took, begun = children_seconds() - begun, time.process_time()
            theirs = scan_video(path, detector).to_dict()
            rows.append(compared(ours, theirs))
            times = (
                f"{time.process_time() - begun:.1f}",
                f"{page_took:.1f}",
                f"{waited:.1f}",
                f"{max(most) / 1e6:.0f}",
            )
            print(COLUMNS.format(video.stem[-33:], *told(rows[-1]), *times), flush=True)
    print(summary(rows))
    print(f"The page has {page.stat().st_size / 1e6:.1f} MB.")


def long_clips(folder: Path) -> list[Path]:
    """12 s of a person who talks, 720p, and the same so often that it lasts ten minutes, without a cut."""
    short, long = folder / "720p 12 s.mp4", folder / "720p ten minutes.mp4"
    if not long.exists():
        folder.mkdir(parents=True, exist_ok=True)
        repeat_clip(make_clip(short, (1280, 720), 12.0, loop=True), long, 50)
    return [short, long]


@contextlib.contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Looks twice a second at the memory of the browser that this process began: a list of bytes, that grows."""
    seen, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            seen.append(sum(memory_of(pid) for pid in children()[0]))

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield seen
    finally:
        ended.set()
        watching.join()


def memory_of(pid: int) -> int:
    """The memory of a process of Chromium, and its share of what it shares with others; 0 of another (Linux)."""
    with contextlib.suppress(OSError):
        place = Path(f"/proc/{pid}")
        if "chrom" in (place / "exe").readlink().name:
            lines = (place / "smaps_rollup").read_text().splitlines()
            return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0


def children_seconds() -> float:
    """Processor seconds of the processes that this one began, and of theirs, as far as they still run."""
    mine, took = children()
    return sum(took.get(pid, 0) for pid in mine) / os.sysconf("SC_CLK_TCK")


def children() -> tuple[set[int], dict[int, int]]:
    """The processes that this one began, and theirs; and the ticks that each process of the machine has computed."""
    parents, took = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            pid = int(place.parent.name)
            parents[pid], took[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    mine, grown = {os.getpid()}, True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in mine} - mine
        mine, grown = mine | found, bool(found)
    return mine - {os.getpid()}, took


def videos_of(place: Path) -> list[Path]:
    """The videos in a folder, masks left out, or the one that was named."""
    if place.is_file():
        return [place]
    return sorted(file for file in place.rglob("*") if is_video(file) and "masks" not in file.parts)


def playable(video: Path, folder: Path) -> Path:
    """The video, or a copy in H.264 where Chromium does not decode it."""
    about = probe_video(video)
    if about.codec in DECODED and video.suffix != ".mpg":
        return video
    copy = folder / f"{video.stem}.mp4"
    if not copy.exists():
        frames = np.stack([picture for _, _, picture in iterate_frames(video)])
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_video(copy, frames, about.fps, crf=12)
    return copy


@contextlib.contextmanager
def opened(page: Path) -> Iterator[Callable[[Path], dict[str, Any]]]:
    """The page in Chromium, offline: a function from a video to the report that the page saves."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise NotReadyError("There is no Chromium here. Install it (Debian: apt-get install chromium).")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_context(offline=True).new_page()
        tab.set_default_timeout(1_800_000)
        tab.goto(page.as_uri())
        tab.wait_for_selector("#file:enabled", state="attached")

        def scan(path: Path) -> dict[str, Any]:
            tab.set_input_files("#file", path)
            tab.wait_for_selector("#result:not([hidden]), #failed:not([hidden])")
            if tab.is_visible("#failed"):
                raise NotReadyError(f"{path}: {tab.inner_text('#why')}")
            with tab.expect_download() as saved:
                tab.click("#save")
            return json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))

        yield scan
        browser.close()


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """A row: both verdicts and probabilities, and how far scores and boxes of the strongest face are apart at most."""
    p, q = ours["probability"], theirs["probability"]
    row = {
        "page": ours["label"],
        "python": theirs["label"],
        "p": q,
        "faces": len(ours["faces"]) == len(theirs["faces"]),
    }
    row |= {"apart": None if p is None or q is None else abs(p - q), "reason": ours["reason"] == theirs["reason"]}
    row |= {"frame": None, "box": None, "iou": None}
    if ours["faces"] and theirs["faces"] and ours["faces"][0]["frames"] == theirs["faces"][0]["frames"]:
        scores, boxes = (
            [np.array(report["faces"][0][name], float) for report in (ours, theirs)]
            for name in ("frame_scores", "boxes")
        )
        both = np.isfinite(scores[0] + scores[1])
        row["frame"] = float(np.abs(scores[0] - scores[1])[both].max()) if both.any() else None
        found = np.isfinite(boxes[0] + boxes[1]).all(1)
        row["box"] = float(np.abs(boxes[0] - boxes[1])[found].max())
        row["iou"] = float(overlap(boxes[0][found], boxes[1][found]).min())
    return row


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU (n,) of boxes (n, 4) with boxes (n, 4)."""
    both = np.prod(np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None), 1)
    return both / (np.prod(a[:, 2:] - a[:, :2], 1) + np.prod(b[:, 2:] - b[:, :2], 1) - both)


def told(row: dict[str, Any]) -> list[str]:
    digits = {"p": 3, "apart": 4, "frame": 4, "iou": 3, "box": 2}
    figures = ["–" if row[name] is None else f"{row[name]:.{count}f}" for name, count in digits.items()]
    return [row["python"], row["page"], *figures]


def summary(rows: list[dict[str, Any]]) -> str:
    apart = np.array([row["apart"] for row in rows if row["apart"] is not None])
    same = sum(row["page"] == row["python"] for row in rows)
    words = sum(row["reason"] for row in rows)
    text = f"{len(rows)} videos: the same verdict of {same}, the same reason word for word of {words}"
    if len(apart):
        text += (
            f"; |Δp| median {np.median(apart):.5f}, at most {apart.max():.4f}, {np.mean(apart <= 0.03):.0%} within 0.03"
        )
    return text + "."


if __name__ == "__main__":
    run_main(main)
