"""The boxes of an MP4 or MOV that FFmpeg does not tell of: edit lists, which say what a player leaves out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST = 64  # entries of a list, and tracks, that are read
_SCALES = {b"mvhd": (12, 20), b"mdhd": (12, 20)}  # where a time scale stands in a box of version 0, and of version 1


@dataclass(frozen=True)
class EditList:
    """The edit list of one track (from 1): entries of (length in s of the film, start in s of the media, rate); a start
    of −1 is an empty stretch."""

    track: int
    entries: tuple[tuple[float, float, float], ...]


def edit_lists(path: Path) -> tuple[EditList, ...]:
    """The edit lists of an MP4 or MOV, track by track; () for another container, and where a box makes no sense."""
    with open(path, "rb") as file:
        end = path.stat().st_size
        if file.read(8)[4:] not in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip"):
            return ()
        try:
            return tuple(_edit_lists(file, end))
        except (struct.error, OverflowError, ZeroDivisionError):  # a damaged index: nothing is claimed
            return ()


def _edit_lists(file: BinaryIO, end: int) -> Iterator[EditList]:
    for begin, stop in _inside(file, 0, end, b"moov"):
        film = _scale(file, begin, stop, b"mvhd")
        for number, (first, last) in enumerate(_inside(file, begin, stop, b"trak"), 1):
            media = next((_scale(file, *box, b"mdhd") for box in _inside(file, first, last, b"mdia")), 0)
            for edits in _inside(file, first, last, b"edts"):
                for place, limit in _inside(file, *edits, b"elst"):
                    if number <= _MOST:
                        yield EditList(number, _entries(file, place, limit, film or 1, media or 1))


def _inside(file: BinaryIO, begin: int, end: int, kind: bytes) -> list[tuple[int, int]]:
    """Where the contents of the boxes of a kind lie, of those side by side from `begin` to `end`."""
    found, place, looked = [], begin, 0
    while end - place >= 8 and looked < 4096:
        file.seek(place)
        head = file.read(16)
        size, name = struct.unpack(">I4s", head[:8])
        skip = 8
        if size == 1:
            size, skip = struct.unpack(">Q", head[8:16])[0], 16
        size = size or end - place
        if size < skip:
            break
        if name == kind:
            found.append((place + skip, min(place + size, end)))
        place, looked = place + size, looked + 1
    return found


def _scale(file: BinaryIO, begin: int, end: int, kind: bytes) -> int:
    """Ticks a second of a film (`mvhd`) or of its media (`mdhd`); 0 where there is none."""
    for place, _ in _inside(file, begin, end, kind):
        file.seek(place)
        content = file.read(32)
        at = _SCALES[kind][content[0] == 1]
        return struct.unpack(">I", content[at : at + 4])[0]
    return 0


def _entries(file: BinaryIO, place: int, limit: int, film: int, media: int) -> tuple[tuple[float, float, float], ...]:
    file.seek(place)
    version, count = struct.unpack(">B3xI", file.read(8))
    form = ">Qqi" if version == 1 else ">Iii"
    size = struct.calcsize(form)
    entries = []
    for _ in range(min(count, _MOST, (limit - place - 8) // size)):
        length, start, rate = struct.unpack(form, file.read(size))
        entries.append((length / film, start / media if start >= 0 else -1.0, rate / 65536))
    return tuple(entries)
