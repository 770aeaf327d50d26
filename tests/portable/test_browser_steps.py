"""The page's scripts, step by step in Chromium, beside what Python does with the same numbers."""

from __future__ import annotations

import base64
import hashlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch
from makers.hard_files import remuxed
from makers.video_files import HELD, encode, held

from spotterlib import combine_odds
from spotterlib.evidence.words import heat_words
from spotterlib.faces import Detections
from spotterlib.faces.crops import crop_face, thumbnail
from spotterlib.faces.recognise import aligned
from spotterlib.faces.tracking import Linker, smooth
from spotterlib.faces.windows import coverage_of, plan_windows
from spotterlib.metrics import certainty_text, probability_text
from spotterlib.model import read_checkpoint
from spotterlib.portable import app_constants
from spotterlib.portable.browser import FINDING, PAGE
from spotterlib.scan import zone_map, zone_shares
from spotterlib.scan.told import pauses
from spotterlib.scan.turned import face_roll
from spotterlib.video import gaps, iterate_frames
from spotterlib.video.decode import Clock
from spotterlib.video.look import Look


@pytest.fixture(scope="module")
def call(browser):
    """Calls a function of the page's scripts by its name, with plain values."""
    page = browser.new_page()
    page.add_script_tag(content="let ABOUT = null;")
    for name in ("numbers", "pixels", "windows", "follow", "people", "judge", "reason", "zones", "hash"):
        page.add_script_tag(path=PAGE / f"{name}.js")
    about = {"constants": app_constants(), "card": read_checkpoint(None)[2]}
    page.evaluate("(about) => { ABOUT = about; }", about)
    return lambda code, *values: page.evaluate(f"(values) => ({code})(...values)", list(values))


def picture_of(array: np.ndarray) -> dict:
    return {"width": array.shape[1], "height": array.shape[0], "data": array.ravel().tolist()}


def array_of(found: list, height: int, width: int) -> np.ndarray:
    return np.array(found, float).reshape(height, width, 3)


BYTES = "(p) => ({ ...p, data: Uint8ClampedArray.from(p.data) })"


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with soft and hard places."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 4 + 2, width // 4 + 2, 3)).astype(np.uint8)
    picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + rng.integers(-20, 20, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(640, 360), (97, 61), (1280, 720)])
def test_frames_are_reduced_as_by_opencv(call, size):
    width, height = size
    picture, to = noise(height // 4, width // 4), (width // 7, height // 7)
    ours = array_of(
        call(f"(p, w, h) => Array.from(shrunk(({BYTES})(p), w, h).data)", picture_of(picture), *to), *to[::-1]
    )
    theirs = cv2.resize(picture, to, interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(ours - theirs).max() <= 1 and np.abs(ours - theirs).mean() < 0.05


@pytest.mark.parametrize("to", [(24, 24), (48, 48), (61, 37), (9, 7)])
def test_candidates_are_cut_as_by_torch(call, to):
    picture = noise(53, 67)
    ours = array_of(
        call(f"(p, w, h) => Array.from(averaged(({BYTES})(p), w, h).data)", picture_of(picture), *to), *to[::-1]
    )
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    theirs = torch.nn.functional.interpolate(tensor, size=to[::-1], mode="area")[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).max() <= 1e-3


@pytest.mark.parametrize(
    "box", [(20.4, 10.2, 70.4, 60.2), (-30.2, -8.1, 60.9, 83.0), (60, 40, 460, 440), (3, 3, 227, 227)]
)
def test_faces_are_cut_as_by_python(call, box):
    picture, box = noise(200, 260), np.array(box, np.float32)
    code = f"(p, box) => Array.from(cropped(({BYTES})(p), box, 224, ABOUT.constants.crops.padding).data)"
    apart = np.abs(array_of(call(code, picture_of(picture), box.tolist()), 224, 224) - crop_face(picture, box))
    assert apart.max() <= (box[2] - box[0] > 224) and apart.mean() < 0.05, (
        "enlarged to the last bit, reduced to rounding"
    )
    look = call(f"(p, box) => Array.from(lookOf(({BYTES})(p), box))", picture_of(picture), box.tolist())
    assert np.dot(look, thumbnail(picture, box)) > 0.9999


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("matrix", "number"), [("bt709", 1), ("bt601", 5), ("bt2020", 9)])
def test_colours_are_those_of_ffmpeg(call, matrix, number, full):
    width, height = 64, 48
    frame = av.VideoFrame(width, height, "yuv420p")
    rng = np.random.default_rng(1)
    planes = []
    for plane, size in zip(frame.planes, [(height, width), *[(height // 2, width // 2)] * 2], strict=True):
        values = rng.integers(0, 256, size).astype(np.uint8)
        whole = np.zeros((plane.height, plane.line_size), np.uint8)
        whole[:, : size[1]] = values
        plane.update(whole.tobytes())
        planes.append({"data": values.ravel().tolist(), "offset": 0, "stride": size[1], "step": 1})
    frame.colorspace, frame.color_range = number, 2 if full else 1
    ours = call(
        f"(planes, matrix, full) => Array.from(fromPlanes({width}, {height}, planes, 2, 2, matrix, full).data)",
        planes,
        matrix,
        full,
    )
    assert array_of(ours, height, width).tolist() == Look(width, height).rgb(frame).astype(float).tolist()


@pytest.fixture(scope="module")
def reads(browser, libraries, tmp_path_factory):
    """Calls a function of what the page reads videos by; a browser decodes for a page that has an address."""
    page = browser.new_page()
    blank = tmp_path_factory.mktemp("blank") / "index.html"
    blank.write_text("<!DOCTYPE html><title>reads</title>")
    page.goto(blank.as_uri())
    page.add_script_tag(content=libraries["demuxer"].decode())
    page.add_script_tag(content="let ABOUT = null;")
    for name in FINDING:
        page.add_script_tag(path=PAGE / f"{name}.js")
    return lambda code, *values: page.evaluate(f"(values) => ({code})(...values)", list(values))


@pytest.mark.parametrize(
    ("has", "wanted"),
    [(["software", "plain"], "software"), (["plain"], "plain"), (["software"], "software"), ([], None)],
)
def test_what_only_the_platform_decodes_is_asked_of_the_platform(reads, has, wanted):
    code = """async (has) => {
        const kept = VideoDecoder.isConfigSupported;
        const kindOf = ({ hardwareAcceleration: how }) => ({ "prefer-software": "software", undefined: "plain" })[how];
        VideoDecoder.isConfigSupported = async (config) => {
            if (!has.length) throw new TypeError("no such codec");
            return { supported: has.includes(kindOf(config)), config };
        };
        try {
            const found = await decodable({ codec: "hvc1.1.6.L93.B0", codedWidth: 64, codedHeight: 48 });
            return found && [kindOf(found), found.codec];
        } finally { VideoDecoder.isConfigSupported = kept; }
    }"""
    assert reads(code, has) == (wanted and [wanted, "hvc1.1.6.L93.B0"])


READ = """async (coded) => {
    const video = await openVideo(new Blob([Uint8Array.from(atob(coded), (c) => c.charCodeAt(0))])), pictures = [];
    const { times, broken } = await eachFrame(video, async (index, frame) => {
        const { width, height, data } = await pictureOf(frame, video);
        pictures.push({ width, height, data: Array.from(data) });
    });
    return { times, broken, pictures };
}"""


def read(reads, path) -> tuple[list[float], list[np.ndarray]]:
    """Times and pictures of a video as the page reads them."""
    found = reads(READ, base64.b64encode(path.read_bytes()).decode())
    assert not found["broken"]
    return found["times"], [array_of(each["data"], each["height"], each["width"]) for each in found["pictures"]]


@pytest.mark.parametrize("matrix", HELD, ids=str)
def test_videos_are_turned_and_mirrored_as_by_python(reads, tmp_path, matrix):
    path = held(tmp_path / "a.mp4", matrix)
    times, pictures = read(reads, path)
    theirs = list(iterate_frames(path))
    assert times == pytest.approx([time for _, time, _ in theirs], abs=1e-5) and len(theirs) == 3
    for ours, (_, _, frame) in zip(pictures, theirs, strict=True):
        assert ours.shape == frame.shape and np.abs(ours - frame).max() <= 1


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_a_video_that_begins_between_key_frames_begins_with_the_next(reads, tmp_path, ending):
    whole = encode(tmp_path / f"whole.{ending}", count=24, g="8", bf="0", sc_threshold="0")
    path = remuxed(whole, tmp_path / f"a.{ending}", kept=lambda number: number >= 3)
    times, pictures = read(reads, path)
    theirs = list(iterate_frames(path))
    assert times == pytest.approx([time for _, time, _ in theirs], abs=1e-5) and len(theirs) == 16
    assert np.abs(pictures[0] - theirs[0][2]).max() <= 1


def test_times_are_those_of_python(reads):
    """Also of a clock that is set back, of stamps out of order and of equal ones."""
    rng = np.random.default_rng(4)
    for step in (0.04, 0.02, 0.1):
        for back in (0.05, 0.11, 0.29, 0.31, 40.0):
            stamps = 7 + step * np.arange(60) + np.where(np.arange(60) >= 30, -back, 0)
            stamps[rng.integers(1, 60, 3)] -= 1.5 * step
            clock = Clock(1 / step)
            theirs = []
            for stamp in stamps:
                shown = {"pts": round(float(stamp) * 90_000), "dts": None, "time_base": Fraction(1, 90_000)}
                theirs.append(clock.tick(type("Frame", (), shown)))
            code = (
                "(step, stamps) => { const clock = new Clock(step); return stamps.map((stamp) => clock.tick(stamp)); }"
            )
            exact = (np.round(stamps * 90_000) / 90_000).tolist()
            assert reads(code, step, exact) == pytest.approx(theirs, abs=1e-9)


def videos() -> list[tuple[np.ndarray, list[int]]]:
    """Frame times and cuts of videos long and short, at even and uneven rates, with gaps, with few and many shots."""
    rng = np.random.default_rng(2)
    found = [(np.array([0.0]), []), (np.arange(5) / 25, []), (np.arange(75) / 25, [30]), (np.arange(301) / 25, [])]
    for _ in range(40):
        count = int(rng.integers(2, 3000))
        times = np.cumsum(rng.choice([0.04, 0.033, 0.1, 0.5], count))
        if rng.random() < 0.4:
            times[int(rng.integers(1, count)) :] += rng.choice([11.0, 13.0, 500.0])
        cuts = np.unique(rng.integers(1, count, int(rng.choice([0, 0, 1, 3, 90])))) if count > 2 else np.array([], int)
        found.append((times - times[0], cuts.tolist()))
    found.append((np.arange(30_000) / 25, []))
    several = ((1, 11, 20), (1, 11, 2), (0.2, 3, 30), (3, 4, 9), (3, 2.5, 9), (2, 9, 90), (0.48, 2.5, 250))
    for film, pause, count in several:
        steps = np.tile(np.r_[np.full(int(25 * film) - 1, 0.04), pause], count)
        found.append((np.cumsum(steps) - steps[0], [] if count != 9 else [140]))
    steps = np.tile(np.r_[np.full(24, 0.04), 4], 40)  # a shot of every two bursts, which have one gap
    found.append((np.cumsum(steps) - steps[0], list(range(49, 1000, 50))))
    found.append((np.r_[0:10:0.5, 22.5:30:0.5], []))  # a pause of 12.5 s
    return found


def test_the_same_frames_are_looked_at(call):
    for times, cuts in videos():
        ours = call("(times, cuts) => planWindows(times, cuts)", times.tolist(), cuts)
        theirs = plan_windows(times, cuts=cuts)
        assert ours == [grid.tolist() for grid in theirs], (len(times), cuts)
        assert call("(times) => [gapsOf(times), pausesOf(times)]", times.tolist()) == [
            gaps(times).tolist(),
            pauses(times),
        ]
        assert call("coverageOf", times.tolist(), ours) == pytest.approx(coverage_of(times, theirs))


def test_faces_are_followed_and_smoothed_as_by_python(call):
    """Four people who walk, cross, go away for a while and come back; a slip of the detector now and then."""
    code = """(frames) => {
        const linker = new Linker();
        for (const { time, boxes, looks, cut } of frames) {
            if (cut) linker.cut();
            linker.add(time, { boxes, points: boxes, confidences: boxes }, 2, looks);
        }
        const rows = (track) => [...track.keys()].sort((a, b) => a - b);
        return linker.tracks.map((track) => rows(track).map((row) => [row, track.get(row).box]));
    }"""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        linker, frames = Linker(), []
        faces = rng.normal(size=(4, 768)).astype(np.float32)
        place, speed = rng.uniform(0, 300, (4, 2)), rng.normal(0, 40, (4, 2))
        away = rng.integers(0, 40, 4)
        for row in range(40):
            time, there = 0.25 * row, [k for k in range(4) if not away[k] <= row < away[k] + 5 + 3 * k]
            corner = place[there] + speed[there] * time + rng.normal(0, 1, (len(there), 2))
            boxes = np.concatenate([corner, corner + 60], 1).astype(np.float32)
            looks = faces[there] + 0.2 * rng.normal(size=(len(there), 768)).astype(np.float32)
            looks /= np.linalg.norm(looks, axis=1, keepdims=True)
            if row == 25:
                linker.cut()
            found = Detections(boxes, np.zeros((len(there), 5, 2), np.float32), np.ones(len(there), np.float32))
            linker.add(time, found, 2.0, list(looks))
            frames.append({"time": time, "boxes": boxes.tolist(), "looks": looks.tolist(), "cut": row == 25})
        theirs = [[[row, track[row].box.tolist()] for row in sorted(track)] for track in linker.tracks]
        assert call(code, frames) == theirs and len(theirs) >= 4
    values, times = (
        np.random.default_rng(0).normal(size=(24, 4)),
        np.cumsum(np.random.default_rng(1).uniform(0.01, 0.6, 24)),
    )
    ours = np.array(call("(values, times) => smoothed(values, times)", values.tolist(), times.tolist()))
    assert ours == pytest.approx(smooth(values, times), abs=1e-9)
    assert call("(values, times) => smoothed(values, times)", [[1, 2]], [3]) == [[1, 2]]


def test_faces_are_turned_upright_as_by_python(call):
    picture = noise(224, 224)
    upright = np.array([[78, 90], [146, 90], [112, 128], [84, 165], [140, 165]], float)
    for seed, angle in enumerate((-25, 0, 8, 40)):
        turn = np.radians(angle)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = (upright - 112) @ matrix.T + 112 + np.random.default_rng(seed).normal(0, 2, (5, 2))
        code = f"(p, points) => Array.from(aligned(({BYTES})(p), points).data)"
        ours = array_of(call(code, picture_of(picture), points.tolist()), 150, 150)
        assert np.abs(ours - aligned(picture, points)).mean() <= 6, (
            "noise of 20 levels: half a pixel off is 10 and more"
        )
        clip = type("Clip", (), {"landmarks": points[None].astype(np.float32)})
        assert call("rollOf", points.tolist()) == pytest.approx(float(face_roll(clip)[0]), abs=1e-3)


def test_numbers_are_joined_and_said_as_by_python(call):
    for odds in ([0.2], [0.9, 0.9], [0.01, 0.99, 0.5], [1e-12, 0.3], [1.0, 0.2], [0.0, 0.0]):
        assert call("combined", odds) == pytest.approx(combine_odds(odds), abs=1e-9)
    for p in (0.0, 0.004, 0.005, 0.0149, 0.47, 0.5, 0.995, 0.99499, 1.0, None):
        assert call("(p) => probabilityText(p, 'p')", p) == probability_text(p, "p")
        for label in ("REAL", "FAKE", "UNDECIDED"):
            assert call("certaintyText", label, p) == certainty_text(label, p)


def test_figures_have_the_digits_of_python(call):
    """Also where they lie exactly between two."""
    rng = np.random.default_rng(5)
    values = [*(k / 8 for k in range(-400, 400)), *(k / 4 for k in range(400, 800)), *rng.uniform(0, 200, 500).tolist()]
    values += [1.005, 2.675, 0.285, 1.115, 0.145]  # just beside the middle
    for digits in (0, 1, 2):
        said = call("(values, digits) => values.map((value) => fixed(value, digits))", values, digits)
        theirs = [f"{value:.{digits}f}" for value in values]
        assert said == theirs


def test_heat_is_named_by_the_zones_of_python(call):
    """Faces straight, turned, at the edge of the crop and without a point; heat in one cell, in many and in none."""
    rng = np.random.default_rng(3)
    upright = np.array([[0.35, 0.4], [0.65, 0.4], [0.5, 0.57], [0.38, 0.74], [0.62, 0.74]])
    turns = np.radians(rng.uniform(-60, 60, 12))
    matrices = np.stack([[np.cos(turns), -np.sin(turns)], [np.sin(turns), np.cos(turns)]]).transpose(2, 0, 1)
    points = (upright - 0.5) @ matrices * rng.uniform(0.5, 1.6, (12, 1, 1)) + rng.uniform(0.3, 0.7, (12, 1, 2))
    points = np.concatenate([points, upright[None], np.full((1, 5, 2), 0.5)])
    heat = rng.random((14, 7, 7)) ** 6 * rng.random((14, 1, 1))
    heat[3], heat[4], heat[5] = 0, np.eye(49)[24].reshape(7, 7), 0.1
    shares = zone_shares(heat, points)
    boxes = np.tile([10.0, 20.0, 210.0, 220.0], (14, 1))
    marks = boxes[:, None, :2] + 200 * points
    clip = type("Clip", (), {"landmarks": marks, "boxes": boxes})
    words = heat_words(type("Face", (), {"heatmaps": heat, "clip": clip}), 1.0)
    for row in range(14):
        zones = call("(points) => Array.from(zoneMap(points) ?? [])", points[row].tolist())
        assert np.array_equal(zone_map(points[row]).ravel(), zones or np.full(56**2, -1))
        found = call("zoneShares", heat[row].tolist(), points[row].tolist())
        assert (found is None) == bool(np.isnan(shares[row]).all())
        assert found is None or found == pytest.approx(shares[row], abs=1e-6)
        code = """(heat, box, points) => {
            const face = { at: new Map([[0, { box, points }]]), heat: new Map([[0, heat]]) };
            return [heatWords(heat, sharesOf(face, 0)), zonesOf(face)];
        }"""
        told, whole = call(code, heat[row].tolist(), boxes[row].tolist(), marks[row].tolist())
        assert told == words[row] and (whole is None) == (found is None)
        assert whole is None or [*whole.values()] == pytest.approx(sorted(shares[row], reverse=True), abs=1e-6)
    assert len({*words}) > 6 and "" in words


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 127, 128, 1000, 4096, 10_000])
def test_files_are_hashed_piece_by_piece(call, size):
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8).tobytes()
    found = call("(bytes) => sha256(new Blob([Uint8Array.from(bytes)]), 128)", list(data))
    assert found == hashlib.sha256(data).hexdigest()
