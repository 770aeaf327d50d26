"""Data sets as people have them, as one table of videos, and splits of it that do not leak.

In: a folder or a CSV. Out: a `Manifest`, the same with a split, a `LeakAudit`. No video is opened here. Imports `base`
and, for the endings of videos, `video`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit": ["LeakAudit", "audit_table"],
        "figures": ["plot_leak", "plot_split_balance"],
        "manifest": ["Manifest", "build_manifest"],
        "splits": ["audit_split", "compare_audits", "split_by_file", "split_by_group"],
    },
)
