"""A checkpoint for where there is no torch: ONNX graphs, and every constant that one needs beside them.

In: a checkpoint. Out: a folder for `Detector.from_onnx` and for other people's apps. Imports `base`, `faces`,
`model`, `scan`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"constants": ["app_constants"], "export": ["export_onnx"]}
)
