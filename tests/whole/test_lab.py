"""`make lab` opens JupyterLab on the first notebook, and what a notebook shows there works."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from makers.bounded import end, until

from spotterlib.base import ROOT
from spotterlib.notebook import export_html, run_notebook
from spotterlib.scan import scan_video
from spotterlib.video import probe_video

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (apt-get install chromium)")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that `make lab` started, without a browser of its own.

    What it says goes to a file: it waits for ever once a pipe that nobody reads is full.
    """
    port = free_port()
    options = f"--no-browser --ip=127.0.0.1 --port={port} --IdentityProvider.token=spotter"
    options += " --LabApp.expose_app_in_browser=True"
    said = tmp_path_factory.mktemp("lab") / "said.txt"
    with said.open("w") as log:
        how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
        server = subprocess.Popen(["make", "lab", f"LAB_OPTIONS={options}"], cwd=ROOT, **how)

    def serves() -> bool:
        assert server.poll() is None, f"make lab ended: {said.read_text()[-2000:]}"
        return f"127.0.0.1:{port}/lab" in said.read_text() and listens(port)  # it speaks a moment before it listens

    try:
        until(serves, f"JupyterLab that serves on port {port}", limit=480)
        yield f"http://127.0.0.1:{port}", server
    finally:
        end(server, patience=30)


def asked(lab, path: str, body: dict | None = None) -> tuple[str, bytes]:
    """Where an address of the server leads, and what is there; with a body it is written there."""
    how = {} if body is None else {"data": json.dumps(body).encode(), "method": "PUT"}
    request = urllib.request.Request(f"{lab[0]}{path}", headers={"Authorization": "token spotter"}, **how)
    with urllib.request.urlopen(request, timeout=240) as answer:
        return answer.geturl(), answer.read()


def test_it_opens_the_first_notebook(lab):
    place, _ = asked(lab, "/")
    assert place.endswith("/lab/tree/notebooks/00_scan_a_video.ipynb"), "no launcher, no list of files"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{lab[0]}/api/contents/notebooks", timeout=240)


@pytest.mark.parametrize("name", ["00_scan_a_video", "03_train"])
def test_a_notebook_that_was_run_leaves_git_clean(lab, name):
    """JupyterLab saves by itself what was run: outputs go to `runs/lab/`, the notebook stays as it was committed."""
    file, kept = ROOT / "notebooks" / f"{name}.ipynb", ROOT / "runs" / "lab" / f"{name}.ipynb"
    before, there = file.read_bytes(), kept.read_bytes() if kept.exists() else None
    try:
        notebook = json.loads(asked(lab, f"/api/contents/notebooks/{name}.ipynb")[1])["content"]
        for number, cell in enumerate(notebook["cells"]):
            cell["metadata"]["trusted"] = True
            if cell["cell_type"] == "code":
                cell["execution_count"] = number
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "said"}]
        notebook["metadata"]["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        notebook["metadata"]["language_info"] |= {"version": "3.11.7", "file_extension": ".py"}
        notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
        asked(lab, f"/api/contents/notebooks/{name}.ipynb", {"type": "notebook", "content": notebook})
        assert file.read_bytes() == before
        assert any(cell.get("outputs") for cell in nbformat.read(kept, as_version=4).cells)
        notebook["cells"][0]["source"] += " Written by hand."
        asked(lab, f"/api/contents/notebooks/{name}.ipynb", {"type": "notebook", "content": notebook})
        assert b"Written by hand." in file.read_bytes(), "what a user writes is kept"
    finally:
        file.write_bytes(before)
        kept.unlink(missing_ok=True) if there is None else kept.write_bytes(there)


RUN = """Promise.race([  // the browser's own promises have no end
    window.jupyterapp.commands.execute('notebook:run-all-cells'),
    new Promise((_, failed) => setTimeout(() => failed(new Error('the cells had not ended after 900 s')), 900_000)),
])"""


def run_all(browser, lab, notebook, troubles):
    """Open a notebook, by its path under the clone, in JupyterLab and run all its cells; errors go to `troubles`."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(480_000)
    page.goto(f"{lab[0]}/doc/tree/{notebook}?token=spotter")
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
    page.wait_for_function("window.jupyterapp.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_function("window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.evaluate(RUN)
    return page


SHOWN = "[...document.querySelectorAll('.jupyter-widgets img.widget-image')].find((image) => image.offsetParent)"

STEP = (
    "async () => {  // ms from a key pressed on the slider to another picture drawn\n"
    f"const shown = () => {SHOWN};"
    """
    const handle = [...document.querySelectorAll('.noUi-handle')].find((one) => one.offsetParent);
    const before = shown(), begun = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}));
    while (shown() === before || !shown()?.complete) {
        if (performance.now() > begun + 30_000) throw new Error('no other picture was drawn in 30 s');
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - begun;
}"""
)


WIDE = """() => [...document.querySelectorAll('.jp-OutputArea-output *')].filter((one) => one.offsetParent &&
    one.getBoundingClientRect().right > document.querySelector('.jp-OutputArea').getBoundingClientRect().right + 1)
    .map((one) => `${one.tagName} ${one.className}`)"""
"""What is drawn beyond the right edge of its cell."""

POOR = """() => {
    const parts = (color) => [...color.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
    const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (one) => {
        for (; one; one = one.parentElement) {
            const color = parts(getComputedStyle(one).backgroundColor);
            if (color[3] === 1) return color;
        }
        return [255, 255, 255, 1];
    };
    const poor = [], outputs = document.querySelectorAll('.jp-OutputArea-output');
    for (const text of [...outputs].flatMap((output) => [...output.querySelectorAll('*')])) {
        const own = [...text.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !text.offsetParent || text.tagName === 'OPTION' || text.tagName === 'STYLE') continue;
        const behind = ground(text), color = parts(getComputedStyle(text).color);
        const seen = [0, 1, 2].map((k) => color[3] * color[k] + (1 - color[3]) * behind[k]);
        const [low, high] = [light(seen), light(behind)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5) poor.push(`${text.textContent.slice(0, 40)}: ${ratio.toFixed(1)}`);
    }
    return poor;
}"""
"""Texts of a cell's outputs that stand out too little from what is behind them (WCAG: 4.5 : 1)."""


def readable(page) -> None:
    """Nothing is cut off at 900 px, and all is legible in JupyterLab's dark theme as in its light one."""
    assert page.evaluate(POOR) == []
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_timeout(500)
    assert page.evaluate(WIDE) == []
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_timeout(500)
    assert page.evaluate(POOR) == []


@pytest.fixture
def notebook_of(tmp_path):
    """Puts a notebook under the clone, where JupyterLab opens it, and takes it and what it made away at the end."""
    made = []

    def write(name: str, cells: list) -> str:
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        file = ROOT / "runs" / f"test_{name}_{os.getpid()}.ipynb"
        file.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), file)
        made.append(file)
        return f"runs/{file.name}"

    yield write
    for file in made:
        for left in [file, *(ROOT / "runs").rglob(f"{file.stem}[.-_]*")]:
            left.unlink(missing_ok=True)


@pytest.fixture
def scrubbed(clips, checkpoint, tmp_path, notebook_of):
    """A notebook that shows the scrubber of a scan that was made before, of two people, by weights that see heat."""
    report = tmp_path / "report.pickle"
    report.write_bytes(pickle.dumps(scan_video(clips / "two.mp4", checkpoint)))
    source = (
        "import pickle\nfrom pathlib import Path\n\nfrom spotterlib.evidence import FrameScrubber\n\n"
        f'FrameScrubber(pickle.loads(Path("{report}").read_bytes()))'
    )
    return notebook_of("scrubber", [nbformat.v4.new_code_cell(source)])


def test_scrubbing_in_the_browser(lab, browser, scrubbed, photograph):
    """The slider, its keys, Play, opacity and the choice of a face change the picture, and nothing complains."""
    troubles = []
    page = run_all(browser, lab, scrubbed, troubles)
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page.locator(".noUi-handle").first.scroll_into_view_if_needed()
    # JupyterLab renders what scrolls into view a moment later
    page.wait_for_function(f"{SHOWN}?.complete && {SHOWN}.parentElement.innerText.includes('time')")
    said = lambda: page.evaluate(f"{SHOWN}.parentElement.innerText")  # noqa: E731
    place = lambda: page.evaluate(f"{SHOWN}.getAttribute('src')")  # noqa: E731
    assert "time" in said() and "score" in said() and "found" in said()
    assert page.get_by_text("the red").first.is_visible()
    photograph(page, "scrubber")
    for role, name in [
        ("slider", "Frame"),
        ("slider", "Opacity"),
        ("slider", "Threshold"),
        ("button", "Play or pause"),
    ]:
        page.get_by_role(role, name=name, exact=True).wait_for()

    handle = page.locator(".noUi-handle").first
    first = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin")  # where it opened
    for key in (*(["End"] if first else []), "Home", "End", "ArrowLeft"):
        before = said()
        handle.focus()
        page.keyboard.press(key)
        page.wait_for_function(f"(before) => {SHOWN}?.parentElement.innerText !== before", arg=before)
    quickest = min(page.evaluate(STEP) for _ in range(7))
    assert quickest < 250, "13 ms on a quiet machine; this one may be busy"
    before = said()
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_function(f"(before) => {SHOWN}.parentElement.innerText !== before", arg=before)
    page.get_by_role("button", name="Play or pause").click()

    drawn = place()
    opacity = page.locator(".widget-inline-hbox", has_text="Opacity").locator(".noUi-handle")
    opacity.focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"(drawn) => {SHOWN}.getAttribute('src') !== drawn", arg=drawn)
    drawn = place()
    page.locator(".widget-dropdown", has_text="Face").locator("select").select_option(index=1)
    page.wait_for_function(f"(drawn) => {SHOWN} && {SHOWN}.getAttribute('src') !== drawn", arg=drawn)
    readable(page)
    rows = [page.get_by_role("slider", name=name).bounding_box()["y"] for name in ("Opacity", "Threshold")]
    assert rows[0] == rows[1], "with two faces to choose from, too"
    photograph(page, "scrubber_dark_900")
    assert troubles == []
    page.close()


DROP = """async ([box, name, bytes]) => {
    const moved = new DataTransfer();
    const code = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    moved.items.add(new File([code], name, {type: 'video/mp4'}));
    for (const type of ['dragenter', 'dragover', 'drop'])
        box.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: moved}));
}"""


BOX = "from spotterlib.evidence import upload_box\n\nupload_box()"


def test_a_video_dropped_on_the_box_is_scanned(lab, browser, notebook_of, clips, tmp_path, photograph):
    """Dropped, its page opened, its video asked for and downloaded; then, while another scan runs, one chosen that is
    larger than the 10 MiB that a message to the server may hold, and is no video; then a path, with Enter."""
    box_alone, troubles = notebook_of("drop", [nbformat.v4.new_code_cell(BOX)]), []
    page, name = run_all(browser, lab, box_alone, troubles), Path(box_alone).stem
    box = page.locator(".spotter-drop")
    box.wait_for()
    code = base64.b64encode((clips / "face.mp4").read_bytes()).decode()
    page.evaluate(DROP, [box.element_handle(), f"{name}.mp4", code])
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text("Page to hand on").wait_for()
    kept = ROOT / "runs" / "uploads" / f"{name}.mp4"
    assert kept.read_bytes() == (clips / "face.mp4").read_bytes()
    page.locator(".jupyter-widgets", has_text="Verdict").first.wait_for()
    assert list((ROOT / "runs").glob(f"{name}*.mp4")) == [], "the diagnostic video is not made unasked"
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=re.compile("^Open .*html")).click()
    opened.value.locator("#slider").wait_for()
    opened.value.close()
    page.get_by_role("button", name="Make the diagnostic video").click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name=re.compile("^Download .*mp4")).click()
    assert downloaded.value.suggested_filename.startswith(name) and probe_video(downloaded.value.path()).frames == 30
    page.locator(".spotter-drop").scroll_into_view_if_needed()
    readable(page)
    photograph(page, "upload_box_dark_900")

    big = tmp_path / f"{name}-big.mp4"
    big.write_bytes(np.random.default_rng(0).bytes(24_000_000))
    box.locator("input").set_input_files(big)
    page.get_by_text(f"{big.name} is here (24.0 MB)").wait_for()
    assert (kept.parent / big.name).read_bytes() == big.read_bytes()
    page.get_by_text("Page to hand on").wait_for(state="detached")
    trouble = page.locator(".spotter-problem")
    trouble.wait_for()
    page.get_by_placeholder("then Enter").fill("no such.mp4")
    page.keyboard.press("Enter")
    trouble.filter(has_text="There is nothing at").wait_for()
    assert trouble.count() == 1 and troubles == []
    page.close()


def test_the_page_of_an_executed_notebook_from_disk(browser, clips, tmp_path, photograph):
    """Without kernel, widget manager or network the page of 05 still plays: the small player is in it."""
    given = {"video": str(clips / "two.mp4"), "compare": str(clips / "face.mp4"), "out": str(tmp_path)}
    executed = run_notebook(ROOT / "notebooks" / "05_inspect.ipynb", tmp_path / "05.ipynb", given)
    page_file = export_html(executed, tmp_path / "05.html")
    context = browser.new_context(offline=True)
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(page_file.as_uri())
    player = page.frame_locator("iframe[title=Report]")
    player.locator("#slider").focus()
    page.keyboard.press("Home")
    first = player.locator("#caption").inner_text()
    page.keyboard.press("ArrowRight")
    assert player.locator("#caption").inner_text() != first and "time 0.00 s" in first.replace("\n", " ")
    player.locator("#play").click()
    player.locator("#play", has_text="Pause").wait_for()
    shown = player.locator("#caption").inner_text()
    player.locator("#caption", has_not_text=shown.splitlines()[1]).wait_for()
    assert page.locator(".jp-OutputArea-output p", has_text="Verdict").count() >= 1, "the sheet's words"
    photograph(page, "page_of_05", full_page=True)
    assert troubles == []
    context.close()
