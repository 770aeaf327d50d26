"""A checkpoint for where there is no torch: ONNX graphs, every constant one needs beside them, and the page that scans.

In: a checkpoint. Out: a folder for `Detector.from_onnx` and for other people's apps; a page that scans videos where its
reader is. Imports `base`, `faces`, `model`, `scan`, `evidence`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "browser": ["write_page"],
        "constants": ["app_constants"],
        "export": ["export_onnx"],
        "libraries": ["LIBRARIES", "library_files"],
    },
)
