"""An evaluation: audited first, judged at thresholds from elsewhere, complete, repeatable, and easy to read."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from face_clips import manifest_of, synthetic
from report_factory import make_face
from scipy.special import expit
from sklearn import metrics as sk
from video_files import encode

from spotterlib import _tables, dossier, robustness, scoring
from spotterlib._dossier_page import evaluation_page
from spotterlib._page import heat_note
from spotterlib.dossier import draw_figures, find_mistakes, save_evaluation
from spotterlib.evaluation import (
    Evaluation,
    OperatingPoint,
    _opened,
    card_point,
    check_leak,
    choose_point,
    evaluate,
    evaluate_table,
)
from spotterlib.metrics import Thresholds
from spotterlib.model import Detector
from spotterlib.perturb import choose_perturbations
from spotterlib.project import DataError, read_json
from spotterlib.references import COLUMNS, load_published, side_by_side
from spotterlib.robustness import UNTOUCHED, measure_robustness
from spotterlib.scoring import score_cache

NAN = math.nan
AT = Thresholds(0.3, 0.6)
CARD = {
    "sha256": "0" * 64,
    "thresholds": {"t_low": 0.3, "t_high": 0.6},
    "calibration": {"clip": {"scale": 2.0, "bias": 0.0}, "frame": {"scale": 1.0, "bias": 0.0}},
    "data": {"training": "nothing at all"},
}


def detector_of(name: str = "stub", **card) -> Detector:
    return Detector(None, CARD | card, "cpu", name)


POINT = card_point(detector_of())


def forgery_table(groups: int = 12, seed: int = 0, split: str = "test", first: int = 0) -> pd.DataFrame:
    """Each group: two reals and a fake by each of two methods, the second method harder to see."""
    random = np.random.default_rng(seed)
    rows = []
    for group in range(first, first + groups):
        for number, (name, label, shift) in enumerate((("", 0, -1), ("", 0, -1), ("Swap", 1, 1), ("Neural", 1, 0))):
            p = float(expit(random.normal() + shift))
            rows.append(
                {"path": f"g{group:02d}/{number}.mp4", "label": label, "group": f"g{group}", "method": name,
                 "split": split, "dataset": "made", "compression": "c23", "ids": f"p{group}", "probability": p,
                 "uncalibrated": p**2, "frame_probability": p / 2, "frame_scores": (p / 3, p / 2, 2 * p / 3),
                 "status": "ok", "file": f"{p}"}
            )  # fmt: skip
    return pd.DataFrame(rows)


def both_parts() -> pd.DataFrame:
    """Twelve test groups and twelve others for validation."""
    return pd.concat([forgery_table(), forgery_table(seed=1, split="val", first=20)], ignore_index=True)


# --- where a threshold may come from ---------------------------------------------------------------------------------


def test_thresholds_are_chosen_on_validation_rows_alone():
    table = both_parts()
    chosen = choose_point(table, fpr=0.1)
    spoilt = table.assign(probability=table["probability"].where(table["split"] == "val", 0.123))
    assert choose_point(spoilt, fpr=0.1) == chosen, "what the test rows say does not matter"
    val = table[table["split"] == "val"]
    assert (val.loc[val["label"] == 0, "probability"] >= chosen.thresholds.t_high).mean() <= 0.1
    assert "48 validation videos of 12 groups" in chosen.origin
    dear = choose_point(table, cost=20.0)
    assert dear.thresholds.t_high >= chosen.thresholds.t_high and "costs 20" in dear.origin
    with pytest.raises(DataError, match="validation"):
        choose_point(table[table["split"] == "test"])
    with pytest.raises(DataError, match="validation"):
        choose_point(table.drop(columns="split"))


def test_test_figures_at_thresholds_from_test_are_impossible():
    table = both_parts()
    test = table[table["split"] == "test"]
    relabelled = choose_point(test.assign(split="val"))  # the trick
    for rows in (table, test, test.iloc[:4], test.assign(split="test", path="moved/" + test["path"])):
        with pytest.raises(DataError, match="very videos or people"):
            evaluate_table(rows, relabelled, n_or_none(rows))
    other_group = test.assign(path="x/" + test["path"], group="h" + test["group"])
    with pytest.raises(DataError, match=r"first: person made p0"):
        evaluate_table(other_group, relabelled)
    for bare in (AT, (0.3, 0.6), None):
        with pytest.raises(DataError, match="origin"):
            evaluate_table(table, bare)
    for forged in (lambda: OperatingPoint(AT, "mine", frozenset()), lambda: replace(POINT, thresholds=AT)):
        with pytest.raises((DataError, TypeError)):
            forged()
    renamed = choose_point(test.assign(split="val", dataset="x", path="x/" + test["path"], group="", ids=""))
    with pytest.raises(DataError, match="first: stored faces"):
        evaluate_table(table, renamed)
    found = evaluate_table(table, choose_point(table), draws=5)
    assert found["thresholds"]["origin"].startswith("48 validation videos")


def n_or_none(rows: pd.DataFrame) -> str | None:
    return "test" if (rows["split"] == "test").any() else None


def test_another_data_set_may_have_files_of_the_same_name():
    chosen = choose_point(forgery_table(split="val"))
    elsewhere = forgery_table(seed=2).assign(dataset="another")
    assert evaluate_table(elsewhere, chosen, draws=5)["video"]["n"] == 48


def test_a_share_that_is_none_is_refused():
    for wrong in ({"fpr": 5}, {"fpr": -0.1}, {"fpr": NAN}, {"undecided": -0.1}, {"undecided": NAN}):
        with pytest.raises(DataError, match="share of 0 to 1"):
            choose_point(both_parts(), **wrong)


# --- the figures of a table ------------------------------------------------------------------------------------------


def test_each_method_meets_its_own_reals():
    table = forgery_table()
    stranger = {"path": "x.mp4", "label": 0, "group": "elsewhere", "method": "", "split": "test", "dataset": "made",
                "compression": "c23", "probability": 0.999, "frame_probability": NAN, "status": "ok"}  # fmt: skip
    other = stranger | {"path": "y.mp4", "compression": "c40", "group": "g0"}
    table = pd.concat([table, pd.DataFrame([stranger, other])])
    found = _tables.per_method(table, Thresholds(0.4, 0.6), n=50).set_index("method")
    assert found["n_real"].tolist() == [24, 24] and found["n_groups"].tolist() == [12, 12]
    assert set(found["reals"]) == {"own"} and found["auc_low"].notna().all()
    own = table[(table["group"] != "elsewhere") & (table["compression"] == "c23")]
    for method in ("Swap", "Neural"):
        rows = own[own["method"].isin(["", method])]
        assert found.loc[method, "auc"] == pytest.approx(sk.roc_auc_score(rows["label"], rows["probability"]))
        assert found.loc[method, "tpr"] == (rows.loc[rows["label"] == 1, "probability"] >= 0.6).mean()
        assert found.loc[method, "caught"] == (rows.loc[rows["label"] == 1, "probability"] >= 0.6).sum()
    assert found.loc["Swap", "auc"] > found.loc["Neural", "auc"]


def test_methods_without_groups_say_that_they_meet_all_reals():
    table = forgery_table(groups=2).assign(group="")
    found = _tables.per_method(table, AT)
    assert set(found["reals"]) == {"all"} and set(found["n_real"]) == {4} and found["auc_low"].isna().all()
    assert len(_tables.per_method(table[table["label"] == 0], AT)) == 0


def test_parts_are_judged_apart_and_methods_averaged_not_merged():
    table = forgery_table()
    hard = forgery_table(seed=3).assign(compression="c40", path=lambda t: "c40/" + t["path"])
    hard["probability"] = hard["probability"] * 0.1 + 0.45
    found = evaluate_table(pd.concat([table, hard]), POINT, draws=20)
    easy, poor = found["per_compression"]
    assert (easy["compression"], poor["compression"]) == ("c23", "c40")
    assert easy["auc"] == pytest.approx(sk.roc_auc_score(table["label"], table["probability"].round(6)))
    assert poor["n_undecided"] > easy["n_undecided"] and poor["auc_low"] <= poor["auc"] <= poor["auc_high"]
    alone = [line["auc"] for line in found["per_method"] if line["compression"] == "c23"]
    assert len(alone) == 2 and easy["auc_methods"] == pytest.approx(np.mean(alone))
    assert [line["n"] for line in found["per_dataset"]] == [96]


def test_evaluation_is_complete_json_and_deterministic():
    table = forgery_table()
    table.loc[table.index[2], ["probability", "status"]] = [NAN, "no face"]
    others = table.assign(split="val", probability=0.123, path="v/" + table["path"])
    first = evaluate_table(pd.concat([table, others]), POINT, draws=40)
    again = evaluate_table(pd.concat([others, table]).sample(frac=1, random_state=1), POINT, draws=40)
    text = json.dumps(first, allow_nan=False)
    assert json.loads(text) == first and json.dumps(again) == text, "the order of the rows changes no byte"
    assert first["video"]["n"] == 48 and first["n_groups"] == 12 and first["status"] == {"no face": 1, "ok": 47}
    assert first["video"]["confusion"]["fake"]["unscored"] == 1
    for key in ("auc", "eer", "tpr_at_fpr_5", "balanced_accuracy", "f1", "tpr", "fpr", "ece", "brier"):
        low, high = first["video"]["intervals"][key]
        assert low <= first["video"][key] <= high or key == "ece"  # resampling only adds to a mean of absolute gaps
    assert first["frame_mean"]["auc"] == pytest.approx(sk.roc_auc_score(table["label"], table["frame_probability"]))
    assert [line["method"] for line in first["per_method"]] == ["Neural", "Swap"]
    assert sum(sum(line["real"].values()) + sum(line["fake"].values()) for line in first["groups"]) == 48
    assert evaluate_table(others, POINT, split=None, draws=5)["video"]["auc"] == 0.5


def test_two_data_sets_with_the_same_names_are_told_apart_in_any_order():
    parts = [forgery_table(), forgery_table(seed=5).assign(dataset="another")]
    texts = [json.dumps(evaluate_table(pd.concat(order), POINT, draws=30)) for order in (parts, parts[::-1])]
    assert texts[0] == texts[1]


def test_frame_level_counts_every_frame_by_itself():
    table = forgery_table()
    found = evaluate_table(table, POINT, draws=20)["frame"]
    scores = np.concatenate([np.array(each) for each in table["frame_scores"]])
    assert found["level"].startswith("frame") and found["n"] == 3 * 48
    assert found["auc"] == pytest.approx(sk.roc_auc_score(np.repeat(table["label"], 3), scores))
    assert found["intervals"]["auc"][0] < found["auc"] < found["intervals"]["auc"][1]
    assert evaluate_table(table.assign(frame_scores=[()] * 48), POINT, draws=5)["frame"] is None


def test_evaluation_under_ten_groups_has_counts_and_no_interval():
    table = forgery_table(groups=9).drop(columns=["frame_probability", "frame_scores", "status", "compression", "ids"])
    found = evaluate_table(table, POINT)
    assert set(found["video"]["intervals"].values()) == {None} and len(found["groups"]) == 9
    assert found["frame"] is None and found["frame_mean"] is None and found["per_method"][0]["auc_low"] is None
    assert any("Groups: 9, fewer than 10" in note for note in found["notes"])


def test_a_class_of_few_groups_has_counts_and_no_interval():
    table = forgery_table(groups=20)
    few = table[(table["label"] == 0) | table["group"].isin(["g0", "g1"])]
    found = evaluate_table(few, POINT, draws=40)
    known = {name for name, ends in found["video"]["intervals"].items() if ends}
    assert known == {"fpr"}, "no figure rests on the fakes of two groups, and this one on no fake at all"
    assert all(row["auc_low"] is None and row["tpr_low"] is None for row in found["per_method"])
    assert "Groups with a fake: 2, fewer than 5. No interval rests on them." in found["notes"]
    enough = table[(table["label"] == 0) | table["group"].isin([f"g{k}" for k in range(5)])]
    found = evaluate_table(enough, POINT, draws=40)
    assert found["video"]["intervals"]["auc"] and not any("Groups with" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("change", "auc"),
    [
        ({"label": 0}, None),
        ({"label": 1}, None),
        ({"probability": 0.5}, 0.5),  # all tie, all undecided
        ({"probability": NAN, "frame_probability": NAN}, None),
    ],
)
def test_edges_are_defined(change, auc):
    found = evaluate_table(forgery_table().assign(**change), POINT, draws=10)
    assert found["video"]["auc"] == auc and found["video"]["n"] == 48
    assert sum(sum(row.values()) for row in found["video"]["confusion"].values()) == 48, "nobody is dropped"
    if "probability" in change:
        assert found["video"]["share_decided"] == 0 and found["video"]["accuracy"] == 0
        assert found["video"]["accuracy_decided"] is None
    json.dumps(found, allow_nan=False)


def test_evaluation_names_what_is_missing():
    table = forgery_table(groups=1)
    with pytest.raises(DataError, match=r"“val”.*It has test"):
        evaluate_table(table, POINT, split="val")
    with pytest.raises(DataError, match="split=None"):
        evaluate_table(table.assign(split=""), POINT)
    with pytest.raises(DataError, match="probability"):
        evaluate_table(table.drop(columns="probability"), POINT)
    with pytest.raises(DataError, match=r"g00/0.mp4 is in the table of scores twice"):
        evaluate_table(pd.concat([table, table]), POINT)
    everything_lost = evaluate_table(table.assign(probability=None), POINT)
    assert everything_lost["video"]["n_unscored"] == 4 and everything_lost["video"]["selective"] == []


def test_notes_warn_where_validation_is_judged():
    found = evaluate_table(both_parts(), POINT, split="val", draws=5)
    assert any("flatters" in note for note in found["notes"])
    assert not any("flatters" in note for note in evaluate_table(both_parts(), POINT, draws=5)["notes"])
    taught = evaluate_table(both_parts().replace({"split": {"val": "train"}}), POINT, split=None, draws=5)["notes"]
    assert any(note.startswith("Videos of the part for training: 48.") for note in taught)


# --- from a cache to figures: a detector that reads its score from the picture ----------------------------------------


@pytest.fixture
def cached(monkeypatch):
    """A face cache of 24 groups whose files are named by a probability; a picture's grey level says the logit."""

    def read(file, grid_only):
        faces = synthetic([True] * 24, grid_only=grid_only)
        logit = np.log(float(file) / (1 - float(file)))
        frames = np.full_like(faces.clips[0].frames, np.clip(round(128 + 20 * logit / 2), 0, 255))
        return replace(faces, clips=(replace(faces.clips[0], frames=frames),))

    def logits(self, clips, valid, batch=4):
        each = (clips[:, :, 0, 0, 0].astype(float) - 128) / 20
        return each.mean(1).astype(np.float32), np.where(valid, each, np.nan)

    monkeypatch.setattr(scoring, "read_cache", read)
    monkeypatch.setattr(dossier, "read_cache", read)
    monkeypatch.setattr(dossier, "score_faces", lambda detector, faces: [make_face(probability=0.9)])
    monkeypatch.setattr(Detector, "clip_logits", logits)
    table = both_parts()[["path", "label", "dataset", "method", "compression", "group", "ids", "split", "status"]]
    table = table.assign(file=[str(p) for p in both_parts()["probability"]], found=1.0)
    table.loc[[5, 50], ["file", "status", "found"]] = ["", "no face", 0.0]
    return table


def test_a_cache_is_scored_in_its_order_and_failures_stay(cached):
    shares = []
    scored = score_cache(detector_of(), cached, progress=shares.append)
    assert scored["path"].tolist() == cached["path"].tolist() and shares[-1] == 1 and shares == sorted(shares)
    wanted = pd.to_numeric(cached["file"].replace("", NAN)).astype(float)
    assert scored["probability"].to_numpy() == pytest.approx(wanted.to_numpy(), abs=0.03, nan_ok=True)
    assert scored.loc[5, "verdict"] == "UNDECIDED" and scored.loc[5, "frame_scores"] == ()
    assert len(scored.loc[0, "frame_scores"]) == 24
    assert scored.loc[0, "frame_probability"] == pytest.approx(np.mean(scored.loc[0, "frame_scores"]))
    assert scored.loc[0, "uncalibrated"] == pytest.approx(scored.loc[0, "frame_probability"]), "scale 2 undone"
    again = score_cache(detector_of(), scored)
    assert list(again.columns) == list(scored.columns), "a scored table can be scored again"
    assert len(score_cache(detector_of(), cached.iloc[:0])) == 0


def test_an_evaluation_is_whole_and_the_same_each_time(cached, tmp_path):
    rival = detector_of("rival", thresholds={"t_low": 0.5, "t_high": 0.5})
    shares = []
    first = evaluate(detector_of(), cached, against=rival, draws=30, progress=shares.append)
    again = evaluate(detector_of(), cached.sample(frac=1, random_state=3), against=rival, draws=30)
    assert shares[-1] == 1 and shares == sorted(shares)
    facts = first.facts
    assert facts["leak"]["ok"] is True and not first.leaks and facts["video"]["n"] == 48
    assert (
        facts["checkpoint"]["sha256"] == "0" * 64 and facts["checkpoint"]["calibration"]["clip"]["temperature"] == 0.5
    )
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


def test_the_report_stands_alone_and_escapes(cached, tmp_path):
    cached.loc[cached["path"] == "g00/0.mp4", "path"] = "g00/<b>&.mp4"
    cached.loc[cached["path"] == "g00/<b>&.mp4", "file"] = "0.99"  # a real that is called FAKE
    found = evaluate(detector_of(), cached, draws=20)
    text = save_evaluation(found, tmp_path, videos="my/videos").read_text(encoding="utf-8")
    body = text[text.index("<body>") : text.index("</body>")]
    ElementTree.fromstring(re.sub(r"<img ([^>]*)>", r"<img \1/>", body) + "</body>")
    assert not re.search(r"(?:src|href)=\"(?!data:)", text) and "http" not in re.sub(r"\(http[^)]*\)", "", text)
    assert "video = &quot;" not in text and 'video = "my/videos/g00/&lt;b&gt;&amp;.mp4"' in text
    pictures = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 7 and all(alt.strip() for alt, _ in pictures)
    assert all(base64.b64decode(code).startswith(b"\x89PNG") for _, code in pictures)
    assert "LEAKING" not in text and str(tmp_path) not in text
    for wanted in (
        "AUC, mean of its methods",
        "Frame level",
        "Swap",
        "c23",
        "temperature 0.50",
        "0" * 64,
        "DeepfakeBench",
        "no face: 1",
    ):
        assert wanted in text


def test_the_report_has_the_same_elements_whatever_its_names_are(cached):
    """Names in the columns of the table, in the card's and in the folder's place."""
    figures = draw_figures(evaluate(detector_of(), cached, draws=2))

    def elements(name):
        table = cached.assign(dataset=name, compression=name, group=cached["group"] + name, path=cached["path"] + name)
        table["method"] = table["method"].where(table["label"] == 0, table["method"] + name)
        found = evaluate(detector_of(name), table, against=detector_of(f"other {name}"), draws=20)
        text = evaluation_page(found, figures, None, name)
        assert text.count(name) == 0 or "<" not in name
        return re.findall(r"<[a-zA-Z/][^\s>]*", text)

    assert elements("<img src=x onerror=alert(1)></script>") == elements("plain")


def test_a_leak_is_refused_unless_told_otherwise_and_then_marked(cached, tmp_path):
    cached.loc[cached["split"] == "val", "ids"] = "p0"
    scored = []
    with pytest.raises(DataError, match=r"This split leaks.*allow_leak=True"):
        evaluate(detector_of(), cached, progress=scored.append)
    assert not scored, "the audit comes before the first score"
    found = evaluate(detector_of(), cached, allow_leak=True, draws=10)
    assert found.leaks and "LEAKING SPLIT" in repr(found) and found.facts["leak"]["share_of_test_fakes"] > 0
    for name, figure in dossier.draw_figures(found).items():
        assert any("LEAK" in text.get_text() for text in figure.texts), name
    page = save_evaluation(found, tmp_path).read_text(encoding="utf-8")
    assert 'class="leak"' in page and "too good" in page
    assert "leaking split" in side_by_side([found.facts]).loc[0, "source"]


def test_the_part_for_training_is_refused_like_a_leak(cached):
    cached["split"] = cached["split"].replace("val", "train")
    with pytest.raises(DataError, match=r"for training.*allow_leak=True"):
        evaluate(detector_of(), cached, "train")
    found = evaluate(detector_of(), cached, "train", allow_leak=True, draws=5)
    assert found.leaks and found.facts["video"]["n"] == 48


def test_data_that_are_not_split_are_judged_as_a_whole(cached):
    found = evaluate(detector_of(), cached.assign(split=""), draws=5)
    assert found.facts["split"] is None and found.facts["video"]["n"] == 96 and found.facts["leak"]["ok"] is None
    assert evaluate(detector_of(), cached, draws=5).facts["split"] == "test"
    with pytest.raises(DataError, match="no video in the split “test”"):
        evaluate(detector_of(), cached[cached["split"] == "val"])


def test_thresholds_without_an_origin_are_refused_before_the_first_score(cached):
    scored = []
    with pytest.raises(DataError, match="origin"):
        evaluate(detector_of(), cached, point=AT, progress=scored.append)
    assert not scored


def test_what_cannot_be_audited_says_so(cached):
    test = cached[cached["split"] == "test"]
    assert check_leak(test, "test")["ok"] is None
    found = evaluate(detector_of(), cached, split=None, draws=5)
    assert found.facts["leak"]["ok"] is None and not found.leaks and found.facts["video"]["n"] == 96


def test_own_thresholds_of_a_point_reach_the_verdicts(cached):
    detector = detector_of()
    point = choose_point(score_cache(detector, cached[cached["split"] == "val"]), fpr=0.0)
    found = evaluate(detector, cached, point=point, draws=5)
    assert found.facts["thresholds"]["t_high"] == point.thresholds.t_high != card_point(detector).thresholds.t_high
    called = [row["verdict"] == "FAKE" for row in found.facts["verdicts"]]
    assert called == [(row["probability"] or 0) >= point.thresholds.t_high for row in found.facts["verdicts"]]
    with pytest.raises(DataError, match="very videos"):
        evaluate(detector, cached, "val", point=point)


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


# --- whole videos -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(clips, checkpoint, tmp_path_factory):
    """Videos as they lie in a folder, one of them damaged, and their evaluation by a checkpoint of random weights."""
    root = tmp_path_factory.mktemp("videos")
    (root / "face.mp4").write_bytes((clips / "face.mp4").read_bytes())
    (root / "late.mp4").write_bytes((clips / "late.mp4").read_bytes())
    (root / "text.mp4").write_text("no video")
    manifest = manifest_of(root, "face.mp4", "late.mp4", "text.mp4")
    table = manifest.table.assign(split="test", dataset="plain", method=["", "unknown", ""])
    manifest = replace(manifest, table=table)
    out = tmp_path_factory.mktemp("evaluation")
    return manifest, evaluate(checkpoint, manifest, cache=out / "cache", draws=5), out


def test_any_manifest_can_be_evaluated(judged):
    manifest, found, out = judged
    assert found.facts["status"]["unreadable"] == 1 and found.facts["video"]["n"] == 3
    assert found.facts["video"]["n_unscored"] == 1 and found.facts["video"]["n_real"] == 2
    again = evaluate(found.detector, out / "cache", draws=5)
    assert again.facts == found.facts, "its face cache says the same"
    assert _opened(manifest.save(out / "m.csv")).table["path"].tolist() == manifest.table["path"].tolist()


def test_robustness_looks_at_the_damaged_videos_anew(judged, tmp_path):
    manifest, found, _ = judged
    chosen = choose_perturbations("resized to ¼")
    shares = []
    table = measure_robustness(found, manifest, tmp_path, chosen, progress=shares.append)
    assert table["name"].tolist() == [UNTOUCHED, "resized to ¼"] and shares == [1.0]
    assert (table["n"] == 3).all() and table["n_unscored"].iloc[0] == 1, "what failed is counted in every row"
    assert table["auc_change"].isna().iloc[0] and table["fpr_low"].isna().all()
    small = pd.read_csv(next(tmp_path.rglob("cache.csv")))
    assert set(small["path"]) == {"face.mp4", "late.mp4", "text.mp4"}
    save_evaluation(found, tmp_path / "page", table)
    assert len(read_json(tmp_path / "page" / "evaluation.json")["robustness"]) == 2
    assert (tmp_path / "page" / "robustness.svg").stat().st_size > 1000
    with pytest.raises(DataError, match="none of the evaluation's videos"):
        measure_robustness(found, replace(manifest, table=manifest.table.assign(path="else.mp4")), tmp_path)


def test_robustness_measures_the_change_on_the_same_videos(cached, tmp_path, monkeypatch):
    found = evaluate(detector_of(), cached, draws=40)
    root = tmp_path / "videos"
    for path in found.scored["path"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    encode(root / found.scored["path"][0], count=2)
    worse = cached[cached["split"] == "test"].assign(file=lambda t: t["file"].where(t["method"] != "Swap", "0.2"))
    monkeypatch.setattr(robustness, "cache_faces", lambda manifest, out, **_: worse.sample(frac=1, random_state=0))
    manifest = manifest_of(root)
    manifest = replace(manifest, table=cached)
    table = measure_robustness(found, manifest, tmp_path / "out", choose_perturbations("blur 1 px"))
    plain, blurred = table.to_dict("records")
    assert plain["n"] == blurred["n"] == 48 and blurred["auc"] < plain["auc"] == found.facts["video"]["auc"]
    assert blurred["auc_change"] == pytest.approx(blurred["auc"] - plain["auc"])
    assert blurred["auc_change_low"] < blurred["auc_change"] < blurred["auc_change_high"] < 0
    assert blurred["fpr_change"] == 0 and math.isnan(blurred["fpr_change_low"]), "the reals were not touched"


def test_damaged_videos_are_judged_by_scores_as_round_as_the_evaluations(cached, tmp_path):
    edge = cached.assign(file=cached["file"].where(cached["path"] != "g00/0.mp4", "0.59"))
    detector = detector_of(thresholds={"t_low": 0.3, "t_high": round(float(expit(0.4)), 6)})  # of 0.59, rounded up
    found = evaluate(detector, edge, draws=5)
    assert next(row for row in found.facts["verdicts"] if row["path"] == "g00/0.mp4")["verdict"] == "FAKE"
    manifest = replace(manifest_of(tmp_path), table=edge)
    (plain,) = measure_robustness(found, manifest, tmp_path / "out", ()).to_dict("records")
    assert plain["fpr"] == found.facts["video"]["fpr"] and math.isnan(plain["auc_change"])


# --- beside others ----------------------------------------------------------------------------------------------------


def test_published_figures_are_whole_and_sourced():
    table = load_published()
    assert tuple(table.columns) == COLUMNS and len(table) >= 20
    assert set(table["level"]) <= {"video", "frame"} and set(table["metric"]) == {"AUC"}
    assert table["number"].between(0.4, 1).all() and not table.duplicated(["model", "test_set", "level"]).any()
    assert table["source"].str.contains(r"\d{4}").all() and table["source"].str.contains("github.com|Table").all()
    assert {"Celeb-DF v2", "DFDC", "FaceForensics++ c23"} <= set(table["test_set"])


def test_evaluations_stand_side_by_side(cached):
    one = evaluate(detector_of(), cached, draws=20).facts
    other = evaluate(detector_of(), cached.assign(dataset="Celeb-DF v2"), draws=20).facts
    table = side_by_side([one, other])
    assert table["test_set"].tolist()[:4] == ["made", "made", "Celeb-DF v2", "Celeb-DF v2"]
    assert table["level"].tolist()[:2] == ["video", "frame"] and (table["training_data"][:4] == "nothing at all").all()
    assert table.loc[0, "number"] == one["video"]["auc"] and table.loc[0, "low"] < table.loc[0, "high"]
    assert len(table) == 4 + len(load_published()) and len(side_by_side([one], published=False)) == 2


def test_an_evaluation_shows_as_a_sentence_without_an_auc(cached):
    found = evaluate(detector_of(), cached[cached["label"] == 0], draws=5)
    assert isinstance(found, Evaluation) and "no AUC on 24 videos" in repr(found)
