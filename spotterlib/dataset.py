"""The dataset under the name that its users know: see `spotterlib.training`."""

from .training import ClipDataset as ClipDataset
