"""Every number that decides which faces are found and how they are cut, for whoever does the same elsewhere."""

from __future__ import annotations

from ..video import BURST, BURSTS, LULL, MANY, PAUSE, shot_numbers
from . import crops, detect, find, mtcnn, people, recognise, tracking, tracks, windows


def cropping() -> dict[str, object]:
    """The settings that decide which faces are found and how they are cut, JSON-ready: what a cache belongs to."""
    seen = {"detector": "MTCNN of facenet-pytorch 2.5", "detect_side": detect.DETECT_SIDE}
    seen |= {"whole_look": find.WHOLE_LOOK, "min_confidence": detect.MIN_CONFIDENCE}
    followed = {"min_sightings": find.MIN_SIGHTINGS, "patience": tracking.PATIENCE, "smoothing": tracking.SMOOTHING}
    followed |= {"same_person": people.SAME_PERSON}
    return {"crop": crops.CROP, "wide": crops.WIDE, "margin": crops.MARGIN, **windows.GRID, **seen, **followed}


def face_numbers() -> dict[str, dict[str, object]]:
    """The constants of this room, JSON-ready, by what they belong to: shots, windows, detection, following, …

    A picture is looked at by MTCNN at `side` px; its thresholds are those of its three networks, and `overlaps` those
    of boxes at one scale, of all, after the second network, and, of the smaller box, after the third. Times in s, sides
    in px.
    """
    return {
        "shots": shot_numbers(),
        "windows": {
            "frames": windows.FRAMES,
            "longest": windows.WINDOW,
            "most": windows.MAX_WINDOWS,
            "shot_frames": [windows.A_SECOND, windows.LEAST_FRAMES],
            "shortest_shot": windows.SHORTEST,
            "thinned": windows.THINNED,
            "pause": PAUSE,
            "lull": [LULL, MANY],
            "bursts": [BURSTS, BURST],
        },
        "detection": {
            "side": detect.DETECT_SIDE,
            "least_side": detect.MIN_SIDE,
            "least_face": mtcnn.LEAST_FACE,
            "pyramid": mtcnn.PYRAMID,
            "thresholds": list(mtcnn.THRESHOLDS),
            "overlaps": list(mtcnn.OVERLAPS),
            "least_confidence": detect.MIN_CONFIDENCE,
            "whole_look": find.WHOLE_LOOK,
            "held": find.HELD,
        },
        "following": {
            "patience": tracking.PATIENCE,
            "smoothing": tracking.SMOOTHING,
            "least_affinity": tracking.LEAST_AFFINITY,
            "alike": tracking.ALIKE,
            "least_sightings": find.MIN_SIGHTINGS,
            "passing": find.PASSING,
            "same_person": people.SAME_PERSON,
            "faces_compared": people.LOOKS,
        },
        "recognising": recognise.recognising_numbers(),
        "crops": {"side": crops.CROP, "margin": crops.MARGIN, "padding": list(crops.PADDING), "scene": crops.SCENE},
        "judging": {"least_frames": tracks.MIN_USABLE, "smallest": tracks.SMALLEST},
    }
