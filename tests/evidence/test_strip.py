"""The strip under a frame says what is known, on pictures of every size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spotterlib.evidence import draw, draw_frame, heat_note, strip


def test_strip_says_what_is_known(report):
    assert strip.fields_of(report, 22, "no face", None)[3:] == ["score --", "no face", "red --"]
    assert strip.fields_of(report, 48, "face found", 12.4)[:4] == ["FAKE 90 %", "frame 48", "1.92 s", "score 0.95"]
    undecided = replace(report, label="UNDECIDED", confidence=55.0)
    assert strip.fields_of(undecided, 0, "no face", None)[0] == "UNDECIDED"


@pytest.mark.parametrize("width", [96, 208, 304, 360, 640, 1920])
@pytest.mark.parametrize("measured", [True, False])
def test_every_picture_says_what_the_red_is_worth(report, monkeypatch, width, measured):
    """In letters that can be read, on as many lines as it takes; on a very narrow one without the figures."""
    line = "Red is only a hint: it hit small forged areas in 40 % of test frames, a dot in the middle 38 %"
    expected = line if measured else heat_note({})[0]
    monkeypatch.setattr(strip, "heat_note", lambda _: (expected, ""))
    written = []
    put = draw.put_text
    monkeypatch.setattr(draw, "put_text", lambda *how: written.append(how[1:4]) or put(*how))
    caption = strip.lay_out_strip(report, (240, width))
    lines = written[1:]  # the verdict stands first
    said = " ".join(text for text, _, _ in lines)
    assert said == expected if width > 96 else expected.startswith(said) and said.startswith("Red is")
    for text, (x, y), size in lines:
        assert (
            size >= 9
            and x + draw.text_width(text, size) <= width
            and y + size / 4 <= len(caption.strip) - caption.timeline
        )
    assert caption.timeline >= 0.05 * 240, "the curve, over which a player's controls may lie, and no words"
    assert lines[0][1][1] > caption.spots[-1][1] and len({at for _, at, _ in lines}) == len(lines)


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (81, 61), (640, 360), (360, 640), (3840, 2160)])
@pytest.mark.parametrize("label", ["FAKE", "UNDECIDED"])
def test_the_strip_fits_every_size(report, size, label):
    width, height = size
    shown = replace(report, label=label)
    caption = strip.lay_out_strip(shown, (height, width))
    assert caption.size >= (8 if width >= 64 else 6)
    for text, (x, y) in zip(strip.fields_of(shown, 48, "not examined", 100.0), caption.spots, strict=True):
        assert x + draw.text_width(text, caption.size) <= width
        assert y + 0.2 * caption.size <= len(caption.strip)
    drawn = draw_frame(shown, 4, np.zeros((height, width, 3), np.uint8))
    assert drawn.shape[1] == width and drawn.shape[0] % 2 == 0
    assert len(caption.strip) < max(0.35 * height, 170)
