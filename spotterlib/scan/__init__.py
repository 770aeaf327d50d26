"""One video → a `ScanReport`; a folder of videos, or a face cache → a table.

In: a path and a checkpoint. Out: verdict, confidence, a score a frame, temporal Grad-CAM. Imports `base`, `video`,
`faces`, `metrics`, `model`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folders": ["scan_folder"],
        "heatmap": ["explain_clips", "grad_cam"],
        "report": ["FaceResult", "ScanReport", "WindowResult"],
        "scoring": ["score_cache", "windows_of"],
        "videos": ["scan_video", "score_faces", "verdict"],
    },
)
