"""Batches are shuffled by seed and epoch, shared by processes, and alike from any worker."""

from __future__ import annotations

from itertools import chain

import torch
from hypothesis import given
from hypothesis import strategies as st
from makers.carriers import load_clouds, rows

from spotterlib.training import ClipDataset, make_loader
from spotterlib.training.loader import EpochBatches


def test_batches_are_shuffled_by_seed_and_epoch():
    sampler = EpochBatches(7, 3, seed=1)
    first, again = list(sampler), list(sampler)
    sampler.epoch = 2
    third = [i for batch in sampler for i in batch]
    assert first == again and [len(batch) for batch in first] == [3, 3, 1] and len(sampler) == 3
    assert sorted(list(chain(*first))) == list(range(7)) and sorted(third) == list(range(14, 21))
    assert [i - 14 for i in third] != list(chain(*first))
    assert list(EpochBatches(4, 4, shuffle=False)) == [[0, 1, 2, 3]]


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_processes_share_every_batch(length, batch, processes, epoch):
    whole = EpochBatches(length, batch)
    shares = [EpochBatches(length, batch, rank=rank, processes=processes) for rank in range(processes)]
    for sampler in (whole, *shares):
        sampler.epoch = epoch
    for together, *parts in zip(whole, *shares, strict=True):
        assert sorted(chain(*parts)) == sorted(together)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_an_empty_share_is_an_empty_batch():
    loader = make_loader(ClipDataset(rows(3), load_clouds, frames=2), 2, False, rank=1, processes=2)
    assert [batch["row"].tolist() for batch in loader] == [[1], []]


def test_the_last_small_batch_is_kept():
    loader = make_loader(ClipDataset(rows(5), load_clouds, frames=1), 2, shuffle=True)
    found = [batch["row"].tolist() for batch in loader]
    assert [len(r) for r in found] == [2, 2, 1] and len(loader) == 3
    assert sorted(row for batch in found for row in batch) == [0, 1, 2, 3, 4]


def test_a_worker_process_gives_the_same_batches_and_none_draws_from_torch():
    data = ClipDataset(rows(3), load_clouds, frames=2, selfblend=1.0)
    alone, helped = make_loader(data, 2, True), make_loader(data, 2, True, workers=1)
    before = torch.get_rng_state()
    for epoch in (0, 1):
        alone.batch_sampler.epoch = helped.batch_sampler.epoch = epoch
        for a, b in zip(alone, helped, strict=True):
            for key in a:
                torch.testing.assert_close(a[key], b[key], rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), before), "dropout must not depend on how clips are prepared"
