"""Let PyPI's torchvision import beside a CPU-only torch.

torchvision from PyPI is built for the CUDA build of torch. Beside the CPU build its compiled operators do not load, and
`import torchvision` fails ("operator torchvision::nms does not exist"), although nothing here needs a compiled one.
`declare_missing_operators()` declares the operators whose absence stops the import, with plain implementations, and
does nothing where torchvision is healthy. Call it before the first import of torchvision or facenet_pytorch.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path

import torch

_KEPT: list[torch.library.Library] = []  # a Library's operators vanish when it is collected


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression: indices (K,) int64 of the kept boxes, best score first.

    boxes (N, 4) as x0, y0, x1, y1; scores (N,); a box overlapping a better one by more than `iou_threshold` is dropped.
    """
    order = scores.argsort(descending=True, stable=True)
    x0, y0, x1, y1 = boxes.float().unbind(1)
    areas = (x1 - x0) * (y1 - y0)
    kept: list[torch.Tensor] = []
    while order.numel():
        best, rest = order[0], order[1:]
        kept.append(best)
        width = (torch.minimum(x1[best], x1[rest]) - torch.maximum(x0[best], x0[rest])).clamp(min=0)
        height = (torch.minimum(y1[best], y1[rest]) - torch.maximum(y0[best], y0[rest])).clamp(min=0)
        overlap = width * height
        order = rest[overlap <= iou_threshold * (areas[best] + areas[rest] - overlap)]
    return torch.stack(kept) if kept else order.new_zeros(0)


def _healthy() -> bool:
    """Whether torchvision's own compiled operators load here."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return True  # not installed: its absence is reported by whoever imports it
    folder = Path(found.origin).parent
    for library in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(library))
            return True
    return False


def declare_missing_operators() -> None:
    """Declare torchvision's missing operators once; silent and without effect where torchvision is healthy."""
    if "torchvision" in sys.modules or _KEPT or _healthy():
        return
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CompositeExplicitAutograd")
    library.impl("qnms", nms, "CompositeExplicitAutograd")
    _KEPT.append(library)
    import torchvision.extension

    torchvision.extension._has_ops = lambda: True  # it asks this before every nms, and nms is there now
