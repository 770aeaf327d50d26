"""Whether a split leaks people whom its names do not give away: by their faces (`audit_faces`)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..base import DataError, VideoError, count_of, literal, make_figure, pick_device, styled
from ..data import Manifest
from ..video import probe_video, read_frames
from .crops import crop_box, crop_face, crop_landmarks
from .detect import detect_faces
from .people import SAME_PERSON
from .recognise import distances, embed_faces

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOOKS = 4  # frames of a video


@dataclass(frozen=True, eq=False)
class FaceAudit:
    """What `audit_faces` found: matches, one line a pair of names with their nearest videos (path, split, ids,
    other_path, other_split, other_ids, distance), the nearest first; faces: of each line the two crops, uint8 RGB
    (224, 224, 3); compared: how many videos; unseen: how many showed no face; verdict: one sentence."""

    matches: pd.DataFrame
    faces: tuple[tuple[np.ndarray, np.ndarray], ...]
    compared: int
    unseen: int
    verdict: str


def audit_faces(split: Manifest, device: str = "cpu", progress: Callable[[float], None] | None = None) -> FaceAudit:
    """Find people who are under two names on two sides of a split: real videos whose faces are nearer than one person's
    are, without a name or a group in common.

    Of each real video of a part four frames are looked at, the main face of each. Fakes are left out: whose face they
    wear is what is forged. A match is a hint to look at, not a proof: siblings and blurred faces match, too. Nothing of
    it is kept on disk. Raises `DataError` where the manifest has no split.
    """
    table = split.table[(split.table["split"] != "") & (split.table["label"] == 0)].reset_index(drop=True)
    if not len(table):
        raise DataError("There is no real video in a part of this split. Run split_by_group on the manifest first.")
    device = pick_device(device)
    seen: list[int] = []
    middles, pictures = [], []
    for row, path in enumerate(table["path"]):
        found = main_face(Path(split.root) / path, device)
        if found is not None:
            seen.append(row)
            middles.append(found[0])
            pictures.append(found[1])
        if progress is not None:
            progress((row + 1) / len(table))
    kept = table.iloc[seen].reset_index(drop=True)
    lines = _matches(kept, np.array(middles, np.float32).reshape(-1, 128))
    faces = tuple((pictures[a], pictures[b]) for a, b in zip(lines.pop("row"), lines.pop("other"), strict=True))
    return FaceAudit(lines, faces, len(kept), len(table) - len(kept), _verdict(len(lines), len(kept)))


def main_face(path: Path, device: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The mean embedding (128,) of a video's main face in four frames, and its surest crop; None where none is seen."""
    try:
        steps = np.linspace(0, probe_video(path).frames - 1, _LOOKS + 2)[1:-1]
        frames = list(read_frames(path, np.unique(steps.round().astype(int)).tolist()).values())
    except VideoError:
        return None
    return mean_face(frames, device)


def mean_face(frames: Sequence[np.ndarray], device: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The same of pictures, uint8 RGB (H, W, 3), that show one person."""
    found = [(frame, faces) for frame, faces in zip(frames, detect_faces(frames, device), strict=True)]
    found = [(frame, faces) for frame, faces in found if len(faces.boxes)]
    if not found:
        return None
    boxes = np.stack([crop_box(faces.boxes[0]) for _, faces in found])
    crops = [crop_face(frame, box) for (frame, _), box in zip(found, boxes, strict=True)]
    marks = crop_landmarks(boxes, np.stack([faces.landmarks[0] for _, faces in found]))
    surest = int(np.argmax([faces.confidences[0] for _, faces in found]))
    return embed_faces(crops, list(marks), device).mean(0), crops[surest]


def _matches(table: pd.DataFrame, middles: np.ndarray) -> pd.DataFrame:
    """The nearest pair of videos of any two names on two sides that are too near to be two people's."""
    names = [set(filter(None, map(str.strip, ids.split(";")))) for ids in table["ids"]]
    groups, parts = table["group"].tolist(), table["split"].tolist()
    rows = []
    for a in range(len(table)):
        apart = distances(middles[a : a + 1], middles[a + 1 :])[0]
        for b in np.flatnonzero(apart <= SAME_PERSON) + a + 1:
            known = names[a] & names[b] or (groups[a] and groups[a] == groups[b])
            if parts[a] != parts[b] and not known:
                pair = tuple(sorted((table["ids"][a] or table["path"][a], table["ids"][b] or table["path"][b])))
                rows.append((float(apart[b - a - 1]), pair, a, int(b)))
    rows.sort()
    first = {pair: (a, b, apart) for apart, pair, a, b in reversed(rows)}
    lines = sorted(first.values(), key=lambda line: line[2])
    columns = ["path", "split", "ids", "other_path", "other_split", "other_ids", "distance", "row", "other"]
    about = [[*(table[c][k] for k in (a, b) for c in ("path", "split", "ids")), d, a, b] for a, b, d in lines]
    return pd.DataFrame(about, columns=columns)


def _verdict(matches: int, compared: int) -> str:
    if matches:
        return (
            f"{count_of(matches, 'pair')} of names on two sides may be one person: look at their faces. If they are, "
            "give both one name in a metadata.csv, and split anew."
        )
    return f"No person was found under two names on two sides: {count_of(compared, 'real video')} compared by face."


@styled
def plot_face_pairs(audit: FaceAudit, most: int = 8) -> Figure:
    """The two faces of each match, the nearest first, with their names, sides and distance; the verdict above them."""
    shown = audit.matches.head(most)
    rows = max(len(shown), 1)
    figure, axes = make_figure(5.6, 2.6 * rows + 0.6 if len(shown) else 0.9, rows, 2, squeeze=False)
    figure.suptitle(literal(textwrap.fill(audit.verdict, 72)), x=0.01, ha="left", fontsize=10)
    for axis in axes.ravel():
        axis.axis("off")
    for (one, other), line, pair in zip(axes, shown.itertuples(index=False), audit.faces, strict=False):
        one.imshow(pair[0])
        other.imshow(pair[1])
        one.set_title(literal(f"{line.split}: {line.ids or line.path}"))
        other.set_title(literal(f"{line.other_split}: {line.other_ids or line.other_path} ({line.distance:.2f})"))
    return figure
