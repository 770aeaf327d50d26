"""Data sets as people have them, as one table of videos.

In: a folder or a CSV. Out: a `Manifest`: what each video is, who is in it, and what was left out and why. No video is
opened here. Imports `base` and, for the endings of videos, `video`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "manifest": ["Manifest", "build_manifest"],
        "proposing": ["propose_metadata"],
        "tables": ["complete_table", "read_csv"],
        "walk": ["EMPTY", "stem_of"],
    },
)
