"""A file that several processes want is made by one of them, once."""

from __future__ import annotations

import threading

import pytest
from makers.files import contents

from spotterlib.base import claimed


def test_a_claim_has_one_owner(tmp_path):
    final = tmp_path / "a.npz"
    with claimed(final) as mine:
        with claimed(final, wait=False) as other:
            assert other is None
        mine.write_bytes(b"mine")
        assert not final.exists()
    assert final.read_bytes() == b"mine"
    with claimed(final) as mine:
        pass  # nothing written
    with pytest.raises(KeyError), claimed(final) as mine:
        mine.write_bytes(b"half")
        raise KeyError
    assert contents(tmp_path) == {"a.npz": b"mine"}


def test_many_threads_make_a_file_once(tmp_path):
    final, made = tmp_path / "a.npz", []
    start = threading.Barrier(8)

    def make():
        start.wait(60)
        with claimed(final) as part:
            if not final.exists():
                made.append(1)
                part.write_bytes(b"once")

    for _ in range(20):
        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert made == [1]
        assert contents(tmp_path) == {"a.npz": b"once"}
        made.clear()
        final.unlink()
