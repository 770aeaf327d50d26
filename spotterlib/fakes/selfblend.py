"""Fakes from real faces alone: a face blended onto itself after small changes, or another's onto it.

After Shiohara & Yamasaki, *Detecting Deepfakes with Self-Blended Images*, CVPR 2022 (arXiv 2204.08376), written from
the published recipe and carried over to clips: one draw of mask, colour, warp and ratio a clip, with a small jitter a
frame, for flicker and landmark jitter are traces of real deepfakes. Blend before the codec. Another person's face,
aligned by landmarks and matched in colour, is what Li et al., *Face X-ray*, CVPR 2020 (arXiv 1912.13458) blend.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

REGIONS = ("whole", "face", "inner", "mouth", "half", "eyes")
"""Regions a self-blend can cover, large to small."""

# Face coordinates: origin between the eyes, x along them, y down, in eye distances. The five landmarks of a mean face:
_TEMPLATE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.62], [-0.42, 1.08], [0.42, 1.08]])
_JAW = np.array([[-1.02, -0.1], [-1.0, 0.35], [-0.92, 0.75], [-0.76, 1.15], [-0.5, 1.48], [-0.2, 1.66]])
_BROWS = np.array([[-0.9, -0.36], [-0.5, -0.48], [-0.15, -0.42]])
_FOREHEAD = np.array([[-0.9, -0.55], [-0.62, -0.85], [-0.2, -1.0]])


def _mirrored(left: np.ndarray) -> np.ndarray:
    """The left half of an outline, and the right half in the opposite order."""
    return np.concatenate([left, left[::-1] * [-1, 1]])


def _outline(region: str, side: int) -> np.ndarray:
    """The region's polygon (P, 2) in face coordinates; side (−1 or 1) is the half that "half" covers."""
    if region == "whole":
        return np.concatenate([_mirrored(_JAW), _mirrored(_FOREHEAD)[::-1]])
    face = np.concatenate([_mirrored(_JAW), _mirrored(_BROWS)[::-1]])
    if region == "face":
        return face
    if region == "inner":
        return (face - [0, 0.5]) * [0.76, 0.78] + [0, 0.5]
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    if region == "mouth":
        return np.stack([0.66 * np.cos(angle), 1.1 + 0.4 * np.sin(angle)], axis=1)
    if region == "eyes":
        return np.stack([0.95 * np.cos(angle), -0.06 + 0.34 * np.sin(angle)], axis=1)
    half = np.concatenate([face[face[:, 0] * side > 0], [[0.0, 1.66], [0.0, -0.42]]])  # closed along the midline
    centred = half - half.mean(0)
    return half[np.argsort(np.arctan2(centred[:, 1], centred[:, 0]))]


@dataclass(frozen=True)
class Blend:
    """One clip's draw: what is changed, where, and how strongly it is blended in."""

    region: str
    outline: np.ndarray  # (P, 2) face coordinates, deformed
    gains: np.ndarray  # (3,) multiplied per channel
    offsets: np.ndarray  # (3,) added per channel, 0…255
    contrast: float
    saturation: float
    shade: np.ndarray  # (2,) light that grows along x and y, relative, per eye distance
    grain: float  # grey levels, σ: noise that only the changed copy has
    alter_inside: bool  # the changed copy is the pasted one (else it is the surroundings)
    sharpness: float  # > 0 sharpen; < 0 reduce to 1/(1−s) and back
    shift: np.ndarray  # (2,) eye distances
    scale: float
    roll: float  # degrees
    bend: np.ndarray  # (4, 4, 2) eye distances: an elastic warp, on a grid over the picture
    softness: float  # eye distances: width of the mask's edge
    erosion: float  # 0.2…0.8: threshold of the blurred mask
    ratio: float  # share of the pasted copy at the mask's core
    flicker: float  # per-frame jitter of colour, relative
    jitter: float  # per-frame jitter of place, eye distances
    match: float  # 0…1: how far another person's face takes on the colours that it covers
    seed: int  # of the per-frame jitters


def draw_blend(rng: np.random.Generator, region: str | None = None, least: float = 0.25) -> Blend:
    """Draw one clip's blend. region: one of `REGIONS`; drawn (larger ones oftener) when None.

    least: the pasted copy's share at the core of the mask, 0…1, is not drawn below it. A faint blend that a bad camera
    hides teaches a network nothing but to doubt every picture of a bad camera.
    """
    if region is None:
        region = str(rng.choice(REGIONS, p=[0.25, 0.27, 0.2, 0.12, 0.1, 0.06]))
    outline = _outline(region, int(rng.choice([-1, 1])))
    middle = outline.mean(0)
    outline = (outline - middle) * rng.uniform(0.85, 1.12, 2) + middle
    outline = outline + rng.normal(0, 0.035, outline.shape)
    style = rng.uniform()
    sharpness = 0.0 if style < 0.2 else (rng.uniform(0.3, 1.2) if style < 0.4 else -rng.uniform(0.3, 3.0))
    plain = rng.uniform(size=3) < 0.5
    return Blend(
        region=region,
        outline=outline,
        gains=1 + rng.normal(0, 0.05, 3),
        offsets=rng.uniform(-20, 20, 3) * (rng.uniform() < 0.8),
        contrast=float(1 + rng.uniform(-0.12, 0.12)),
        saturation=float(1 + rng.uniform(-0.3, 0.3)),
        shade=rng.normal(0, 0.06, 2) * plain[0],
        grain=float(rng.exponential(3.0) * plain[1]),
        alter_inside=bool(rng.uniform() < 0.5),
        sharpness=float(sharpness),
        shift=rng.uniform(-1, 1, 2) * [0.09, 0.06],
        scale=float(1 + rng.uniform(-0.05, 0.05)),
        roll=float(rng.uniform(-3, 3)),
        bend=rng.normal(0, 0.035, (4, 4, 2)) * plain[2],
        softness=float(rng.choice([0.03, 0.06, 0.1, 0.16, 0.25])),
        erosion=float(rng.uniform(0.2, 0.8)),
        ratio=max(float(rng.choice([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])), least),
        flicker=float(rng.choice([0.0, 0.01, 0.03])),
        jitter=float(rng.choice([0.0, 0.008, 0.02])),
        match=float(rng.uniform(0.7, 1.0)),
        seed=int(rng.integers(2**31)),
    )


def face_to_pixels(landmarks: np.ndarray) -> np.ndarray:
    """Affine map (2, 3) from face coordinates to px that fits the template to five landmarks (5, 2) by least squares.

    A little of a similarity is mixed in, so that a profile's nearly collinear points do not fold the map.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    design = np.concatenate([_TEMPLATE, np.ones((5, 1))], axis=1)
    affine = np.linalg.lstsq(design, points, rcond=None)[0].T
    centred, target = _TEMPLATE - _TEMPLATE.mean(0), points - points.mean(0)
    norm = (centred**2).sum()
    a = (centred * target).sum() / norm
    b = (centred[:, 0] * target[:, 1] - centred[:, 1] * target[:, 0]).sum() / norm
    rotation = np.array([[a, -b], [b, a]])
    similar = np.concatenate([rotation, (points.mean(0) - rotation @ _TEMPLATE.mean(0))[:, None]], axis=1)
    return 0.6 * affine + 0.4 * similar


def region_mask(outline: np.ndarray, landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The filled outline as float32 (H, W) in 0…1 for five landmarks (5, 2) px; size is (H, W)."""
    place = face_to_pixels(landmarks)
    polygon = outline @ place[:, :2].T + place[:, 2]
    mask = np.zeros(size, np.float32)
    cv2.fillPoly(mask, [np.round(_rounded(polygon) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    return mask


def _rounded(polygon: np.ndarray) -> np.ndarray:
    """Cut the corners twice (Chaikin): a mask has none."""
    for _ in range(2):
        following = np.roll(polygon, -1, axis=0)
        polygon = np.stack([0.75 * polygon + 0.25 * following, 0.25 * polygon + 0.75 * following], 1).reshape(-1, 2)
    return polygon


def _altered(frame: np.ndarray, blend: Blend, flick: np.ndarray, centre: np.ndarray, unit: float, seed: int):
    """The copy with its colours, light, grain and resolution changed, float32 (H, W, 3)."""
    picture = frame.astype(np.float32) * (blend.gains + flick).astype(np.float32) + blend.offsets.astype(np.float32)
    mean = np.array(cv2.mean(picture)[:3], np.float32)
    picture = mean + (picture - mean) * np.float32(blend.contrast)
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))[..., None]
    picture = grey + (picture - grey) * np.float32(blend.saturation)
    height, width = frame.shape[:2]
    if blend.shade.any():
        x = (np.arange(width, dtype=np.float32) - centre[0]) / unit * blend.shade[0]
        y = (np.arange(height, dtype=np.float32) - centre[1]) / unit * blend.shade[1]
        picture *= np.clip(1 + x + y[:, None], 0.6, 1.4)[..., None].astype(np.float32)
    if blend.grain:
        noise = np.random.default_rng(seed).standard_normal((height, width, 1), np.float32)
        picture = picture + np.float32(blend.grain) * noise
    if blend.sharpness > 0:
        soft = cv2.GaussianBlur(picture, (0, 0), max(0.8, unit / 60))
        picture = picture + np.float32(blend.sharpness) * (picture - soft)
    elif blend.sharpness < 0:
        small = (max(8, round(width / (1 - blend.sharpness))), max(8, round(height / (1 - blend.sharpness))))
        picture = cv2.resize(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), (width, height))
    return picture


def self_blend(
    frames: np.ndarray,
    landmarks: np.ndarray,
    blend: Blend,
    donor: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Blend a clip onto itself: uint8 RGB (T, H, W, 3), landmarks (T, 5, 2) px → fake uint8, mask float32 (T, H, W).

    The mask, 0…1, is the share of the pasted copy in each pixel. A frame whose landmarks are not finite stays as it is,
    with an empty mask. donor: another person's frames (T, H', W', 3) and landmarks, whose face is pasted instead of the
    clip's own, aligned by the landmarks and matched in colour.
    """
    rng = np.random.default_rng(blend.seed)
    fakes, masks = frames.copy(), np.zeros(frames.shape[:3], np.float32)
    height, width = frames.shape[1:3]
    for k, (frame, points) in enumerate(zip(frames, landmarks, strict=True)):
        flick = rng.normal(0, 1, 3) * blend.flicker
        shake = rng.normal(0, 1, 2) * blend.jitter
        if not np.isfinite(points).all():
            continue
        unit = max(
            float(np.hypot(*(points[1] - points[0]))), float(np.hypot(*(points[3:].mean(0) - points[:2].mean(0)))), 4
        )
        hard = region_mask(blend.outline, points + shake * unit, (height, width))
        mask, centre = soft_mask(hard, blend, unit), points.mean(0)
        pasted = frame if donor is None else fitted(donor[0][k], donor[1][k], frame, points, hard, blend.match)
        if pasted is None:
            continue
        inside, outside = pasted.astype(np.float32), frame.astype(np.float32)
        if blend.alter_inside:
            inside = _altered(pasted, blend, flick, centre, unit, blend.seed + k)
        else:
            outside = _altered(frame, blend, flick, centre, unit, blend.seed + k)
        inside = _moved(inside, blend, centre, shake, unit)
        mixed = outside + mask[..., None] * (inside - outside)
        fakes[k] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
        masks[k] = mask
    return fakes, masks


def _moved(picture: np.ndarray, blend: Blend, centre: np.ndarray, shake: np.ndarray, unit: float) -> np.ndarray:
    """Turn, scale, shift and bend the pasted copy about the face's centre."""
    height, width = picture.shape[:2]
    warp = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), blend.roll, blend.scale)
    warp[:, 2] += (blend.shift + shake) * unit
    if not blend.bend.any():
        return cv2.warpAffine(picture, warp, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    back = cv2.invertAffineTransform(warp)
    bend = cv2.resize((blend.bend * unit).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    at_x = np.float32(back[0, 0]) * x + np.float32(back[0, 1]) * y + np.float32(back[0, 2]) + bend[..., 0]
    at_y = np.float32(back[1, 0]) * x + np.float32(back[1, 1]) * y + np.float32(back[1, 2]) + bend[..., 1]
    return cv2.remap(picture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def fitted(
    face: np.ndarray, own: np.ndarray, frame: np.ndarray, points: np.ndarray, hard: np.ndarray, match: float
) -> np.ndarray | None:
    """Another's face laid onto the frame's by the landmarks, its colours matched inside the mask: uint8 (H, W, 3).

    Mean and deviation of each channel are matched (Reinhard et al., 2001). None where the landmarks are not finite.
    """
    if not np.isfinite(own).all():
        return None
    height, width = frame.shape[:2]
    onto, away = (np.vstack([face_to_pixels(p), [0, 0, 1]]) for p in (points, own))
    warp = (onto @ np.linalg.inv(away))[:2]
    laid = cv2.warpAffine(face, warp, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    inside = (hard > 0.5).astype(np.uint8)
    mean, spread = (v[:, 0] for v in cv2.meanStdDev(laid, mask=inside))
    wanted, wanted_spread = (v[:, 0] for v in cv2.meanStdDev(frame, mask=inside))
    gain = ((wanted_spread + 1) / (spread + 1)) ** match
    shift = mean + match * (wanted - mean) - mean * gain
    return np.clip(laid * gain.astype(np.float32) + shift.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)


def soft_mask(mask: np.ndarray, blend: Blend, unit: float) -> np.ndarray:
    """Blur, threshold (grows or shrinks the edge), blur again, multiply by the ratio."""
    sigma = max(0.5, blend.softness * unit)
    mask = (cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.1 * unit)) > blend.erosion).astype(np.float32)
    return cv2.GaussianBlur(mask, (0, 0), sigma) * np.float32(blend.ratio)
