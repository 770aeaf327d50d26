"""Fakes made from real faces, and the camera that films real and fake alike; the sample people.

In: a photograph, a clip or cached crops as a `Carrier`. Out: which of three kinds of fakes a clip gets (`Forgery`), the
same clip with a forged face and its mask, both filmed by one `Camera`, which everyday edits and things worn belong to;
sample videos of people who do not exist. Imports `base`, `video`, `data`, `faces`.
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
        "everyday": ["EDITS", "WORN"],
        "filming": ["film", "film_mask", "film_points"],
        "forging": ["KINDS", "Forgery", "nearest"],
        "making": ["make_fakes"],
        "photographs": ["find_people", "head_rows", "is_held", "level"],
        "samples": ["PEOPLE", "load_people", "make_samples", "plan_samples", "sample_clip", "sample_still"],
        "selfblend": ["REGIONS", "draw_blend", "face_to_pixels", "self_blend"],
        "stills": ["find_portraits", "load_still"],
    },
)
