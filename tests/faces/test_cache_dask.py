"""The face cache on a Dask cluster: the same call, the same bytes, from workers that share nothing but the disk."""

from __future__ import annotations

import shutil

import pytest
from joblib import parallel_config
from makers.face_clips import manifest_of
from makers.files import contents

from spotterlib.faces import cache_faces

distributed = pytest.importorskip("distributed", reason="needs dask and distributed (pip install distributed)")


def test_the_same_call_on_a_cluster(clips, tmp_path):
    for clip in clips.glob("*.mp4"):
        shutil.copy2(clip, tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    manifest = manifest_of(tmp_path, "two.mp4", "late.mp4", "text.mp4")
    here = cache_faces(manifest, tmp_path / "here")
    shares = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        parallel_config(backend="dask"),
    ):
        pids = set(client.run(lambda: __import__("os").getpid()).values())
        there = cache_faces(manifest, tmp_path / "there", progress=shares.append)
    assert len(pids) == 2
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    columns = ["path", "status", "reason", "faces", "found", "confidence", "jump", "bytes"]
    assert there[columns].equals(here[columns])
