"""Does the heat point at the fake? Heatmaps held against the masks of fakes whose forged area is known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch

from ..evidence import upsample_heatmap
from ..faces import CROP, PADDING, crop_face, find_faces
from ..fakes import Camera, Carrier, draw_blend, draw_camera, film, film_points, self_blend
from ..metrics import bootstrap_interval
from ..model import FEATURES, Detector, SpotterNet, normalise
from ..scan import ZONE_GRID, crop_points, explain_clips, shown_heat, zone_map, zone_shares
from ..video import read_frames

SMALL, LARGE = 0.15, 0.40
"""Shares of the crop: a mask of at most the one is small, of more than the other large."""

LIFT = 1.5
"""How many times its own area a small mask must hold of the heat."""

LEVELS = np.linspace(0.05, 0.95, 19)
"""Thresholds, as shares of a frame's hottest value, at which mask and heat are overlaid."""

SHARES = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
"""Shares of the cells, or of the frames, that are taken away or put back."""

MAPS, BASELINES = ("heat", "mean", "raw", "frame"), ("random", "centre")
"""The map that is shown, the mean over the clip, the raw one of each frame, and that of the frame head alone; and two
baselines that any honest map must beat: the same net with weights drawn anew, and a centred Gaussian."""

FORGED = 1 / 3
"""The share of a zone that must be forged for it to be named rightly."""

_GRID = ZONE_GRID  # px: the side at which heat and mask are compared, 8 for each of the 7 × 7 cells


@dataclass(frozen=True)
class Case:
    """A fake with its truth: frames uint8 RGB (T, 224, 224, 3), valid bool (T,), masks bool (T, 56, 56), True where the
    crop is forged; points float (T, 5, 2): eyes, nose and corners of the mouth as shares of the crop's sides, NaN where
    one is not in it; group: whose face it is, for people stand or fall together; kind: how it was forged."""

    frames: np.ndarray
    valid: np.ndarray
    masks: np.ndarray
    points: np.ndarray
    group: str
    kind: str


def blended_case(carrier: Carrier, group: str, region: str, rng: np.random.Generator) -> Case:
    """Self-blend a carrier in one of `fakes.REGIONS`, filmed as training films it, and film its mask alike."""
    camera = replace(draw_camera(rng), cover=0.0)
    blend = draw_blend(rng, region, least=0.75 if camera.poor else 0.25)
    fakes, masks = self_blend(carrier.frames, carrier.landmarks, blend)
    grey = np.repeat((255 * masks / max(float(masks.max()), 1e-6)).astype(np.uint8)[..., None], 3, axis=3)
    place = {name: getattr(camera, name) for name in ("flip", "roll", "side", "shift", "zoom", "cut")}
    drawn = film(carrier, Camera(**place), grey)  # what moves a pixel, and nothing that changes its value
    points = film_points(carrier, camera)
    return Case(film(carrier, camera, fakes), carrier.valid, _forged(drawn), points, group, region)


def filmed_case(
    video: str | os.PathLike[str], masks: str | os.PathLike[str], group: str, kind: str, device: str = "cpu"
) -> Case | None:
    """The main face of a video whose mask is a video too, cut as a scan cuts it; None where no face is found."""
    found = find_faces(video, device=device)
    if not found.tracks:
        return None
    track, clip = found.tracks[0], found.clips[0]
    truth = read_frames(masks, track.frames)
    drawn = np.zeros((len(track.frames), CROP, CROP, 3), np.uint8)
    for row in np.flatnonzero(track.valid):
        drawn[row] = crop_face(truth[int(track.frames[row])], track.boxes[row])
    return Case(clip.frames, clip.valid, _forged(drawn), crop_points(track.landmarks, track.boxes), group, kind)


def randomised(detector: Detector, frames: np.ndarray, seed: int = 0) -> Detector:
    """The same architecture with weights drawn anew (Adebayo et al., *Sanity Checks for Saliency Maps*, 2018).

    frames: uint8 RGB (N, 224, 224, 3), on which batch-norm finds its statistics; without them no signal gets through.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SpotterNet().eval()
    for norm in net.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = None
            norm.train()
    with torch.no_grad():
        net.feature_maps(normalise(torch.from_numpy(frames).permute(0, 3, 1, 2)))
    net = net.eval().requires_grad_(False).to(detector.device, memory_format=torch.channels_last)
    return replace(detector, net=net, name="random")


def centred(width: float = 0.25) -> np.ndarray:
    """A Gaussian in the middle of the crop, its σ as a share of the crop's side: float32 (7, 7)."""
    at = (np.arange(7) + 0.5) / 7 - 0.5
    hill = np.exp(-0.5 * (at / width) ** 2)
    return np.outer(hill, hill).astype(np.float32)


def measure_case(detector: Detector, random: Detector, case: Case) -> dict[str, Any]:
    """The `point_scores` of a fake by every map, with its group, kind, area and probability (calibrated P(fake)).

    The maps are made of all frames; every second one with a face and a mask is scored (neighbours are alike).
    """
    logits, each, raw = explain_clips(detector, case.frames[None], case.valid[None])
    heat = shown_heat(raw[0], detector.calibrated(each[0], "frame"))
    frame = explain_clips(detector, case.frames[None, ::2], case.valid[None, ::2], target="frame")[2][0]
    drawn = explain_clips(random, case.frames[None], case.valid[None])[2][0]
    drawn = shown_heat(drawn, np.where(case.valid, 1.0, np.nan))  # its scores mean nothing: shown at full strength
    seen = case.valid[::2] & case.masks[::2].any((1, 2))
    masks, points = case.masks[::2][seen], case.points[::2][seen]
    maps = {"heat": heat[::2][seen], "raw": raw[0, ::2][seen], "frame": frame[seen], "random": drawn[::2][seen]}
    maps["mean"] = np.repeat(raw[0][case.valid].mean(0)[None], len(masks), axis=0)
    maps["centre"] = np.repeat(centred()[None], len(masks), axis=0)
    scores = {
        name: point_scores(maps[name], masks) | {"zone": zone_hit(maps[name], masks, points)}
        for name in MAPS + BASELINES
    }
    row = {"group": case.group, "kind": case.kind, "area": scores["heat"]["area"]}
    return row | {"probability": float(detector.calibrated(logits, "clip")[0])} | scores


def point_scores(heat: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
    """How well the maps of a clip, float (T, 7, 7) ≥ 0, point at its masks, bool (T, 56, 56).

    hit: share of frames whose hottest point lies in the mask (pointing game, Zhang et al., ECCV 2016); a frame without
    heat is a miss. energy: share of the clip's heat that lies in its masks (Wang et al., *Score-CAM*, 2020), 0 without
    heat. area: share of the pixels in the masks. iou (19,): the mean over frames of intersection over union of the mask
    and of the heat at or above each of `LEVELS` of the frame's hottest value.
    """
    large = np.stack([upsample_heatmap(one, masks.shape[1:]) for one in heat]).reshape(len(heat), -1)
    inside = masks.reshape(len(heat), -1)
    top, whole = large.max(1), float(large.sum())
    hit = inside[np.arange(len(large)), large.argmax(1)] & (top > 0)
    red = [(large >= level * top[:, None]) & (large > 0) for level in LEVELS]
    iou = [((one & inside).sum(1) / np.maximum((one | inside).sum(1), 1)).mean() for one in red]
    energy = float(large[inside].sum()) / whole if whole > 0 else 0.0
    return {"hit": float(hit.mean()), "energy": energy, "area": float(inside.mean()), "iou": np.array(iou)}


def zone_hit(heat: np.ndarray, masks: np.ndarray, points: np.ndarray) -> float:
    """The share of frames in which the zone that holds most of the heat is forged in at least `FORGED` of its cells.

    heat: float (T, 7, 7) ≥ 0; masks: bool (T, 56, 56); points: (T, 5, 2) as `Case` has them. No heat is a miss.
    """
    hits = []
    for shares, mask, five in zip(zone_shares(heat, points), masks, points, strict=True):
        named = np.isfinite(shares).all() and bool(mask[zone_map(five) == shares.argmax()].mean() >= FORGED)
        hits.append(named)
    return float(np.mean(hits))


def removal_curves(detector: Detector, case: Case, seed: int = 0) -> dict[str, np.ndarray]:
    """P(fake) (6,) as `SHARES` of a clip are taken away or put back, the hottest first: deletion and insertion curves.

    After Petsiuk et al., *RISE*, BMVC 2018. Keys: cells or frames, deletion or insertion, heat or random (the same in
    random order), as "cells deletion heat". A cell is taken away by blurring its 32 × 32 px, softly, in its frame; a
    frame by leaving it out. At least one frame is always there. Every second frame of the clip is used.
    """
    frames, valid = case.frames[::2], case.valid[::2]
    rng = np.random.default_rng(seed)
    _, each, raw = explain_clips(detector, frames[None], valid[None])
    heat = shown_heat(raw[0], detector.calibrated(each[0], "frame"))
    there = np.flatnonzero(valid)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 12) for frame in frames])
    curves: dict[str, np.ndarray] = {}

    def scored(pictures: list[np.ndarray]) -> np.ndarray:
        clips = np.stack(pictures)
        logits = detector.clip_logits(clips, np.repeat(valid[None], len(clips), axis=0), batch=2)[0]
        return detector.calibrated(logits, "clip")

    ends = scored([frames, blurred])
    cells = heat[there].reshape(-1)
    for order, values in (("heat", cells), ("random", rng.permutation(len(cells)))):
        ranks = np.empty(len(cells), int)
        ranks[np.lexsort((rng.random(len(cells)), -values))] = np.arange(len(cells))
        halves = []
        for share in SHARES[1:-1]:
            hottest = np.zeros((len(frames), 7, 7), np.float32)
            hottest[there] = (ranks < share * len(cells)).reshape(len(there), 7, 7)
            soft = np.stack([upsample_heatmap(one, CROP) for one in hottest])[..., None]
            halves += [frames * (1 - soft) + blurred * soft, blurred * (1 - soft) + frames * soft]
        found = scored([np.round(half).astype(np.uint8) for half in halves])
        curves[f"cells deletion {order}"] = np.concatenate([ends[:1], found[::2], ends[1:]])
        curves[f"cells insertion {order}"] = np.concatenate([ends[1:], found[1::2], ends[:1]])

    features = _features(detector, frames)
    for order, values in (("heat", heat[there].sum((1, 2))), ("random", rng.random(len(there)))):
        ranked = there[np.argsort(-values, kind="stable")]
        for way, rest in (("deletion", ranked[::-1]), ("insertion", ranked)):
            kept = []
            for share in SHARES if way == "insertion" else 1 - SHARES:
                mask = np.zeros(len(frames), bool)
                mask[rest[: max(1, round(share * len(there)))]] = True
                kept.append(_probability(detector, features, mask))
            curves[f"frames {way} {order}"] = np.array(kept)
    return curves


def size_of(area: float) -> str:
    """ "small", "middle" or "large": the size of a mask by its share of the crop."""
    return "small" if area <= SMALL else "middle" if area <= LARGE else "large"


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of measured fakes of one size, ready for JSON.

    clips, people, area; for every map the means of hit, energy, zone and iou (at its own best level, which is named);
    under "heat over random", "heat over centre" and so on the difference of each, with its 95 % interval from a
    bootstrap over people, as [value, low, high], the bounds None under ten people.
    """
    groups = [row["group"] for row in rows]
    found: dict[str, Any] = {"clips": len(rows), "people": len(set(groups))}
    found["area"] = float(np.mean([row["area"] for row in rows]))
    each = {}
    for name in MAPS + BASELINES:
        overlap = np.array([row[name]["iou"] for row in rows])
        best = int(overlap.mean(0).argmax())
        each[name] = {kind: np.array([row[name][kind] for row in rows]) for kind in ("hit", "energy", "zone")}
        each[name]["iou"] = overlap[:, best]
        found[name] = {kind: float(values.mean()) for kind, values in each[name].items()} | {
            "level": float(LEVELS[best])
        }
    for name in MAPS:
        for base in BASELINES:
            found[f"{name} over {base}"] = {
                kind: _with_interval(each[name][kind] - each[base][kind], groups)
                for kind in ("hit", "energy", "iou", "zone")
            }
    return found


def summarise_curves(curves: Sequence[dict[str, np.ndarray]], groups: Sequence[str]) -> dict[str, Any]:
    """Areas under the curves of `removal_curves`: for each kind the mean of heat's and random's, and their difference
    with its 95 % interval over people. Deletion should be below random (evidence goes first), insertion above."""
    found: dict[str, Any] = {}
    for kind in ("cells deletion", "cells insertion", "frames deletion", "frames insertion"):
        areas = {
            order: np.array([np.trapezoid(curve[f"{kind} {order}"], SHARES) for curve in curves])
            for order in ("heat", "random")
        }
        found[kind] = {order: float(values.mean()) for order, values in areas.items()}
        found[kind]["difference"] = _with_interval(areas["heat"] - areas["random"], groups)
    return found


def shortfalls(small: dict[str, Any], name: str = "heat") -> list[str]:
    """What a map of small fakes, summarised, does not reach; [] when it points at them.

    "hit", "energy" and "iou" where it is not better than both baselines with an interval that excludes zero, "lift"
    where less than `LIFT` times as much of the heat lies in the mask as the mask has of the crop.
    """
    gains = {kind: [small[f"{name} over {base}"][kind][1] for base in BASELINES] for kind in ("hit", "energy", "iou")}
    short = [kind for kind, lows in gains.items() if any(low is None or low <= 0 for low in lows)]
    return short + ["lift"] * (small[name]["energy"] < LIFT * small["area"])


def _forged(drawn: np.ndarray) -> np.ndarray:
    """Where a filmed mask, uint8 (T, 224, 224, 3), holds more than half of its highest share: bool (T, 56, 56)."""
    outside = np.abs(drawn[..., 0].astype(int) - drawn[..., 2]) > (PADDING[0] - PADDING[2]) // 2  # padding is not grey
    share = np.where(outside, 0, drawn[..., 1]).astype(np.float32)
    cell = share.shape[1] // _GRID
    share = share.reshape(len(share), _GRID, cell, _GRID, cell).mean((2, 4))
    return share > max(float(share.max()) / 2, 1)


def _features(detector: Detector, frames: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        pictures = normalise(torch.from_numpy(frames).to(detector.device).permute(0, 3, 1, 2))
        maps = detector.net.feature_maps(pictures.contiguous(memory_format=torch.channels_last))
        return maps.mean((2, 3)).view(1, len(frames), FEATURES)


def _probability(detector: Detector, features: torch.Tensor, valid: np.ndarray) -> float:
    with torch.inference_mode():
        logits = detector.net.clip_logits(features, torch.from_numpy(valid)[None].to(features.device))
    return float(detector.calibrated((logits[:, 1] - logits[:, 0]).float().cpu().numpy(), "clip")[0])


def _with_interval(values: np.ndarray, groups: Sequence[str]) -> list[float | None]:
    bounds = bootstrap_interval(np.zeros(len(values)), values, groups, lambda _, drawn: float(drawn.mean()))
    return [float(values.mean()), *(bounds or (None, None))]
