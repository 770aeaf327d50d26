"""Fixtures of the room of evaluation: caches with scores that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from makers.face_clips import manifest_of, synthetic
from makers.report_factory import make_face
from makers.score_tables import both_parts

from spotterlib.evaluation import dossier, evaluate
from spotterlib.model import Detector
from spotterlib.scan import scoring


@pytest.fixture
def cached(monkeypatch):
    """A face cache of 24 groups whose files are named by a probability; a picture's grey level says the logit."""

    def read(file, grid_only):
        faces = synthetic([True] * 24, grid_only=grid_only)
        logit = np.log(float(file) / (1 - float(file)))
        frames = np.full_like(faces.clips[0].frames, np.clip(round(128 + 20 * logit / 2), 0, 255))
        return replace(faces, clips=(replace(faces.clips[0], frames=frames),))

    def logits(self, clips, valid, batch=4):
        each = (clips[:, :, 0, 0, 0].astype(float) - 128) / 20
        return each.mean(1).astype(np.float32), np.where(valid, each, np.nan)

    monkeypatch.setattr(scoring, "read_cache", read)
    monkeypatch.setattr(dossier, "read_cache", read)
    monkeypatch.setattr(dossier, "score_faces", lambda detector, faces: [make_face(probability=0.9)])
    monkeypatch.setattr(Detector, "clip_logits", logits)
    table = both_parts()[["path", "label", "dataset", "method", "compression", "group", "ids", "split", "status"]]
    table = table.assign(file=[str(p) for p in both_parts()["probability"]], found=1.0)
    table.loc[[5, 50], ["file", "status", "found"]] = ["", "no face", 0.0]
    return table


@pytest.fixture(scope="module")
def judged(clips, checkpoint, tmp_path_factory):
    """Videos as they lie in a folder, one of them damaged, and their evaluation by a checkpoint of random weights."""
    root = tmp_path_factory.mktemp("videos")
    (root / "face.mp4").write_bytes((clips / "face.mp4").read_bytes())
    (root / "late.mp4").write_bytes((clips / "late.mp4").read_bytes())
    (root / "text.mp4").write_text("no video")
    manifest = manifest_of(root, "face.mp4", "late.mp4", "text.mp4")
    table = manifest.table.assign(split="test", dataset="plain", method=["", "unknown", ""])
    manifest = replace(manifest, table=table)
    out = tmp_path_factory.mktemp("evaluation")
    return manifest, evaluate(checkpoint, manifest, cache=out / "cache", draws=5), out
