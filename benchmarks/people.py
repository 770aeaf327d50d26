"""How far apart the faces of one person and of two are: the figures of docs/people.md.

    SPOTTER_DATA=… python benchmarks/people.py

Of every clip of `data/grid` and `data/clips` the main face in four frames, and the still of every sample person. Who is
who in `data/clips` was seen by eye (its README). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from spotterlib.base import ROOT, command_line, need_data, run_main
from spotterlib.faces import distances, main_face, mean_face

CLIPS = {
    "A": "again brother help no student yes",
    "B": "bird milk please sorry thanks",
    "C": "book learn school walk",
    "D": "eat night sister",
    "E": "hungry want",
    "pwij3p": "grid_s2_swwp2s",
}
"""Whose clips have another name than their person's."""


def main(arguments: Sequence[str] | None = None) -> None:
    command_line(__doc__).parse_args(arguments)
    home = need_data("data/grid", "data/clips")
    who = {clip: name for name, clips in CLIPS.items() for clip in clips.split()}
    found = {}
    for still in sorted((ROOT / "spotterlib" / "fakes" / "people").glob("p*.jpg")):
        found[still.stem] = (still.stem, mean_face([np.ascontiguousarray(cv2.imread(str(still))[..., ::-1])], "cpu"))
    for folder in ("grid", "clips"):
        for clip in sorted((home / "data" / folder).glob("*.m[pk][gv]")):
            found[clip.stem] = (who.get(clip.stem, clip.stem), main_face(clip, "cpu"))
    seen = {clip: (name, face[0]) for clip, (name, face) in found.items() if face is not None}
    names = np.array([name for name, _ in seen.values()])
    points = np.stack([point for _, point in seen.values()])
    apart, upper = distances(points, points), np.triu(np.ones((len(points), len(points)), bool), 1)
    same = names[:, None] == names[None]
    print(f"{len(seen)} of {len(found)} have a face; {len(set(names))} people")
    for title, chosen in (("one person", apart[same & upper]), ("two people", apart[~same & upper])):
        print(f"{title}: {len(chosen)} pairs, {chosen.min():.2f} / {np.median(chosen):.2f} / {chosen.max():.2f}")


if __name__ == "__main__":
    run_main(main)
