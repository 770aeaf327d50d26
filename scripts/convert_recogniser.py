"""Convert the weights that tell people apart, as npm's @vladmandic/face-api 1.7.15 ships them, to safetensors.

    python scripts/convert_recogniser.py face-api-1.7.15.tgz

Get https://registry.npmjs.org/@vladmandic/face-api/-/face-api-1.7.15.tgz; this reads the two files of
face_recognition_model out of it. A number stays what it is: a byte, whose scale and minimum go into the file's head.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spotterlib.base import DataError, atomic_path, command_line, run_main

_INSIDE = "package/model/face_recognition_model"
_LICENCE = (
    "Weights: dlib_face_recognition_resnet_model_v1 by Davis King, public domain (CC0), "
    "github.com/davisking/dlib-models; their conversion: @vladmandic/face-api 1.7.15, MIT, by Vladimir Mandic."
)
_BLOCKS = {"conv32": 3, "conv64": 4, "conv128": 3, "conv256": 3}


def names() -> dict[str, str]:
    """What each layer is called there, and here."""
    found, number = {"conv32_down": "first"}, 0
    for stage, count in _BLOCKS.items():
        first = [] if stage == "conv32" else [f"{stage}_down"]
        for block in [*first, *(f"{stage}_{k}" for k in range(1, count + 1 - len(first)))]:
            for layer in ("conv1", "conv2"):
                found[f"{block}/{layer}"] = f"blocks.{number}.{layer}"
            number += 1
    found |= {f"conv256_down_out/{layer}": f"blocks.{number}.{layer}" for layer in ("conv1", "conv2")}
    return found


def convert(package: Path) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Tensors by name, uint8 or float32, and of those in bytes the scale and the minimum."""
    try:
        with tarfile.open(package) as tar:
            told = json.load(tar.extractfile(f"{_INSIDE}-weights_manifest.json"))
            data = io.BytesIO(tar.extractfile(f"{_INSIDE}.bin").read()).getbuffer()
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise DataError(f"{package} is not the package of face-api ({error}). Download it again.") from error
    own = names()
    ends = {"conv/filters": "conv.weight", "conv/bias": "conv.bias", "scale/weights": "scale", "scale/biases": "shift"}
    tensors, ranges, place = {}, {}, 0
    for entry in told[0]["weights"]:
        coded = entry.get("quantization")
        kind = np.dtype(coded["dtype"] if coded else entry["dtype"])
        size = int(np.prod(entry["shape"])) * kind.itemsize
        values = np.frombuffer(data[place : place + size], kind).reshape(entry["shape"])
        place += size
        if entry["name"] == "fc":
            name, values = "last.weight", values.T
        else:
            layer, end = entry["name"].rsplit("/", 2)[0], "/".join(entry["name"].rsplit("/", 2)[1:])
            name = f"{own[layer]}.{ends[end]}"
            values = values.transpose(3, 2, 0, 1) if values.ndim == 4 else values
        tensors[name] = np.ascontiguousarray(values)
        if coded:
            ranges[name] = (coded["scale"], coded["min"])
    if place != len(data):
        raise DataError(f"{package} holds other weights than its list says. Download it again.")
    return tensors, ranges


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("package", type=Path, help="face-api-1.7.15.tgz")
    parser.add_argument(
        "--out", type=Path, default=Path("spotterlib/faces/shipped/faces_dlib_resnet.safetensors"), help="%(default)s"
    )
    options = parser.parse_args(argv)
    from safetensors.numpy import save_file

    tensors, ranges = convert(options.package)
    with atomic_path(options.out) as part:
        save_file(tensors, part, {"ranges": json.dumps(ranges), "licence": _LICENCE})
    print(f"{options.out}: {options.out.stat().st_size:,} bytes, {len(tensors)} tensors")


if __name__ == "__main__":
    run_main(main)
