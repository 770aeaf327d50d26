"""What every room shares: errors, paths, files that are written whole or not at all, seed, device, records."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import platform
import random
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The clone that this package lies in: relative outputs land under it, whatever the working directory is."""

RECORD_MIME = "application/vnd.spotter.record+json"


class SpotterError(Exception):
    """Something a user can mend; the message names the file and the remedy."""


class VideoError(SpotterError):
    """A video is missing, is not a video, or could not be written."""


class DataError(SpotterError):
    """A manifest, a split, a data folder or a face cache is missing or wrong."""


class CheckpointError(SpotterError):
    """A checkpoint is missing, damaged, or does not fit its card."""


class NotReadyError(SpotterError):
    """An earlier notebook's result is missing; the message says which to run."""


class WriteError(SpotterError, OSError):
    """A file could not be written: no room, or no right to. What was there before is as it was."""


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """What the system refuses in the block (a full disk, a read-only folder) is a `WriteError` that names `place`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SpotterError):
            raise
        why = error.strerror or str(error)
        refused = WriteError(f"{place} cannot be written ({why}). Is there room, and may you write there?")
        refused.strerror = why
        raise refused from error


_NO_MEMORY = ("allocate memory", "out of memory", "Insufficient memory", "bad_alloc", "bad allocation", "new thread")


@contextlib.contextmanager
def enough_memory(work: str) -> Iterator[None]:
    """Where the memory runs out in the block, a `SpotterError` says at what; every library has an error of its own."""
    try:
        yield
    except Exception as error:
        found = error.__cause__ if isinstance(error, SpotterError) else error
        told = isinstance(found, RuntimeError) or type(found).__module__ == "cv2"
        short = told and any(words in str(found) for words in _NO_MEMORY)
        refused = getattr(found, "errno", None) in (errno.ENOMEM, errno.EAGAIN)  # the system's words, for threads too
        if not (short or refused or isinstance(found, MemoryError)):
            raise
        remedy = "Close other programs, use fewer workers or smaller batches, or a machine with more."
        raise SpotterError(f"{work} needs more memory than there is. {remedy}") from error


def find_input(path: str | os.PathLike[str]) -> Path:
    """The file or folder a user named: absolute, or relative to the working directory, else to the clone.

    Returns an absolute path. Raises `DataError` that names both places when neither has it.
    """
    asked = Path(os.path.expanduser(path))  # as it is where no such user exists
    for candidate in [asked] if asked.is_absolute() else [Path.cwd() / asked, ROOT / asked]:
        if os.path.lexists(candidate):
            return Path(os.path.abspath(candidate))
    where = str(asked) if asked.is_absolute() else f"{asked} (looked in {Path.cwd()} and {ROOT})"
    raise DataError(f"There is nothing at {where}. Check the spelling, or give the whole path.")


def output_path(path: str | os.PathLike[str]) -> Path:
    """Where a result goes: absolute as given, relative under the clone; the parent folder is made.

    Raises `WriteError` where it cannot be made.
    """
    asked = Path(os.path.expanduser(path))  # as it is where no such user exists
    place = asked if asked.is_absolute() else ROOT / asked
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    return place


def inside(root: Path, name: str) -> Path:
    """The file that a table names, under its root. Raises `DataError` for a name that leaves it.

    The text alone is judged: a link under the root may lead anywhere, as data sets made of links need.
    """
    place = Path(os.path.normpath(root / name))
    if "\0" in name or place == Path(os.path.normpath(root)) or not place.is_relative_to(os.path.normpath(root)):
        raise DataError(f"{name!r} is not a file under {root}, and no other is touched. Mend the table that names it.")
    return place


def shortened(text: str, most: int = 200) -> str:
    """A text of others as one line of a message, cut where it is longer than a name can be."""
    line = " ".join(text.split()) if "\n" in text or "\r" in text else text
    return line if len(line) <= most else line[:most] + "…"


def require(path: str | os.PathLike[str], remedy: str) -> Path:
    """The result of an earlier step, or `NotReadyError` with the sentence that says what to run."""
    place = output_path(path)
    if not place.exists():
        raise NotReadyError(f"{remedy} (it makes {place}, which is not there yet)")
    return place


def data_home() -> Path | None:
    """The folder named by the environment variable SPOTTER_DATA: training portraits, real clips, ImageNet weights.

    It holds `data/portraits`, `data/grid` and `weights`. None when the variable is unset or names no folder.
    """
    named = os.environ.get("SPOTTER_DATA", "")
    place = Path(named).expanduser().resolve() if named else None
    return place if place is not None and place.is_dir() else None


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it replaces `path` if the block succeeds and vanishes if it fails.

    Raises `WriteError` where nothing can be written.
    """
    final = Path(path)
    with writing(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        # a short name of its own (a name of 250 characters has no room for a suffix), the ending kept for encoders
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=".spotter-", suffix=final.suffix[-16:])
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def stoppable(work: str, kept: str) -> Iterator[None]:
    """Long work that SIGTERM ends as Ctrl-C does: by a `KeyboardInterrupt` that says what was stopped and what is kept.

    work: "The scan of a.mp4"; kept: a sentence on what is there already and how to go on. Around other stoppable work
    the outermost speaks. Outside the main thread, where Python handles no signal, and where the caller handles SIGTERM
    in a way of its own, that signal does what it did.
    """

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    free = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if free:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{work} was stopped. {kept}") from None
    finally:
        if free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _plain(value: Any) -> Any:
    """`value` as JSON has it: numpy numbers and arrays become Python's, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def to_json(value: Any, indent: int | None = 1) -> str:
    """`value` as strict JSON text (no NaN: what was not measured is null)."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write `value` as strict JSON, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(value) + "\n", encoding="utf-8")
    return Path(path)


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError`, also for what is nested too deeply to be read, and for half a
    letter (a lone surrogate), which no file can hold again."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


LARGEST_TEXT = 1 << 28
"""Bytes of the largest text that is read whole: a sparse file costs its maker nothing, and its reader the memory."""


def read_text(path: str | os.PathLike[str], errors: str = "strict") -> str:
    """The text of an ordinary file: a pipe would keep its reader waiting for ever. Raises `OSError`, `ValueError`."""
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode):
        raise OSError("it is no ordinary file")
    if about.st_size > LARGEST_TEXT:
        raise OSError(f"it has {about.st_size:,} bytes, and at most {LARGEST_TEXT:,} are read")
    return Path(path).read_text(encoding="utf-8", errors=errors)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file. Raises `DataError` that names the file when it is missing or no JSON."""
    try:
        return parse_json(read_text(path))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.") from error
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}). Make it again, or restore it.") from error


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The file's SHA-256 as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (CPU and CUDA)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def pick_device(device: str = "auto") -> str:
    """`"cuda"` where a GPU answers, else `"cpu"`; any other name is passed on as it is."""
    if device != "auto":
        return device
    import torch

    # asked so that a notebook can still hand the GPUs to processes of its own (`fit_on_gpus`)
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    names = ["torch", "torchvision", "facenet-pytorch", "efficientnet_pytorch", "opencv-python", "av", "numpy"]
    found = {"python": platform.python_version()}
    for name in ["spotterlib", *names]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@dataclass(frozen=True)
class Setup:
    """What a notebook runs on; shows as one line."""

    seed: int
    device: str
    threads: int
    versions: dict[str, str]

    def __repr__(self) -> str:
        shown = " · ".join(f"{name} {self.versions[name]}" for name in ("spotterlib", "torch") if name in self.versions)
        python = platform.python_version()
        return f"Spotter on {self.device}, {self.threads} threads · seed {self.seed} · Python {python} · {shown}"


def setup(seed: int = 0, device: str = "auto") -> Setup:
    """Seed everything, choose the device, set the plot style; the first call of every notebook."""
    import torch

    from .plots import use_style

    seed_everything(seed)
    use_style()
    return Setup(seed, pick_device(device), torch.get_num_threads(), versions())


def record(name: str, value: Any) -> None:
    """Keep a result in the executed notebook, unseen by the reader, for tests and later notebooks."""
    from IPython.display import display

    display({RECORD_MIME: {"name": name, "value": _plain(value)}}, raw=True)


def read_records(notebook: str | os.PathLike[str]) -> dict[str, Any]:
    """The results that `record` kept in an executed notebook, the last of each name."""
    import nbformat

    found: dict[str, Any] = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            kept = output.get("data", {}).get(RECORD_MIME)
            if kept:
                found[kept["name"]] = kept["value"]
    return found
