"""Every page, whoever makes it: what is put in is escaped, and what is missing is an error and no empty place."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from jinja2 import UndefinedError
from makers.report_factory import make_report
from makers.score_tables import both_parts, detector_of

from spotterlib.base import make_figure
from spotterlib.evaluation import evaluate, measure, report_page
from spotterlib.evidence import export_page, fill_page, markup, page
from spotterlib.notebook import Card, index, write_index

NAME = "<script>alert(1)<%2fscript>\"'&amp; $name ${name} {{ 7 * 7 }}{% endblock %}{# é"
WORD = "zyxwv"
PICTURES = ("roc", "confusion", "scores", "reliability", "selective", "methods", "mistakes", "robustness")


class Read(HTMLParser):
    """A page as a browser reads it: its elements with the names of their attributes, and all that it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.said += [value or "" for _, value in attrs]

    def handle_data(self, data):
        self.said.append(data)


def exported(video, folder, name):
    """The page to hand on."""
    told = replace(
        make_report(video),
        video=f"/x/{name}.mp4",
        reason=name,
        checkpoint={"name": name, "sha256": name, "t_low": 0.3, "t_high": 0.7},
    )
    return export_page(told, folder / "page.html").read_text("utf-8")


def evaluated(monkeypatch, name):
    """The report of an evaluation beside another checkpoint, its scores already there."""
    monkeypatch.setattr(measure, "score_cache", lambda detector, part, progress=None: part)
    table = both_parts()
    table = table.assign(dataset=name, compression=name, group=table["group"] + name, path=table["path"] + name)
    table["method"] = table["method"].where(table["label"] == 0, table["method"] + name)
    table.loc[table.index[0], "probability"] = 0.99  # a real that is called FAKE
    found = evaluate(detector_of(name), table, against=detector_of(f"other {name}"), draws=2)
    figures = {key: make_figure(1, 1)[0] for key in PICTURES}
    for figure in figures.values():
        figure.axes[0].set_title("of $p$", loc="left")
    robustness = measure.tables.per_method(found.scored, found.point.thresholds, 0).assign(name=name)
    return report_page.evaluation_page(found, figures, robustness, name)


def indexed(folder, name):
    """The index of a folder."""
    links = [(name, f"{name}.mp4"), (name, f"{name}.html")]
    cards = [Card(name, name, f"{name}.png", name, links)]
    return write_index(folder, name, links, name, [name, "b"], [[name, "1"]], name, cards).read_text("utf-8")


@pytest.fixture(params=["player.html", "evaluation.html", "index.html"])
def made(request, video, tmp_path, monkeypatch):
    """A page's template, and what writes the page about a name."""
    write = {
        "player.html": lambda name: exported(video, tmp_path, name),
        "evaluation.html": lambda name: evaluated(monkeypatch, name),
        "index.html": lambda name: indexed(tmp_path, name),
    }
    return request.param, write[request.param]


def test_a_name_is_text_and_all_of_it_is_there(made):
    _, write = made
    text = write(NAME)
    told, plain = Read(text), Read(write(WORD))
    assert told.elements == plain.elements
    assert NAME not in text and "<script>alert" not in text
    count = sum(NAME in said for said in told.said)
    assert count > 3 and count == sum(WORD in said for said in plain.said), "no template, no formula, no entity"


def test_a_missing_value_is_an_error(made, monkeypatch):
    template, write = made
    filled = {}
    for file in (page, report_page, index):
        monkeypatch.setattr(file, "fill_page", lambda name, /, **values: filled.update({name: values}) or "")
    write(WORD)
    values = filled[template]
    assert list(filled) == [template] and fill_page(template, **values)
    for name in values:
        with pytest.raises(UndefinedError):
            fill_page(template, **{key: value for key, value in values.items() if key != name})
    for name in [name for name, value in values.items() if isinstance(value, str)]:
        with pytest.raises(UndefinedError):
            fill_page(template, **values | {name: None})
    for name in values.get("tables", {}):
        with pytest.raises(UndefinedError):
            fill_page(template, **values | {"tables": {k: v for k, v in values["tables"].items() if k != name}})


def test_data_cannot_end_their_element(monkeypatch, video, tmp_path):
    kept = {}
    monkeypatch.setattr(page, "fill_page", lambda name, /, **values: kept.update(values) or "")
    export_page(make_report(video), tmp_path / "page.html")
    data = {"end": float("nan"), "faces": ["</script><!--<script>"]}
    text = fill_page("player.html", **kept | {"data": data})
    assert Read(text).elements == Read(fill_page("player.html", **kept)).elements
    written = text.split('type="application/json">')[1].split("</script>")[0]
    assert "<" not in written and "\\u003c" in written
    assert json.loads(written) == {"end": None, "faces": data["faces"]}


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (
            "verdict",
            {"label": "FAKE", "color": (1, 2, 3), "ink": (4, 5, 6), "certain": NAME, "name": NAME, "reason": NAME},
        ),
        ("caption", {"fields": {NAME: NAME}}),
        ("aside", {"text": NAME, "width": 9}),
        ("paragraph", {"text": NAME, "width": 9}),
        ("problem", {"text": NAME}),
        ("defect", {"text": NAME}),
    ],
)
def test_a_widget_is_no_less_strict(part, values):
    text = markup.fill_widget(part, **values)
    assert type(text) is str and "\n" not in text and "<script>" not in text
    assert sum(said.count(NAME) for said in Read(text).said) == str(values).count(repr(NAME))
    for name in values:
        with pytest.raises(UndefinedError):
            markup.fill_widget(part, **{key: value for key, value in values.items() if key != name})


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (float("nan"), "–"), (float("inf"), "–"), (0.12345, "0.123"), (np.float64(1), "1.000"), (7, "7")],
)
def test_figures_are_written_one_way(value, said):
    assert markup.figure_text(value) == said
