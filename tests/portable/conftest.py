"""The page, and the graphs in it, for the tests in a browser."""

from __future__ import annotations

import pytest

from spotterlib import Detector, SpotterError, export_onnx
from spotterlib.base import ROOT
from spotterlib.portable import library_files, write_page


@pytest.fixture(scope="session")
def libraries():
    """The JavaScript that the page carries, by name."""
    try:
        return library_files(ROOT / "runs" / "npm")
    except SpotterError as error:
        pytest.skip(f"the page's JavaScript is not here: {error}")


@pytest.fixture(scope="session")
def written(libraries, tmp_path_factory):
    """The page with the shipped checkpoint."""
    return write_page(tmp_path_factory.mktemp("page"), cache=ROOT / "runs" / "npm")


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Python's scan by the very graphs that the page has."""
    return Detector.from_onnx(export_onnx(None, tmp_path_factory.mktemp("graphs")))
