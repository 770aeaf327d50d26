"""Fakes made from real faces, and the camera that films real and fake alike; the sample people.

In: a portrait, a clip or cached crops as a `Carrier`. Out: carriers with a pasted face and its mask, filmed clips,
sample videos. Imports `base`, `video`, `data`, `faces`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "animate": ["animate_still", "draw_motion"],
        "camera": ["Camera", "MOST_ROLL", "PLAIN", "draw_camera"],
        "carriers": ["Carrier", "Donor", "draw_moments", "marked"],
        "clips": ["clip_row", "load_clip"],
        "decodings": ["DECODINGS", "decoding_path", "make_decodings"],
        "edits": ["EDITS", "WORN"],
        "filming": ["film", "film_mask"],
        "forging": ["KINDS", "Forgery", "nearest"],
        "people": ["find_people", "head_rows", "is_held", "level"],
        "samples": ["make_samples", "plan_samples", "sample_clip"],
        "selfblend": ["REGIONS", "draw_blend", "face_to_pixels", "self_blend"],
        "stills": ["find_portraits", "load_still"],
    },
)
