"""Faces and their times where a player shows them: Chromium is the judge, within one frame and two pixels."""

from __future__ import annotations

import base64
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from makers.face_clips import portrait, stage

from spotterlib.faces import detect_faces, find_faces
from spotterlib.video import read_frames

FRAMES, STEP = 14, 4  # px that the person moves from frame to frame: twice what a place may be off
GREEN = (20, 220, 40)
EVEN = np.arange(FRAMES) / 12
UNEVEN = np.cumsum([0, 0.03, 0.2, 0.04, 0.04, 0.4, 0.03, 0.1, 0.05, 0.3, 0.04, 0.04, 0.15, 0.08])


def walk() -> np.ndarray:
    """A person with a green dot beside them who crosses the picture: uint8 RGB (14, 192, 256, 3)."""
    still = cv2.circle(portrait("p01", 170)[0].copy(), (12, 12), 7, GREEN, -1, cv2.LINE_AA)
    places = np.column_stack([8.0 + STEP * np.arange(FRAMES), np.full(FRAMES, 12.0)])
    return stage((256, 192), FRAMES, (np.stack([still] * FRAMES), places))


def record(path, frames, times, turns=0, wide=1):
    """Write frames that a player turns to the left by `turns` quarters, having widened them `wide` times."""
    stored = [np.ascontiguousarray(np.rot90(frame, -turns)) for frame in frames]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.height, stream.width = stored[0].shape[0], stored[0].shape[1] // wide
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "12"}
        stream.codec_context.time_base = Fraction(1, 90_000)
        stream.codec_context.sample_aspect_ratio = Fraction(wide, 1)
        stream.set_display_rotation(90 * turns)
        for picture, time in zip(stored, times, strict=True):
            squeezed = cv2.resize(picture, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(squeezed, format="rgb24")
            frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def page(browser):
    return browser.new_page()


SHOW = """async ([code, times]) => {
    const video = document.createElement('video');
    video.muted = true;
    const bytes = Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}));
    const late = (failed) => setTimeout(() => failed(new Error('the player showed nothing for 60 s')), 60_000);
    await new Promise((done, failed) => {
        video.onloadeddata = done;
        video.onerror = () => failed(video.error);
        late(failed);
    });
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const shown = [];
    for (const time of times) {
        const there = new Promise((done, failed) => { video.onseeked = done; late(failed); });
        video.currentTime = time;
        await there;  // then two pictures of the page, for a frame may be told of before it is drawn
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
        shown.push(canvas.toDataURL('image/png'));
    }
    return shown;
}"""


def shown(page, path, times) -> list[np.ndarray]:
    """What the player has on the screen at these times in s: uint8 RGB."""
    code = base64.b64encode(path.read_bytes()).decode()
    pictures = page.evaluate(SHOW, [code, [float(time) for time in times]])
    coded = [np.frombuffer(base64.b64decode(picture.partition(",")[2]), np.uint8) for picture in pictures]
    return [cv2.imdecode(one, cv2.IMREAD_COLOR)[..., ::-1] for one in coded]


def dot(picture: np.ndarray) -> np.ndarray:
    """The middle of the green dot, (x, y) px."""
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    y, x = np.nonzero(green - np.maximum(red, blue) > 60)
    assert len(x) > 40
    return np.array([x.mean(), y.mean()])


CASES = {
    "as it is": {},
    "turned left": {"turns": 1},
    "turned right": {"turns": 3},
    "upside down": {"turns": 2},
    "wide pixels": {"wide": 2},
    "uneven times": {"times": UNEVEN},
    "all at once": {"turns": 1, "times": UNEVEN},
}


@pytest.mark.parametrize("case", CASES)
def test_a_face_is_where_and_when_the_player_shows_it(page, tmp_path, case):
    how = {"times": EVEN} | CASES[case]
    path = record(tmp_path / "a.mp4", walk(), **how)
    found = find_faces(path)
    track = found.tracks[0]
    assert track.valid.all() and len(track.times) == FRAMES
    assert np.abs(track.times - how["times"]).max() <= 1e-3
    gaps = np.diff(found.times, append=found.times[-1] + 0.03)
    pictures = shown(page, path, track.times + gaps[track.frames] / 3)  # a moment within each frame
    assert all(picture.shape == (found.info.height, found.info.width, 3) for picture in pictures)
    ours = read_frames(path, track.frames)
    seen = detect_faces(pictures)
    for row, (picture, one) in enumerate(zip(pictures, seen, strict=True)):
        apart = np.abs(dot(ours[int(track.frames[row])]) - dot(picture))
        assert apart.max() <= 2, (row, apart)  # another frame's dot is 4 px away
        face = (one.landmarks[0] - track.landmarks[row]).mean(0)  # of five points, each of which jitters by itself
        assert np.abs(face).max() <= 2, (row, face)
    dots = [dot(picture)[0] for picture in pictures]
    assert np.diff(dots) == pytest.approx(np.full(FRAMES - 1, STEP), abs=1), "every frame was shown once"
    centres = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    faces = np.array([(one.boxes[0][:2] + one.boxes[0][2:]) / 2 for one in seen])
    assert np.abs((centres - faces).mean(0)).max() <= 2
