"""A film of many people with one forged shot is called FAKE, and the shot is named; its honest twin is not."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib.base import VideoError
from spotterlib.evidence import export_page
from spotterlib.evidence.heat import red_share
from spotterlib.fakes.samples import PAIRS, SHOWN, Sample, draw_sample, load_people
from spotterlib.model import load_checkpoint
from spotterlib.scan import scan_video
from spotterlib.video import fitted, write_video

FORGED = 4  # the shot, of eight


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Eight people in eight shots of 3 s, all honest, and the same with one shot forged: name → path."""
    names = [one for one, other in PAIRS if SHOWN not in (one, other)][:7]
    names.insert(FORGED, SHOWN)
    everybody = load_people()

    def shot(plan: Sample) -> list[np.ndarray]:
        frames = [fitted(picture, (320, 320)) for picture in draw_sample(plan, everybody, 0)[0]]
        return (frames + frames[::-1])[:75]  # there and back again: 3 s of each

    honest = [shot(Sample(f"real/{name}.mp4", 0, "", "", name, "", "")) for name in names]
    forged = list(honest)
    forged[FORGED] = shot(Sample(f"fake/{SHOWN}_selfblend.mp4", 1, "SelfBlend", "", SHOWN, SHOWN, "mask"))
    folder = tmp_path_factory.mktemp("films")
    made = {"honest": honest, "forged": forged}
    return {
        k: write_video(folder / f"{k}.mp4", [p for s in shots for p in s], 25.0, crf=20) for k, shots in made.items()
    }


@pytest.fixture(scope="module")
def scanned(films):
    detector = load_checkpoint(device="cpu")
    return {name: scan_video(film, detector) for name, film in films.items()}


def test_one_forged_shot_of_eight_makes_the_film_fake_and_is_named(scanned, films, tmp_path):
    report = scanned["forged"]
    assert report.label == "FAKE"
    assert report.info.duration == pytest.approx(24.0) and len(report.faces) == 8
    (worst,) = [segment for segment in report.segments if segment.label == "FAKE"]
    assert (worst.start, worst.end) == (pytest.approx(12.0), pytest.approx(14.96))
    assert worst.person == 1 and worst.probability == pytest.approx(report.faces[0].probability)
    assert "12.0 to 15.0 s" in report.reason, report.reason
    page = export_page(report, tmp_path / "page.html").read_text()
    assert "12.00 – 14.96 s" in page


def test_its_honest_twin_is_not_called_fake(scanned):
    report = scanned["honest"]
    assert report.label != "FAKE"
    assert not [segment for segment in report.segments if segment.label == "FAKE"]
    assert len(report.segments) == 8 and report.coverage == 1.0


def test_red_is_rare_on_honest_people_and_stands_on_the_forged_shot(scanned):
    """Absolute: no red where a frame scores below one half, whatever else is in its film; a REAL shot stays pale."""
    shares = {}
    for name, report in scanned.items():
        faces = [
            (face.frame_scores, [red_share(heat, report.heatmap_scale) for heat in face.heatmaps])
            for face in report.faces
        ]
        scores, red = (np.concatenate(each) for each in zip(*faces, strict=True))
        assert not red[~(scores >= 0.5)].any() and np.isfinite(scores).sum() > 60
        shares[name] = red
    assert shares["honest"].mean() < 0.5 and np.quantile(shares["honest"], 0.9) == 0, "percent of the crop"
    (forged,) = [face for face in scanned["forged"].faces if face.label == "FAKE"]
    on_it = [red_share(heat, 1.0) for heat, seen in zip(forged.heatmaps, forged.track.valid, strict=True) if seen]
    assert np.median(on_it) > 2 and scanned["forged"].heatmap_scale == 1.0
    calm = [face for face in scanned["forged"].faces if face.label == "REAL"]
    assert len(calm) >= 6 and np.mean([red_share(heat, 1.0) for face in calm for heat in face.heatmaps]) < 0.5


def test_a_segment_is_scanned_alone(scanned, films):
    worst = max(scanned["forged"].segments, key=lambda segment: segment.probability)
    alone = scan_video(films["forged"], device="cpu", start=worst.start, end=worst.end)
    assert alone.label == "FAKE" and len(alone.faces) == 1
    seen = alone.faces[0].track.times
    assert (seen[0], seen[-1]) == (pytest.approx(worst.start), pytest.approx(worst.end))
    assert len(alone.times) == len(scanned["forged"].times) and 0.12 < alone.coverage < 0.13
    assert np.isnan(alone.frame_scores[alone.times < worst.start - 0.1]).all()
    assert "Only 12% of the video was looked at" in alone.reason


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 2), (-1, 3), (30, 40)])
def test_a_span_without_a_frame_is_an_error_that_says_so(films, start, end):
    with pytest.raises(VideoError, match="s"):
        scan_video(films["honest"], device="cpu", start=start, end=end)
