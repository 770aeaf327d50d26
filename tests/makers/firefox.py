"""Firefox, driven by WebDriver BiDi: Playwright drives only a Firefox of its own making."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket
from makers.bounded import end, until

LIMIT = 300  # s that one answer, and one look at a page, may take on a busy machine


class Firefox:
    """One tab. `said`: what the page wrote to the console as an error."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(f"{address}/session", timeout=LIMIT, suppress_origin=True)
        self.number = 0
        self.said: list[str] = []
        self.call("session.new", capabilities={})
        self.tab = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.call("session.subscribe", events=["log.entryAdded"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for one thing, and wait for the answer."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.said.append(told["params"]["text"])
            if told.get("id") == self.number:
                assert told["type"] == "success", told
                return told["result"]

    def open(self, page: Path) -> None:
        self.call("browsingContext.navigate", context=self.tab, url=page.as_uri(), wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What an expression gives on the page, as JSON brings it here."""
        text = self._raw(f"JSON.stringify({expression})").get("value")
        return None if text is None else json.loads(text)

    def _raw(self, expression: str) -> dict[str, Any]:
        how = {"target": {"context": self.tab}, "awaitPromise": True}
        found = self.call("script.evaluate", expression=expression, **how)
        assert found["type"] == "success", found
        return found["result"]

    def choose(self, selector: str, file: Path) -> None:
        """Give a file to an input."""
        element = {"sharedId": self._raw(f"document.querySelector({json.dumps(selector)})")["sharedId"]}
        self.call("input.setFiles", context=self.tab, element=element, files=[str(file)])

    def wait(self, expression: str) -> None:
        until(lambda: self.evaluate(expression), expression, limit=LIMIT)


@contextmanager
def started(program: str, folder: Path) -> Iterator[Firefox]:
    """Firefox without a window, with a new profile in a folder."""
    said, profile = folder / "said.txt", folder / "profile"
    profile.mkdir()
    command = [
        program,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port=0",
        "about:blank",
    ]
    with said.open("w") as log:
        how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
        process = subprocess.Popen(command, env={**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1"}, **how)

    def address() -> str:
        assert process.poll() is None, f"Firefox ended: {said.read_text()[-2000:]}"
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", said.read_text())
        return found.group(1) if found else ""

    try:
        until(address, "Firefox that listens", limit=LIMIT)
        yield Firefox(address())
    finally:
        end(process, patience=30)
