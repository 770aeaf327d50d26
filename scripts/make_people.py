"""Make people who do not exist: mixes of whole portraits, for the embedded sample videos (spotterlib/fakes/people).

A one-off script, kept so that anyone can see how the pictures came about and make them again. It is no part of the
package and runs in an environment of its own, because MediaPipe (for its dense landmarks and its outline of a person)
brings a second OpenCV, protobuf < 5 and jax:

    python3.11 -m venv people-env
    people-env/bin/pip install mediapipe==0.10.14 scipy==1.17.1 opencv-contrib-python==5.0.0.93 lazy_loader==0.6
    SPOTTER_DATA=<folder that holds data/portraits> people-env/bin/python scripts/make_people.py

About four minutes. Of spotterlib/fakes/people it reads recipes.json (which portraits are mixed: chosen by eye, six or
seven look-alikes a person, no portrait in two people) and writes pNN.jpg, people.json (weights, landmarks, the check
against the nearest real portrait) and set_aside.txt (the portraits that must never train a checkpoint).

The method, for one person:
1. Every portrait is laid over a common frame by eyes and mouth; what lies outside it is filled from its own backdrop.
2. Weights are drawn from the seed, each under .3; a portrait that the result resembles too much loses weight. The mixed
   shape is the weighted mean of 468 landmarks; the outline of the head is the mean of three of them, whose hair and
   clothes are most alike.
3. Each whole portrait is warped to that shape (thin-plate spline), then aligned more finely by optical flow to the mix,
   four times over.
4. Mix. In the face every portrait has its drawn weight. Elsewhere (hair, clothes) those three have .3 each, the others
   share .1, and a portrait that disagrees with the others at a place steps back there; no weight is ever above .3.
5. An average is softer than a photograph: every band of its Laplacian pyramid is raised towards the sources' energy, by
   at most 1.9 in the face. Clothes go slightly out of focus, for there the portraits agree least.
6. The backdrop (a smooth model of it under the mixed outline) takes a colour of the person's own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("GLOG_minloglevel", "3")

import cv2
import mediapipe
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d, median_filter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from spotterlib.base import DataError, atomic_path, command_line, need_data, read_json, run_main, to_json  # noqa: E402

PEOPLE = ROOT / "spotterlib" / "fakes" / "people"
SEED = 0
WIDTH, HEIGHT = 320, 392
MOST = 0.3  # no weight of a portrait is above this, anywhere in the picture
MOST_ALIKE = 0.5  # likeness to one of its own portraits: about the 95th percentile of real look-alikes
POINTS = 468
EYE_LEFT, EYE_RIGHT, MOUTH = [33, 133, 159, 145], [263, 362, 386, 374], [61, 291, 13, 14]
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
BROWS = [70, 63, 105, 66, 107, 9, 336, 296, 334, 293, 300]
CHIN = 152
TEMPLATE = np.array([[WIDTH / 2 - 37, 168], [WIDTH / 2 + 37, 168], [WIDTH / 2, 252]])  # px: the eyes, the mouth
ANGLES = np.radians(np.arange(-205, 26, 10))  # rays from the face over the top of the head, to the ears and below
BACKDROPS = [(0, 0, 0), (28, -14, -66), (-20, 10, -40), (60, 30, -60), (-52, -28, -60), (10, 30, -50), (-10, -30, -90)]
"""RGB added to the mean backdrop, a blue of about (90, 120, 225)."""

YY, XX = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
PLACE = np.stack([XX, YY], axis=2)


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur."""
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def sample(picture: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The picture read at field (H, W, 2) px."""
    field = field.astype(np.float32)
    return cv2.remap(picture, field[..., 0], field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def grey(picture: np.ndarray) -> np.ndarray:
    """uint8 grey of a float RGB picture."""
    return cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)


class Finder:
    """MediaPipe's landmarks and outline of a person, both from models inside its wheel."""

    def __init__(self) -> None:
        self.mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=2, refine_landmarks=True, min_detection_confidence=0.3
        )
        self.outline = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)

    def points(self, picture: np.ndarray) -> np.ndarray:
        """Landmarks (478, 2) px of the one face in uint8 RGB; the last ten are the irises."""
        found = self.mesh.process(picture).multi_face_landmarks
        if not found or len(found) != 1:
            raise DataError(f"{len(found or [])} faces where one was expected: choose other portraits in recipes.json.")
        size = np.array(picture.shape[1::-1])
        return np.array([(p.x, p.y) for p in found[0].landmark]) * size

    def person(self, picture: np.ndarray) -> np.ndarray:
        """Share of person in every pixel, float32 (H, W) 0…1."""
        mask = self.outline.process(picture).segmentation_mask
        return cv2.resize(mask, picture.shape[1::-1]).astype(np.float32)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) that takes points (n, 2) to points (n, 2) best."""
    a, b = source - source.mean(0), target - target.mean(0)
    z, y = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    c = (np.conj(z) @ y) / (np.conj(z) @ z)
    turn = np.array([[c.real, -c.imag], [c.imag, c.real]])
    return np.hstack([turn, (target.mean(0) - turn @ source.mean(0))[:, None]])


def head_outline(person: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Points (24, 2) px where rays from the centre first leave the person."""
    reach = np.arange(20, 330)
    found = []
    for angle in ANGLES:
        x, y = (centre[:, None] + reach * np.array([[np.cos(angle)], [np.sin(angle)]])).astype(np.float32)
        along = cv2.remap(person, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        found.append(reach[np.argmax(along < 0.5)] if (along < 0.5).any() else reach[-1])
    smooth = gaussian_filter1d(median_filter(np.array(found, float), 3, mode="nearest"), 0.7)
    return centre + smooth[:, None] * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def load_portrait(path: Path, finder: Finder) -> dict[str, np.ndarray]:
    """A portrait in the common frame: picture, person mask, points (landmarks, then outline), backdrop."""
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    person, points = finder.person(picture), finder.points(picture)[:POINTS]
    places = np.array([points[EYE_LEFT].mean(0), points[EYE_RIGHT].mean(0), points[MOUTH].mean(0)])
    to_frame = similarity(places, TEMPLATE)

    seen = np.ones(person.shape, np.float32)  # 0 outside the photograph and in black bars
    seen[(picture.max(2) < 14).mean(1) > 0.98] = 0
    seen[:2] = seen[-2:] = seen[:, :2] = seen[:, -2:] = 0
    size = (WIDTH, HEIGHT)
    picture = picture.astype(np.float32)
    picture = cv2.warpAffine(picture, to_frame, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    person = cv2.warpAffine(person, to_frame, size, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(seen, to_frame, size)

    far = ((blur(person, 4) < 0.08) & (seen > 0.99)).astype(np.float32)[..., None]
    total, weight = np.zeros_like(picture), np.full((HEIGHT, WIDTH, 1), 1e-6, np.float32)
    for sigma, share in ((10, 1), (30, 1e-3), (90, 1e-6)):  # the nearest backdrop counts, a farther one where none is
        total += share * blur(picture * far, sigma)
        weight += share * blur(far, sigma)[..., None]
    backdrop = blur(total / weight, 6)
    keep = np.clip((blur(person, 3) - 0.04) / 0.2, 0, 1)
    keep[(seen < 0.99) & (person < 0.6)] = 0
    keep = blur(keep, 1.5)[..., None]

    points = points @ to_frame[:, :2].T + to_frame[:, 2]
    centre = np.array([points[EYE_LEFT].mean(0), points[EYE_RIGHT].mean(0), points[MOUTH].mean(0)]).mean(0)
    return {
        "picture": picture * keep + backdrop * (1 - keep),
        "person": person,
        "points": np.vstack([points, head_outline(person, centre)]),
        "backdrop": backdrop,
    }


def spline_field(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where to read the source for every pixel of the target: a thin-plate spline, the frame's border held still."""
    frame = [[x, y] for x in np.linspace(0, WIDTH - 1, 9) for y in (0, HEIGHT - 1)]
    frame += [[x, y] for y in np.linspace(0, HEIGHT - 1, 9)[1:-1] for x in (0, WIDTH - 1)]
    low, high = np.array([2, 2]), np.array([WIDTH - 3, HEIGHT - 3])
    inside = ((source > low) & (source < high) & (target > low) & (target < high)).all(1)
    known, wanted = np.vstack([source[inside], frame]), np.vstack([target[inside], frame])
    gy, gx = np.mgrid[0 : HEIGHT + 4 : 4, 0 : WIDTH + 4 : 4].astype(np.float32)
    spline = RBFInterpolator(wanted, known - wanted, kernel="thin_plate_spline", smoothing=2.0)
    shift = spline(np.stack([gx.ravel(), gy.ravel()], axis=1)).reshape(*gx.shape, 2).astype(np.float32)
    return cv2.remap(shift, XX / 4, YY / 4, cv2.INTER_LINEAR) + PLACE


def fine_flow(picture: np.ndarray, target: np.ndarray, sigma: float, most: float) -> np.ndarray:
    """Smooth optical flow from the target to the picture, at most `most` px, blind to light and contrast."""

    def evened(image: np.ndarray) -> np.ndarray:
        image = grey(image).astype(np.float32)
        mean = blur(image, 25)
        spread = np.sqrt(blur((image - mean) ** 2, 25)) + 8
        return np.clip(128 + 40 * (image - mean) / spread, 0, 255).astype(np.uint8)

    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    field = blur(flow.calc(evened(target), evened(picture), None), sigma)
    length = np.linalg.norm(field, axis=2, keepdims=True)
    return field * np.minimum(1, most / np.maximum(length, 1e-6))


def filled(polygon: np.ndarray, feather: float) -> np.ndarray:
    """A filled polygon with a soft edge."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(mask, [polygon.round().astype(np.int32)], 1)
    return blur(mask, feather)


def face_mask(shape: np.ndarray, above: float) -> np.ndarray:
    """Where the drawn weights rule: from `above` px over the brows to the chin."""
    centre = shape[OVAL].mean(0)
    sides = [k for k in OVAL if shape[k, 1] > shape[BROWS, 1].min()]
    points = np.vstack([shape[sides], shape[BROWS] - [0, above]])
    points = centre + (points - centre) * [1.0, 1.03]
    return filled(cv2.convexHull(points.astype(np.float32))[:, 0], 9)


def person_key(portrait: dict[str, np.ndarray]) -> np.ndarray:
    """Share of person in every pixel by difference from the backdrop, within the coarse outline."""
    away = np.linalg.norm(blur(portrait["picture"], 0.8) - portrait["backdrop"], axis=2)
    sure = np.clip((blur(portrait["person"], 2) - 0.9) / 0.09, 0, 1)
    near = np.clip((blur(portrait["person"], 3) - 0.05) / 0.3, 0, 1)
    return np.maximum(np.clip((away - 14) / 40, 0, 1), sure) * near


def capped(weights: np.ndarray) -> np.ndarray:
    """Weights (n, …) that sum to 1 with none above `MOST`: what is cut off goes to the others."""
    weights = weights / weights.sum(0)
    for _ in range(12):
        over = weights > MOST
        excess = np.where(over, weights - MOST, 0).sum(0)
        weights = np.minimum(weights, MOST)
        room = np.where(weights < MOST, weights + 1e-4, 0)
        weights = weights + excess * room / np.maximum(room.sum(0), 1e-9)
    return np.minimum(weights, MOST)


def mean_of(weights: np.ndarray, pictures: list[np.ndarray]) -> np.ndarray:
    """Weighted mean of pictures (H, W, …) with weights (n, H, W)."""
    return sum((w[..., None] if p.ndim == 3 else w) * p for w, p in zip(weights, pictures, strict=True))


def bands(picture: np.ndarray, levels: int = 4) -> tuple[list[np.ndarray], np.ndarray]:
    """Differences of Gaussians, fine to coarse, and what is left."""
    found = []
    for level in range(levels):
        low = blur(picture, 2.0**level)
        found.append(picture - low)
        picture = low
    return found, picture


def recolour(rng: np.random.Generator, number: int) -> np.ndarray:
    """RGB added to the backdrop."""
    return np.array(BACKDROPS[number % len(BACKDROPS)]) + rng.uniform(-12, 12, 3)


def mix(portraits: list[dict], drawn: np.ndarray, outer: list[int], above: float, tint: np.ndarray) -> np.ndarray:
    """The person, uint8 RGB (H, W, 3). drawn: weights (n,); outer: the three of like hair; tint: of the backdrop."""
    shape = np.tensordot(drawn, np.array([p["points"] for p in portraits]), 1)
    shape[POINTS:] = np.mean([portraits[j]["points"][POINTS:] for j in outer], axis=0)
    face = face_mask(shape, above)
    fields = [
        spline_field(p["points"], shape) if j in outer else spline_field(p["points"][:POINTS], shape[:POINTS])
        for j, p in enumerate(portraits)
    ]
    pictures = [sample(p["picture"], f) for p, f in zip(portraits, fields, strict=True)]
    few = np.where(np.isin(np.arange(len(portraits)), outer), MOST, (1 - 3 * MOST) / (len(portraits) - 3))
    weights = face * drawn[:, None, None] + (1 - face) * few[:, None, None]
    for round_ in range(4):
        target = mean_of(weights, pictures)
        wide = (9, 22) if round_ < 2 else (6, 8)  # hair and clothes may move farther than a face
        shifts = [
            fine_flow(p, target, 5, 7) * face[..., None] + fine_flow(p, target, *wide) * (1 - face[..., None])
            for p in pictures
        ]
        middle = mean_of(weights, shifts)
        fields = [sample(f, PLACE + s - middle) for f, s in zip(fields, shifts, strict=True)]
        pictures = [sample(p["picture"], f) for p, f in zip(portraits, fields, strict=True)]

    # outside the face: near what most agree on; nobody above MOST
    soft = [blur(p, 2.5) for p in pictures]
    unlike = [[1 - np.exp(-((blur(np.linalg.norm(a - b, axis=2), 3) / 40) ** 2)) for a in soft] for b in soft]
    cost = np.stack([sum(few[i] * unlike[j][i] for i in range(len(few))) for j in outer])
    choice = np.exp(-(cost - cost.min(0)) / 0.03)
    choice = np.stack([blur(c.astype(np.float32), 3) for c in choice])
    agreed = mean_of(choice / choice.sum(0), [pictures[j] for j in outer])
    near = [np.exp(-((np.linalg.norm(blur(p - agreed, 2.0), axis=2) / 40) ** 2)) for p in pictures]
    votes = np.stack([blur((max(f, 0.06) * n + 1e-5).astype(np.float32), 2.5) for f, n in zip(few, near, strict=True)])
    weights = face * drawn[:, None, None] + (1 - face) * capped(votes)
    assert weights.max() <= MOST + 1e-6 and abs(weights.sum(0) - 1).max() < 1e-3

    alpha = mean_of(weights, [np.clip(sample(person_key(p), f), 0, 1) for p, f in zip(portraits, fields, strict=True)])
    backdrop = mean_of(weights, [sample(p["backdrop"], f) for p, f in zip(portraits, fields, strict=True)])
    backdrop = blur(backdrop, 12)

    below = np.clip((YY - shape[CHIN, 1] - 2) / 45, 0, 1)
    centre = shape[OVAL].mean(0)
    oval = filled(centre + (shape[OVAL] - centre) * 1.06, 12)
    cap = 1 + 0.9 * oval * (1 - below) + 0.25 * (1 - face) * (1 - below) * np.clip(alpha * 1.5 - 0.3, 0, 1)
    parts = [bands(p) for p in pictures]
    result = mean_of(weights, [low for _, low in parts])
    for level in range(4):
        band = mean_of(weights, [high[level] for high, _ in parts])
        sigma = 3 * 2**level + 2
        mixed = blur((band**2).mean(2), sigma)
        each = mean_of(weights, [blur((high[level] ** 2).mean(2), sigma) for high, _ in parts])
        gain = np.minimum(np.clip(np.sqrt(each / (mixed + 0.3)) ** 0.8, 1, None), cap)
        result = result + band * gain[..., None]

    a = alpha[..., None]
    for sigma, start, end in ((1.2, 0, 0.3), (2.2, 0.2, 0.6), (3.5, 0.4, 1.0)):  # clothes, ever softer downwards
        share = np.clip((below - start) / (end - start), 0, 1)[..., None]
        soft_person = blur(result * a, sigma) / (blur(alpha, sigma)[..., None] + 1e-3)
        result = result * (1 - share) + share * (soft_person * a + (1 - a) * result)

    # faint outlines of a minority vanish, the majority's become whole; then the backdrop's colour
    firm = np.clip((alpha - 0.3) / 0.45, 0, 1)
    firm = np.maximum(firm * firm * (3 - 2 * firm), np.clip(face * 1.5, 0, 1))
    firm = blur(firm, 0.6)[..., None]
    share = np.clip(np.maximum(a, firm * 0.999), 0.55, None)
    person = np.where(a > 0.97, result, np.clip((result - (1 - share) * backdrop) / share, 0, 255))
    # blue that shines through at the outline takes the new colour too: a blue-screen key, in a narrow zone
    rim = blur(firm[..., 0], 6)
    rim = np.clip(8 * rim * (1 - rim), 0, 1)[..., None]
    blueness = [p[..., 2:] - p[..., :2].max(2, keepdims=True) for p in (person, backdrop)]
    person = person + rim * np.clip(blueness[0] / np.maximum(blueness[1], 20), 0, 1) * tint
    result = firm * person + (1 - firm) * (backdrop + tint)
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)


def five_points(points: np.ndarray) -> np.ndarray:
    """Eyes (irises), tip of the nose, corners of the mouth, picture-left first, (5, 2) px, as MTCNN places them."""
    return np.array([points[468], points[473], points[1], points[61], points[291]])


def face_code(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A face without its place: grey texture (64·64,) in a common frame, norm 1; landmarks (468·2,) in it."""
    frame = np.array([[20.0, 24.0], [44.0, 24.0], [32.0, 50.0]])
    places = np.array([points[EYE_LEFT].mean(0), points[EYE_RIGHT].mean(0), points[MOUTH].mean(0)])
    to_frame = similarity(places, frame)
    scale = np.hypot(*to_frame[0, :2])
    small = cv2.warpAffine(blur(grey(picture), max(0.3, 0.4 / scale)), to_frame, (64, 64)).astype(np.float64)
    shape = points[:POINTS] @ to_frame[:, :2].T + to_frame[:, 2]
    oval = np.zeros((64, 64), np.float32)
    cv2.fillConvexPoly(oval, cv2.convexHull(shape[OVAL].astype(np.float32))[:, 0].round().astype(np.int32), 1)
    inside = np.zeros((64, 64))
    inside[6:62, 8:56] = 1  # the same pixels for everyone; the oval only sets the mean
    mean = small[(oval * inside) > 0].mean()
    texture = ((small - mean) * inside).ravel()
    return texture / np.linalg.norm(texture), shape.ravel()


class Likeness:
    """How alike two faces are, by codes fitted on all portraits (1 the same picture, 0 unrelated).

    likeness: cosine between whitened codes of 80 principal components of texture and 40 of shape. correlation:
    normalised correlation of the aligned grey faces themselves.
    """

    def __init__(self, home: Path, finder: Finder) -> None:
        self.finder = finder
        self.names = sorted(p.relative_to(home).as_posix() for p in home.glob("congress*/*.jpg"))
        pictures = [cv2.cvtColor(cv2.imread(str(home / name)), cv2.COLOR_BGR2RGB) for name in self.names]
        codes = [face_code(p, finder.points(p)) for p in pictures]
        self.textures = np.array([texture for texture, _ in codes])
        self.bases = [self._fit(self.textures, 80), self._fit(np.array([shape for _, shape in codes]), 40)]
        self.codes = self._whiten(codes)

    @staticmethod
    def _fit(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and whitening axes."""
        mean = rows.mean(0)
        _, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
        return mean, axes[:count].T / sizes[:count] * np.sqrt(len(rows))

    def _whiten(self, codes: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Unit codes (n, 120)."""
        parts = zip(self.bases, zip(*codes, strict=True), strict=True)
        joined = np.hstack([(np.array(rows) - mean) @ axes for (mean, axes), rows in parts])
        return joined / np.linalg.norm(joined, axis=1, keepdims=True)

    def measure(self, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Likeness and correlation of pictures to all portraits, (n, portraits) each; likeness among them (n, n)."""
        codes = [face_code(p, self.finder.points(p)) for p in pictures]
        white = self._whiten(codes)
        return white @ self.codes.T, np.array([t for t, _ in codes]) @ self.textures.T, white @ white.T

    def check(self, pictures: list[np.ndarray]) -> dict:
        """Percentiles of likeness and correlation: made people to portraits, portraits among themselves."""
        to_real, correlation, among = self.measure(pictures)
        between, real_correlation = self.codes @ self.codes.T, self.textures @ self.textures.T
        for square in (between, real_correlation, among):
            np.fill_diagonal(square, -1)
        rows = {
            "likeness of a person to the nearest portrait": to_real.max(1),
            "likeness of a portrait to the nearest other portrait": between.max(1),
            "likeness of a person to the nearest other person": among.max(1),
            "correlation of a person with the nearest portrait": correlation.max(1),
            "correlation of a portrait with the nearest other portrait": real_correlation.max(1),
        }
        spread = {k: np.percentile(v, [0, 5, 50, 95, 100]).round(3).tolist() for k, v in rows.items()}
        return {"portraits": len(self.names), "percentiles": [0, 5, 50, 95, 100], **spread}


def make_person(number: int, recipe: dict, home: Path, finder: Finder, measure: Likeness) -> tuple[np.ndarray, dict]:
    """One person and its record. The portrait it resembles too much loses weight, up to four times over."""
    names = recipe["portraits"]
    rng = np.random.default_rng([SEED, number])
    drawn = rng.uniform(0.75, 1.25, len(names))
    tint = recolour(rng, number)
    portraits = [load_portrait(home / path, finder) for path in names]
    outer = [names.index(path) for path in recipe["hair"]]
    for _ in range(5):
        weights = capped(drawn)
        picture = mix(portraits, weights, outer, recipe.get("above", 13), tint)
        likeness, correlation, _ = measure.measure([picture])
        own = likeness[0, [measure.names.index(path) for path in names]]
        if own.max() <= MOST_ALIKE:
            break
        drawn[own.argmax()] = max(drawn[own.argmax()] * 0.6, 0.25)  # of a mean of 1: it still takes part
    nearest = {
        "portrait": measure.names[int(likeness[0].argmax())],
        "likeness": round(float(likeness[0].max()), 3),
        "correlation": round(float(correlation[0].max()), 3),
    }
    return picture, {
        "landmarks": five_points(finder.points(picture)).round(2).tolist(),
        "portraits": names,
        "weights": weights.round(4).tolist(),
        "nearest": nearest,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Make all people of recipes.json."""
    command_line(__doc__).parse_args(arguments)
    home = need_data("data/portraits") / "data" / "portraits"
    recipes = read_json(PEOPLE / "recipes.json")
    used = [name for recipe in recipes["people"].values() for name in recipe["portraits"]]
    assert len(used) == len(set(used)), "a portrait feeds two people"
    finder = Finder()
    measure = Likeness(home, finder)
    people, pictures = [], []
    for number, (name, recipe) in enumerate(recipes["people"].items()):
        picture, record = make_person(number, recipe, home, finder, measure)
        with atomic_path(PEOPLE / f"{name}.jpg") as temporary:
            cv2.imwrite(str(temporary), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        print(name, max(record["weights"]), min(record["weights"]), record["nearest"], flush=True)
        people.append({"name": name, "file": f"{name}.jpg", **record})
        pictures.append(picture)
    check = measure.check(pictures)
    with atomic_path(PEOPLE / "people.json") as temporary:
        temporary.write_text(to_json({"seed": SEED, "check": check, "people": people}) + "\n", encoding="utf-8")
    with atomic_path(PEOPLE / "set_aside.txt") as temporary:
        temporary.write_text("\n".join(sorted([*used, *recipes["spare"]])) + "\n", encoding="utf-8")
    print(json.dumps(check, indent=1))


if __name__ == "__main__":
    run_main(main)
