"""How a probability is said, wherever one stands: pages, pictures, tables, sentences, `repr`. In one way."""

from __future__ import annotations

import math


def probability_text(probability: float | None, name: str = "") -> str:
    """P(fake), 0 … 1, in hundredths: "0.93"; ">0.99" and "<0.01" at the ends, for no network is certain; "–" for none.

    name: what it is called, where that stands before it: "p" gives "p = 0.93", "p > 0.99".
    """
    hundredths = _hundredths(probability)
    if hundredths is None:
        sign, said = "=", "–"
    elif 0 < hundredths < 100:
        sign, said = "=", f"0.{hundredths:02d}"
    else:
        sign, said = (">", "0.99") if hundredths else ("<", "0.01")
    return f"{name} {sign} {said}" if name else said if sign == "=" else sign + said


def certainty_text(label: str, probability: float | None) -> str:
    """How sure a verdict is, 100·P(label): "93 %", at most ">99 %"; "" for UNDECIDED, where a percentage would read as
    a decision. Its digits are those of `probability_text`."""
    hundredths = _hundredths(probability)
    if label not in ("REAL", "FAKE") or hundredths is None:
        return ""
    sure = hundredths if label == "FAKE" else 100 - hundredths
    return f"{sure} %" if sure < 100 else ">99 %"


def verdict_text(label: str, probability: float | None) -> str:
    """A verdict in two words: "FAKE 93 %", "UNDECIDED"."""
    return f"{label} {certainty_text(label, probability)}".rstrip()


def _hundredths(probability: float | None) -> int | None:
    """A probability in hundredths, rounded as text is; None for none."""
    if probability is None or not math.isfinite(probability):
        return None
    return int(f"{probability:.2f}".replace(".", ""))
