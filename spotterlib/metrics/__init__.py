"""From scores to figures that can be defended: ranking, decisions, calibration, thresholds, intervals over groups.

In: labels (N,) 0 real or 1 fake, and scores (N,), NaN where there is none. Out: numbers, tables, `Thresholds`. Knows
neither videos nor networks. Imports `base`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["brier", "ece", "fit_calibration", "reliability", "selective_curve"],
        "joining": ["combine_odds"],
        "intervals": ["bootstrap_difference", "bootstrap_interval", "bootstrap_intervals"],
        "binary": [
            "MIN_GROUPS",
            "auc",
            "average_precision",
            "binary_metrics",
            "counts_of",
            "decisions",
            "eer",
            "ranking",
            "tpr_at_fpr",
        ],
        "scores": ["check_share", "checked", "ratio", "scored"],
        "words": ["certainty_text", "probability_text", "verdict_text"],
        "thresholds": ["Thresholds", "VERDICTS", "choose_thresholds", "confusion", "verdicts"],
    },
)
