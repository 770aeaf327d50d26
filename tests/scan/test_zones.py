"""Heat in words: the zones lie where the five points say, and share out all the heat."""

from __future__ import annotations

import json

import cv2
import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.report_factory import POINTS, SIDE, make_face, make_report, make_video

from spotterlib.base import ROOT
from spotterlib.scan import ZONES, crop_points, zone_map, zone_shares

FIVE = np.array(POINTS)


def name_at(points, x, y, size=112):
    return ZONES[zone_map(points, size)[int(y * size), int(x * size)]]


def turned(degrees, zoom=1.0, shift=(0.0, 0.0)):
    move = cv2.getRotationMatrix2D((0.5, 0.5), degrees, zoom)
    move[:, 2] += shift
    return move


@settings(max_examples=40, deadline=None)
@given(degrees=st.floats(-40, 40), zoom=st.floats(0.7, 1.15), x=st.floats(-0.05, 0.05), mirrored=st.booleans())
def test_zones_follow_the_face(degrees, zoom, x, mirrored):
    """However it is turned, sized, moved or mirrored, each point lies in the zone of its name."""
    places = {
        "eyes": FIVE[:2], "nose": FIVE[2:3], "mouth": [FIVE[3:].mean(0)],
        "forehead": [(0.5, 0.23)], "chin": [(0.5, 0.79)], "cheeks": [(0.36, 0.55), (0.64, 0.55)],
    }  # fmt: skip
    move = turned(degrees, zoom, (x, 0.0))
    flip = lambda p: np.array([1 - p[0], p[1]]) if mirrored else np.asarray(p)  # noqa: E731
    put = lambda p: move[:, :2] @ flip(p) + move[:, 2]  # noqa: E731
    points = np.array([put(p) for p in FIVE])
    for name, spots in places.items():
        assert {name_at(points, *put(spot)) for spot in spots} == {name}
    assert name_at(FIVE, 0.03, 0.5) == name_at(FIVE, 0.5, 0.01) == "surroundings"


def test_heat_is_shared_out():
    heat = np.zeros((4, 7, 7))
    heat[0, 4, 3] = 1  # the mouth
    heat[1, 0, 0] = 1
    heat[3] = 1
    points = np.repeat(FIVE[None], 4, 0)
    shares = zone_shares(heat, points)
    assert ZONES[shares[0].argmax()] == "mouth" and ZONES[shares[1].argmax()] == "surroundings"
    assert np.isnan(shares[2]).all(), "no heat lies nowhere"
    assert np.allclose(shares[[0, 1, 3]].sum(1), 1)
    assert np.allclose(shares[3], np.bincount(zone_map(FIVE).ravel(), minlength=7) / 56**2), "even heat lies by area"
    points[0, 2] = np.nan
    assert np.isnan(zone_shares(heat, points)[0]).all(), "without a point nothing is named"


def test_points_count_from_the_crop():
    face = make_face()
    points = crop_points(face.track.landmarks, face.track.boxes)
    seen = face.track.valid
    assert np.allclose(points[seen], FIVE, atol=1e-4) and np.isnan(points[~seen]).all() and SIDE == 60


def test_a_report_names_the_zones(tmp_path):
    report = make_report(make_video(tmp_path / "clip.mp4"))
    schema = json.loads((ROOT / "spotterlib" / "scan" / "report.schema.json").read_text(encoding="utf-8"))
    told = report.to_dict()
    jsonschema.Draft202012Validator(schema).validate(told)
    zones = told["faces"][0]["zones"]
    assert set(zones) == set(ZONES) and sum(zones.values()) == pytest.approx(1)
    assert list(zones.values()) == sorted(zones.values(), reverse=True)
    cold = make_face(peak=0.0)
    assert cold.zones is None
