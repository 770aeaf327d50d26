"""Let a still portrait move: head, blinks, mouth and light, as smooth functions of time from one seeded draw."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Wave:
    """A smooth curve through time: a sum of sinusoids. amplitudes, rates (Hz) and phases (rad) are all (K,)."""

    amplitudes: np.ndarray
    rates: np.ndarray
    phases: np.ndarray

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Values (T,) at times (T,) s."""
        return (self.amplitudes * np.sin(2 * np.pi * self.rates * times[:, None] + self.phases)).sum(1)


def draw_wave(rng: np.random.Generator, size: float, rate: float, terms: int = 3) -> Wave:
    """A wave whose values are mostly within ± `size` (never beyond 1.2 times that), no term faster than `rate` Hz."""
    amplitudes = rng.dirichlet(np.ones(terms)) * size * rng.uniform(0.3, 1.2)
    return Wave(amplitudes, rate * rng.uniform(0.15, 1.0, terms), rng.uniform(0, 2 * np.pi, terms))


@dataclass(frozen=True)
class Motion:
    """How one clip moves; lengths are in distances between the eyes, angles in degrees, times in s."""

    shift_x: Wave
    shift_y: Wave
    roll: Wave
    zoom: Wave
    yaw: Wave
    pitch: Wave
    mouth: Wave
    smile: Wave
    brow: Wave
    light: Wave
    tilt: Wave
    blinks: np.ndarray  # (K,) s: middles of the blinks
    mouth_bias: float
    smile_bias: float
    light_side: float  # rad: where the drifting light comes from
    teeth: float  # 0…1: how bright the open mouth is
    gape: bool  # whether the opening shows the dark of the mouth, or only stretches what is there


def draw_motion(rng: np.random.Generator, liveliness: float = 1.0, seconds: float = 12.0) -> Motion:
    """One clip's motion, blinks for `seconds` or longer.

    liveliness: 0 holds the head still but for one blink, 1 is a talking head, 2 is vivid.
    """
    lively = float(liveliness)
    return Motion(
        shift_x=draw_wave(rng, 0.16 * lively, 0.5),
        shift_y=draw_wave(rng, 0.10 * lively, 0.6),
        roll=draw_wave(rng, 5.0 * lively, 0.5),
        zoom=draw_wave(rng, 0.05 * lively, 0.3),
        yaw=draw_wave(rng, 0.14 * lively, 0.5),
        pitch=draw_wave(rng, 0.09 * lively, 0.6),
        mouth=draw_wave(rng, 0.11 * lively, 3.5, terms=4),
        smile=draw_wave(rng, 0.05 * lively, 0.6),
        brow=draw_wave(rng, 0.04 * lively, 0.8),
        light=draw_wave(rng, 0.08 * lively, 0.5),
        tilt=draw_wave(rng, 0.10 * lively, 0.3),
        blinks=np.cumsum(rng.exponential(2.6, max(12, round(seconds))) + 0.35)[: None if lively else 1] - 0.3,
        mouth_bias=float(rng.choice([0.0, 0.03, 0.08, 0.14], p=[0.4, 0.3, 0.2, 0.1])) * min(lively, 1.5),
        smile_bias=float(rng.normal(0, 0.04)) * lively,
        light_side=float(rng.uniform(0, 2 * np.pi)),
        teeth=float(rng.uniform(0, 1)),
        gape=bool(rng.uniform() < 0.5),
    )


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """A Gaussian hill of height 1 at (cx, cy)."""
    return np.exp(-0.5 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2))


def animate_still(
    image: np.ndarray, landmarks: np.ndarray, motion: Motion, times: np.ndarray, border: int = cv2.BORDER_REFLECT_101
) -> tuple[np.ndarray, np.ndarray]:
    """Move a portrait: uint8 RGB (H, W, 3) and its landmarks (5, 2) px → uint8 RGB (T, H, W, 3), float32 (T, 5, 2) px.

    times: (T,) s. border: OpenCV's border mode for what motion uncovers. The picture is warped whole (nothing is
    pasted), except the dark of an opening mouth. The landmarks returned follow the warp to within a pixel or so.
    """
    height, width = image.shape[:2]
    points = np.asarray(landmarks, dtype=np.float64)
    eye_line = points[1] - points[0]
    unit = float(np.hypot(*eye_line))  # distance between the eyes, px
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    origin = points[:2].mean(0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / unit

    # face coordinates: x along the eyes, y down the face, in eye distances; on a coarse grid, for the fields are smooth
    step = 4
    gy, gx = np.mgrid[0 : height + step : step, 0 : width + step : step].astype(np.float64)
    fx, fy = np.tensordot(turn, np.stack([gx - origin[0], gy - origin[1]]), axes=1)
    face = (points - origin) @ turn.T
    mouth = face[3:].mean(0) + np.array([0.0, 0.07])  # the lips part a little below the line between their corners
    mouth_half = max(float(face[4, 0] - face[3, 0]) / 2, 0.2)

    # depth of a head: an ellipsoid round the face, fading into a still background
    radius = ((fx / 1.5) ** 2 + ((fy - 0.35) / 1.9) ** 2) ** 0.5
    depth = np.exp(-0.5 * (radius / 0.75) ** 2)
    head = 1 / (1 + np.exp((radius - 1.25) / 0.16))

    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = np.empty((len(times), height, width, 3), np.uint8)
    moved = np.empty((len(times), 5, 2), np.float64)
    waves = {name: value for name, value in vars(motion).items() if isinstance(value, Wave)}
    curves = {name: wave(np.asarray(times, float)) for name, wave in waves.items()}
    for k, time in enumerate(times):
        now = {name: float(curve[k]) for name, curve in curves.items()}
        blink = float(np.exp(-0.5 * ((time - motion.blinks) / 0.06) ** 2).max()) if len(motion.blinks) else 0.0
        opening = float(np.clip(now["mouth"] + motion.mouth_bias, 0.0, 0.25))
        smile = now["smile"] + motion.smile_bias

        # displacement of the sampling position, in eye distances: a positive dy shows what lies lower
        dx = -now["yaw"] * (0.35 * head + 0.65 * depth)
        dy = -now["pitch"] * (0.35 * head + 0.65 * depth)
        for ex, ey in face[:2]:
            dy -= blink * 0.20 * _bump(fx, fy, ex, ey - 0.02, 0.26, 0.11)
            dy += now["brow"] * _bump(fx, fy, ex, ey - 0.38, 0.4, 0.16)
        lower = 1 / (1 + np.exp(-(fy - mouth[1]) / 0.05))  # 1 below the line of the lips
        near_mouth = _bump(fx, fy, mouth[0], mouth[1] + 0.3, mouth_half * 1.5, 0.55)
        dy -= opening * lower * near_mouth
        for side, (cx, cy) in zip((-1, 1), face[3:], strict=True):
            corner = _bump(fx, fy, cx, cy, 0.25, 0.2)
            dx -= side * smile * corner
            dy += 0.7 * smile * corner

        # the head as a whole: roll, zoom and shift about the eyes
        tip = np.deg2rad(now["roll"]) * head
        scale = 1 - now["zoom"] * head
        sx = scale * (fx * np.cos(tip) + fy * np.sin(tip)) + dx - now["shift_x"] * head
        sy = scale * (fy * np.cos(tip) - fx * np.sin(tip)) + dy - now["shift_y"] * head

        px, py = np.tensordot(np.linalg.inv(turn), np.stack([sx, sy]), axes=1)
        size = (gx.shape[1] * step, gx.shape[0] * step)
        field = np.stack([px + origin[0] - gx, py + origin[1] - gy], axis=-1).astype(np.float32)
        # grid nodes lie at multiples of `step`: shift the enlarged field back by half a cell
        large = cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)
        shift = np.float32([[1, 0, -(step - 1) / 2], [0, 1, -(step - 1) / 2]])
        large = cv2.warpAffine(large, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.remap(image, xx + large[..., 0], yy + large[..., 1], cv2.INTER_LINEAR, borderMode=border)

        # the landmarks go the other way: the field is inverted where they are, by damped steps (a blink is steep)
        place = points.copy()
        for _ in range(12):
            at = np.clip(place, 0, [width - 1, height - 1]).astype(np.float32)
            here = cv2.remap(large, at[:, 0], at[:, 1], cv2.INTER_LINEAR).reshape(5, 2)
            place += 0.7 * (points - here - place)
        moved[k] = place

        if opening > 0.02 and motion.gape:
            frame = _open_mouth(frame, place, opening * unit * 0.75, 0.07 * unit, motion.teeth)
        frames[k] = _relight(frame, now["light"], now["tilt"], motion.light_side)
    return frames, moved.astype(np.float32)


def _open_mouth(frame: np.ndarray, points: np.ndarray, gap: float, below: float, teeth: float) -> np.ndarray:
    """Darken the opening between the lips, `gap` px high and `below` px under the corners, with a hint of teeth."""
    left, right = points[3], points[4]
    middle = (left + right) / 2 + [0.0, below]
    half = max(float(np.hypot(*(right - left))) / 2, 2.0)
    angle = float(np.degrees(np.arctan2(*(right - left)[::-1])))
    mask = np.zeros(frame.shape[:2], np.float32)
    centre = (round(float(middle[0]) * 16), round(float(middle[1] + gap * 0.4) * 16))
    axes = (max(1, round(half * 0.72 * 16)), max(1, round(gap * 0.5 * 16)))
    cv2.ellipse(mask, centre, axes, angle, 0, 360, 1.0, -1, cv2.LINE_AA, shift=4)
    blur = max(0.6, half / 14)
    mask = cv2.GaussianBlur(mask, (0, 0), blur)[..., None] * min(1.0, gap / 4)
    dark = np.array([58, 26, 26], np.float32)
    upper = np.zeros(frame.shape[:2], np.float32)
    top = (round(float(middle[0]) * 16), round(float(middle[1] + gap * 0.12) * 16))
    cv2.ellipse(upper, top, (axes[0], max(1, axes[1] // 2)), angle, 0, 360, 1.0, -1, cv2.LINE_AA, shift=4)
    upper = cv2.GaussianBlur(upper, (0, 0), blur)[..., None] * teeth
    inside = dark * (1 - 0.8 * upper) + np.array([196, 186, 176], np.float32) * 0.8 * upper
    return (frame * (1 - mask) + inside * mask).clip(0, 255).astype(np.uint8)


def _relight(frame: np.ndarray, gain: float, tilt: float, side: float) -> np.ndarray:
    """Multiply by 1 + gain + a ramp of ± tilt towards `side` (rad)."""
    height, width = frame.shape[:2]
    ramp_x = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(np.cos(side))
    ramp_y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(side))
    light = np.float32(1 + gain) + np.float32(tilt) * (ramp_x + ramp_y)
    return (frame * light[..., None]).clip(0, 255).astype(np.uint8)
