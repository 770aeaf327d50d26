"""How good a checkpoint is on videos of people it has never seen, in figures and in a dossier.

In: a face cache or a table of scores, a checkpoint. Out: an `Evaluation`, robustness, localisation, figures,
evaluation.json and report.html. Imports every room before it but `training`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dossier": ["draw_figures", "save_evaluation"],
        "measure": ["check_leak", "evaluate", "evaluate_table"],
        "point": ["card_point", "choose_point"],
        "references": ["side_by_side"],
        "report_page": ["FIGURE_NAMES"],
        "robustness": ["measure_robustness", "perturb_manifest"],
    },
)
