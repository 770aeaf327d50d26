"""A fake whose forged area is known, beside what the detector points at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..base import DataError, make_figure, styled
from ..faces import CROP, crop_face
from ..video import read_frames
from .heat import overlay_heatmap, upsample_heatmap
from .sheet import telling_frames

if TYPE_CHECKING:
    from ..scan import ScanReport

_PASTED = 0.3
"""Share of the pasted face in a pixel from which it counts as forged: less of it can hardly be told."""


@styled
def plot_known_mask(report: ScanReport, mask: str | os.PathLike[str], columns: int = 6) -> Figure:
    """The main face, the same with its heat, and what is known to have been pasted there, in its most telling frames.

    mask: a video of as many frames as the report's, white where another face was pasted, as `make_samples` and
    `make_fakes` write them. The title counts the frames whose hottest point lies in it. Raises `DataError` without a
    face, `VideoError` when the mask cannot be read.
    """
    if not report.faces:
        raise DataError(f"{report.video} shows no face whose mask could be drawn.")
    face = report.faces[0]
    rows = np.flatnonzero(face.track.valid)
    truth = read_frames(mask, face.track.frames[rows])
    masks = {row: crop_face(truth[int(face.track.frames[row])], face.track.boxes[row])[..., 0] for row in rows.tolist()}
    judged = [row for row in rows.tolist() if face.heatmaps[row].any() and (masks[row] > 255 * _PASTED).any()]
    hits = 0
    for row in judged:
        hottest = np.unravel_index(upsample_heatmap(face.heatmaps[row], CROP).argmax(), (CROP, CROP))
        hits += bool(masks[row][hottest] > 255 * _PASTED)
    shown = telling_frames(face, columns).tolist()
    figure, grid = make_figure(1.6 * len(shown) + 1.2, 5.4, 3, len(shown), squeeze=False)
    for column, row in enumerate(shown):
        crop = face.clip.frames[row]
        heat = overlay_heatmap(crop, face.heatmaps[row], report.heatmap_scale)
        for axes, picture in zip(grid[:, column], (crop, heat, masks[row]), strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            for spine in axes.spines.values():
                spine.set_visible(False)
        grid[0, column].set_title(f"{face.track.times[row]:.1f} s", fontsize=8, fontweight="normal")
    for line, name in zip(grid, ("as filmed", "what spoke for fake", "what was pasted"), strict=True):
        line[0].set_ylabel(name)
    said = f"The hottest point lies on what was pasted in {hits} of {len(judged)} frames"
    figure.suptitle(
        said if judged else "No frame has both heat and a pasted area", x=0.01, ha="left", fontweight="bold"
    )
    return figure
