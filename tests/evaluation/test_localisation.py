"""Heat held against known masks: the figures by hand, masks that follow their fakes, and a rule that says no."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib.evaluation import localisation as loc
from spotterlib.evidence import heat_note, upsample_heatmap
from spotterlib.faces import CROP
from spotterlib.fakes import Carrier
from spotterlib.fakes.samples import Sample, _write_person, load_people
from spotterlib.model import read_tensors
from spotterlib.scan import ZONES, zone_map

T = 4
FIVE = np.array([(0.37, 0.4), (0.63, 0.4), (0.5, 0.53), (0.39, 0.66), (0.61, 0.66)])


def cell_masks(*cells):
    """Masks (T, 56, 56) that are whole cells of the 7 × 7 grid."""
    masks = np.zeros((T, 56, 56), bool)
    for row, column in cells:
        masks[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = True
    return masks


def hot(*cells):
    heat = np.zeros((T, 7, 7), np.float32)
    for row, column in cells:
        heat[:, row, column] = 1
    return heat


# --- figures of one fake ---------------------------------------------------------------------------------------------


def test_a_map_on_the_mask_and_one_beside_it():
    masks = cell_masks((1, 2))
    on, beside = loc.point_scores(hot((1, 2)), masks), loc.point_scores(hot((5, 5)), masks)
    assert (on["hit"], beside["hit"], beside["energy"], beside["iou"].max()) == (1, 0, 0, 0)
    assert on["area"] == pytest.approx(1 / 49)
    # a bilinear hat of one cell's height has (3/4)² of its volume over its own cell
    assert on["energy"] == pytest.approx(9 / 16, abs=0.01)
    # at half its height it is a little larger than its cell
    assert on["iou"].max() > 0.6 and on["iou"][0] < on["iou"].max()


def test_no_heat_is_a_miss():
    found = loc.point_scores(np.zeros((T, 7, 7)), np.ones((T, 56, 56), bool))
    assert (found["hit"], found["energy"], found["iou"].max()) == (0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e3))
def test_figures_are_shares_and_know_no_units(seed, scale):
    rng = np.random.default_rng(seed)
    heat, masks = rng.random((T, 7, 7)).astype(np.float32), rng.random((T, 56, 56)) < 0.3
    one, other = loc.point_scores(heat, masks), loc.point_scores(np.float32(heat * scale), masks)
    assert one["hit"] == other["hit"] and one["energy"] == pytest.approx(other["energy"], rel=1e-4)
    assert 0 <= one["energy"] <= 1 and (one["iou"] >= 0).all() and (one["iou"] <= 1).all()
    rest = loc.point_scores(heat, ~masks)
    assert one["energy"] + rest["energy"] == pytest.approx(1, abs=1e-4)
    assert one["hit"] + rest["hit"] == pytest.approx(1)


def test_even_heat_holds_the_area_of_a_mask():
    found = loc.point_scores(np.ones((T, 7, 7)), cell_masks((0, 0), (3, 4)))
    assert found["energy"] == pytest.approx(found["area"]) and found["iou"][0] == pytest.approx(found["area"])


def test_one_scale_a_clip():
    heat, masks = hot((2, 2)), cell_masks((2, 2))
    heat[0], masks[1:] = 10 * heat[0], cell_masks((6, 6))[1:]
    assert loc.point_scores(heat, masks)["energy"] == pytest.approx(10 / 13 * 9 / 16, abs=0.01)


# --- fakes with their masks ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def carrier():
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(60, 200, (1, 40, 40, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2), T, axis=0)
    marks = np.array([[125, 135], [195, 135], [160, 178], [131, 211], [189, 211]], np.float32)
    box = np.array([40, 45, 280, 285], np.float32)
    return Carrier(frames, np.tile(marks, (T, 1, 1)), np.tile(box, (T, 1)), np.ones(T, bool))


@pytest.mark.parametrize("seed", range(4))
def test_the_mask_lies_where_the_fake_was_changed(carrier, monkeypatch, seed):
    """Without the camera's colours and codec, what differs from the real clip lies in the mask filmed with it."""
    plain = loc.Camera(flip=bool(seed % 2), roll=6.0 * seed, shift=(0.03, -0.02), zoom=1.04)
    monkeypatch.setattr(loc, "draw_camera", lambda rng: plain)
    drawn = loc.draw_blend
    inside = lambda *a, **k: loc.replace(drawn(*a, **k), alter_inside=True, ratio=1.0, softness=0.03)  # noqa: E731
    monkeypatch.setattr(loc, "draw_blend", inside)
    case = loc.blended_case(carrier, "anna", "mouth", np.random.default_rng(seed))
    change = np.abs(case.frames.astype(int) - loc.film(carrier, plain)).sum(-1) > 6
    change = change.reshape(T, 56, 4, 56, 4).mean((2, 4)) > 0.5
    assert case.frames.shape == (T, CROP, CROP, 3) and (case.group, case.kind) == ("anna", "mouth")
    assert 0.01 < case.masks.mean() < 0.15
    assert (change & case.masks).sum() > 0.7 * change.sum() > 0
    assert (change & case.masks).sum() / (change | case.masks).sum() > 0.6


def test_padding_is_no_mask():
    drawn = np.zeros((1, CROP, CROP, 3), np.uint8)
    drawn[:, :, :60] = loc.PADDING
    drawn[:, 100:140, 100:140] = 90
    found = loc._forged(drawn)[0]
    assert found[25:35, 25:35].all() and found.sum() == 100


def test_a_sample_and_its_mask_video(tmp_path):
    (tmp_path / "fake").mkdir()
    (tmp_path / "masks").mkdir()
    sample = Sample("fake/a.mp4", 1, "SelfBlend", "p02-p04", "p02", "p02", "masks/a.mp4")
    _write_person([sample], load_people(), 0, tmp_path)
    case = loc.filmed_case(tmp_path / sample.path, tmp_path / sample.mask, sample.group, sample.method)
    seen = case.masks[case.valid]
    assert case.frames.shape == (24, CROP, CROP, 3) and seen.any((1, 2)).all()
    assert 0.08 < seen.mean() < 0.6 and seen[:, 24:32, 24:32].mean() > 0.9, "the middle of the face"
    assert not case.masks[~case.valid].any()


def test_points_are_filmed_as_the_face_is(carrier, monkeypatch):
    """A point lies where a dot painted on the face lies in the crop, turned and mirrored or not."""
    plain = loc.Camera(flip=True, roll=9.0, shift=(0.03, -0.02), zoom=1.04)
    monkeypatch.setattr(loc, "draw_camera", lambda rng: plain)
    points = loc.blended_case(carrier, "anna", "mouth", np.random.default_rng(0)).points
    dotted = np.zeros_like(carrier.frames)
    x, y = carrier.landmarks[0, 3].astype(int)
    dotted[:, y - 3 : y + 4, x - 3 : x + 4] = 255
    seen = loc.film(carrier, plain, dotted)[0]
    light = np.where(seen.min(-1) > 128)
    assert np.allclose(points[0, 3] * CROP, (light[1].mean() + 0.5, light[0].mean() + 0.5), atol=2)


def test_a_zone_is_named_rightly_where_it_is_forged():
    mouth, five = zone_map(FIVE) == ZONES.index("mouth"), np.repeat(FIVE[None], T, 0)
    masks = np.repeat(mouth[None], T, 0)
    assert loc.zone_hit(hot((4, 3)), masks, five) == 1 and loc.zone_hit(hot((0, 0)), masks, five) == 0
    assert loc.zone_hit(np.zeros((T, 7, 7)), masks, five) == 0, "nothing named is a miss"
    few = masks & (np.arange(56) < 22)  # less than a third of it
    assert 0 < few[0].sum() < mouth.sum() / 3 and loc.zone_hit(hot((4, 3)), few, five) == 0
    five[1:] = np.nan
    assert loc.zone_hit(hot((4, 3)), masks, five) == 0.25


# --- maps and curves -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def case(carrier):
    return loc.blended_case(carrier, "anna", "face", np.random.default_rng(1))


@pytest.fixture(scope="module")
def random(detector, case):
    return loc.randomised(detector, case.frames, seed=1)


def test_the_randomised_net_owes_nothing_to_training(checkpoint, detector, random, case):
    trained = read_tensors(checkpoint)
    shared = [
        name
        for name, theirs in random.net.named_parameters()
        if theirs.unique().numel() > 1 and (trained[name].float() == theirs.half().float()).float().mean() > 0.01
    ]
    assert shared == []
    again = loc.randomised(detector, case.frames, seed=1)
    heat = [loc.explain_clips(net, case.frames[None], case.valid[None])[2] for net in (random, again)]
    assert heat[0].any(), "its maps are alive: a dead one would be no rival"
    assert heat[1] == pytest.approx(heat[0], rel=1e-4)
    assert not random.net.training and not any(p.requires_grad for p in random.net.parameters())


def test_the_centre_is_the_centre():
    found = loc.centred()
    assert np.unravel_index(found.argmax(), found.shape) == (3, 3)
    assert np.allclose(found, found.T) and np.allclose(found, found[::-1])


def test_a_row_has_every_map(detector, random, case):
    row = loc.measure_case(detector, random, case)
    assert (row["group"], row["kind"]) == ("anna", "face") and 0 < row["probability"] < 1
    assert {row[name]["area"] for name in loc.MAPS + loc.BASELINES} == {row["area"]}
    _, each, raw = loc.explain_clips(detector, case.frames[None], case.valid[None])
    heat = loc.shown_heat(raw[0], detector.calibrated(each[0], "frame"))[::2]
    assert row["heat"]["energy"] == pytest.approx(loc.point_scores(heat, case.masks[::2])["energy"], rel=1e-4)
    assert row["heat"]["hit"] == row["raw"]["hit"], "what is shown of a frame is its own map"
    assert row["heat"]["zone"] == loc.zone_hit(heat, case.masks[::2], case.points[::2])


def test_curves_begin_and_end_alike(detector, case):
    curves = loc.removal_curves(detector, case)
    assert len(curves) == 8 and all(curve.shape == (6,) for curve in curves.values())
    whole = float(detector.score_clips(case.frames[None, ::2], case.valid[None, ::2])[0])
    for order in ("heat", "random"):
        cells = curves[f"cells deletion {order}"], curves[f"cells insertion {order}"]
        assert cells[0][0] == cells[1][-1] == pytest.approx(whole, abs=1e-4)
        assert cells[0][-1] == cells[1][0]
        assert curves[f"frames deletion {order}"][0] == pytest.approx(whole, abs=1e-3)
        assert curves[f"frames insertion {order}"][-1] == pytest.approx(whole, abs=1e-3)
    assert not np.array_equal(curves["cells deletion heat"], curves["cells deletion random"])


def test_the_hottest_cell_goes_first(detector, case, monkeypatch):
    """A detector that reads nothing but one cell forgets with the first tenth of the cells, and learns with it."""
    heat = np.zeros((1, T, 7, 7), np.float32)
    heat[:, :, 1, 5] = 1
    even = np.zeros((1, T), np.float32)  # every frame scores alike
    monkeypatch.setattr(loc, "explain_clips", lambda *a, **k: (None, *(v[:, : a[1].shape[1]] for v in (even, heat))))
    spot = np.s_[:, :, 47:49, 175:177]  # the middle of that cell
    original = case.frames[None, ::2][spot].astype(int)

    class Reader(type(detector)):
        def clip_logits(self, clips, valid=None, batch=4):
            same = np.abs(clips[spot].astype(int) - original).mean((1, 2, 3, 4)) < 4
            return np.where(same, 5.0, -5.0), None

    reader = Reader(detector.net, detector.card, "cpu", "reader")
    curves = loc.removal_curves(reader, case)
    assert (curves["cells deletion heat"][1:] < 0.5).all() and curves["cells deletion heat"][0] > 0.5
    assert (curves["cells insertion heat"][1:] > 0.5).all() and curves["cells insertion heat"][0] < 0.5


# --- figures of many -------------------------------------------------------------------------------------------------


def rows_of(count, right, frame=0.5):
    """Measured fakes of `count` people, of whom a share `right` is hit by the heat and a share `frame` by the other."""
    masks = cell_masks((5, 3))
    rows = []
    for number in range(count):
        at, other = ((5, 3) if number % 20 < 20 * share else (1, 1) for share in (right, frame))
        maps = {"heat": hot(at), "mean": hot(at), "raw": hot(at), "frame": hot(other), "random": hot((2, 5))}
        maps["centre"] = np.repeat(loc.centred()[None], T, axis=0)
        five = np.repeat(FIVE[None], T, 0)
        scores = {
            name: loc.point_scores(heat, masks) | {"zone": loc.zone_hit(heat, masks, five)}
            for name, heat in maps.items()
        }
        rows.append({"group": f"p{number}", "kind": "mouth", "area": 1 / 49, "probability": 0.9} | scores)
    return rows


def test_good_heat_reaches_and_bad_heat_does_not():
    good, bad, few = (loc.summarise(rows_of(n, right)) for n, right in ((20, 0.9), (20, 0.05), (6, 0.9)))
    assert loc.shortfalls(good) == [] and loc.shortfalls(bad) == ["hit", "energy", "iou", "lift"]
    assert loc.shortfalls(few) == ["hit", "energy", "iou"], "under ten people there is no interval, and no claim"
    assert good["heat over random"]["hit"][1] > 0 and few["heat over random"]["hit"][1] is None
    assert (good["clips"], good["people"]) == (20, 20)
    assert loc.shortfalls(loc.summarise(rows_of(20, 0.05, frame=0.9)), "frame") == []


def test_much_heat_on_the_mask_is_asked_for_too():
    small = loc.summarise(rows_of(20, 0.9))
    assert loc.shortfalls(small | {"area": 0.9}) == ["lift"]


@pytest.mark.parametrize(("area", "size"), [(0.01, "small"), (0.15, "small"), (0.16, "middle"), (0.41, "large")])
def test_sizes(area, size):
    assert loc.size_of(area) == size


def test_curves_of_many():
    kinds = [f"{what} {way}" for what in ("cells", "frames") for way in ("deletion", "insertion")]
    falling = {f"{kind} heat": np.linspace(1, 0, 6) for kind in kinds} | {
        f"{kind} random": np.ones(6) for kind in kinds
    }
    found = loc.summarise_curves([falling] * 12, [f"p{k}" for k in range(12)])["cells deletion"]
    assert found["random"] == pytest.approx(1) and found["heat"] < 0.6
    assert found["difference"][0] == pytest.approx(found["heat"] - 1)


# --- what is said of it ----------------------------------------------------------------------------------------------


def test_the_sentence_comes_from_the_card():
    silent, reached, missed = (
        heat_note(checkpoint)
        for checkpoint in (
            {"name": "x"},
            {"localisation": {"shortfalls": [], "small": loc.summarise(rows_of(20, 0.9))}},
            {"localisation": {"shortfalls": ["hit", "iou"], "small": loc.summarise(rows_of(20, 0.05))}},
        )
    )
    assert "has not been measured" in silent[1] and "not measured" in silent[0]
    assert "better than either" in reached[1] and "20 fakes of 20 people" in reached[1]
    assert "The zone named first was forged" in reached[1]
    before = loc.summarise(rows_of(20, 0.9))
    for name in loc.MAPS + loc.BASELINES:
        del before[name]["zone"]
    older = heat_note({"localisation": {"shortfalls": [], "small": before}})[1]
    assert "zone" not in older and "% of the red" not in older, "a card from before: its share was that of another heat"
    assert "Not proven better than both: its reddest point, its shape (overlap" in missed[1]
    assert "only a hint" in missed[0]
    for line, _ in (silent, reached, missed):
        assert line.isascii() and len(line) < 100, "it is drawn into pictures"


def test_comparison_keeps_the_cells():
    assert np.allclose(upsample_heatmap(np.eye(7), (56, 56)).reshape(7, 8, 7, 8).mean((1, 3)).argmax(1), range(7))
