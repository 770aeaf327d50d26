"""Face crops → training batches: clips of random start and length, one augmentation for all frames of a clip."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ._camera import PLAIN, Carrier, draw_camera, film, film_mask
from ._camera import Camera as Camera
from .faces import CROP, FRAMES, WINDOW
from .selfblend import draw_blend, self_blend


def draw_moments(rng: np.random.Generator | None, start: float, end: float, count: int) -> np.ndarray:
    """Times (count,) in s, evenly spread, at which a clip between `start` and `end` s is looked at.

    Over the whole, or its first 12 s, when rng is None (evaluation). In training over a window of random start and of
    40…100 % of that length, so that the GRU sees the time steps it will meet.
    """
    length = min(end - start, WINDOW)
    if rng is not None:
        length *= rng.uniform(0.4, 1.0)
        start = start + rng.uniform(0, max(end - start - length, 0))
    return np.linspace(start, start + length, count)


FEW = 4
"""Frames: clips of so few are coded with pictures before each (`Camera.lead`); for longer ones that takes too long."""

CELLS = 14
"""Cells across a crop in which a clip tells where it is pasted: as many as the backbone's middle maps have."""

Donor = tuple[np.ndarray, np.ndarray]
"""A face to paste: frames uint8 RGB (T, H, W, 3) and landmarks (T, 5, 2) px, NaN where there is none."""


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


def marked(carrier: Carrier) -> tuple[np.ndarray, np.ndarray]:
    """Frames, and landmarks that are NaN where there is no face."""
    return carrier.frames, np.where(carrier.valid[:, None, None], carrier.landmarks, np.nan)


class EpochBatches(Sampler[list[int]]):
    """Indices of one epoch for `ClipDataset`, a list a batch: a seeded shuffle (or the plain order), set by `epoch`.

    With several processes each gets its share of every batch, an empty one if there are too few rows.
    """

    def __init__(
        self, length: int, batch: int, seed: int = 0, shuffle: bool = True, rank: int = 0, processes: int = 1
    ) -> None:
        self.length, self.batch, self.seed, self.shuffle, self.epoch = length, batch, seed, shuffle, 0
        self.rank, self.processes = rank, processes

    def __len__(self) -> int:
        return -(-self.length // self.batch)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.length)
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        order = (order + self.epoch * self.length).tolist()
        for start in range(0, self.length, self.batch):
            yield order[start : start + self.batch][self.rank :: self.processes]


def collate(items: list[list[tuple]]) -> dict[str, torch.Tensor]:
    """Join items to a batch: frames uint8 (B, T, 3, 224, 224), valid bool (B, T), label int64 (B,), row int64 (B,),
    pasted float32 (B, T, 14, 14)."""
    if not items:
        frames = torch.zeros((0, 1, 3, CROP, CROP), dtype=torch.uint8)
        none = torch.zeros(0, dtype=torch.int64)
        batch = {"frames": frames, "valid": torch.zeros((0, 1), dtype=torch.bool), "label": none, "row": none}
        return {**batch, "pasted": torch.zeros((0, 1, CELLS, CELLS))}
    frames, valid, labels, rows, pasted = zip(*(clip for item in items for clip in item), strict=True)
    batch = {"frames": torch.stack(frames), "valid": torch.stack(valid), "pasted": torch.stack(pasted)}
    return {**batch, "label": torch.tensor(labels), "row": torch.tensor(rows)}


def _as_worker(_: int) -> None:
    """One thread, and no word about a parent that was stopped while it took over a batch."""

    def told(kind: type[BaseException], *about) -> None:
        if not issubclass(kind, ConnectionError):
            sys.__excepthook__(kind, *about)

    sys.excepthook = told
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def make_loader(
    dataset: ClipDataset, batch: int, shuffle: bool, workers: int = 0, rank: int = 0, processes: int = 1
) -> DataLoader:
    """Batches of `batch` rows (a row with its self-blend counts once); the last, smaller one is kept.

    rank, processes: which share of every batch this process gets, of how many.
    """
    return DataLoader(
        dataset,
        batch_sampler=EpochBatches(len(dataset), batch, dataset.seed, shuffle, rank, processes),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_as_worker,
        persistent_workers=workers > 0,
        # a forked worker inherits OpenCV's thread pool without its threads, and hangs in it
        multiprocessing_context="spawn" if workers else None,
        generator=torch.Generator(),  # else a loader draws from torch's own, and dropout would depend on the workers
        pin_memory=torch.cuda.is_available(),
    )


@contextlib.contextmanager
def ending_at_once(*loaders: DataLoader) -> Iterator[None]:
    """Ctrl-C in the block ends the loaders' workers too; left alone, each first finishes the clips it has in hand."""
    try:
        yield
    except KeyboardInterrupt:
        for loader in loaders:
            for worker in getattr(loader._iterator, "_workers", ()):
                worker.terminate()  # which torch's workers take from their parent for a good end
        raise
