"""One video or still picture → a `ScanReport`; a folder of videos, or a face cache → a table.

In: a path and a checkpoint. Out: verdict, confidence, a score a frame, temporal Grad-CAM. Imports `base`, `video`,
`faces`, `metrics`, `model`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "examined": ["SCHEMA", "facts_of"],
        "folders": ["scan_folder"],
        "heatmap": ["explain_clips", "grad_cam", "shown_heat"],
        "report": ["FaceResult", "ScanReport", "Segment", "verdict", "WindowResult"],
        "scoring": ["score_cache"],
        "stills": ["CAUTION", "UNCALIBRATED", "scan_image"],
        "verify": ["Verification", "verify_report"],
        "turned": ["pose_numbers"],
        "usable": ["windows_of"],
        "videos": ["FACES", "scan_video", "score_faces"],
        "zones": ["ZONES", "ZONE_GRID", "crop_points", "zone_map", "zone_numbers", "zone_shares"],
    },
)
