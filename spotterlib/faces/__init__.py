"""Faces in videos: found, followed, smoothed and cut, and kept on disk. The one crop policy of Spotter.

In: a video, or a `Manifest`. Out: `VideoFaces` of `FaceTrack`s and `FaceClip`s; a face cache and its table. Imports
`base`, `video`, `data`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit": ["audit_faces", "FaceAudit", "main_face", "mean_face", "plot_face_pairs"],
        "cache": ["cache_faces", "load_cache_table"],
        "cache_file": ["opened", "read_cache", "read_meta", "read_wide"],
        "crops": ["CROP", "MARGIN", "PADDING", "WIDE", "crop_box", "crop_face", "small_scene"],
        "detect": ["detect_faces", "least_face"],
        "find": ["find_faces"],
        "mtcnn": ["face_networks"],
        "numbers": ["cropping", "face_numbers"],
        "recognise": ["CHIP", "distances", "face_recogniser"],
        "quality": ["count_statuses", "plot_faces", "plot_statuses", "plot_worst", "worst_detections"],
        "tracks": ["Detections", "FaceClip", "FaceTrack", "MIN_USABLE", "SMALLEST", "VideoFaces"],
        "windows": ["FRAMES", "WINDOW", "duration_of", "window_rows"],
    },
)
