"""The command `spotter` of a terminal.

In: the words after `spotter`. Out: lines or JSON, files under the working directory, an exit code. Imports `base`,
`fakes`, `video`, `metrics`, `model`, `scan`, `evidence`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "begin": ["main", "run"],
        "doctor": ["examination"],
        "scanning": ["scan_paths"],
    },
)
