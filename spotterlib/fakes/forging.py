"""Which fake a clip gets: pasted, seamless or generated, each from real faces alone and each with its mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .carriers import Carrier, marked
from .decodings import DECODINGS, decoding_path
from .selfblend import draw_blend, region_mask, self_blend, soft_mask

Load = Callable[[dict, np.random.Generator | None, int], Carrier]
"""What makes a row's Carrier of so many frames; its rng is None where nothing is drawn."""


@dataclass(frozen=True)
class Forgery:
    """Shares of the kinds of fakes, and what they are made of. A share of 0 switches a kind off.

    own: the face blended onto itself; foreign: another's face, pasted; seamless: a decoded face inside a soft mask;
    generated: a decoded picture as a whole. near: for each row the rows whose face it may wear (`nearest`). decodings:
    the folder of `make_decodings`. A row without what a kind needs (a video, a head not decoded yet) gets a pasted one.
    """

    own: float = 1.0
    foreign: float = 0.0
    seamless: float = 0.0
    generated: float = 0.0
    near: dict[int, list[int]] | None = None
    decodings: Path | None = None

    def only(self, kind: str) -> Forgery:
        """The same with one kind alone."""
        return replace(self, **{name: float(name == kind) for name in KINDS})

    def forge(
        self,
        rows: Sequence[dict],
        number: int,
        load: Load,
        carrier: Carrier,
        origin: list[int] | None,
        rng: np.random.Generator,
        least: float,
    ) -> tuple[np.ndarray, np.ndarray, str]:
        """The fake of row `number` on its carrier: frames uint8 (T, H, W, 3), masks float32 (T, H, W), and its kind.

        origin: the seed that the carrier was loaded from (None: without one), so that a decoding moves as the carrier
        does. least: see `draw_blend`.
        """
        shares = np.array([getattr(self, kind) for kind in KINDS])
        kind = str(rng.choice(KINDS, p=shares / shares.sum()))
        row, frames = rows[number], len(carrier.valid)
        if kind in ("seamless", "generated"):
            there = [which for which in DECODINGS if row.get("still") and self._decoded(row, which).exists()]
            if there:
                which = str(rng.choice(there))
                moving = None if origin is None else np.random.default_rng(origin)
                decoded = load(row | {"path": str(self._decoded(row, which))}, moving, frames).frames
                if kind == "generated":
                    return decoded, np.ones(decoded.shape[:3], np.float32), kind
                return *_inlaid(carrier, decoded, rng, least), kind
            kind = "foreign"
        others = (self.near or {}).get(number, ()) if kind == "foreign" else ()
        donor = None
        if len(others):
            donor = marked(load(rows[int(rng.choice(others))], rng if origin is not None else None, frames))
        fakes, masks = self_blend(*marked(carrier), draw_blend(rng, least=least), donor)
        return fakes, masks, "own" if donor is None else "foreign"

    def _decoded(self, row: dict, which: str) -> Path:
        return decoding_path(self.decodings or "", row, which)


KINDS = ("own", "foreign", "seamless", "generated")


def _inlaid(
    carrier: Carrier, decoded: np.ndarray, rng: np.random.Generator, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """The decoded face inside a soft mask, the carrier's own pixels round it: frames and masks."""
    blend = draw_blend(rng, str(rng.choice(["whole", "face", "inner"], p=[0.45, 0.35, 0.2])), least=max(least, 0.75))
    fakes, masks = carrier.frames.copy(), np.zeros(decoded.shape[:3], np.float32)
    for k in np.flatnonzero(carrier.valid):
        marks = carrier.landmarks[k]
        unit = max(float(np.hypot(*(marks[1] - marks[0]))), 4.0)
        masks[k] = soft_mask(region_mask(blend.outline, marks, decoded.shape[1:3]), blend, unit)
        share, own = masks[k][..., None], fakes[k].astype(np.float32)
        fakes[k] = (own + share * (decoded[k] - own) + 0.5).astype(np.uint8)
    return fakes, masks


def nearest(rows: Sequence[dict], count: int = 30) -> dict[int, list[int]]:
    """For each still row the `count` still rows of other people most like it in the shape and the tone of the face.

    Of thousands of people the nearest thirty have much the same pose; what is left of tone is matched when pasting.
    """
    stills = [number for number, row in enumerate(rows) if row.get("still")]
    looks = np.array([_look(rows[number]) for number in stills], np.float32)
    groups = np.array([rows[number]["group"] for number in stills])
    near = {}
    for k, number in enumerate(stills):
        apart = np.square(looks - looks[k]).sum(1)
        apart[groups == groups[k]] = np.inf
        order = np.argsort(apart, kind="stable")[:count]
        near[number] = [stills[j] for j in order if np.isfinite(apart[j])]
    return near


def _look(row: dict) -> np.ndarray:
    """Landmarks without place and size (10,), and the face's mean L*a*b* (3,), each as far as they matter."""
    marks = np.array(row["landmarks"]) - np.mean(row["landmarks"], axis=0)
    return np.concatenate([(marks / np.linalg.norm(marks)).ravel() * 12, np.array(row["tone"]) / 12])
