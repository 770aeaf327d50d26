"""People come level over folders, race and sex, and each is held back or not, the same everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from makers.carriers import clouds

from spotterlib.base import DataError
from spotterlib.fakes import PEOPLE, find_people, head_rows, is_held, level, load_still


def test_people_come_level_over_folders_race_and_sex():
    kinds = [("a", race, sex) for race, sex in [("x", "f")] * 50 + [("x", "m")] * 5 + [("y", "f")] * 20]
    rows = [{"folder": f, "race": r, "gender": s, "name": k} for k, (f, r, s) in enumerate(kinds)]
    rows += [{"folder": "b", "name": k} for k in range(100, 130)]
    chosen = level(rows, 100, {"a": 0.6, "b": 0.4}, np.random.default_rng(0))
    counts = [sum(row["folder"] == f and row.get("race") == r for row in chosen) for f, r in [("a", "x"), ("a", "y")]]
    assert counts == [40, 20] and sum(row["folder"] == "b" for row in chosen) == 40
    assert sum(row.get("gender") == "m" for row in chosen) == 20, "five people, four times each"


def test_a_tenth_of_the_people_is_held_back():
    held = [is_held(f"someone/{number}") for number in range(2000)]
    assert 150 < sum(held) < 250 and held == [is_held(f"someone/{number}") for number in range(2000)]


@pytest.fixture
def people(tmp_path):
    """A faces.csv of one sample person, as a portrait and as a tight crop, and of a picture without a face."""
    portraits = sorted(PEOPLE.glob("*.jpg"))
    if not portraits:
        pytest.skip("spotterlib/fakes/people holds no portrait")
    picture = cv2.imread(str(portraits[0]))
    for folder, shown in (("team", picture), ("fairface-tight", cv2.resize(clouds(4), (224, 224)))):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.jpg"), shown)
    cv2.imwrite(str(tmp_path / "team" / "none.jpg"), clouds(5))
    files = ["team/a.jpg", "team/none.jpg", "fairface-tight/a.jpg"]
    about = {"race": ["", "", "White"], "gender": ["", "", "Male"], "age": ["", "", "30-39"]}
    pd.DataFrame({"file": files, "person": files, **about}).to_csv(tmp_path / "faces.csv", index=False)
    return tmp_path


def test_people_are_found_by_their_faces_and_tight_crops_are_taken_whole(people):
    shares = []
    team, tight = find_people(people, shares.append)
    assert (team["name"], team["folder"], team.get("tight")) == ("team/a.jpg", "team", None) and shares[-1] == 1
    assert tight["box"] == [0, 0, 224, 224] and tight["tight"] and tight["race"] == "White"
    marks = np.array(tight["landmarks"])  # no face is found in clouds: those of an aligned picture are taken
    assert marks[0] == pytest.approx([72.2, 67.8]) and (marks[1] > marks[0] - [0, 9]).all()


def test_a_head_alone_moves_to_the_same_pixels(people, tmp_path):
    rows = find_people(people)
    for row, head in zip(rows, head_rows(rows, tmp_path / "heads"), strict=True):
        whole, alone = (load_still(r, np.random.default_rng(7), 3) for r in (row, head))
        assert np.array_equal(whole.frames, alone.frames) and len(head["tone"]) == 3
        assert np.allclose(whole.boxes, alone.boxes, atol=0.01)


def test_people_that_are_not_there_are_named(people, tmp_path):
    with pytest.raises(DataError, match=r"faces\.csv"):
        find_people(tmp_path / "team")
    (people / "team" / "a.jpg").unlink()
    with pytest.raises(DataError, match=r"team/a\.jpg"):
        find_people(people)
