"""Videos as files: opened, decoded, probed, written, and damaged as they are on their way through the world.

In: paths. Out: `VideoInfo`, frames uint8 RGB (H, W, 3) with their times in s, new video files. Imports `base`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "canvas": ["fit", "fitted"],
        "damage": ["PERTURBATIONS", "Perturbation", "choose_perturbations", "perturb_frames", "perturb_video"],
        "decode": ["decoded", "opened"],
        "edits": ["EDITS", "Edit"],
        "formats": ["VIDEO_ENDINGS", "VIDEO_SUFFIXES", "is_video"],
        "clock": ["BURST", "BURSTS", "LULL", "MANY", "PAUSE", "filmed", "gaps"],
        "marks": ["RESULT", "SYNTHETIC", "is_result", "is_synthetic"],
        "pictures": ["PICTURE_SUFFIXES", "picture_kind", "read_picture"],
        "presence": ["unchanged"],
        "read": [
            "VideoInfo",
            "checked_path",
            "even",
            "iterate_frames",
            "probe_video",
            "read_frames",
            "sample_frames",
            "survey",
        ],
        "shots": ["ShotCuts", "shot_numbers"],
        "write": ["transcode_frames", "write_video"],
    },
)
