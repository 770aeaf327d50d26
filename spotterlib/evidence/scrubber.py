"""A widget for a notebook: scrub through a clip with its evidence beside it.

Slider, play and caption stay alive in a page without a kernel, wherever a widget manager is loaded: every frame is an
`Image` with its caption in a `Stack`, and the browser itself links the slider to it. Opacity, threshold, style and the
choice of a face need a running kernel.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np
from IPython.display import display

from ..base import ArgumentError
from ..faces import FRAMES
from ..metrics import probability_text, verdict_text
from ..video import picture_kind
from . import draw
from .heat import OPACITY, THRESHOLD, overlay_heatmap, red_share
from .markup import data_address, fill_widget
from .names import ControlNames
from .scenes import draw_scene, person_words, portrait_of, scene_boxes
from .sheet import contact_sheet, face_sheet, telling
from .words import certainty, describe, heat_note, heat_words, video_name

if TYPE_CHECKING:
    from ..faces import FaceClip
    from ..scan import ScanReport

KEPT = 96
"""Frames of a face that a scrubber holds, about 3 MB: beyond that, those of the strongest windows."""

SIDE, STRIP, SHOWN = 224, 36, 560  # px: a crop, the timeline, and the width on the screen


def examine(path: str | os.PathLike[str], checkpoint: Any = None, device: str = "auto") -> FrameScrubber:
    """Scan a video or a still picture and show it: `examine("my.mp4")` as the last line of a cell.

    Raises what `scan_video` and `scan_image` raise.
    """
    from ..scan import scan_image, scan_video

    scan = scan_image if picture_kind(path) else scan_video
    return FrameScrubber(scan(path, checkpoint=checkpoint, device=device))


@dataclass(frozen=True)
class ScrubberView:
    """The widgets of one display of a scrubber; `box` holds them all."""

    box: widgets.VBox
    play: widgets.Play
    slider: widgets.IntSlider
    stack: widgets.Stack
    opacity: widgets.FloatSlider
    threshold: widgets.FloatSlider
    style: widgets.Dropdown
    face: widgets.Dropdown


class FrameScrubber:
    """Original and evidence side by side, frame by frame, the scores over time below; show it as a cell's last line.

    shown: a `ScanReport`, or a `FaceClip` with heatmaps, float (T, 7, 7) raw values ≥ 0, and scores, float (T,) 0 … 1,
    NaN unknown. One heatmap scale for all frames: the report's, or the largest value. Every display is a fresh set of
    widgets (a Play that is shown twice stops playing), followed by a contact sheet as a static text alternative.
    Raises `ArgumentError` when heatmaps or scores do not have one entry a frame.
    """

    def __init__(
        self, shown: ScanReport | FaceClip, heatmaps: np.ndarray | None = None, scores: np.ndarray | None = None
    ) -> None:
        self.report: ScanReport | None = shown if hasattr(shown, "faces") else None
        self.still = self.report is not None and self.report.still
        if self.report is not None:
            self.faces: list[Any] = list(self.report.faces)
            self.scale, self.end = float(self.report.heatmap_scale), draw.end_of(self.report.times)
        else:
            self.faces = [_as_face(shown, heatmaps, scores)]
            top = float(self.faces[0].heatmaps.max(initial=0))
            self.scale, self.end = top if top > 0 else 1.0, draw.end_of(self.faces[0].track.times)
        self.rows = [draw.kept_rows(face, KEPT) for face in self.faces]
        self.where = [heat_words(face, self.scale) for face in self.faces]
        self.worth = heat_note(self.report.checkpoint if self.report is not None else {})

    def _ipython_display_(self) -> None:
        display(self._top())
        _show_picture(*self.sheet())

    def whole(self) -> widgets.VBox:
        """All that a display shows, as one widget, for a box that stands there already."""
        picture, text = self.sheet()
        sheet = fill_widget("sheet", picture=data_address(draw.encode_jpeg(picture)), text=text, width=SHOWN)
        return widgets.VBox([self._top(), widgets.HTML(sheet)])

    def _top(self) -> widgets.Widget:
        return self.build().box if self.faces else widgets.HTML(_verdict(self.report))

    def build(self) -> ScrubberView:
        """A fresh set of widgets. Raises `ArgumentError` when there is no face to show."""
        if not self.faces:
            raise ArgumentError(f"No face was {'found' if self.still else 'followed'}: there is nothing to scrub.")
        late = {
            "step": 0.05,
            "continuous_update": False,
            "layout": widgets.Layout(width="235px"),
            "style": {"description_width": "68px"},
        }
        opacity = widgets.FloatSlider(OPACITY, min=0, max=1, description="Opacity", **late)
        threshold = widgets.FloatSlider(THRESHOLD, min=0, max=0.9, description="Threshold", **late)
        narrow = {"description_width": "40px"}
        style = widgets.Dropdown(
            options=["grid", "smooth"], description="Style", layout=widgets.Layout(width="130px"), style=narrow
        )
        choices = [(self._whose(number), number) for number in range(len(self.faces))]
        face = widgets.Dropdown(options=choices, description="Face", layout=widgets.Layout(width="220px"), style=narrow)
        last = len(self.rows[0]) - 1
        steps = np.diff(self.faces[0].track.times)
        interval = int(np.clip(1000 * np.median(steps), 80, 400)) if len(steps) else 200
        play = widgets.Play(min=0, max=last, interval=interval, repeat=True)
        slider = widgets.IntSlider(
            min=0, max=last, readout=False, layout=widgets.Layout(width=f"{SHOWN - 150}px", max_width="100%")
        )
        stack = widgets.Stack(layout=widgets.Layout(width="100%", max_width=f"{SHOWN + 10}px"))

        def pictures() -> list[bytes]:
            timeline, chosen = self._timeline(face.value), self.rows[face.value]
            how = (opacity.value, threshold.value, style.value, timeline)
            return [draw.encode_jpeg(self._picture(face.value, row, *how)) for row in chosen]

        def captions() -> list[str]:
            return [self.caption(face.value, row) for row in self.rows[face.value]]

        def fill() -> None:
            size = widgets.Layout(width="100%", max_width=f"{SHOWN}px", height="auto")
            images = [widgets.Image(value=jpeg, format="jpeg", layout=size) for jpeg in pictures()]
            texts = [widgets.HTML(text) for text in captions()]
            stack.children = [widgets.VBox(pair) for pair in zip(images, texts, strict=True)]

        def repaint(_: Any) -> None:
            for pair, jpeg in zip(stack.children, pictures(), strict=True):
                pair.children[0].value = jpeg

        def change_face(_: Any) -> None:
            time = self.faces[shown_face[0]].track.times[self.rows[shown_face[0]][slider.value]]
            shown_face[0] = face.value
            who.value = self._people(face.value)
            times = self.faces[face.value].track.times[self.rows[face.value]]
            stack.selected_index = None  # never past the end while the pictures change
            fill()
            play.max = slider.max = len(times) - 1
            slider.value = stack.selected_index = play.value = int(np.argmin(np.abs(times - time)))

        shown_face = [0]
        who = widgets.HTML(self._people(0))
        fill()
        worth = np.nan_to_num(telling(self.faces[0], self.scale)[self.rows[0]], nan=-1.0)
        slider.value = play.value = stack.selected_index = int(np.argmax(worth))  # open on the most telling frame
        widgets.jslink((play, "value"), (slider, "value"))
        widgets.jsdlink((slider, "value"), (stack, "selected_index"))
        for control in (opacity, threshold, style):
            control.observe(repaint, names="value")
        face.observe(change_face, names="value")
        tuned = [face] if len(self.faces) > 1 else []
        head = [widgets.HTML(_verdict(self.report))] if self.report is not None else []
        if self.report is not None and len(self.faces) > 1:
            head.append(who)
        wrapped = widgets.Layout(flex_flow="row wrap", width="100%", max_width="860px")
        loose = widgets.Layout(flex_flow="row wrap")
        pairs = [widgets.HBox(pair, layout=loose) for pair in ([*tuned, style], [opacity, threshold])]
        settings = widgets.HBox(pairs, layout=wrapped)
        said = fill_widget("aside", text=self.worth[1], width=SHOWN)
        moving = [ControlNames()] if self.still else [play, slider, ControlNames()]
        box = widgets.VBox([*head, stack, widgets.HBox(moving, layout=wrapped), settings, widgets.HTML(said)])
        box.add_class("spotter-scrubber")
        return ScrubberView(box, play, slider, stack, opacity, threshold, style, face)

    def sheet(self) -> tuple[np.ndarray, str]:
        """The static alternative: a contact sheet, uint8 RGB (H, W, 3), and what it says in words."""
        if self.report is not None:
            return contact_sheet(self.report), describe(self.report)
        seen = int(self.faces[0].track.valid.sum())
        words = f"Of {seen} frames with a face those with the highest scores and heat, each beside its evidence."
        heat = "the heat that was given, full red the largest of it"
        return face_sheet(self.faces[0], self.scale, self.worth[0], heat), words

    def picture(
        self, face: int, row: int, opacity: float = OPACITY, threshold: float = THRESHOLD, style: str = "grid"
    ) -> np.ndarray:
        """Crop, crop with evidence, and the timeline below: uint8 RGB (262, 450, 3) of one row of a face's grid; of a
        still picture, which has no timeline, (224, 450, 3)."""
        return self._picture(face, row, opacity, threshold, style, self._timeline(face))

    def caption(self, face: int, row: int) -> str:
        """What stands below the picture of one row of a face's grid, as HTML."""
        one = self.faces[face]
        score, found = one.frame_scores[row], bool(one.track.valid[row])
        when = {"frame": f"{one.track.frames[row]}", "time": f"{one.track.times[row]:.2f} s"}
        fields = {
            **({} if self.still else when),
            "score": probability_text(score if found else None),
            "face": "found" if found else "not found",
            "red": f"{red_share(one.heatmaps[row], self.scale):.0f} % of the crop" if found else "–",
            "heat on": self.where[face][row] or "–",
        }
        return fill_widget("caption", fields=fields)

    def _picture(
        self, face: int, row: int, opacity: float, threshold: float, style: str, timeline: np.ndarray
    ) -> np.ndarray:
        one = self.faces[face]
        canvas = np.full((SIDE + 2 + STRIP, 2 * SIDE + 2, 3), 255, np.uint8)
        canvas[SIDE + 2 :] = timeline
        draw.put_mark(canvas[SIDE + 2 :], one.track.times[row] / self.end)
        if one.track.valid[row]:
            crop = one.clip.frames[row]
            canvas[:SIDE, :SIDE] = crop
            heat = one.heatmaps[row]
            canvas[:SIDE, SIDE + 2 :] = overlay_heatmap(crop, heat, self.scale, None, opacity, threshold, style)
        else:
            for left in (0, SIDE + 2):
                canvas[:SIDE, left : left + SIDE] = (43, 46, 52)
                start = left + (SIDE - draw.text_width("no face found here", 15)) // 2
                draw.put_text(canvas, "no face found here", (start, SIDE // 2), 15, draw.PALE)
        return canvas[:SIDE] if self.still else canvas  # one picture has no course in time

    def _whose(self, face: int) -> str:
        """A face in the list of them: its number, and the verdict on it alone."""
        if self.report is None:
            return str(face + 1)
        return f"{face + 1}: {verdict_text(self.faces[face].label, self.faces[face].probability)}"

    def _people(self, chosen: int) -> str:
        """Thumbnails of all faces with their own verdicts, and a whole picture with a numbered box on each, as HTML:
        the one on which the chosen face was seen most surely."""
        if self.report is None or len(self.faces) < 2:
            return ""
        people = []
        for one in self.faces:
            color = draw.VERDICTS[one.label]
            said = verdict_text(one.label, one.probability)
            picture = data_address(draw.encode_jpeg(portrait_of(one)))
            people.append({"picture": picture, "said": said, "color": color, "ink": draw.ink_on(color)})
        boxes = scene_boxes(self.report)
        track = self.faces[chosen].track
        index = int(track.frames[np.argmax(np.where(track.valid, track.confidences, -1))])
        scene = ""
        if index in boxes:
            scene = data_address(draw.encode_jpeg(draw_scene(self.report, index, boxes[index], chosen)))
        words = person_words(self.report, chosen)
        return fill_widget("people", people=people, chosen=chosen, words=words, scene=scene, width=SHOWN)

    def _timeline(self, face: int) -> np.ndarray:
        track, scores = self.faces[face].track, self.faces[face].frame_scores
        seen = np.where(track.valid, scores, np.nan)
        strip = draw.draw_timeline(draw.score_columns(track.times, seen, 2 * SIDE + 2, self.end, track.windows), STRIP)
        if self.report is not None:
            own = [segment for segment in self.report.segments if segment.person == face + 1]
            draw.put_segments(strip, own, self.end)
        return strip


def _as_face(clip: FaceClip, heatmaps: np.ndarray | None, scores: np.ndarray | None) -> SimpleNamespace:
    """A clip with its heatmaps and scores, in the shape of a report's face."""
    count = len(clip.times)
    heatmaps = np.zeros((count, 7, 7), np.float32) if heatmaps is None else np.asarray(heatmaps, np.float32)
    scores = np.full(count, np.nan) if scores is None else np.asarray(scores, np.float64)
    if len(heatmaps) != count or len(scores) != count:
        raise ArgumentError(f"{count} frames need as many heatmaps and scores, not {len(heatmaps)} and {len(scores)}")
    rows = np.arange(count)
    track = SimpleNamespace(times=clip.times, frames=rows, valid=clip.valid, windows=rows // FRAMES)
    return SimpleNamespace(track=track, clip=clip, heatmaps=heatmaps, frame_scores=scores, windows=())


def _verdict(report: Any) -> str:
    """The head of a scrubber as HTML: the verdict, how sure it is, of which file, and why."""
    return fill_widget(
        "verdict",
        label=report.label,
        color=draw.VERDICTS[report.label],
        ink=draw.ink_on(draw.VERDICTS[report.label]),
        certain=certainty(report),
        name=video_name(report),
        reason=report.reason,
    )


def _show_picture(picture: np.ndarray, text: str) -> None:
    """Show `text` and uint8 RGB (H, W, 3) with the text as its alternative; every viewer of notebooks shows both."""
    display({"text/html": fill_widget("paragraph", text=text, width=SHOWN), "text/plain": text}, raw=True)
    jpeg = base64.b64encode(draw.encode_jpeg(picture)).decode("ascii")
    display({"image/jpeg": jpeg, "text/plain": text}, metadata={"image/jpeg": {"alt": text}}, raw=True)
