"""Face crops → training clips: random start and length, one augmentation for all frames of a clip."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from ..base import atomic_path
from ..faces import CROP, FRAMES
from ..fakes import PLAIN, Carrier, Forgery, draw_camera, film, film_mask

FEW = 4
"""Frames: clips of so few are coded with pictures before each (`Camera.lead`); for longer ones that takes too long."""

CELLS = 14
"""Cells across a crop in which a clip tells where it is pasted: as many as the backbone's middle maps have."""

SELF_BLENDS = Forgery()

_SHOWS = 0.12  # of a patch: a forgery that can be told


class ClipDataset(Dataset):
    """Rows → clips: what a seed, an epoch and a row make of a video or a portrait.

    rows: dicts with `label` (0 real, 1 fake), `group`, and what `load` wants; `still`: true where evaluation needs a
    camera too, for a portrait was never a video. `load(row, rng, frames)` gives a row's Carrier of that many frames,
    its rng None without augment. selfblend: the chance that a real row brings a fake of itself, in the same batch and
    by the same camera. forgery: which fakes those are; self-blends alone, unless it says more. patch:
    cells across that are cut from each crop, one place for both of a pair; 0 leaves it whole. shows: so many epochs
    running show the same clips, made in the first and read from the folder `kept` in the others, where half of them are
    mirrored: making a clip takes longer than learning from it (Choi et al., *Faster neural network training with data
    echoing*, 2019).

    An index is epoch · len + row: every draw comes from (seed, epoch, row) alone, whatever the order, the worker or the
    machine. An item is a list of (frames uint8 (T, 3, 224, 224), valid bool (T,), label 0 or 1, row, pasted). pasted:
    float32 (T, 14, 14), the share of each cell that comes from a pasted face; 0 in a real clip, NaN in a fake that was
    not made here.
    """

    def __init__(
        self,
        rows: Sequence[dict],
        load: Callable[[dict, np.random.Generator | None, int], Carrier],
        frames: int = FRAMES,
        seed: int = 0,
        augment: bool = True,
        selfblend: float = 0.0,
        forgery: Forgery = SELF_BLENDS,
        patch: int = 0,
        shows: int = 1,
        kept: Path | None = None,
    ) -> None:
        self.rows, self.load, self.frames = list(rows), load, frames
        self.seed, self.augment, self.selfblend = seed, augment, selfblend
        self.forgery, self.patch = forgery, patch
        self.shows, self.kept = shows, kept

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[tuple[torch.Tensor, torch.Tensor, int, int, torch.Tensor]]:
        if not self.rows:
            raise IndexError("there is no clip: the data set has no row")
        epoch, number = divmod(index, len(self.rows))
        draw, show = divmod(epoch, self.shows)
        if self.kept is None:
            clips, valid = self._made(draw, number)
        else:
            clips, valid = self._kept(self.kept / f"{number}.npz", draw, number)
        if show and np.random.default_rng([self.seed, epoch, number, 1]).uniform() < 0.5:
            clips = [(crops[:, :, ::-1].copy(), label, pasted[..., ::-1].copy()) for crops, label, pasted in clips]
        seen = torch.from_numpy(valid)
        return [
            (torch.from_numpy(crops).permute(0, 3, 1, 2), seen, label, number, torch.from_numpy(pasted))
            for crops, label, pasted in clips
        ]

    def _made(self, draw: int, number: int) -> tuple[list[tuple[np.ndarray, int, np.ndarray]], np.ndarray]:
        """A row's clips of one draw, (crops uint8 (T, 224, 224, 3), label, pasted) each, and which frames are valid."""
        row = self.rows[number]
        origin = [self.seed, draw, number]
        rng = np.random.default_rng(origin)
        carrier = self.load(row, rng if self.augment else None, self.frames)
        camera = draw_camera(rng, led=self.frames <= FEW) if self.augment or row.get("still") else PLAIN
        known = np.zeros((self.frames, CELLS, CELLS), np.float32)
        clips = [(film(carrier, camera), int(row["label"]), known if row["label"] == 0 else known + np.nan)]
        if row["label"] == 0 and rng.uniform() < self.selfblend:
            least, moved = 0.75 if camera.poor else 0.25, origin if self.augment else None
            fakes, masks, _ = self.forgery.forge(self.rows, number, self.load, carrier, moved, rng, least)
            clips.append((film(carrier, camera, fakes), 1, film_mask(carrier, camera, masks, CELLS)))
        return _patches(clips, self.patch, rng) if self.patch else clips, carrier.valid

    def _kept(self, place: Path, draw: int, number: int) -> tuple[list[tuple[np.ndarray, int, np.ndarray]], np.ndarray]:
        """The same, from the file that has them, or made and written there."""
        row = self.rows[number]
        about = repr((self.seed, draw, self.frames, self.selfblend, self.patch, row.get("path"), row["group"]))
        try:
            with np.load(place, allow_pickle=False) as file:
                if str(file["about"]) == about:
                    clips = zip(file["crops"], file["labels"].tolist(), file["pasted"], strict=True)
                    return list(clips), file["valid"]
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            pass  # not there yet, or damaged: it is made anew
        clips, valid = self._made(draw, number)
        crops, labels, pasted = (np.stack(part) for part in zip(*clips, strict=True))
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as temporary, temporary.open("wb") as file:
            np.savez(file, about=about, crops=crops, labels=labels, pasted=pasted, valid=valid)
        return clips, valid


def _patches(clips: list[tuple], cells: int, rng: np.random.Generator) -> list[tuple]:
    """So many cells across of each of a row's clips, the same ones, where some of the forgery shows.

    What is left of a face is too little to know it by, and half the work.
    """
    best, place = -1.0, (0, 0)
    for _ in range(4):
        y, x = (int(v) for v in rng.integers(0, CELLS - cells + 1, 2))
        share = float(np.nan_to_num(clips[-1][2][:, y : y + cells, x : x + cells]).mean())
        if share > best:
            best, place = share, (y, x)
        if share > _SHOWS:
            break
    (y, x), edge = place, CROP // CELLS
    return [
        (
            crops[:, y * edge : (y + cells) * edge, x * edge : (x + cells) * edge],
            label,
            pasted[:, y : y + cells, x : x + cells].copy(),
        )
        for crops, label, pasted in clips
    ]
