"""Still pictures: which files are some, and what is on them as a viewer shows it."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..base import VideoError
from .decode import LARGEST
from .formats import VIDEO_SUFFIXES

PICTURE_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
"""Endings of the pictures that are read; what a file holds decides, whatever its name."""

_READ = ("JPEG", "PNG", "WEBP")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")


def picture_kind(path: str | os.PathLike[str]) -> str:
    """ "JPEG", "PNG", "WEBP" or "HEIC" (AVIF too) by how a file begins; "" for anything else, and for a PNG that moves.

    A raw stream of JPEGs is a video by its ending (.mjpeg).
    """
    head = b""
    with suppress(OSError):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                head = file.read(4096)
    if head[:3] == b"\xff\xd8\xff" and Path(path).suffix.lower() not in VIDEO_SUFFIXES:
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "" if b"acTL" in head.partition(b"IDAT")[0] else "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return "HEIC" if head[4:8] == b"ftyp" and head[8:12] in _HEIC else ""


def read_picture(path: Path) -> np.ndarray:
    """A JPEG, PNG or WebP as a viewer shows it (turned as its EXIF says, what is transparent on white): uint8 RGB
    (H, W, 3).

    Raises `VideoError` for another file, a damaged one, one that moves, and one of too many pixels.
    """
    kind = picture_kind(path)
    if kind == "HEIC":
        raise VideoError(
            f"{path} is a HEIC or AVIF picture, which is not read here. Save it as PNG (a JPEG loses a little more of "
            "what is looked for), or set the phone to take pictures as JPEG."
        )
    if not kind:
        raise VideoError(f"{path} is no JPEG, PNG or WebP picture. For a video use scan_video.")
    try:
        with Image.open(path, formats=_READ) as picture:
            if picture.width * picture.height > LARGEST:
                raise VideoError(
                    f"{path} has {picture.width} × {picture.height} px, and at most {LARGEST:,} px are read. Scale it "
                    "down first."
                )
            if getattr(picture, "n_frames", 1) > 1 and picture.format == "WEBP":
                raise VideoError(f"{path} is a WebP that moves, which is not read here. Convert it to MP4.")
            shown = ImageOps.exif_transpose(picture)
            if shown.mode.startswith("I"):  # 16 bits a pixel
                shown = Image.fromarray((np.asarray(shown).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
            if shown.has_transparency_data:  # what is hidden is not shown: a viewer lays the rest on a page
                shown = shown.convert("RGBA")
                shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
            return np.ascontiguousarray(np.asarray(shown.convert("RGB")))
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise VideoError(f"{path} cannot be read as a picture ({error}). Copy or download it again.") from error
