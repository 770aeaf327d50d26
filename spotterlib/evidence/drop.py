"""The box onto which a file is dropped: the browser hands it to the kernel piece by piece."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import anywidget
import traitlets

from ..base import atomic_path, file_sha256, output_path, write_remedy

_LONGEST = 255  # bytes of a name that every disk takes
_HINT = "Drop a video or a picture here, or click to choose one"


class DropBox(anywidget.AnyWidget):
    """Takes one file after another into `runs/uploads/`; `file` is the last one that arrived whole, else None.

    Phones give many videos one name: a file that differs from what is there under its name gets a hash into its own.
    A file that stops half way is left under a temporary name and goes with the next one or with the kernel. What goes
    wrong with the disk is said in the box (`said`).
    """

    _esm = Path(__file__).with_name("drop.js")
    accept = traitlets.Unicode("").tag(sync=True)
    said = traitlets.Unicode(_HINT).tag(sync=True)
    file = traitlets.Instance(Path, allow_none=True)  # of the kernel alone

    def __init__(self, accept: str = "") -> None:
        super().__init__(accept=accept)
        self._arriving: ExitStack | None = None
        self._name, self._size, self._hash = "", 0, hashlib.sha256()
        self._part: BinaryIO | None = None
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict, buffers: list) -> None:
        """The browser says {begin: name, size} and then, each time it is told {from}, sends {at} with a piece."""
        try:
            if "begin" in content:
                self._begin(str(content["begin"]), int(content["size"]))
            elif self._part is not None and content.get("at") == self._part.tell():
                self._part.write(buffers[0])
                self._hash.update(buffers[0])
            else:
                return
            self._go_on()
        except OSError as error:
            self._drop()
            why = f"{self._name} could not be kept ({error.strerror})."
            self.said = f"{why} {write_remedy(error)} Or type a path instead."
            self.send({"from": None})

    def _begin(self, name: str, size: int) -> None:
        self._drop()
        self.file, self._size = None, size
        self._name = Path(name.replace("\\", "/")).name
        if self._name in ("", ".", ".."):
            self._name = "upload"
        if len(self._name.encode()) > _LONGEST:
            self._name = _short(Path(self._name).stem, 200) + Path(self._name).suffix[:10]
        self._hash = hashlib.sha256()
        with ExitStack() as arriving:
            self._final = output_path(Path("runs/uploads") / f".arriving-{os.getpid()}-{id(self)}")
            temporary = arriving.enter_context(atomic_path(self._final))
            self._part = arriving.enter_context(temporary.open("wb"))
            self._arriving = arriving.pop_all()

    def _go_on(self) -> None:
        arrived = self._part.tell()
        if arrived < self._size:
            self.said = f"{self._name}: {100 * arrived // self._size} % of {self._size / 1e6:.1f} MB"
            self.send({"from": arrived})
            return
        arriving, self._arriving, self._part = self._arriving, None, None
        arriving.close()  # the file is whole
        place = self._final.with_name(self._name)
        if place.exists() and file_sha256(place) != self._hash.hexdigest():  # another one, maybe scanned already
            place = place.with_name(f"{_short(place.stem, 200)}-{self._hash.hexdigest()[:12]}{place.suffix}")
        try:
            os.replace(self._final, place)
        finally:
            self._final.unlink(missing_ok=True)  # where the name would not do
        self.file, self.said = place, f"{self._name} is here ({self._size / 1e6:.1f} MB)."
        self.send({"from": None})

    def _drop(self) -> None:
        """Forget what came of a file that did not arrive whole."""
        arriving, self._arriving, self._part = self._arriving, None, None
        if arriving is not None:
            arriving.__exit__(EOFError, EOFError("not whole"), None)  # no OSError: the disk is not to blame


def _short(name: str, most: int) -> str:
    """A name of so many bytes at most, cut between two letters."""
    return name.encode()[:most].decode(errors="ignore")
