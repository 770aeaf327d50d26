"""Spotter: deepfake detection for video that shows its evidence.

The rooms, in the order in which data flows: `base`, `video`, `data`, `splits`, `faces`, `fakes`, `metrics`, `model`,
`training`, `scan`, `evidence`, `evaluation`, `notebook`; docs/architecture.md shows them. A room imports only rooms
before it, and only what that room's `__init__` exports. Public names are looked up when first used, so that
`import spotterlib` is quick and imports no torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["CheckpointError", "DataError", "NotReadyError", "SpotterError", "versions", "VideoError"],
        "video": [
            "iterate_frames",
            "perturb_frames",
            "perturb_video",
            "probe_video",
            "read_frames",
            "VideoInfo",
            "write_video",
        ],
        "data": ["build_manifest", "Manifest"],
        "splits": ["audit_split", "compare_audits", "LeakAudit", "split_by_file", "split_by_group"],
        "faces": [
            "cache_faces",
            "detect_faces",
            "FaceClip",
            "FaceTrack",
            "find_faces",
            "plot_statuses",
            "plot_worst",
            "read_cache",
        ],
        "fakes": ["draw_blend", "make_samples", "self_blend"],
        "metrics": ["binary_metrics", "choose_thresholds", "combine_odds", "fit_calibration"],
        "model": ["Detector", "load_checkpoint", "save_checkpoint", "SpotterNet"],
        "training": ["ClipDataset", "fit", "TrainConfig"],
        "scan": ["FaceResult", "grad_cam", "scan_folder", "scan_video", "ScanReport", "score_cache", "WindowResult"],
        "evidence": [
            "contact_sheet",
            "examine",
            "export_page",
            "FrameScrubber",
            "overlay_heatmap",
            "predict_with_diagnostics",
            "write_diagnostic_video",
        ],
        "evaluation": [
            "choose_point",
            "evaluate",
            "evaluate_table",
            "measure_robustness",
            "save_evaluation",
            "side_by_side",
        ],
        "notebook": ["read_records", "record", "run_notebook", "setup"],
    },
)
