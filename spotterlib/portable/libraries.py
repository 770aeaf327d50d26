"""The JavaScript that the page carries inside: fetched once from npm, checked against its pinned hash, kept."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ..base import SpotterError, atomic_path

REGISTRY = "https://registry.npmjs.org"
LONGEST = 120  # s without a byte


@dataclass(frozen=True)
class Library:
    """A package of npm: what of it the page carries (paths inside the package by a short name), its licence, and its
    integrity as npm's lock files say it."""

    name: str
    version: str
    licence: str
    integrity: str
    files: dict[str, str]

    @property
    def address(self) -> str:
        """Where npm has it."""
        return f"{REGISTRY}/{self.name}/-/{self.name}-{self.version}.tgz"


LIBRARIES = (
    Library(
        "onnxruntime-web",
        "1.30.0",
        "MIT",
        "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        {
            "runtime": "dist/ort.wasm.min.js",
            "glue": "dist/ort-wasm-simd-threaded.mjs",
            "wasm": "dist/ort-wasm-simd-threaded.wasm",
            "card_runtime": "dist/ort.webgpu.min.js",
            "card_glue": "dist/ort-wasm-simd-threaded.asyncify.mjs",
            "card_wasm": "dist/ort-wasm-simd-threaded.asyncify.wasm",
        },
    ),
    Library(
        "mediabunny",
        "1.61.0",
        "MPL-2.0",
        "sha512-WciPOYwKZwgYkoBKcEK6JzzIf+w5whypPzFdOihOylZ/5Qv19FmNfRnTcaprH+jD136YpEASU30Eb6VNCJiz3A==",
        {"demuxer": "dist/bundles/mediabunny.min.cjs"},
    ),
)
"""What runs the graphs (WebAssembly; WebGPU where there is a graphics card), and what takes a video file apart into
what the browser decodes."""


def library_files(cache: Path) -> dict[str, bytes]:
    """The files of all `LIBRARIES` by their short names; packages lie in `cache` once they were fetched.

    Raises `SpotterError` when one cannot be fetched, or is not what was pinned.
    """
    found: dict[str, bytes] = {}
    for library in LIBRARIES:
        with tarfile.open(fileobj=io.BytesIO(_package(library, cache)), mode="r:gz") as package:
            for short, path in library.files.items():
                found[short] = package.extractfile(f"package/{path}").read()
    return found


def _package(library: Library, cache: Path) -> bytes:
    """The package as npm packed it, from the cache or from npm."""
    kept = cache / f"{library.name}-{library.version}.tgz"
    if kept.is_file() and (packed := kept.read_bytes()) and _integrity(packed) == library.integrity:
        return packed
    try:
        with urllib.request.urlopen(library.address, timeout=LONGEST) as answer:
            packed = answer.read()
    except OSError as error:
        raise SpotterError(
            f"{library.address} cannot be fetched ({error}). The page needs it once: try again with a network, or copy "
            f"the file to {kept}."
        ) from error
    if _integrity(packed) != library.integrity:
        raise SpotterError(f"{library.address} is not the file that was pinned (sha512 differs). It is not used.")
    with atomic_path(kept) as temporary:
        temporary.write_bytes(packed)
    return packed


def _integrity(packed: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode("ascii")
