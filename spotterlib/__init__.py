"""Spotter: deepfake detection for video that shows its evidence.

Public names are looked up when first used, so that `import spotterlib` is quick and imports no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "project": ("SpotterError VideoError DataError CheckpointError NotReadyError setup record read_records versions"),
    "manifest": "Manifest build_manifest",
    "splits": "split_by_group split_by_file audit_split compare_audits LeakAudit",
    "video": "VideoInfo probe_video iterate_frames read_frames write_video",
    "faces": "FaceTrack FaceClip find_faces detect_faces",
    "cache": "cache_faces read_cache",
    "selfblend": "self_blend draw_blend",
    "dataset": "ClipDataset",
    "model": "SpotterNet Detector load_checkpoint save_checkpoint",
    "metrics": "binary_metrics choose_thresholds fit_calibration combine_odds",
    "training": "TrainConfig fit",
    "heatmap": "grad_cam",
    "scoring": "score_cache",
    "scan": "ScanReport FaceResult WindowResult scan_video scan_folder",
    "render": "overlay_heatmap write_diagnostic_video contact_sheet export_page",
    "scrubber": "FrameScrubber examine",
    "perturb": "perturb_video perturb_frames",
    "evaluation": "evaluate evaluate_table choose_point",
    "robustness": "measure_robustness",
    "references": "side_by_side",
    "dossier": "save_evaluation",
    "quality": "plot_statuses plot_worst",
    "samples": "make_samples",
    "runner": "run_notebook",
}
_PUBLIC = {name: module for module, names in _WHERE.items() for name in names.split()}

__all__ = sorted([*_PUBLIC, "predict_with_diagnostics"])


def predict_with_diagnostics(path, checkpoint=None, out=None, device="auto") -> tuple[str, float | None, str]:
    """Scan a video and write its diagnostic video: (label, confidence in percent, path of the diagnostic video).

    label is "REAL", "FAKE" or "UNDECIDED"; confidence is None where nothing could be scored. Raises `SpotterError`.
    """
    from .render import write_diagnostic_video
    from .scan import scan_video

    report = scan_video(path, checkpoint=checkpoint, device=device)
    return report.label, report.confidence, str(write_diagnostic_video(report, out))


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
