"""What a notebook begins with, shows while it works and leaves behind; and notebooks run without a hand.

In: a seed, a notebook with its parameters. Out: a `Setup`, records, progress bars, executed notebooks and pages of
them. Imports `base` and, for its pages, `evidence`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "index": ["Card", "keep_picture", "write_index"],
        "pages": ["export_html"],
        "progress": ["progress_bar"],
        "runner": ["list_notebooks", "notebook_title", "run_notebook"],
        "session": ["read_records", "record", "setup"],
    },
)
