"""Reports made by hand for the tests of what shows them: a small video with a moving square for a face."""

from __future__ import annotations

import wave
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from spotterlib.evidence.heat import HEAT
from spotterlib.faces import FaceClip, FaceTrack
from spotterlib.model import Detector
from spotterlib.provenance import Credentials, FileFacts, file_facts, read_credentials
from spotterlib.scan import FaceResult, ScanReport, WindowResult
from spotterlib.scan.examined import examined_now
from spotterlib.video import probe_video, write_video

FPS, FRAMES, STEP = 25.0, 49, 2  # every second frame is on the grid: 25 grid frames are cut to 24 + the last
SIDE = 60.0
POINTS = ((0.37, 0.4), (0.63, 0.4), (0.5, 0.53), (0.39, 0.66), (0.61, 0.66))
"""Eyes, nose and corners of the mouth, as shares of the crop."""

RED = np.array(HEAT, float)


def make_video(path: Path, size: tuple[int, int] = (160, 120), frames: int = FRAMES, sound: bool = True) -> Path:
    """A grey video, (width, height) px, on which a bright square wanders, with a tone."""
    width, height = size
    source = None
    if sound:
        source = path.with_suffix(".wav")
        with wave.open(str(source), "wb") as tone:
            tone.setnchannels(1)
            tone.setsampwidth(2)
            tone.setframerate(16_000)
            count = np.arange(int(16_000 * frames / FPS))
            tone.writeframes((8000 * np.sin(count / 8)).astype("<i2").tobytes())

    def pictures():
        for index in range(frames):
            picture = np.full((height, width, 3), 90, np.uint8)
            x, y = (int(v) for v in face_box(index)[:2])
            picture[max(y + 15, 0) : y + 45, max(x + 15, 0) : x + 45] = (200, 170, 150)
            yield picture

    return write_video(path, pictures(), FPS, audio_from=source)


def face_box(index: int, shift: float = 0.0) -> np.ndarray:
    """The square crop box of the face in frame `index`."""
    x, y = 20 + 0.5 * index + shift, 30 + 0.25 * index
    return np.array([x, y, x + SIDE, y + SIDE], np.float32)


def make_face(
    frames: int = FRAMES,
    gap: slice = slice(10, 13),
    probability: float | None = 0.9,
    windows: int = 1,
    shift: float = 0.0,
    peak: float = 4.0,
) -> FaceResult:
    """A face on every second frame; hot in the middle row, right of centre, with a gap in which it is not found."""
    grid = np.arange(0, frames, STEP)
    count = len(grid)
    valid = np.ones(count, bool)
    valid[gap] = False
    boxes = np.stack([face_box(index, shift) for index in grid])
    boxes[~valid] = np.nan
    marks = boxes[:, None, :2] + SIDE * np.array(POINTS, np.float32)
    times = grid / FPS
    of = (np.arange(count) * windows // count).astype(np.int64)
    track = FaceTrack(0, grid, times, boxes, marks, valid.astype(np.float32), of)
    scores = np.linspace(0.2, 0.95, count).astype(np.float32)
    scores[~valid] = np.nan
    heatmaps = np.zeros((count, 7, 7), np.float32)
    heatmaps[:, 3, 5] = np.linspace(peak / 2, peak, count)
    heatmaps[~valid] = 0
    rng = np.random.default_rng(1)
    crops = np.full((count, 224, 224, 3), 120, np.uint8)
    crops[:, 60:160, 60:160] = rng.integers(60, 220, (count, 1, 1, 3))
    crops[~valid] = 0
    spans = [times[of == window] for window in range(windows)]
    results = tuple(
        WindowResult(
            float(span[0]), float(span[-1]), None if probability is None else probability - 0.01 * k, len(span)
        )
        for k, span in enumerate(spans)
    )
    clip = FaceClip(crops, times, boxes, marks, valid)
    label = "UNDECIDED" if probability is None else "FAKE" if probability > 0.5 else "REAL"
    return FaceResult(label, probability, "", results, track, clip, scores, heatmaps)


def make_report(
    video: Path, faces: tuple[FaceResult, ...] | None = None, label: str = "FAKE", reason: str = ""
) -> ScanReport:
    """A report on a video of `make_video`."""
    info = probe_video(video)
    times = np.arange(info.frames) / FPS
    faces = (make_face(info.frames),) if faces is None else faces
    scores = np.full(len(times), np.nan, np.float32)
    if faces:
        known = np.isfinite(faces[0].frame_scores)
        scores = np.interp(times, faces[0].track.times[known], faces[0].frame_scores[known]).astype(np.float32)
        scores[~faces[0].track.at(times)[2]] = np.nan
    probability = faces[0].probability if faces else None
    sure = None if probability is None else 100 * max(probability, 1 - probability)
    hottest = max((float(face.heatmaps.max()) for face in faces), default=0.0)
    card = {"name": "test", "sha256": "ab" * 32, "card_sha256": "cd" * 32, "t_low": 0.3, "t_high": 0.7}
    about = (file_facts(video), read_credentials(video), examined_now(Detector(None, {}, "cpu", "test")))
    scale = hottest if hottest > 0 else 1.0
    return ScanReport(
        str(video),
        label,
        probability,
        sure,
        reason,
        faces,
        times,
        scores,
        scale,
        info,
        card,
        1.0,
        {"total": 1.0},
        *about,
    )


def redness(picture: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """By how much each pixel of a picture was changed: int (H, W)."""
    return np.abs(picture.astype(int) - plain.astype(int)).sum(-1)


def no_file(monkeypatch, module) -> None:
    """Scans of made-up faces, in `spotterlib.scan.videos`, need no video to hash."""
    facts = FileFacts("made-up.mp4", 1, "ef" * 32, "mov,mp4", None, (), "", "", (), ())
    monkeypatch.setattr(module, "checked_path", Path)
    monkeypatch.setattr(module, "unchanged", lambda place: nullcontext())
    monkeypatch.setattr(module, "file_facts", lambda place: facts)
    monkeypatch.setattr(module, "read_credentials", lambda place: Credentials("unknown", "Unknown."))
