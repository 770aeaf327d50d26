"""Clips in batches, their loss, and the loop that trains on them; in one process or several.

In: rows with carriers, a `TrainConfig`. Out: one record an epoch, the best checkpoint, a run that can be taken up
again. Imports `base`, `faces`, `fakes`, `metrics`, `model`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cached": ["cached_parts"],
        "dataset": ["ClipDataset"],
        "figures": ["plot_clip", "plot_history"],
        "history": ["history_table", "history_verdict", "judge_start"],
        "loader": ["make_loader"],
        "loop": ["fit", "fit_on_gpus", "read_history"],
        "losses": ["Batches", "batch_loss", "class_weights", "focal_loss"],
        "settings": ["TrainConfig"],
    },
)
