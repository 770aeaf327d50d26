"""The page of an evaluation stands alone and escapes every name."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from makers.score_tables import detector_of

from spotterlib.evaluation import draw_figures, evaluate, save_evaluation
from spotterlib.evaluation.report_page import evaluation_page


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
        "scale, 2.00",
        "+0.00",
        "0" * 64,
        "Nobody has published a figure on these videos",
        "no face: 1",
    ):
        assert wanted in " ".join(text.split())
    assert "temperature" not in text and "DeepfakeBench" not in text
    known = evaluate(detector_of(), cached.assign(dataset="Celeb-DF v2"), draws=5)
    page = evaluation_page(known, draw_figures(known), None, "")
    assert "DeepfakeBench" in page and "Nobody has published" not in page


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
