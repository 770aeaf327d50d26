"""Draw README's first picture: a sample fake, where it is forged, and its heat; beside it a real one and its heat.

    python benchmarks/draw_example.py

The people do not exist. The fake is a self-blend of the mouth; its mask is known. Shown are the frames with the highest
score of 8. Writes `--out`, docs/heat.jpg, and prints the scores and where the heat lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import cv2
import numpy as np

from spotterlib.base import atomic_path, command_line, output_path, run_main
from spotterlib.evidence import draw, overlay_heatmap
from spotterlib.evidence.heat import red_share
from spotterlib.evidence.words import heat_words
from spotterlib.fakes import (
    PEOPLE,
    PLAIN,
    draw_blend,
    film,
    film_mask,
    film_points,
    find_portraits,
    load_still,
    self_blend,
)
from spotterlib.metrics import probability_text
from spotterlib.model import load_checkpoint
from spotterlib.scan import explain_clips, shown_heat

FORGED, HONEST, SEED = "p03.jpg", "p06.jpg", 4
SIDE, GAP, FRAMES = 280, 8, 8  # px, px, frames


def main(arguments: Sequence[str] | None = None) -> None:
    options = command_line(__doc__, "checkpoint", "device", out="docs/heat.jpg").parse_args(arguments)
    detector = load_checkpoint(options.checkpoint, options.device)
    everybody = {path.name for path in PEOPLE.glob("*.jpg")}
    rows = {row["name"]: row for row in find_portraits(PEOPLE, everybody - {FORGED, HONEST})}
    panels = []
    for name in (FORGED, HONEST):
        carrier = load_still(rows[name], np.random.default_rng(SEED), FRAMES)
        fakes, masks = carrier.frames, None
        if name == FORGED:
            blend = draw_blend(np.random.default_rng(SEED), "mouth", least=0.75)
            fakes, masks = self_blend(carrier.frames, carrier.landmarks, blend)
        crops = film(carrier, PLAIN, fakes)
        logit, each, raw = explain_clips(detector, crops[None], carrier.valid[None])
        scores = detector.calibrated(each[0], "frame")
        heat, top = shown_heat(raw[0], scores), int(np.argmax(scores))
        clip = SimpleNamespace(landmarks=film_points(carrier, PLAIN), boxes=np.tile([0.0, 0, 1, 1], (FRAMES, 1)))
        where = heat_words(SimpleNamespace(heatmaps=heat, clip=clip), 1.0)[top]
        crop = cv2.resize(crops[top], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        said = f"score {probability_text(scores[top])}, red {red_share(heat[top], 1.0):.0f} % of the crop"
        print(
            f"{name}: clip {detector.calibrated(logit, 'clip')[0]:.3f}, frame {top}, {said}, {where or 'nothing red'}"
        )
        panels.append((crop, "A fake: the mouth is forged" if masks is not None else "A real one", ""))
        if masks is not None:
            shown = cv2.resize(film_mask(carrier, PLAIN, masks, 56)[top], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
            white = (crop * 0.35 + 255 * 0.65 * (shown > shown.max() / 2)[..., None]).clip(0, 255).astype(np.uint8)
            panels.append((white, "Where, as known", "white: the forged area"))
        panels.append((overlay_heatmap(crop, heat[top], 1.0, cell=SIDE / 22), "Its heat", said))
    sheet = np.full((SIDE + 60, len(panels) * (SIDE + GAP) + GAP, 3), 255, np.uint8)
    for number, (picture, title, told) in enumerate(panels):
        left = GAP + number * (SIDE + GAP)
        sheet[GAP : GAP + SIDE, left : left + SIDE] = picture
        draw.put_text(sheet, title, (left, SIDE + 28), 16, (27, 29, 33), True)
        draw.put_text(sheet, told, (left, SIDE + 50), draw.fitting_size(told, SIDE, 14), (92, 99, 109))
    with atomic_path(output_path(options.out)) as part:
        part.write_bytes(draw.encode_jpeg(sheet))


if __name__ == "__main__":
    run_main(main)
