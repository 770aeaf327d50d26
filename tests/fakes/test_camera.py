"""Cameras keep within their ranges."""

from __future__ import annotations

import numpy as np

from spotterlib.fakes import EDITS, PLAIN, WORN, draw_camera


def test_cameras_keep_within_their_ranges_and_every_kind_is_drawn():
    drawn = [draw_camera(np.random.default_rng(seed)) for seed in range(400)]
    assert all(c.crf == -1 or 15 <= c.crf <= 38 for c in drawn) and all(
        c.jpeg == 0 or 35 <= c.jpeg <= 95 for c in drawn
    )
    assert all(c.side == 0 or 70 <= c.side <= 330 for c in drawn) and max(abs(v) for c in drawn for v in c.cut) <= 0.22
    assert 0.85 < np.mean([c.crf >= 0 for c in drawn]) < 0.99, "a real codec in most clips"
    assert 0.6 < np.mean([c.codec == "libx264" for c in drawn]) < 0.9 and len({c.codec for c in drawn}) == 4
    assert 0.4 < np.mean([c.flip for c in drawn]) < 0.6
    names = "wear edit roll gamma brightness contrast saturation hue white light"
    names += " smooth blur shake sharpen noise grain jpeg again cut"
    for name in names.split():
        changed = np.mean([getattr(c, name) != getattr(PLAIN, name) for c in drawn])
        assert 0.05 < changed < 0.9, name
    assert 0.01 < np.mean([c.cover > 0 for c in drawn]) < 0.2, "something in front of the face is rare"
    assert 0.15 < np.mean([c.poor for c in drawn]) < 0.5 and not PLAIN.poor
    rolls = np.abs([c.roll for c in drawn])
    assert 0.1 < (rolls > 20).mean() < 0.3 and rolls.max() <= 45 and len({c.border for c in drawn}) == 3
    assert {c.edit for c in drawn} == {"", *EDITS} and {c.wear for c in drawn} == {"", *WORN}
    assert draw_camera(np.random.default_rng(5)) == drawn[5]
