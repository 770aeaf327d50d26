"""Text that would fill the memory is one error."""

from __future__ import annotations

import pytest

from spotterlib.base import DataError, read_json


def test_a_text_that_would_fill_the_memory_is_one_error(tmp_path):
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match=r"big\.json cannot be read as JSON \(it has 1,099,511,627,776 bytes"):
        read_json(tmp_path / "big.json")
