"""The network, its checkpoints with their cards, and the detector that scores with them.

In: crops uint8 RGB (…, 224, 224, 3). Out: logits; calibrated P(fake) from a `Detector`; checkpoint files. Beside them
the small networks that training's fakes are made with, for they are read from files of weights, too. Imports `base`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "autoencoder": ["Autoencoder", "load_autoencoder"],
        "cards": ["looks_for_of", "read_card", "record_of", "roll_of"],
        "checkpoints": ["DEFAULT_CHECKPOINT", "fill", "load_imagenet", "read_tensors", "save_checkpoint"],
        "detector": ["Detector"],
        "loading": ["load_checkpoint", "read_checkpoint"],
        "network": ["FEATURES", "MEAN", "STD", "SpotterNet", "normalise"],
        "runtime": ["ABOUT", "OnnxNet"],
        "upscalers": ["Upscaler", "load_upscalers"],
    },
)
