"""What a file says of itself and of where it comes from: facts and claims, never a score.

In: a video or a picture. Out: `FileFacts` (hash, container, codecs, edit lists), `Credentials` (Content Credentials and
the source types of XMP and IPTC). Imports `base`, `video`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "credentials": ["Credentials", "read_credentials"],
        "facts": ["FileFacts", "StreamFacts", "file_facts"],
    },
)
