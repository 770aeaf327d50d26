"""Where things lie: what a user names, where results go, and what must not be left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from .errors import DataError, NotReadyError, WriteError, writing

ROOT = Path(__file__).resolve().parent.parent.parent
"""The folder that this package lies in: the clone, or where Python keeps what was installed."""

_AROUND = " \t\r\n\u00a0\u200b\ufeff<>()[]\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u2039\u203a"

_INSTALLED = not (ROOT / "notebooks" / "00_scan_a_video.ipynb").is_file()


def home() -> Path:
    """Under which relative results land: the clone, wherever a command is run; of an installed package, which has no
    clone round it, the working directory."""
    return Path.cwd() if _INSTALLED else ROOT


def named_path(path: str | os.PathLike[str]) -> Path:
    """What a user named as a path, its `~` opened (as it is where no such user exists).

    Raises `DataError` for what is no path: a number, say, which `papermill -p data 2024` makes of a folder's name.
    """
    if isinstance(path, bytes):
        raise DataError(f"{path!r} is no path but bytes. Give it as text: os.fsdecode({path!r}).")
    if not isinstance(path, str | os.PathLike):
        raise DataError(
            f"{path!r} is no path (its type is {type(path).__name__}). Give it as text, in quotes: {str(path)!r}; to "
            "papermill with -r instead of -p."
        )
    if "\0" in str(path):
        raise DataError(f"{str(path)!r} is no path: no name holds a NUL. Check the spelling.")
    return Path(os.path.expanduser(path))


def find_input(path: str | os.PathLike[str]) -> Path:
    """The file or folder a user named: absolute, or relative to the working directory, else to `home`.

    Returns an absolute path. Raises `DataError` that names the places when none has it, and for an address (of the
    web, say): nothing is downloaded here.
    """
    asked = named_path(path)
    for candidate in [asked] if asked.is_absolute() else [Path.cwd() / asked, home() / asked]:
        if os.path.lexists(candidate):
            return Path(os.path.abspath(candidate))
    bare = _bare(path)
    local = re.fullmatch(r"file:/+(?:localhost/)?(.+)", bare, re.I)  # as a browser or a file manager names a file
    # file:///C:/… of Windows begins with the drive
    meant = named_path(re.sub(r"^/(?=[A-Za-z]:)", "", "/" + unquote(local[1])) if local else bare)
    if meant.name and any(os.path.lexists(place / meant) for place in (Path.cwd(), home())):
        raise DataError(f"There is nothing at {asked!s}, but there is {meant}: leave out what stands round it.")
    if local:
        raise DataError(f"There is nothing at {meant}. Check the spelling, or give the whole path without file:.")
    if _is_address(path):
        raise DataError(
            f"{os.fspath(path).strip()} is an address, and only files are read. Download it first (in a browser, or "
            "with yt-dlp), then give the path of the file."
        )
    places = " and ".join(dict.fromkeys([str(Path.cwd()), str(home())]))
    where = str(asked) if asked.is_absolute() else f"{asked} (looked in {places})"
    raise DataError(f"There is nothing at {where}. Check the spelling, or give the whole path.")


def _is_address(path: str | os.PathLike[str]) -> bool:
    """Whether a text is an address of the web or a server (`https://…`, which a `Path` makes `https:/…` of)."""
    return re.match(r"[a-z][a-z0-9+.-]+:/|(www\.[^/]+|youtu\.be|youtube\.com)/", _bare(path), re.I) is not None


def _bare(path: str | os.PathLike[str]) -> str:
    """A text without what comes along where it is copied from a message: blanks, brackets, quotes."""
    return os.fspath(path).strip(_AROUND)


def output_path(path: str | os.PathLike[str]) -> Path:
    """Where a result goes: absolute as given, relative under `home`; the parent folder is made.

    Raises `WriteError` where it cannot be made, or no file can have that name.
    """
    asked = named_path(path)
    if _is_address(path):
        said = f"{os.fspath(path).strip()} is an address, and results go to files."
        raise WriteError(f"{said} Give a path, and send it on then.")
    place = asked if asked.is_absolute() else home() / asked
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.lstat(place)  # a name that is too long is refused now, and not after hours of work
    return place


def own_name(path: str | os.PathLike[str]) -> str:
    """A name of a file's own for what is made of it: what can be read of its name, and a hash of its whole path.

    Two files of one name in two folders have two; it is short and plain enough for every disk. Under `home` the path
    counts from there, so that a clone that was moved gives the same names.
    """
    text = os.fspath(path)
    if os.path.isabs(text) and Path(text).is_relative_to(home()):
        text = Path(text).relative_to(home()).as_posix()
    readable = re.sub(r"[^\w.-]+", "_", Path(text).stem)[:40]
    return f"{readable}-{hashlib.sha256(os.fsencode(text)).hexdigest()[:12]}"


def inside(root: Path, name: str) -> Path:
    """The file that a table names, under its root. Raises `DataError` for a name that leaves it.

    The text alone is judged: a link under the root may lead anywhere, as data sets made of links need.
    """
    place = Path(os.path.normpath(root / name))
    if "\0" in name or place == Path(os.path.normpath(root)) or not place.is_relative_to(os.path.normpath(root)):
        raise DataError(f"{name!r} is not a file under {root}, and no other is touched. Mend the table that names it.")
    return place


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
