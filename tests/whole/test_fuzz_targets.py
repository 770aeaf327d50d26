"""Texts that others write: whatever the bytes, a reader ends in a result or in one clear error."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from makers.fuzz_targets import TARGETS, run_target

from spotterlib.base import DataError, read_json

KEPT = [  # what fuzzing has found
    ("JSON", b"[" * 100_000),
    ("card", b'{"a":' * 100_000),
    ("journal", b"[" * 100_000),
    ("manifest JSON", b"[" * 100_000),
    ("DFDC JSON", b"[" * 100_000),
    ("FaceForensics++ JSON", b"[" * 100_000),
    ("DFDC JSON", b'{"a.mp4": {"label": "FAKE", "original": "\\ud800"}}'),
    ("manifest", b"path\n"),
    ("manifest JSON", b'{"settings": {}, "report": [{"path": "c.mp4"}]}'),
    ("manifest JSON", b'{"settings": [], "root": 5}'),
    ("manifest JSON", b'{"settings": {"notes": null}}'),
    ("manifest JSON", b'{"settings": {"split": {"notes": "x"}}, "root": "\\u0000"}'),
    ("manifest JSON", b'{"settings": {}, "report": 1}'),
]
SPICE = [
    b'"',
    b",",
    b"\n",
    b"\0",
    b"..",
    b"/",
    b"\\",
    b"NaN",
    b"1e999",
    b"null",
    b"{}",
    b"\xff",
    b"\\ud800",
    b"[" * 2000,
]


@pytest.mark.parametrize(("name", "data"), KEPT, ids=lambda value: value if isinstance(value, str) else "")
def test_what_was_found_stays_mended(tmp_path, name, data):
    run_target(name, data, tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_good_texts_are_read(tmp_path, name):
    for number, seed in enumerate(TARGETS[name][1]):
        folder = tmp_path / str(number)
        folder.mkdir()
        TARGETS[name][0](seed, folder)


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """A text with a few places cut, doubled or spiced."""
    text = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.randint(0, 20))
        text[start:end] = rng.choice([b"", text[start:end] * 2, rng.choice(SPICE), bytes([rng.randrange(256)])])
    return bytes(text)


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_texts_end_in_a_result_or_one_error(tmp_path, name):
    rng = random.Random(name)
    for number in range(30):
        data = spoilt(rng.choice(TARGETS[name][1]), rng)
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            run_target(name, data, folder)
        except Exception as error:
            raise AssertionError(f"{name} on {data!r}") from error


def test_the_error_names_the_file(tmp_path: Path):
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    with pytest.raises(DataError, match=r"deep\.json cannot be read as JSON .*nested too deeply"):
        read_json(tmp_path / "deep.json")
