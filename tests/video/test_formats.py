"""Folders are searched for the same endings everywhere."""

from __future__ import annotations

from spotterlib.video import VIDEO_SUFFIXES


def test_folders_are_searched_for_the_same_endings_everywhere():
    from spotterlib.video import VIDEO_ENDINGS

    assert VIDEO_ENDINGS <= VIDEO_SUFFIXES
