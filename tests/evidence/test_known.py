"""What is known to be forged, beside what the detector points at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from makers.report_factory import FPS, FRAMES

from spotterlib.base import DataError
from spotterlib.evidence import plot_known_mask
from spotterlib.video import write_video


@pytest.mark.parametrize("white", [True, False])
def test_the_title_counts_the_frames_whose_hottest_point_is_in_the_mask(report, tmp_path, white):
    side = (report.info.height, report.info.width, 3)
    mask = write_video(tmp_path / "mask.mp4", [np.full(side, 255 * white, np.uint8)] * FRAMES, FPS)
    figure = plot_known_mask(report, mask, columns=4)
    face = report.faces[0]
    judged = int((face.track.valid & face.heatmaps.any((1, 2))).sum())
    said = f"in {judged} of {judged} frames" if white else "No frame has both heat and a pasted area"
    assert judged > 3 and said in figure.get_suptitle()
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names == ["as filmed", "what spoke for fake", "what was pasted"] and len(figure.axes) == 12


def test_half_a_mask_counts_half(report, tmp_path):
    """White where the hottest point is not: no frame counts."""
    face = report.faces[0]
    heat = np.zeros_like(face.heatmaps)
    heat[face.track.valid, 0, 0] = 1.0  # the upper left cell of every crop
    frames = []
    for index in range(FRAMES):
        frame = np.zeros((report.info.height, report.info.width, 3), np.uint8)
        row = int(np.abs(face.track.frames - index).argmin())
        if face.track.valid[row]:
            x0, y0, x1, y1 = (int(v) for v in face.track.boxes[row])
            frame[max((y0 + y1) // 2, 0) : y1, max((x0 + x1) // 2, 0) : x1] = 255
        frames.append(frame)
    mask = write_video(tmp_path / "mask.mp4", frames, FPS)
    other = replace(report, faces=(replace(face, heatmaps=heat),))
    assert "in 0 of" in plot_known_mask(other, mask).get_suptitle()


def test_without_a_face_there_is_none(report, tmp_path):
    with pytest.raises(DataError, match="no face"):
        plot_known_mask(replace(report, faces=()), tmp_path / "mask.mp4")
