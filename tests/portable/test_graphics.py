"""The page on a graphics card: the same figures, and the processor where there is none, or none that is better."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spotterlib import scan_image
from spotterlib.base import ROOT
from spotterlib.portable import app_constants
from spotterlib.portable.browser import PAGE

FACE = ROOT / "spotterlib" / "fakes" / "people" / "p01.jpg"


@pytest.fixture(scope="module")
def drawn(chromium):
    """Chromium with a graphics card, in software: the very WebGPU, some forty times as slow as the processor."""
    return chromium("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")


def opened(browser, written, fragment=""):
    """The page, and what it says to the console and asks anybody for."""
    page = browser.new_context(offline=True).new_page()
    page.set_default_timeout(300_000)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(written.as_uri() + fragment)
    page.wait_for_function("() => document.getElementById('computes').textContent")
    return page


def scanned(page) -> dict:
    page.set_input_files("#file", FACE)
    page.wait_for_selector("#result:not([hidden]), #failed:not([hidden])")
    assert page.is_hidden("#failed"), page.inner_text("#why")
    return json.loads(page.evaluate("() => JSON.stringify(shown.json)"))


def agree(ours: dict, theirs: dict) -> None:
    assert (ours["label"], ours["reason"]) == (theirs["label"], theirs["reason"])
    assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-3)
    assert np.array(ours["faces"][0]["heatmaps"]) == pytest.approx(np.array(theirs["faces"][0]["heatmaps"]), abs=0.02)


def test_a_graphics_card_says_the_same(drawn, written, graphs):
    page = opened(drawn, written, "#gpu")
    assert page.inner_text("#computes") == "Scored here by: graphics card"
    agree(scanned(page), scan_image(FACE, graphs).to_dict(heat=True))
    assert page.inner_text("#computes") == "Scored here by: graphics card", page.said
    assert all(address.startswith(("file:", "blob:", "data:")) for address in page.asked), page.asked


def test_a_graphics_card_that_is_slower_is_not_used(drawn, written):
    page = opened(drawn, written)
    assert page.inner_text("#computes") == "Scored here by: processor, 1 thread"


def test_where_the_graphics_card_fails_the_processor_goes_on(browser, written, graphs):
    """Here there is none, and the page takes it as given."""
    page = opened(browser, written, "#gpu")
    agree(scanned(page), scan_image(FACE, graphs).to_dict(heat=True))
    assert page.inner_text("#computes") == "Scored here by: processor, 1 thread"
    assert any("The graphics card failed" in text for text in page.said)


@pytest.fixture
def call(browser):
    """Calls a function of the page's script with plain values; the processor's answers are { by: "processor" }."""
    page = browser.new_page()
    page.add_script_tag(
        content="""const ABOUT = {}, told = [], ort = { Tensor: class {} }, tell = (kind) => told.push(kind);
        const run = async () => ({ by: "processor" });"""
    )
    page.add_script_tag(path=PAGE / "trunk.js")
    page.evaluate("(constants) => { ABOUT.constants = constants; }", app_constants())
    yield lambda code, *values: page.evaluate(f"(values) => ({code})(...values)", list(values))
    page.close()


def test_a_graphics_card_is_used_where_it_says_the_same_sooner(call):
    found = {"apart": 1e-5, "card": 0.1, "processor": 0.4}
    assert call("isBetter", found)
    for worse in ({"apart": 0.002}, {"card": 0.4}, {"card": 3.0}, {"apart": None}):
        assert not call("(found) => isBetter({ ...found, apart: found.apart ?? NaN })", found | worse)


@pytest.mark.parametrize("answer", ["{ failed: 'lost' }", "{ out: { features: [NaN] } }", "null"])
def test_a_graphics_card_that_fails_midway_is_asked_no_more(call, answer):
    """It says so, gives what is no number, or nothing at all: once is enough."""
    code = f"""async () => {{
        const asked = [], good = {{ features: [1], frame_logits: [1], heat: [1] }};
        const names = ["features", "frame_logits", "heat"];
        const plain = (out) => Object.fromEntries(names.map((name) => [name, {{ data: out[name] ?? [1] }}]));
        const port = {{ postMessage: () => {{
            asked.push(1);
            const data = asked.length === 1 ? {{ out: good }} : {answer};
            if (data) setTimeout(() => port.onmessage({{ data: data.out ? {{ out: plain(data.out) }} : data }}));
        }} }};
        card = {{ port, longest: 0.5 }};
        const by = [];
        for (let k = 0; k < 4; k++) by.push((await trunk(new Uint8Array(1), [1])).by ?? "card");
        return [by.join(), asked.length, told.join()];
    }}"""
    assert call(code) == ["card,processor,processor,processor", 2, "lost"]
