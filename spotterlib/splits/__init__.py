"""Splits that do not leak: rows dealt out to training, validation and test by who is in them, and audits of any split.

In: a `Manifest`, or anybody's split. Out: the same with a split, a `LeakAudit`, figures of both. Imports `base`, `data`
and, for the endings of videos, `video`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit": ["LeakAudit", "audit_table"],
        "figures": ["plot_leak", "plot_split_balance"],
        "split": ["audit_split", "compare_audits", "split_by_file", "split_by_group"],
    },
)
