"""`make lab` opens JupyterLab on the notebooks, and stepping through one there works."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from spotterlib.project import ROOT

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (apt-get install chromium)")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def lab():
    """The address of a JupyterLab that `make lab` started, without a browser of its own."""
    port = free_port()
    options = f"--no-browser --ip=127.0.0.1 --port={port} --IdentityProvider.token=spotter"
    options += " --LabApp.expose_app_in_browser=True"
    server = subprocess.Popen(
        ["make", "lab", f"LAB_OPTIONS={options}"], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in server.stderr:  # it says when it serves
        if f"127.0.0.1:{port}/lab" in line:
            break
    else:
        pytest.fail(f"make lab ended with {server.wait()}")
    while not listens(port):  # it speaks a moment before it listens
        assert server.poll() is None, "make lab ended"
    yield f"http://127.0.0.1:{port}", server
    os.killpg(server.pid, signal.SIGTERM)
    server.stderr.close()
    server.wait()


def test_it_opens_on_the_notebooks(lab):
    with urllib.request.urlopen(f"{lab[0]}/lab?token=spotter") as page:
        assert page.status == 200
    with urllib.request.urlopen(f"{lab[0]}/api/contents/notebooks?token=spotter") as listing:
        assert b"03_train.ipynb" in listing.read()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{lab[0]}/api/contents/notebooks")


def test_stepping_through_the_split_in_the_browser(lab):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.set_default_timeout(240_000)
        page.goto(f"{lab[0]}/doc/tree/notebooks/01_split.ipynb?token=spotter")
        page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
        page.wait_for_function("window.jupyterapp.commands.hasCommand('notebook:run-all-cells')")
        page.wait_for_function(
            "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        )
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_selector("text=No leak: no person")
        assert page.locator(".jp-OutputArea-output img").count() >= 1
        assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
        browser.close()
