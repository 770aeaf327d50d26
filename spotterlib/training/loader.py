"""Training clips → batches: in an order that a seed decides, prepared by workers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from ..faces import CROP
from .dataset import CELLS, ClipDataset


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
