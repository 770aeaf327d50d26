"""The page scans in Firefox, opened from disk, and says what Python says."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from makers.firefox import started

from spotterlib import scan_video

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = pytest.mark.skipif(FIREFOX is None, reason="needs Firefox (Debian: apt-get install firefox-esr)")


@pytest.fixture(scope="module")
def page(written, tmp_path_factory):
    """The page in Firefox, ready for a video."""
    with started(FIREFOX, tmp_path_factory.mktemp("firefox")) as firefox:
        firefox.open(written)
        firefox.wait("document.querySelector('#file:enabled, #failed:not([hidden])') !== null")
        assert firefox.evaluate("document.querySelector('#failed').hidden"), firefox.evaluate("document.body.innerText")
        yield firefox


@pytest.mark.parametrize("name", ["late.mp4", "two.mp4", "empty.mp4"])
def test_firefox_says_what_python_says(page, graphs, clips, name):
    theirs = scan_video(clips / name, graphs).to_dict()
    page.evaluate("(shown = null, true)")
    page.choose("#file", clips / name)
    page.wait("shown !== null || !document.querySelector('#failed').hidden")
    assert page.evaluate("document.querySelector('#failed').hidden"), page.evaluate("document.body.innerText")
    ours = page.evaluate("shown.json")
    assert (ours["label"], ours["reason"]) == (theirs["label"], theirs["reason"])
    assert (ours["probability"] is None) == (theirs["probability"] is None) == (name == "empty.mp4")
    if ours["probability"] is not None:
        assert abs(ours["probability"] - theirs["probability"]) <= 0.03
    assert len(ours["faces"]) == len(theirs["faces"])
    for mine in ours["faces"]:  # Firefox hands over colours that it converted itself: a little else is seen
        apart = [np.abs(np.array(mine["boxes"], float) - np.array(face["boxes"], float)) for face in theirs["faces"]]
        other = theirs["faces"][int(np.argmin([np.nanmax(each) for each in apart]))]
        assert mine["frames"] == other["frames"] and abs(mine["probability"] - other["probability"]) <= 0.03
        seen = [np.isfinite(np.array(face["boxes"], float)).all(1) for face in (mine, other)]
        assert np.array_equal(*seen) and min(np.nanmax(each) for each in apart) <= 2, "px, of a face of 130"
    assert page.said == []
