"""Face crops → training clips: random start and length, one augmentation for all frames of a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from ..faces import FRAMES
from ..fakes import PLAIN, Carrier, Donor, draw_blend, draw_camera, film, film_mask, marked, self_blend

FEW = 4
"""Frames: clips of so few are coded with pictures before each (`Camera.lead`); for longer ones that takes too long."""

CELLS = 14
"""Cells across a crop in which a clip tells where it is pasted: as many as the backbone's middle maps have."""


class ClipDataset(Dataset):
    """Rows → clips: what a seed, an epoch and a row make of a video or a portrait.

    rows: dicts with `label` (0 real, 1 fake), `group`, and what `load` wants; `still`: true where evaluation needs a
    camera too, for a portrait was never a video. `load(row, rng, frames)` gives a row's Carrier of that many frames,
    its rng None without augment. selfblend: the chance that a real row brings a self-blended fake of itself, in the
    same batch and by the same camera. donor(data, number, carrier, rng): the face that is pasted onto row `number`, as
    frames and landmarks (T, 5, 2), or None for the row's own; without it, always the row's own.

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
        donor: Callable[[ClipDataset, int, Carrier, np.random.Generator], Donor | None] | None = None,
    ) -> None:
        self.rows, self.load, self.frames = list(rows), load, frames
        self.seed, self.augment, self.selfblend = seed, augment, selfblend
        self.donor = donor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[tuple[torch.Tensor, torch.Tensor, int, int, torch.Tensor]]:
        if not self.rows:
            raise IndexError("there is no clip: the data set has no row")
        epoch, number = divmod(index, len(self.rows))
        row = self.rows[number]
        rng = np.random.default_rng([self.seed, epoch, number])
        carrier = self.load(row, rng if self.augment else None, self.frames)
        camera = draw_camera(rng, led=self.frames <= FEW) if self.augment or row.get("still") else PLAIN
        known = np.zeros((self.frames, CELLS, CELLS), np.float32)
        clips = [(film(carrier, camera), int(row["label"]), known if row["label"] == 0 else known + np.nan)]
        if row["label"] == 0 and rng.uniform() < self.selfblend:
            blend = draw_blend(rng, least=0.75 if camera.poor else 0.25)
            donor = self.donor and self.donor(self, number, carrier, rng)
            fakes, masks = self_blend(*marked(carrier), blend, donor)
            clips.append((film(carrier, camera, fakes), 1, film_mask(carrier, camera, masks, CELLS)))
        valid = torch.from_numpy(carrier.valid)
        return [
            (torch.from_numpy(crops).permute(0, 3, 1, 2), valid, label, number, torch.from_numpy(pasted))
            for crops, label, pasted in clips
        ]
