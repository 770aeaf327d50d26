"""Train on a rented graphics card that sees nothing of this machine: packed here, trained there, put together here.

    SPOTTER_DATA=… python scripts/train_on_card.py pack --out runs/card
    python scripts/train_on_card.py train runs/card/pieces --out runs/there --minutes 9      # there; as often as needed
    python scripts/train_on_card.py join runs/there/left --out runs/card                     # here

"pack" finds the faces (once) and writes what training needs into archives of at most 60 MB: the pictures as they are
(JPEG), the short videos, the weights to start from, and the rows that say where the faces are. "train" unpacks them,
cuts and decodes the heads on all cores and the card, and trains "frames" and then "clips" (`train_checkpoint.py`), on
CUDA in mixed precision with every core but one making clips; without CUDA it does the same slowly, which is how it is
rehearsed. It begins no epoch that would end after its minutes and then leaves, in pieces of at most 16 MB, the best
weights of each stage (half precision), their cards and histories; the same command goes on. "join" makes a checkpoint
of the pieces, and refuses one that does not belong to its card.
"""

from __future__ import annotations

import argparse
import os
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from fetch_upscalers import fetch_upscalers
from train_checkpoint import PEOPLE, ROWS, VIDEOS, WEIGHTS, find_rows, train, video_rows

from spotterlib.base import (
    DataError,
    atomic_path,
    command_line,
    find_input,
    need_data,
    output_path,
    read_json,
    run_main,
    write_json,
)
from spotterlib.model import load_checkpoint

PIECE = 60_000_000
"""Bytes of an archive at most."""

LEFT = 16_000_000
"""Bytes at most of a piece of what a training leaves."""

STAGES = ("frames", "clips")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, "seed", out="runs/card")
    parser.add_argument("step", choices=["pack", "train", "join"], help="what is done")
    parser.add_argument("folder", nargs="?", help="train: the archives; join: what a training left")
    parser.add_argument("--minutes", type=float, default=9.0, help="train: how long this call may take")
    parser.add_argument("--start", nargs="+", help="pack: checkpoint to start from, or several, whose mean is taken")
    parser.add_argument("--epochs", type=int, nargs=2, default=(12, 3), help="train: of frames and of clips")
    parser.add_argument("--rows", type=int, nargs=2, default=(14000, 800), help="train: stills an epoch of each")
    options = parser.parse_args(arguments)
    out = output_path(options.out)
    if options.step == "pack":
        home = need_data("data/faces", "data/portraits", "data/clips", "data/grid", WEIGHTS)
        for place in pack(home, out, options.start or []):
            print(f"{place}: {place.stat().st_size / 1e6:.1f} MB")
        return
    if options.folder is None:
        raise DataError(f"Say which folder: python scripts/train_on_card.py {options.step} FOLDER --out {options.out}.")
    if options.step == "join":
        for place in join(find_input(options.folder), out):
            print(f"{place}: {load_checkpoint(place).name}")
        return
    deadline = time.monotonic() + 60 * options.minutes
    home, start = unpack(find_input(options.folder), out)
    for number, stage in enumerate(STAGES):
        if time.monotonic() > deadline:
            print(f"{stage}: not begun. The same command goes on.")
            break
        epochs, rows = options.epochs[number], options.rows[number]
        workers = max((os.cpu_count() or 1) - 1, 1)
        asked = argparse.Namespace(epochs=epochs, rows=rows, lr=None, seed=options.seed, workers=workers)
        start = [str(train(stage, asked, home, out / stage, start, deadline))]
        leave(out / stage, stage, out / "left")
        if len(read_json(out / stage / "history.json")) < epochs:
            print(f"{stage}: not at its end yet. The same command goes on.")
            break


def pack(home: Path, out: Path, start: Sequence[str]) -> list[Path]:
    """The archives that were written, `out`/pieces/NN.zip: all that `train` needs, and nothing else of `home`."""
    stills, videos = find_rows(home, out), video_rows(home / "data", out / VIDEOS)
    files = {Path(row["path"]).relative_to(home).as_posix(): Path(row["path"]) for row in [*stills, *videos]}
    weights = [WEIGHTS, "weights/taef2-encoder.safetensors", "weights/taef2-decoder.safetensors"]
    files |= {name: need_data(name) / name for name in weights}
    files |= {f"upscalers/{place.name}": place for place in sorted(fetch_upscalers(out / "upscalers").iterdir())}
    for number, name in enumerate(start):
        files |= {f"start/{number}{end}": find_input(name).with_suffix(end) for end in (".safetensors", ".json")}
    for name in (PEOPLE, ROWS, VIDEOS):
        rows = [row | {"path": Path(row["path"]).relative_to(home).as_posix()} for row in read_json(out / name)]
        files[name] = write_json(out / "packed" / name, rows)
    pieces: list[list[str]] = [[]]
    room = PIECE
    for name, place in files.items():
        needs = place.stat().st_size + 2 * len(name) + 200  # a name stands in an archive twice, each with its head
        if needs > room and pieces[-1]:
            pieces.append([])
            room = PIECE
        pieces[-1].append(name)
        room -= needs
    written = []
    for number, names in enumerate(pieces):
        written.append(output_path(out / "pieces" / f"{number:02d}.zip"))
        with atomic_path(written[-1]) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name in names:
                archive.write(files[name], name)
    for older in (out / "pieces").glob("*.zip"):
        if older not in written:
            older.unlink()
    return written


def unpack(folder: Path, out: Path) -> tuple[Path, list[str] | None]:
    """What was packed, laid out as `train` wants it: the folder of the data, and the checkpoints to start from.

    Raises `DataError` when an archive is missing or damaged.
    """
    home, archives = out / "home", sorted(folder.glob("*.zip"))
    if not archives:
        raise DataError(f"{folder} holds no archives. Make them: python scripts/train_on_card.py pack.")
    for place in archives:
        if (home / place.name).exists():
            continue
        try:
            with zipfile.ZipFile(place) as archive:
                archive.extractall(home)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{place} cannot be unpacked ({error}). Bring it again.") from error
        write_json(home / place.name, place.stat().st_size)
    for name in (PEOPLE, ROWS, VIDEOS):
        if not (home / name).exists():
            raise DataError(f"{folder} lacks the archive with {name}. Bring all of them, then go on.")
        rows = [row | {"path": str(home / row["path"])} for row in read_json(home / name)]
        gone = [row["path"] for row in rows if not Path(row["path"]).exists()]
        if gone:
            raise DataError(f"{folder} lacks the archive with {gone[0]}. Bring all of them, then go on.")
        write_json(out / name, rows)
    (out / "upscalers").mkdir(exist_ok=True)
    for place in (home / "upscalers").iterdir():
        with atomic_path(out / "upscalers" / place.name) as temporary:
            temporary.write_bytes(place.read_bytes())
    return home, [str(place) for place in sorted((home / "start").glob("*.safetensors"))] or None


def leave(run: Path, stage: str, folder: Path) -> None:
    """A stage's best weights in pieces, its card and its history, in `folder` under names that begin with the stage."""
    content = (run / "best.safetensors").read_bytes()
    for name, value in (("card", "best.json"), ("history", "history.json")):
        write_json(folder / f"{stage}_{name}.json", read_json(run / value))
    for number, begin in enumerate(range(0, len(content), LEFT)):
        with atomic_path(folder / f"{stage}_weights.{number}") as temporary:
            temporary.write_bytes(content[begin : begin + LEFT])


def join(folder: Path, out: Path) -> list[Path]:
    """`out`/STAGE.safetensors and its card, of each stage that left something.

    Raises `DataError` when none did.
    """
    made = []
    for stage in STAGES:
        pieces = sorted(folder.glob(f"{stage}_weights.*"), key=lambda place: int(place.suffix[1:]))
        if not pieces:
            continue
        made.append(output_path(out / f"{stage}.safetensors"))
        with atomic_path(made[-1]) as temporary:
            temporary.write_bytes(b"".join(place.read_bytes() for place in pieces))
        write_json(made[-1].with_suffix(".json"), read_json(folder / f"{stage}_card.json"))
    if not made:
        raise DataError(f"{folder} holds no weights. Give the folder that `train` left.")
    return made


if __name__ == "__main__":
    run_main(main)
