"""Spotter: deepfake detection for video that shows its evidence.

A video, or a folder of them:

    report = scan_video("clip.mp4")             verdict, probability, reason, faces, scores, heatmaps
    report = scan_image("portrait.jpg")         the same of a still picture, with a caution of its own
    verify_report(report, "clip.mp4")           is it this file, and are these its figures?
    write_diagnostic_video(report)              the video again, with the evidence painted on it
    export_page(report, "clip.html")            one file with a player inside, to hand on
    table = scan_folder("my_videos")            a row a video; one that was stopped goes on
    label, confidence, path = predict_with_diagnostics("clip.mp4")

Face crops, and the checkpoint that judges them:

    clip = find_faces("clip.mp4").clips[0]      a face followed and cut: frames uint8 (T, 224, 224, 3)
    detector = load_checkpoint()                the one that Spotter ships, or another's path
    detector.score_frames(clip.frames)          calibrated P(fake) of each frame

A data set, in this order:

    manifest = build_manifest("my_videos")      which videos there are, and what they are
    split = split_by_group(manifest)            nobody is in two parts; audit_split looks at anybody's
    cached = cache_faces(split, "runs/cache")   faces, found once
    fit(TrainConfig(), train, val, "runs/me")   yields a record an epoch
    evaluate(detector, cached)                  figures with intervals; save_evaluation keeps them

`make_samples` makes clips of people who do not exist, to try all that on; `make_fakes("phone_videos", "my_videos")`
makes the fakes to a folder of real videos. A mistake that can be mended is a
`SpotterError` that says how. What is done is logged under "spotterlib", where nobody hears it unless `logging` is set
up. `dir(spotterlib)` has every public name, and `help(spotterlib.scan_video)` says what goes in and what comes out.

The rooms, in the order in which data flows: `base`, `video`, `provenance`, `data`, `splits`, `faces`, `fakes`,
`metrics`, `model`, `training`, `scan`, `evidence`, `evaluation`, `portable`, `notebook`, `terminal`;
docs/architecture.md shows them. A room imports only rooms before it, and only what that room's `__init__` exports.
Public names are looked up when first used, so that `import spotterlib` is quick and imports no torch.
"""

import logging

import lazy_loader

logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"

# the names, and the files that they are from, stand in __init__.pyi, for editors, too. No `__all__`: it would make
# `help(spotterlib)` the whole reference, thousands of lines
__getattr__, __dir__, _ = lazy_loader.attach_stub(__name__, __file__)
