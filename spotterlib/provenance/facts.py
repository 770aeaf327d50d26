"""What a file is: its name, its hash, what it is packed in and coded with, who wrote it and when, as it says itself."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..base import VideoError
from ..video import decoded, opened
from .boxes import EditList, edit_lists

_PIECE = 1 << 20  # bytes read at a time
_PACKET = 1 << 18  # bytes of the longest XMP packet that is looked at
_PACKETS = 8  # of them in a file
_TEXT = 200  # characters of a text of others
_BEGIN, _END = b"<rdf:RDF", b"</rdf:RDF>"  # what every XMP packet has inside, whatever is round it
_SOURCE = re.compile(
    r"""DigitalSourceType\b[^<>]*?(?:=\s*["']([^"'<>]+)["']|rdf:resource\s*=\s*["']([^"'<>]+)["'])"""
    r"""|DigitalSourceType\s*>\s*([^<>]+?)\s*<""",
    re.S | re.I,
)
_ENCODERS = ("encoder", "encoding_tool", "com.apple.quicktime.software", "writing_library", "software")
_CREATED = ("creation_time", "com.apple.quicktime.creationdate", "date")


@dataclass(frozen=True)
class StreamFacts:
    """One stream of a container: kind "video", "audio", …; codec; bit rate in bit/s and frame rate (of pictures) or
    sample rate (of sound) a second, None where the file does not say; rotation in degrees, as a player turns it."""

    kind: str
    codec: str
    bit_rate: int | None
    rate: float | None
    rotation: int | None = None


@dataclass(frozen=True)
class FileFacts:
    """What a file is and says of itself. Facts, to compare copies by; none is part of a score.

    size in bytes; sha256 of the whole file, 64 hex digits; container as FFmpeg names it ("JPEG", "PNG" or "WEBP" for a
    picture); bit_rate in bit/s of the whole file; encoder and created as the file claims, "" where it claims nothing;
    edit_lists of an MP4; source_types: the IPTC DigitalSourceType of its XMP, as claimed.
    """

    name: str
    size: int
    sha256: str
    container: str
    bit_rate: int | None
    streams: tuple[StreamFacts, ...]
    encoder: str
    created: str
    edit_lists: tuple[EditList, ...]
    source_types: tuple[str, ...]


def file_facts(path: str | os.PathLike[str], picture: bool = False) -> FileFacts:
    """The facts of a video file, or of a picture file. Raises `VideoError` when it cannot be read."""
    place = Path(path)
    about = _picture_facts(place) if picture else _video_facts(place)
    inside = about.pop("xmp", b"")
    try:
        size, digest, packets = _read_whole(place)
        edits = () if picture else edit_lists(place)
    except OSError as error:
        raise VideoError(f"{place} cannot be read to its end ({error.strerror}). May you read it?") from error
    types = _source_types([*packets, inside])
    return FileFacts(place.name, size, digest, edit_lists=edits, source_types=types, **about)


def _video_facts(place: Path) -> dict[str, Any]:
    with opened(place) as (container, main):
        _, frame, _ = next(decoded(container, main), (0.0, None, None))
        turn = None if frame is None else int(frame.rotation)
        streams = tuple(_stream(each, turn if each.index == main.index else None) for each in container.streams)
        texts = [container.metadata, main.metadata]
        return {
            "container": container.format.name,
            "bit_rate": int(container.bit_rate) or None,
            "streams": streams,
            "encoder": _first(texts, _ENCODERS),
            "created": _first(texts, _CREATED),
        }


def _stream(stream: Any, rotation: int | None) -> StreamFacts:
    context = stream.codec_context
    rate = getattr(stream, "average_rate", None) if stream.type == "video" else getattr(context, "sample_rate", None)
    bits = getattr(context, "bit_rate", None)
    return StreamFacts(
        str(stream.type),
        getattr(context, "name", None) or "unknown",
        int(bits) if bits else None,
        float(rate) if rate else None,
        rotation,
    )


def _picture_facts(place: Path) -> dict[str, Any]:
    """Of a picture that was opened before: its EXIF tells who wrote it, when, and how it is held."""
    with Image.open(place) as picture:
        exif = picture.getexif()
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""  # PNG may have it compressed
        turn = {3: 180, 6: 270, 8: 90}.get(exif.get(274), 0)  # EXIF's orientations, as degrees to the left
        return {
            "xmp": xmp.encode() if isinstance(xmp, str) else xmp,
            "container": str(picture.format),
            "bit_rate": None,
            "streams": (StreamFacts("picture", str(picture.format).lower(), None, None, turn),),
            "encoder": _clean(exif.get(305, "")),
            "created": _clean(exif.get_ifd(0x8769).get(36867, "") or exif.get(306, "")),
        }


def _first(texts: list[dict[str, str]], names: tuple[str, ...]) -> str:
    """The first of these entries that some metadata have."""
    lower = [{key.lower(): value for key, value in each.items()} for each in texts]
    return next((_clean(each[name]) for name in names for each in lower if each.get(name)), "")


def _clean(text: object) -> str:
    """A text of others as one short line that can be written."""
    line = " ".join(str(text).replace("\0", " ").split())
    return line[:_TEXT].encode("utf-8", "replace").decode("utf-8")


def _read_whole(place: Path) -> tuple[int, str, list[bytes]]:
    """Size, SHA-256 and the XMP packets of a file, read once from end to end."""
    digest, size, tail = hashlib.sha256(), 0, b""
    packets: list[bytes] = []
    with open(place, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            text, at = tail + piece, 0
            while len(packets) < _PACKETS and (end := text.find(_END, at)) >= 0:
                begin = text.rfind(_BEGIN, at, end)  # the last one: of a thousand beginnings, all but one lead nowhere
                if begin >= 0 and end - begin <= _PACKET:
                    packets.append(text[begin:end])
                at = end + len(_END)
            tail = text[max(at, len(text) - _PACKET) :]  # whose packet may end in the next piece
    return size, digest.hexdigest(), packets


def _source_types(packets: list[bytes]) -> tuple[str, ...]:
    """The source types that XMP packets name, each once."""
    found = [
        _clean(next(filter(None, match)))
        for packet in packets
        for match in _SOURCE.findall(packet.decode("utf-8", "replace"))
    ]
    return tuple(dict.fromkeys(found))
