"""An evaluation on disk: whole, the same each time, with its surest mistakes."""

from __future__ import annotations

import re

import pytest
from makers.score_tables import detector_of

from spotterlib.base import DataError, read_json
from spotterlib.evaluation import draw_figures, evaluate, save_evaluation, side_by_side
from spotterlib.evaluation.dossier import find_mistakes
from spotterlib.evidence import heat_note


def test_an_evaluation_is_whole_and_the_same_each_time(cached, tmp_path):
    rival = detector_of("rival", thresholds={"t_low": 0.5, "t_high": 0.5})
    shares = []
    first = evaluate(detector_of(), cached, against=rival, draws=30, progress=shares.append)
    again = evaluate(detector_of(), cached.sample(frac=1, random_state=3), against=rival, draws=30)
    assert shares[-1] == 1 and shares == sorted(shares)
    facts = first.facts
    assert facts["leak"]["ok"] is True and not first.leaks and facts["video"]["n"] == 48
    assert facts["checkpoint"]["sha256"] == "0" * 64 and facts["checkpoint"]["calibration"]["clip"] == {
        "scale": 2.0,
        "bias": 0.0,
    }
    assert {"python", "torch"} <= set(facts["versions"]) and facts["seed"] == 0 and len(facts["data"]["sha256"]) == 64
    assert [row["path"] for row in facts["verdicts"]] == sorted(row["path"] for row in facts["verdicts"])
    assert {row["verdict"] for row in facts["verdicts"]} == {"REAL", "FAKE", "UNDECIDED"}
    assert {row["verdict_against"] for row in facts["verdicts"] if row["probability"]} == {"REAL", "FAKE"}
    gap = facts["against"]["differences"]
    assert gap["auc"]["difference"] == 0 and gap["auc"]["interval"] is None, "the same scores"
    assert gap["share_decided"]["difference"] < 0 and gap["share_decided"]["interval"][1] < 0
    assert facts["against"]["thresholds"]["origin"] == "the card of rival"
    assert re.match(r"stub: AUC 0\.\d+ \(95 %: .* on 48 videos, groups: 12; ", repr(first))
    pages = [save_evaluation(found, tmp_path / name) for found, name in ((first, "a"), (again, "b"))]
    written = sorted(path.name for path in (tmp_path / "a").iterdir())
    figures = ["confusion", "methods", "mistakes", "reliability", "roc", "scores", "selective"]
    assert written == sorted(["evaluation.json", "report.html", *(f"{f}.{e}" for f in figures for e in ("png", "svg"))])
    for name in written:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert read_json(pages[0].parent / "evaluation.json")["robustness"] is None


def test_a_leak_is_refused_unless_told_otherwise_and_then_marked(cached, tmp_path):
    cached.loc[cached["split"] == "val", "ids"] = "p0"
    scored = []
    with pytest.raises(DataError, match=r"This split leaks.*allow_leak=True"):
        evaluate(detector_of(), cached, progress=scored.append)
    assert not scored, "the audit comes before the first score"
    found = evaluate(detector_of(), cached, allow_leak=True, draws=10)
    assert found.leaks and "LEAKING SPLIT" in repr(found) and found.facts["leak"]["share_of_test_fakes"] > 0
    for name, figure in draw_figures(found).items():
        assert any("LEAK" in text.get_text() for text in figure.texts), name
    page = save_evaluation(found, tmp_path).read_text(encoding="utf-8")
    assert 'class="leak"' in page and "too good" in page
    assert "leaking split" in side_by_side([found.facts]).loc[0, "source"]


def test_mistakes_are_the_surest_first_with_their_heat(cached):
    found = evaluate(detector_of(), cached, draws=5)
    wrong = find_mistakes(found, count=3)
    assert 1 <= len(wrong) <= 3
    errors = [abs(row["label"] - row["probability"]) for row in wrong]
    assert errors == sorted(errors, reverse=True)
    for row in wrong:
        assert row["verdict"] == ("FAKE", "REAL")[row["label"]] and row["path"] in row["caption"]
        assert len(row["faces"]) == len(row["heats"]) == 4
        assert any((plain != hot).any() for plain, hot in zip(row["faces"], row["heats"], strict=True))
    said = draw_figures(found)["mistakes"].get_supxlabel()
    assert " ".join(said.split()) == heat_note(found.detector.card)[0], "no heat without what it is worth"
