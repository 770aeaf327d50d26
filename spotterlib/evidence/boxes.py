"""The box of a notebook that scans what is dropped on it or named, and hands out the results."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ..base import SpotterError, output_path, own_name, write_json
from ..video import PICTURE_SUFFIXES, VIDEO_SUFFIXES, picture_kind
from .diagnostic import write_diagnostic_video
from .drop import DropBox
from .links import ResultLinks
from .markup import fill_widget
from .page import export_page
from .scrubber import FrameScrubber

if TYPE_CHECKING:
    from ..scan import ScanReport

Told = Callable[[float], None]


def upload_box() -> ScanBox:
    """A `ScanBox`; show it as a cell's last line."""
    return ScanBox()


class ScanBox(widgets.VBox):
    """A box in a notebook: drop a video, or type the path of one and press Enter, and see the verdict with its
    evidence. A picture (JPEG, PNG, WebP) is scanned as a still.

    A bar tells how far a scan is, and Cancel ends it; whatever is dropped or named meanwhile takes its place. The page
    to hand on is written to `runs/` first, the diagnostic video, which takes longer, when it is asked for; what is
    dropped is kept in `runs/uploads/`. Without a browser (a run by papermill) the box is merely shown. `report` holds
    the last `ScanReport`, None before and after a scan that came to nothing.
    """

    def __init__(self) -> None:
        hint = "or the path of a video or picture on this machine, then Enter"
        wide = widgets.Layout(width="420px", max_width="100%")
        self.path = widgets.Text(placeholder=hint, tooltip="Path of a video or picture", layout=wide)
        self.drop = DropBox(accept=",".join(["video/*", *sorted(VIDEO_SUFFIXES), *PICTURE_SUFFIXES]))
        self.button = widgets.Button(description="Scan", button_style="primary", layout=widgets.Layout(width="90px"))
        self.bar = widgets.FloatProgress(0.0, min=0.0, max=1.0, tooltip="How much is done")
        self.cancel = widgets.Button(description="Cancel", layout=widgets.Layout(width="90px"))
        self.working = widgets.HBox([self.bar, self.cancel])
        self.state = widgets.HTML()
        self.links = ResultLinks()
        self.more = widgets.Button(description="Make the diagnostic video", layout=widgets.Layout(width="210px"))
        self.shown = widgets.VBox()
        self.report: ScanReport | None = None
        self._wanted: Callable[[], Any] | None = None  # what is to be done next
        self._busy, self._stopped = False, threading.Event()
        self._task: asyncio.Task | None = None  # held: asyncio itself forgets a task that nobody holds
        self.path.on_msg(lambda _, message, __: message.get("event") == "submit" and self._ask())
        self.drop.observe(self._arrived, "file")
        self.button.on_click(lambda _: self._ask())
        self.more.on_click(lambda _: self._begin(self._film))
        self.cancel.on_click(lambda _: self._stopped.set())
        _show(self.working, False)
        _show(self.more, False)
        row = widgets.HBox([self.path, self.button], layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.drop, row, self.working, self.state, self.links, self.more, self.shown])

    def _arrived(self, change: dict) -> None:
        if change["new"] is not None:
            self.path.value = ""  # what came last is meant
            self._ask()

    def chosen(self) -> Path | str:
        """The video named, else the file that was dropped. Raises `SpotterError` for neither."""
        named = self.path.value.strip() or self.drop.file
        if not named:
            raise SpotterError("Nothing to scan yet: drop a video or a picture on the box, or type the path of one.")
        return named

    def _ask(self) -> None:
        self._begin(self._scan)

    def _begin(self, work: Callable[[], Any]) -> None:
        """Do work, once what is under way has ended: at once in a kernel, whose loop goes on meanwhile."""
        self._wanted = work
        if self._busy:
            self._stopped.set()
            return
        try:
            self._task = asyncio.get_running_loop().create_task(self._work_off())
        except RuntimeError:  # no loop: a program, not a kernel
            asyncio.run(self._work_off())

    async def _work_off(self) -> None:
        while self._wanted is not None:
            work, self._wanted = self._wanted, None
            self._busy = True
            self._stopped.clear()
            self.bar.value, self.state.value = 0.0, ""
            _show(self.working, True)
            try:
                await work()
            except _Cancelled as stopped:
                self.state.value = fill_widget("aside", text=f"Cancelled: {stopped}.", width=560)
            except SpotterError as error:
                self.state.value = fill_widget("problem", text=str(error))
            except Exception:  # a defect: nothing else would show it, for the cell has ended long ago
                self.state.value = fill_widget("defect", text=traceback.format_exc())
            finally:
                self._busy = False
                _show(self.working, False)

    async def _scan(self) -> None:
        from .. import scan

        self.report, self.links.files, self.shown.children = None, [], ()
        _show(self.more, False)
        path = self.chosen()
        name = Path(path).name

        def look(told: Told) -> ScanReport:
            return scan.scan_image(path) if picture_kind(path) else scan.scan_video(path, progress=told)

        def words(share: float) -> str:
            return f"Looking for faces in {name}" if share < scan.FACES else f"Scoring the faces of {name}"

        nothing = "nothing was kept of the scan"
        report = await self._beside(look, words, nothing)
        if self._stopped.is_set():  # a picture is scanned too quickly to hear it
            raise _Cancelled(nothing)
        target = output_path(Path("runs") / f"{own_name(report.video)}_spotter.html")
        figures = target.with_suffix(".json")

        def write(_: Told) -> Path:
            write_json(figures, report.to_dict())
            return export_page(report, target)

        page = await self._beside(write, lambda _: "Writing the page")
        self.report = report
        self.links.add("Page to hand on", page)
        self.links.add("Its figures, by which anybody can check it", figures)
        self.shown.children = [FrameScrubber(report).whole()]
        _show(self.more, not report.still)
        self.state.value = ""

    async def _film(self) -> None:
        report = self.report
        _show(self.more, False)
        film = None
        try:
            film = await self._beside(
                lambda told: write_diagnostic_video(report, progress=told),
                lambda _: "Writing the diagnostic video",
                "nothing was kept of the diagnostic video",
            )
        finally:
            _show(self.more, film is None)  # to be asked for again
        self.links.add("Diagnostic video", film)
        self.state.value = ""

    async def _beside(self, work: Callable[[Told], Any], words: Callable[[float], str], lost: str = "") -> Any:
        """What `work` returns, done in a thread. words: what is done, by the share 0…1; lost: what Cancel costs."""
        loop, last = asyncio.get_running_loop(), -1.0

        def show(share: float) -> None:
            self.bar.value = share
            self.state.value = fill_widget("aside", text=f"{words(share)}: {100 * share:.0f} %", width=560)

        def told(share: float) -> None:
            nonlocal last
            if self._stopped.is_set():
                raise KeyboardInterrupt  # as whoever stops a program: nobody takes it for a fault of the video
            if share - last >= 0.01 or share >= 1:
                last = share
                loop.call_soon_threadsafe(show, share)  # widgets belong to the kernel's thread

        def whole() -> Any:
            try:
                return work(told)
            except KeyboardInterrupt:
                raise _Cancelled(lost) from None

        show(0.0)
        return await asyncio.to_thread(whole)


class _Cancelled(Exception):
    """Work that was cancelled, and what is lost by that."""


def _show(widget: widgets.Widget, on: bool) -> None:
    widget.layout.display = None if on else "none"
