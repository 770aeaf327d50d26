"""Who was seen from when to when: each segment with its person and probability, in the order of time, everywhere."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from makers.report_factory import FRAMES, make_face, make_report

from spotterlib.evidence import FrameScrubber, draw, draw_frame, export_page
from spotterlib.evidence.strip import lay_out_strip
from spotterlib.video import read_frames

SPANS = [  # start and end in s, person, P(fake), verdict alone: thresholds are 0.3 and 0.7
    (0.0, 0.96, 1, 0.05, "REAL"),
    (0.0, 0.96, 2, 0.5, "UNDECIDED"),
    (1.04, 1.92, 1, 0.95, "FAKE"),
    (1.04, 1.92, 2, 0.2, "REAL"),
]
ON_THE_PAGE = [
    ["0.00 – 0.96 s", "1", "0.05", "REAL"],
    ["0.00 – 0.96 s", "2", "0.50", "UNDECIDED"],
    ["1.04 – 1.92 s", "1", "0.95", "FAKE"],
    ["1.04 – 1.92 s", "2", "0.20", "REAL"],
]


@pytest.fixture(scope="module")
def seen(video):
    """Two people through two windows, as `SPANS` has them."""
    faces = []
    for person, shift in ((1, 0), (2, 70)):
        own = [p for _, _, who, p, _ in SPANS if who == person]
        face = make_face(gap=slice(0), windows=2, shift=shift, probability=max(own))
        windows = tuple(replace(w, probability=p) for w, p in zip(face.windows, own, strict=True))
        faces.append(replace(face, windows=windows))
    return make_report(Path(video), tuple(faces))


def test_json_lists_them_in_the_order_of_time(seen):
    told = [tuple(each.values()) for each in seen.to_dict()["segments"]]
    assert told == [(pytest.approx(a), pytest.approx(b), who, p, label) for a, b, who, p, label in SPANS]


def test_the_page_lists_them_in_the_order_of_time(seen, tmp_path):
    text = export_page(seen, tmp_path / "page.html").read_text("utf-8")
    table = text.partition("<h2>Segments</h2>")[2].partition("</table>")[0]
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    assert re.findall(r"<th>(.*?)</th>", table) == ["Time", "Face", "P(fake)", "Alone"]
    assert rows == ON_THE_PAGE


def runs(bar: np.ndarray) -> list[tuple[str, float, float]]:
    """Verdict, start and end in s of each run of one verdict's colour along the top of a timeline."""
    names = np.array(["", *draw.VERDICTS])
    kind = np.zeros(len(bar), int)
    for number, color in enumerate(draw.VERDICTS.values(), 1):
        kind[(bar == color).all(-1)] = number
    edges = [0, *(np.flatnonzero(np.diff(kind)) + 1), len(kind)]
    second = FRAMES / 25 / len(bar)
    return [(names[kind[a]], a * second, b * second) for a, b in itertools.pairwise(edges) if kind[a]]


@pytest.mark.parametrize("person", [1, 2])
def test_the_scrubber_marks_those_of_the_chosen_face(seen, person):
    bar = FrameScrubber(seen).picture(person - 1, 12)[224 + 2]
    close = pytest.approx
    own = [(label, close(a, abs=0.03), close(b, abs=0.03)) for a, b, who, _, label in SPANS if who == person]
    found = [run for run in runs(bar) if run[2] - run[1] > 0.03]  # the mark of the present moment cuts one
    assert found == own


def test_the_diagnostic_video_marks_all_the_forged_above_the_others(seen, video):
    image = read_frames(video, [0])[0]
    drawn = draw_frame(seen, 0, image)
    bar = drawn[len(drawn) - lay_out_strip(seen, image.shape[:2]).timeline]
    close = pytest.approx
    assert runs(bar) == [
        ("UNDECIDED", close(0.03, abs=0.03), close(0.96, abs=0.03)),
        ("FAKE", close(1.04, abs=0.03), close(1.92, abs=0.03)),
    ]
