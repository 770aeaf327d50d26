"""The contact sheet shows the most telling frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.report_factory import make_face, make_report

from spotterlib.evidence import contact_sheet, draw, sheet, sheet_picture, telling_frames
from spotterlib.evidence.words import describe


@settings(deadline=None)
@given(count=st.integers(1, 40))
def test_telling_frames(count):
    face = make_face()
    rows = telling_frames(face, count)
    assert len(rows) == min(count, int(face.track.valid.sum())) == len(set(rows.tolist()))
    assert (np.diff(rows) > 0).all() and face.track.valid[rows].all()
    assert np.nanargmax(face.frame_scores) in rows


def test_telling_frames_are_the_most_telling_ones():
    face = make_face(gap=slice(0))  # scores and heat rise to the end
    assert telling_frames(face, 4, 4.0).tolist() == [21, 22, 23, 24]
    heat = face.heatmaps.copy()
    heat[23:] = 0
    assert telling_frames(replace(face, heatmaps=heat), 4, 4.0).tolist() == [19, 20, 21, 22], "score and heat both"
    assert telling_frames(replace(face, heatmaps=0 * heat), 4, 4.0).tolist() == [21, 22, 23, 24]


def test_the_sheet_says_what_its_frames_are(report, monkeypatch):
    said = []
    monkeypatch.setattr(sheet, "_lay_out", lambda cards, width, verdict, label, note, worth: said.append(note))
    contact_sheet(report, count=6)
    scoreless = replace(report.faces[0], frame_scores=np.full(25, np.nan, np.float32))
    contact_sheet(replace(report, faces=(scoreless,)), count=6)
    assert said[0].startswith("6 of 22 frames, those with the highest scores and heat. ")
    assert said[1].startswith("6 of 22 frames; none has a score. ")


def test_telling_frames_without_scores():
    face = replace(make_face(), frame_scores=np.full(25, np.nan, np.float32))
    assert len(telling_frames(face, 5)) == 5
    assert len(telling_frames(make_face(gap=slice(0, 25)), 5)) == 0


@pytest.mark.parametrize("width", [300, 777, 1280])
def test_contact_sheet(report, width):
    drawn = contact_sheet(report, count=6, width=width)
    assert drawn.dtype == np.uint8 and drawn.shape[1:] == (width, 3)
    assert (drawn == draw.FAKE).all(-1).any()
    two = make_report(Path(report.video), (make_face(), make_face(shift=40)))
    assert contact_sheet(two, face=1).shape[1] == 1280


def test_contact_sheet_without_a_face(video):
    report = make_report(video, (), "UNDECIDED", "No face was found in the 24 frames looked at.")
    drawn = contact_sheet(report)
    assert (np.abs(drawn.astype(int) - (200, 170, 150)) < 12).all(-1).sum() > 500, "plain frames are shown"


def test_of_faces_that_pass_nobody_says_that_there_was_none(video, monkeypatch):
    said = []
    monkeypatch.setattr(sheet, "plain_sheet", lambda *given: said.append(given[4]))
    report = make_report(video, (), "UNDECIDED", "No face could be followed through the 24 frames looked at.")
    contact_sheet(report)
    assert said == ["No face was followed: these are plain frames of the video."]
    assert describe(report) == f"Verdict UNDECIDED. {report.reason}", "the reason says it, and once"


def test_a_notebook_shows_it_with_the_words_of_the_report(report):
    png, about = sheet_picture(report, 4)._repr_png_()
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(shown, contact_sheet(report, 4))
    assert about == {"alt": describe(report)} and about["alt"].startswith("Verdict FAKE with 90 % confidence.")
