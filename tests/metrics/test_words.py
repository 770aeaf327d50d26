"""A probability is said in one way: two digits that agree with the percentage, never certain, none for UNDECIDED."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotterlib.metrics import certainty_text, probability_text, verdict_text


@pytest.mark.parametrize(
    ("p", "said", "named", "fake", "real"),
    [
        (0.9996, ">0.99", "p > 0.99", ">99 %", "0 %"),
        (0.994, "0.99", "p = 0.99", "99 %", "1 %"),
        (0.17, "0.17", "p = 0.17", "17 %", "83 %"),
        (np.float32(0.05), "0.05", "p = 0.05", "5 %", "95 %"),
        (0.001, "<0.01", "p < 0.01", "0 %", ">99 %"),
        (None, "–", "p = –", "", ""),
        (float("nan"), "–", "p = –", "", ""),
    ],
)
def test_one_way(p, said, named, fake, real):
    assert (probability_text(p), probability_text(p, "p")) == (said, named)
    assert (certainty_text("FAKE", p), certainty_text("REAL", p)) == (fake, real)
    assert (certainty_text("UNDECIDED", p), verdict_text("UNDECIDED", p)) == ("", "UNDECIDED")


@given(p=st.floats(0, 1))
def test_the_percentage_and_the_probability_agree(p):
    digits = int(re.search(r"\d\d$", probability_text(p)).group())
    sure = int(re.search(r"\d+", certainty_text("FAKE", p)).group())
    against = int(re.search(r"\d+", certainty_text("REAL", p)).group())
    assert abs(digits - sure) <= (0 if 0.005 < p < 0.995 else 1) and sure + against in (99, 100)
    assert "100" not in certainty_text("FAKE", p) + certainty_text("REAL", p)
    assert verdict_text("FAKE", p) == f"FAKE {certainty_text('FAKE', p)}"
