"""The page scans in Chromium, offline, and says what Python says; what it carries is what was pinned."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
from makers.face_clips import moving, stage, write_clip
from makers.video_files import encode
from PIL import Image

from spotterlib import SpotterError, scan_image, scan_video
from spotterlib.portable import LIBRARIES, library_files
from spotterlib.video import read_frames

FOUND = "#result:not([hidden]), #failed:not([hidden])"


@pytest.fixture(scope="module")
def page(browser, written):
    """The page, opened from disk with the network off, ready for a video; `asked` lists what it asked anybody for."""
    context = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("websocket", lambda socket: page.asked.append(socket.url))
    page.goto(written.as_uri())
    page.wait_for_selector("#file:enabled, #failed:not([hidden])", state="attached")
    assert page.is_hidden("#failed"), page.inner_text("#why")
    return page


def scanned(page, path) -> dict:
    """What the page finds in a video, as it saves it."""
    page.set_input_files("#file", path)
    page.wait_for_selector(FOUND)
    assert page.is_hidden("#failed"), page.inner_text("#why")
    with page.expect_download() as saved:
        page.click("#save")
    assert saved.value.suggested_filename == f"{path.stem}_spotter.json"
    return json.loads(open(saved.value.path(), encoding="utf-8").read())


@pytest.mark.parametrize("name", ["late.mp4", "two.mp4", "empty.mp4"])
def test_the_page_says_what_python_says(page, graphs, clips, photograph, name):
    path = clips / name
    ours, theirs = scanned(page, path), scan_video(path, graphs).to_dict(heat=True)
    agree(page, ours, theirs, path)
    assert (ours["probability"] is None) == (theirs["probability"] is None) == (name == "empty.mp4")
    assert len(ours["faces"]) == {"empty.mp4": 0, "two.mp4": 2}.get(name, 1)
    if name == "two.mp4":
        for width in (390, 1400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, "wider than its window"
            photograph(page, f"page_{width}", full_page=True)


def test_a_face_that_passes_is_told_as_by_python(page, graphs, tmp_path):
    times, still, brief = np.arange(24) / 12, np.full((24, 2), 8.0), np.full((24, 2), np.nan)
    brief[10:12] = (168.0, 8.0)
    actors = (moving("p01", times), still), (moving("p07", times, seed=1), brief)
    path = write_clip(tmp_path / "passes.mp4", stage((320, 192), 24, *actors))
    ours = scanned(page, path)
    agree(page, ours, scan_video(path, graphs).to_dict(heat=True), path)
    assert "a face, at the middle right, 0.8 to 0.9 s, was seen in only 2 frames and not judged" in ours["reason"]


def agree(page, ours: dict, theirs: dict, path) -> None:
    """What the page saved beside Python's report of the same file by the same graphs."""
    assert ours["label"] == theirs["label"] and ours["reason"] == theirs["reason"]
    assert ours["file"]["sha256"] == theirs["file"]["sha256"] and ours["file"]["size"] == path.stat().st_size
    assert ours["checkpoint"] == {key: theirs["checkpoint"][key] for key in ours["checkpoint"]}
    assert ours["heatmap_scale"] == theirs["heatmap_scale"] and ours["still"] == theirs["still"]
    if theirs["probability"] is not None:
        assert abs(ours["probability"] - theirs["probability"]) <= 0.005, "0.03 are allowed; 0.0001 were measured"
    for mine, other in zip(ours["faces"], theirs["faces"], strict=True):
        assert mine["frames"] == other["frames"] and mine["times"] == pytest.approx(other["times"], abs=1e-6)
        boxes = [np.array(face["boxes"], float) for face in (mine, other)]
        assert np.array_equal(*(np.isnan(each) for each in boxes)) and np.nanmax(np.abs(boxes[0] - boxes[1])) <= 0.5
        scores = [np.array(face["frame_scores"], float) for face in (mine, other)]
        assert np.nanmax(np.abs(scores[0] - scores[1])) <= 0.01, "of single frames"
        heats = [np.array(face["heatmaps"]) for face in (mine, other)]
        assert np.abs(heats[0] - heats[1]).max() <= 0.02, "where it is red, and how red"
        assert (mine["zones"] or {}) == pytest.approx(other["zones"] or {}, abs=0.02)
    assert page.inner_text("#verdict") == ours["label"] and page.inner_text("#reason") == ours["reason"]
    asked = getattr(page, "asked", [])
    assert all(address.startswith(("file:", "blob:", "data:")) for address in asked), asked


@pytest.fixture(scope="module")
def portraits(clips, tmp_path_factory):
    """Pictures: one face; the same on its side; two faces, as a JPEG that its EXIF turns; none, in a misnamed WebP."""
    folder = tmp_path_factory.mktemp("pictures")
    face, two = (read_frames(clips / name, [5])[5] for name in ("face.mp4", "two.mp4"))
    face, two = (cv2.resize(p, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for p in (face, two))
    save = lambda name, picture, kind=None: Image.fromarray(np.ascontiguousarray(picture)).save(folder / name, kind)  # noqa: E731
    save("face.png", face)
    save("side.png", np.rot90(face))
    save("none.jpg", np.full((200, 300, 3), 90, np.uint8), "webp")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(two))).save(folder / "two.jpg", quality=95, exif=turned)
    return folder


@pytest.mark.parametrize("name", ["face.png", "side.png", "two.jpg", "none.jpg"])
def test_a_still_gets_the_verdict_that_python_gives(page, graphs, portraits, name):
    path = portraits / name
    ours, theirs = scanned(page, path), scan_image(path, graphs).to_dict(heat=True)
    agree(page, ours, theirs, path)
    assert len(ours["faces"]) == {"two.jpg": 2, "none.jpg": 0}.get(name, 1)
    assert [found["info"]["codec"] for found in (ours, theirs)] == [theirs["file"]["container"].lower()] * 2
    assert ours["file"]["container"] == theirs["file"]["container"]
    assert ("was turned by" in ours["reason"]) == (name == "side.png")
    assert page.inner_text("#kind") == "Spotter on a picture"
    assert not page.is_visible("#strip") and page.is_visible("#heat") == bool(ours["faces"])
    said = page.inner_text(".limits") + (page.inner_text("#player") if ours["faces"] else "")
    assert "this picture" in said and not re.search(r"this (clip|frame)|frame score|the clip", said)


def test_a_report_is_saved_as_a_page_that_stands_alone(page, browser, clips, tmp_path, photograph):
    """With the verdict, the limits and the player, without the detector; it asks nobody for anything."""
    found = scanned(page, clips / "two.mp4")
    with page.expect_download() as saved:
        page.click("#save-page")
    assert saved.value.suggested_filename == "two_spotter.html"
    kept = tmp_path / "two_spotter.html"
    saved.value.save_as(kept)
    assert kept.stat().st_size < 3e6
    asked, wrong = [], []
    alone = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000}).new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.goto(kept.as_uri())
    alone.wait_for_function("() => document.getElementById('caption').textContent.includes('frame score')")
    for place in ("#verdict", "#reason", "#figures", "#caption", "#name"):
        assert alone.inner_text(place) == page.inner_text(place)
    assert alone.inner_text("#verdict") == found["label"] and "this clip" in alone.inner_text(".limits")
    for gone in ("#choose", "#save", "#about", "[id^=carried-]"):
        assert alone.locator(gone).count() == 0
    pixels = """(id) => Array.from(document.getElementById(id).getContext('2d').getImageData(0, 0, 448, 448).data)
        .filter((_, i) => (i >> 2) % 13 === 0)"""  # a few: a browser hands over 20,000 numbers a second
    apart = [np.array(alone.evaluate(pixels, id), int) - page.evaluate(pixels, id) for id in ("plain", "heat")]
    assert max(np.abs(each).mean() for each in apart) < 4, "a JPEG of it"
    before = alone.inner_text("#caption")
    alone.locator("#slider").press("ArrowRight")
    assert alone.inner_text("#caption") != before
    alone.locator("#people label").nth(1).click()
    assert alone.inner_text("#who").startswith("Face 2")
    photograph(alone, "page_saved", full_page=True)
    assert not wrong and all(address.startswith(("file:", "blob:", "data:")) for address in asked), (wrong, asked)
    alone.context.close()


def test_few_whole_pictures_are_kept_and_who_was_not_judged_is_counted(page, clips):
    scanned(page, clips / "two.mp4")
    assert "Faces judged\t2\n" in page.inner_text("#figures")
    kept = page.evaluate("""async () => {
        const blob = shown.scenes.find(Boolean), first = await sceneAt(1000, blob);
        for (let k = 1; k < 60; k++) await sceneAt(1000 + k, blob);
        return [shown.pictures.size, first.width, (await sceneAt(1059, blob)).width > 0];
    }""")
    assert kept == [24, 0, True]
    page.evaluate("() => { shown.json.faces[1].probability = null; showReport(shown, shown.side); }")
    assert "Faces judged\t1 of 2\n" in page.inner_text("#figures")


@contextlib.contextmanager
def serving(handler):
    """A web server on this machine while it is asked for: its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_isolated_page_scans_on_threads_and_says_the_same(browser, written, graphs, clips):
    class Isolated(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_):
            pass

    with serving(functools.partial(Isolated, directory=written.parent)) as address:
        served = browser.new_context().new_page()
        served.set_default_timeout(300_000)
        served.goto(f"{address}/index.html")
        served.wait_for_selector("#file:enabled", state="attached")
        assert served.evaluate("() => crossOriginIsolated")
        path = clips / "face.mp4"
        agree(served, scanned(served, path), scan_video(path, graphs).to_dict(heat=True), path)
        served.context.close()


def test_what_is_no_video_is_refused_in_words(page, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    page.set_input_files("#file", tmp_path / "text.mp4")
    page.wait_for_selector(FOUND)
    said = page.inner_text("#why")
    assert page.is_hidden("#result") and "cannot be read as a video" in said and "ffmpeg -i" in said


def test_a_video_whose_picture_changes_its_size_gets_no_half_verdict(page, tmp_path):
    parts = [encode(tmp_path / f"{width}.ts", size=(width, 48), g="12").read_bytes() for width in (64, 96)]
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    page.set_input_files("#file", tmp_path / "a.ts")
    page.wait_for_selector(FOUND)
    assert page.is_hidden("#result") and "changes its size midway" in page.inner_text("#why")


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.webp", "a WebP that moves"), ("a.png", "moves"), ("a.avif", "HEIC or AVIF"), ("a.gif", "as a video")],
)
def test_a_picture_that_moves_is_not_judged_by_its_first_frame(page, tmp_path, name, said):
    path = tmp_path / name
    if name == "a.avif":
        path.write_bytes(b"\0\0\0\x20ftypavif" + bytes(40))
    else:
        first, *more = (Image.new("RGB", (64, 48), (shade, 90, 90)) for shade in (20, 200))
        first.save(path, save_all=True, append_images=more)
    page.set_input_files("#file", path)
    page.wait_for_selector(FOUND)
    assert page.is_hidden("#result") and said in page.inner_text("#why")
    with pytest.raises(SpotterError):
        scan_image(path)


def test_a_scan_can_be_cancelled(page, clips):
    page.set_input_files("#file", clips / "face.mp4")
    page.wait_for_selector("#work:not([hidden])")
    late = page.evaluate_handle("() => worker")
    page.click("#cancel")
    late.evaluate("(old) => old.onmessage({ data: { kind: 'failed', said: 'late', mended: true } })")
    late.evaluate("(old) => old.onerror({ message: 'late' })")
    assert page.is_hidden("#work") and page.is_hidden("#result") and page.is_hidden("#failed")


def test_a_file_dropped_while_the_page_gets_ready_is_scanned_then(browser, written):
    page = browser.new_page()
    page.set_default_timeout(300_000)
    page.add_init_script("""addEventListener("DOMContentLoaded", () => {
        const dropped = new DataTransfer();
        dropped.items.add(new File(["no video"], "early.mp4"));
        self.early = document.getElementById("file").disabled;
        dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
    })""")
    page.goto(written.as_uri())
    page.wait_for_selector("#failed:not([hidden])")
    assert page.evaluate("() => early") and "cannot be read as a video" in page.inner_text("#why")
    page.close()


def test_the_browser_is_held_to_no_connection(browser, written):
    """The rule is the page's own: with the network on, nothing arrives that it or a worker asks for."""
    came = []

    class Counting(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            came.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    tries = """async (address) => {
        const asking = (name) => `fetch("${address}/${name}").then(() => "through", () => "refused")`;
        const code = `${asking("worker")}.then(postMessage)`;
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
        const said = new Promise((done) => { worker.onmessage = ({ data }) => done(data); });
        const loaded = (tag) => new Promise((done) => {
            const node = document.createElement(tag);
            [node.onload, node.onerror, node.src] = [() => done("through"), () => done("refused"), `${address}/${tag}`];
            document.head.append(node);
        });
        const fetched = fetch(`${address}/page`).then(() => "through", () => "refused");
        return Promise.all([fetched, said, loaded("img"), loaded("script")]);
    }"""
    send = """(address) => {
        const form = Object.assign(document.createElement("form"), { action: `${address}/form`, method: "post" });
        document.body.append(form);
        form.submit();
    }"""
    with serving(Counting) as address:
        held = browser.new_page()
        held.goto(written.as_uri())
        assert held.evaluate(tries, address) == ["refused"] * 4
        held.evaluate(send, address)
        held.wait_for_timeout(500)
        assert not came
        held.close()
        free = browser.new_page()  # of a page without the rule all of it arrives
        free.goto(f"{address}/free")
        free.evaluate(tries, address)
        free.evaluate(send, address)
        free.wait_for_url("**/form")
        assert {"/free", "/page", "/worker", "/img", "/script", "/form"} <= {*came}
        free.close()
    rules = re.search(r'Security-Policy" content="([^"]*)"', written.read_text("utf-8")[:2000])[1]
    assert "default-src 'none'" in rules and "connect-src 'none'" in rules and "http" not in rules


def test_one_file_of_at_most_60_mb(written):
    assert written.name == "index.html" and [file.name for file in written.parent.iterdir()] == ["index.html"]
    assert 20e6 < written.stat().st_size <= 60e6


def test_what_is_not_what_was_pinned_is_not_used(tmp_path, monkeypatch):
    """Neither from the cache nor from npm."""
    library = LIBRARIES[0]
    kept = tmp_path / f"{library.name}-{library.version}.tgz"
    kept.write_bytes(b"something else")
    asked = []

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self):
            return b"something else again"

    def opened(address, timeout):
        asked.append(address)
        return Answer()

    monkeypatch.setattr("urllib.request.urlopen", opened)
    with pytest.raises(SpotterError, match="not the file that was pinned"):
        library_files(tmp_path)
    assert asked == [library.address] and kept.read_bytes() == b"something else"

    def unreachable(address, timeout):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(SpotterError, match=r"cannot be fetched \(no network\).*copy the file to"):
        library_files(tmp_path)
    assert replace(library, version="9").address.endswith("/onnxruntime-web-9.tgz")
