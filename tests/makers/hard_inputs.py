"""Hard inputs, and the truth about each: what a right outcome is. The tests, the soak and the table in docs run them.

Every file is made here, of sample people who do not exist. A case is right when `faults` finds nothing against it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from makers.hard_files import (
    CENTRE,
    SIZE,
    bad_input,
    barred,
    bomb,
    centre_of,
    changed,
    copied,
    covered,
    cut,
    drawn,
    filmed,
    flashing,
    flat,
    full_range,
    harmful_pickle,
    high_dynamic_range,
    holed,
    huge,
    interlaced,
    joined,
    late_start,
    mirrored,
    no_times,
    noise,
    open_gop,
    patched,
    people,
    pixel_shape,
    printed,
    repeated,
    scene,
    seen,
    squeezed,
    subtitles,
    ten,
    turned,
    two_streams,
    unfinished,
    unreadable,
    with_cover,
    with_sound,
)

from spotterlib.base import VideoError
from spotterlib.model import Detector
from spotterlib.scan import ScanReport, scan_video


@dataclass(frozen=True)
class Case:
    """One hard input: `make(folder)` leaves the file in an empty folder and returns its path; the rest is the truth.

    outcome: "scored", "undecided" or "error"; says: words of the reason or the error; faces: those with a score (of an
    undecided video: those found); shown: width and height px; frames: how many decode, or (fewest, most); ends: the
    last frame's time, s; centre: the middle of the main face's landmarks, px, None where it moves; status: in the
    cache; nobody: it is read by a user who may not; wrong: what is still wrong about the outcome that is held to.
    """

    name: str
    group: str
    make: Callable[[Path], Path]
    outcome: str = "scored"
    says: str = ""
    faces: int = 1
    shown: tuple[int, int] = SIZE
    frames: int | tuple[int, int] = 12
    ends: float | None = None
    centre: tuple[float, float] | None = None
    status: str = ""
    nobody: bool = False
    wrong: str = ""

    @property
    def cached_as(self) -> str:
        """The status of its row in a cache."""
        few = "no face" if self.says.startswith("No face") else "short"
        plain = {"error": "unreadable", "undecided": few, "scored": "ok" if self.faces == 1 else "several faces"}
        return self.status or plain[self.outcome]


@dataclass(frozen=True)
class Outcome:
    """What became of a case: the report in short, or the error."""

    outcome: str
    says: str
    label: str = ""
    probability: float | None = None
    faces: int = 0
    tracks: int = 0
    shown: tuple[int, int] = (0, 0)
    frames: int = 0
    ends: float = 0.0
    centre: tuple[float, float] | None = None


def outcome_of(path: Path, detector: Detector) -> Outcome:
    """Scan a file. Any error but the one promised is raised."""
    try:
        return in_short(scan_video(path, detector))
    except VideoError as error:
        return Outcome("error", str(error))


def in_short(report: ScanReport) -> Outcome:
    """A report without its pictures."""
    tracks = [face.track for face in report.faces]
    centre = tuple(np.nanmean(tracks[0].landmarks, (0, 1)).tolist()) if tracks else None
    return Outcome(
        "undecided" if report.probability is None else "scored", report.reason, report.label, report.probability,
        sum(face.probability is not None for face in report.faces), len(tracks),
        (report.info.width, report.info.height), len(report.times), float(report.times[-1]), centre,
    )  # fmt: skip


def faults(case: Case, found: Outcome) -> list[str]:
    """What is not as it should be, one sentence each."""
    said = [] if found.outcome == case.outcome else [f"{found.outcome} instead of {case.outcome}: {found.says}"]
    if case.says not in found.says:
        said.append(f"it says {found.says!r} without {case.says!r}")
    if said or case.outcome == "error":
        return said
    low, high = case.frames if isinstance(case.frames, tuple) else (case.frames, case.frames)
    if not low <= found.frames <= high:
        said.append(f"{found.frames} frames instead of {case.frames}")
    if found.shown != case.shown:
        said.append(f"shown as {found.shown} instead of {case.shown}")
    if case.ends is not None and abs(found.ends - case.ends) > 1.5e-3:
        said.append(f"the last frame is at {found.ends:.4f} s instead of {case.ends:.4f}")
    faces = found.faces if case.outcome == "scored" else found.tracks
    if faces != case.faces:
        said.append(f"{faces} faces instead of {case.faces}")
    if case.centre is not None:
        apart = max(abs(a - b) for a, b in zip(found.centre, case.centre, strict=True))
        if apart > 0.03 * max(case.shown):
            said.append(f"the face is at {found.centre} instead of {case.centre}")
    return said


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into (those of pytest are closed), gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="hard-inputs-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights: root may read what nobody may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# --- over and over ----------------------------------------------------------------------------------------------------


def resident() -> float:
    """Memory of this process, MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors() -> int:
    """Files that this process has open."""
    return len(os.listdir("/proc/self/fd"))


def scan_over_and_over(paths: list[Path], detector: Detector, scans: int, threads: int) -> dict[str, float]:
    """Scan files in turn, several at a time: the memory (MB, median) of the second and of the last tenth of the scans,
    files open after the first tenth and at the end, and how many answers were not the first one of their file."""
    first: dict[Path, Outcome] = {}
    memory, other, files = [], 0, 0
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        jobs = pool.map(lambda number: outcome_of(paths[number % len(paths)], detector), range(scans))
        for number, found in enumerate(jobs):
            path = paths[number % len(paths)]
            other += first.setdefault(path, found) != found
            memory.append(resident())
            if number == scans // 10:
                files = descriptors()
    tenth = max(1, scans // 10)
    return {
        "scans": scans, "threads": threads, "seconds": round(time.perf_counter() - begun, 1),
        "memory": statistics.median(memory[tenth : 2 * tenth]), "memory at the end": statistics.median(memory[-tenth:]),
        "most": max(memory), "files": files, "files at the end": descriptors(), "other answers": other,
    }  # fmt: skip


# --- the cases -------------------------------------------------------------------------------------------------------


def _cases() -> list[Case]:
    whole = {"ends": 11 / 12, "centre": CENTRE}
    film = {"frames": 12, **whole}
    hevc = {"x265-params": "log-level=none"}
    found: list[Case] = []

    def add(group: str, name: str, make, outcome: str = "scored", says: str = "", **truth) -> None:
        found.append(Case(name, group, make, outcome, says, **truth))

    g = "container and codec"
    add(g, "mp4, H.264", filmed("a.mp4"), **film)
    add(g, "mov, H.264 with B-frames", filmed("a.mov", bf="3"), **film)
    add(g, "mkv, HEVC 8 bit", filmed("a.mkv", "libx265", **hevc), **film)
    add(g, "mp4, HEVC 10 bit", filmed("a.mp4", "libx265", pix="yuv420p10le", **hevc), **film)
    add(g, "webm, VP9", filmed("a.webm", "libvpx-vp9", deadline="realtime"), **film)
    add(g, "webm, VP8", filmed("a.webm", "libvpx", deadline="realtime", b="2M"), **film)
    add(g, "mp4, AV1", filmed("a.mp4", "libsvtav1", preset="12", crf="20"), **film)
    add(g, "avi, MPEG-4 part 2", filmed("a.avi", "mpeg4", b="4M"), **film)
    add(g, "avi, MJPEG", filmed("a.avi", "mjpeg", pix="yuvj420p"), **film)
    add(g, "avi, H.264 with B-frames", no_times, frames=12, centre=CENTRE)
    add(g, "mpg, MPEG-2", filmed("a.mpg", "mpeg2video", rate=25, b="4M"), ends=11 / 25, centre=CENTRE)
    add(g, "gif", filmed("a.gif", "gif", pix="rgb8"), frames=12, centre=CENTRE, ends=0.92)
    add(g, "ts, H.264", filmed("a.ts"), **film)
    add(g, "flv, H.264", filmed("a.flv"), **film)
    add(g, "mov, ProRes 422", filmed("a.mov", "prores_ks", pix="yuv422p10le"), **film)
    add(g, "mkv, FFV1", filmed("a.mkv", "ffv1", pix="bgr0"), **film)
    add(g, "bare H.264 (no container)", filmed("a.h264", rate=25), ends=11 / 25, centre=CENTRE)
    add(g, "mkv under the name of an mp4", filmed("a.mp4", fmt="matroska"), **film)
    add(g, "no ending", filmed("a", fmt="mp4"), **film)

    g = "pixel format"
    add(g, "H.264, 4:4:4", filmed("a.mp4", pix="yuv444p"), **film)
    add(g, "H.264, 4:2:2 10 bit", filmed("a.mp4", pix="yuv422p10le"), **film)
    add(g, "full range", filmed("a.mp4", pix="yuvj420p", set_up=full_range), **film)
    add(g, "grey", filmed("a.mp4", pix="gray"), **film)
    add(g, "transparent (PNG in mov)", filmed("a.mov", "png", pix="rgba"), **film)
    add(
        g, "HDR flags (BT.2020, PQ)", filmed("a.mp4", "libx265", pix="yuv420p10le", set_up=high_dynamic_range, **hevc),
        wrong="the PQ curve is not undone: a true HDR film is scored paler than a player shows it", **film,
    )  # fmt: skip

    g = "time"
    irregular = [0, 40, 80, 500, 520, 1000, 1400, 1410, 1700, 2300, 2310, 3000]
    add(g, "variable frame rate", filmed("a.mkv", times=irregular), frames=12, ends=3.0, centre=CENTRE)
    add(g, "1 frame a second", filmed("a.mp4", rate=1), frames=12, ends=11.0, centre=CENTRE)
    add(
        g, "240 frames a second", filmed("a.mp4", frames=lambda: scene(48), rate=240), frames=48, ends=47 / 240,
        centre=CENTRE,
    )  # fmt: skip
    add(
        g, "a duration that lies (an hour)",
        patched(
            "a.mp4", (b"mvhd", 20, ">I", 3_600_000), (b"mdhd", 20, ">I", 44_236_800), (b"tkhd", 24, ">I", 3_600_000)
        ),
        **film,
    )  # fmt: skip
    add(
        g, "a duration of nothing",
        patched("a.mp4", (b"mvhd", 20, ">I", 0), (b"mdhd", 20, ">I", 0), (b"tkhd", 24, ">I", 0)), **film,
    )  # fmt: skip
    add(g, "no duration (live mkv)", filmed("a.mkv", muxer={"live": "1"}), **film)
    add(
        g, "no frame count (fragmented mp4)", filmed("a.mp4", muxer={"movflags": "frag_keyframe+empty_moov"}), **film
    )  # fmt: skip
    add(
        g, "a frame count that lies (4 billion)",
        patched("a.avi", (b"avih", 24, "<I", 2**32 - 1), (b"strh", 40, "<I", 2**32 - 1), codec="mjpeg", pix="yuvj420p"),
        **film,
    )  # fmt: skip
    add(
        g, "a frame count of nothing",
        patched("a.avi", (b"avih", 24, "<I", 0), (b"strh", 40, "<I", 0), codec="mjpeg", pix="yuvj420p"), **film,
    )  # fmt: skip
    add(
        g, "an edit list that leaves out the first third",
        patched("a.mp4", (b"elst", 12, ">I", 667), (b"elst", 16, ">i", 4096), g="1", bf="0"),
        frames=8, ends=7 / 12, centre=CENTRE,
    )  # fmt: skip
    add(g, "an edit list that begins at 5 s", late_start, **film)
    add(g, "open GOP, begun in its middle", open_gop, frames=(11, 19), centre=CENTRE)
    for count in (1, 5):
        add(
            g, f"{count} frame{'s' * (count > 1)}", filmed("a.mp4", frames=functools.partial(scene, count)),
            "undecided", f"only {count} frame", frames=count, ends=(count - 1) / 12, centre=CENTRE,
        )  # fmt: skip
    for count in (23, 24, 25):
        add(
            g, f"{count} frames", filmed("a.mp4", frames=functools.partial(scene, count)), frames=count,
            ends=(count - 1) / 12, centre=CENTRE,
        )  # fmt: skip
    add(g, "one still, repeated", filmed("a.mp4", frames=lambda: np.repeat(scene()[:1], 12, axis=0)), **film)

    add(
        g, "the clock jumps an hour", filmed("a.mkv", frames=functools.partial(scene, 24), times=[
            round(1000 * (number % 12) / 12) + 3_600_000 * (number // 12) for number in range(24)
        ]),
        frames=24, ends=3600 + 11 / 12, centre=CENTRE,
    )  # fmt: skip

    g = "geometry"
    for degrees in (90, 180, 270):
        frames = functools.partial(lambda k: np.rot90(scene(), -k, (1, 2)), degrees // 90)
        add(g, f"turned by {degrees}°", filmed("a.mp4", frames=frames, set_up=turned(degrees)), **film)
    narrow = changed(lambda f: cv2.resize(f, (64, 128), interpolation=cv2.INTER_AREA))
    add(g, "pixels twice as wide", filmed("a.mp4", frames=narrow, set_up=pixel_shape(Fraction(2))), **film)
    add(
        g, "pixels twice as wide, turned by 90°",
        filmed("a.mp4", frames=lambda: np.rot90(changed(
            lambda f: cv2.resize(f, (128, 64), interpolation=cv2.INTER_AREA))(), -1, (1, 2)),
            set_up=pixel_shape(Fraction(2), 90)),
        **film,
    )  # fmt: skip
    add(
        g, "pixels half as wide",
        filmed("a.mp4", frames=changed(lambda f: cv2.resize(f, (256, 128))), set_up=pixel_shape(Fraction(1, 2))),
        **film,
    )  # fmt: skip
    add(g, "interlaced", filmed("a.mpg", "mpeg2video", rate=25, b="4M", set_up=interlaced), ends=11 / 25, centre=CENTRE)
    add(
        g, "odd size", filmed("a.mkv", "ffv1", frames=changed(lambda f: f[:127, :125]), pix="bgr0"), shown=(125, 127),
        **film,
    )  # fmt: skip
    small = people(12, (64, 64), ("p01", 60, (8, 2)))
    add(g, "mirrored, and a matrix that mirrors it back", mirrored, **film)
    quarter = changed(lambda f: cv2.resize(f, (64, 64), interpolation=cv2.INTER_AREA))
    longer = functools.partial(scene, 18)
    add(g, "a call that grows from 64 × 64", joined(quarter, longer), frames=30)
    card = functools.partial(np.full, (6, 72, 160, 3), 40, np.uint8)
    add(g, "a title card of another shape", joined(card, longer), frames=24, centre=CENTRE)
    add(
        g, "64 × 64", filmed("a.mp4", frames=small), shown=(64, 64), frames=12, centre=centre_of("p01", 60, (8, 2))
    )  # fmt: skip
    add(
        g, "8K", repeated("a.mp4", 16, (7680, 4320), 2400), shown=(7680, 4320), frames=16, ends=15 / 12,
        centre=centre_of("p01", 2400, (0, 0)),
    )  # fmt: skip
    add(g, "a picture that would fill the memory", bomb, "error", "16000 × 16000")

    g = "streams"
    add(g, "two films, the larger counts", two_streams, **film)
    add(g, "a film with a larger cover picture", with_cover(film=True), **film)
    add(g, "a song with a cover picture", with_cover(film=False), "error", "no picture track")
    add(g, "a film with sound", with_sound, **film)
    add(g, "sound alone", bad_input("sound.m4a"), "error", "no picture track")
    add(g, "sound alone (wav)", bad_input("sound.wav"), "error", "Is it complete")
    add(g, "a film with subtitles", subtitles(film=True), **film)
    add(g, "subtitles alone", subtitles(film=False), "error", "no picture track")

    g = "damage"
    add(g, "an mp4 that is still being written", unfinished, "error", "its index last")
    for tenth in range(1, 10):
        count = 2 * tenth
        says = "" if count >= 8 else "are needed"
        add(
            g, f"ts cut at {tenth}0 %", cut("a.ts", tenth), "scored" if count >= 8 else "undecided", says,
            frames=(count - 1, count + 1), centre=CENTRE,
        )  # fmt: skip
    for tenth in range(1, 10):
        add(
            g, f"mp4 (index in front) cut at {tenth}0 %", cut("a.mp4", tenth, muxer={"movflags": "faststart"}),
            "scored" if tenth >= 5 else "undecided", "he file is damaged", frames=(2 * tenth - 3, 2 * tenth + 1),
        )  # fmt: skip
    add(g, "mp4 (index behind) cut at 90 %", cut("a.mp4", 9), "error", "Is it complete")
    add(g, "zeros in its middle", holed("a.ts", 0.4, 0.6), frames=(14, 18), centre=CENTRE)
    add(g, "zeros at its beginning", holed("a.ts", 0.0, 0.2), frames=(14, 18), centre=CENTRE)
    for name, words in [
        ("zeros.mp4", "Is it complete"), ("text.mp4", "Is it complete"), ("pickle.mp4", "Is it complete"),
        ("still.mp4", "Is it complete"), ("nothing.mp4", "is empty"), ("folder.mp4", "is a folder"),
        ("dangling.mp4", "dangling"), ("loop.mp4", "dangling"), ("fifo.mp4", "pipe"), ("missing.mp4", "spelling"),
        ("list.m3u8", "Is it complete"), ("concat.mp4", "Is it complete"),
    ]:  # fmt: skip
        shown_as = {"still.mp4": "a JPEG named .mp4", "concat.mp4": "a concat script", "list.m3u8": "a playlist"}
        gone = "missing" if name in ("dangling.mp4", "missing.mp4") else ""
        add(g, shown_as.get(name, name), bad_input(name), "error", words, status=gone)
    add(g, "a pickle that would run code", harmful_pickle, "error", "Is it complete")
    add(g, "a file that may not be read", unreadable, "error", "Permission denied", nobody=True)

    g = "content"
    nobody = {"faces": 0}
    add(g, "no face", filmed("a.mp4", frames=seen(12, slice(0, 0))), "undecided", "No face was found", **nobody)
    add(g, "a face in 4 frames", filmed("a.mp4", frames=seen(12, slice(3, 7))), "undecided", "in only 4 frames")
    add(g, "enters late", filmed("a.mp4", frames=seen(24, slice(12, 24))), frames=24, centre=CENTRE)
    add(g, "leaves early", filmed("a.mp4", frames=seen(24, slice(0, 12))), frames=24, centre=CENTRE)
    pair = people(12, (256, 128), ("p01", 112, (18, 8)), ("p07", 112, (146, 8)))
    add(g, "two faces", filmed("a.mp4", frames=pair), says="2 faces were scored", faces=2, shown=(256, 128))
    add(
        g, "ten faces", filmed("a.mp4", frames=ten), says="10 faces were scored", faces=10, shown=(428, 208), frames=10
    )  # fmt: skip
    tiny = people(12, (256, 256), ("p01", 24, (100, 100)))
    add(
        g, "a tiny face (16 px)", filmed("a.mp4", frames=tiny), "undecided", "px wide", shown=(256, 256), status="ok"
    )  # fmt: skip
    large = people(12, (224, 256), ("p01", 256, (8, 0)))
    add(
        g, "a face that fills the picture", filmed("a.mp4", frames=large), shown=(224, 256),
        centre=centre_of("p01", 256, (8, 0)),
    )  # fmt: skip
    add(
        g, "a face larger than the picture", filmed("a.mp4", frames=huge), "undecided", "No face was found",
        wrong="MTCNN knows no face without its outline", **nobody,
    )  # fmt: skip
    add(g, "turned away (as narrow)", filmed("a.mp4", frames=changed(squeezed)), frames=12)
    add(
        g,
        "upside down",
        filmed("a.mp4", frames=changed(lambda f: f[::-1, ::-1])),
        "undecided",
        "No face was",
        wrong="MTCNN knows no face on its head, and a film that lacks its rotation is not turned",
        **nobody,
    )
    add(g, "mouth covered", filmed("a.mp4", frames=changed(covered)), frames=12)
    add(g, "a bar over the eyes", filmed("a.mp4", frames=changed(barred)), frames=12)
    add(g, "a drawing", filmed("a.mp4", frames=drawn), "undecided", "No face was found", **nobody)
    add(g, "a printed photograph", filmed("a.mp4", frames=printed), frames=12)
    add(g, "black", filmed("a.mp4", frames=flat(0)), "undecided", "No face was found", **nobody)
    add(g, "white", filmed("a.mp4", frames=flat(255)), "undecided", "No face was found", **nobody)
    add(g, "noise", filmed("a.mp4", frames=noise), "undecided", "No face was found", **nobody)
    add(
        g,
        "flashing cuts between four people",
        filmed("a.mp4", frames=flashing),
        frames=12,
        wrong="people who follow each other in one place are taken for one: nothing tells them apart",
    )

    g = "name"
    for what, name in [
        ("spaces", "  two words .mp4"), ("Unicode", "ünï€—名😀.mp4"), ("a newline", "new\nline.mp4"),
        ("a leading dash", "-i.mp4"), ("250 characters", "x" * 246 + ".mp4"),
        ("HTML", "<img src=x onerror=alert(1)>.mp4"),
        ("a shell's words", "$(touch executed);`touch executed`.mp4"), ("a protocol", "concat:a|b.mp4"),
        ("a pattern", "x%03d*[a].mp4"), ("quotes and commas", "a\"b',c;d.mp4"),
        ("text that runs backwards", "a\u202e4pm.mp4"),
        ("a leading dot", ".hidden.mp4"), ("no UTF-8", os.fsdecode(b"caf\xe9.mp4")),
    ]:  # fmt: skip
        add(g, what, copied(name), **film)
    return found


CASES = _cases()


def make_all(folder: Path, cases: list[Case] | None = None) -> dict[str, Path]:
    """Make the files of all cases under a folder, each in a folder of its own; by case name."""
    paths = {}
    for number, case in enumerate(CASES if cases is None else cases):
        place = folder / f"{number:03d}"
        place.mkdir()
        paths[case.name] = case.make(place)
    return paths
