"""What a user's editor should know of Spotter: checked by mypy (`make lint`), never run."""

from typing import assert_type

from spotterlib import Detector, ScanReport, VideoInfo, load_checkpoint, probe_video, scan_video


def uses() -> None:
    detector = load_checkpoint(device="cpu")
    report = scan_video("clip.mp4", detector)
    assert_type(detector, Detector)
    assert_type(report, ScanReport)
    assert_type(report.probability, float | None)
    assert_type(report.label, str)
    assert_type(probe_video("clip.mp4"), VideoInfo)
    scan_video(device=5)  # type: ignore[call-arg, arg-type]
