"""The front door: quick to import, every public name resolves, the environment files agree."""

from __future__ import annotations

import pydoc
import re
import subprocess
import sys
import tomllib

import pytest

import spotterlib
from spotterlib.base import ROOT


def run_python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/", timeout=480
    ).stdout.strip()


def test_import_brings_no_heavy_package():
    heavy = "torch torchvision cv2 av numpy pandas matplotlib facenet_pytorch ipywidgets sklearn"
    found = run_python(f"import sys, spotterlib; print([m for m in {heavy.split()} if m in sys.modules])")
    assert found == "[]"


def test_import_is_quick():
    code = "import time; t = time.process_time(); import spotterlib; print(time.process_time() - t)"
    assert sorted(float(run_python(code)) for _ in range(3))[1] < 0.5


def test_help_is_a_page():
    """It names only what there is, and each of the calls of its examples."""
    text = pydoc.plain(pydoc.render_doc(spotterlib, renderer=pydoc.plaintext))
    assert len(text.splitlines()) < 90, "two screens; the whole reference had 2,619 lines"
    called = set(re.findall(r"\b([a-zA-Z_]{2,})\(", spotterlib.__doc__)) - {"dir", "help", "score_frames", "shape"}
    assert len(called) >= 12 and called <= set(dir(spotterlib))


def test_what_is_done_is_logged_where_nobody_hears_it_unasked():
    code = "import logging, spotterlib; logging.getLogger('spotterlib.scan').error('heard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=480)
    assert done.stderr == done.stdout == ""
    code = f"import logging; logging.basicConfig(); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=480)
    assert "heard" in done.stderr


@pytest.mark.parametrize("name", dir(spotterlib))
def test_public_name_resolves(name):
    assert getattr(spotterlib, name).__doc__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No spotterlib attribute nonsense"):
        spotterlib.nonsense  # noqa: B018


def package_names(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9_.-]+", line).group().lower().replace("_", "-") for line in requirements}


def project_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return sorted(
        {*project["dependencies"], *extras["notebooks"], *extras["provenance"], *extras["test"], *extras["soak"]}
    )


def test_environment_yml_has_the_packages_of_pyproject():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    listed = [line.strip()[2:] for line in lines if line.startswith("      - ") and "--constraint" not in line]
    assert sorted(listed) == sorted(project_requirements())


def test_constraints_pin_every_package_exactly():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!]+", line) for line in lines), "no local builds, no ranges"
    assert package_names(project_requirements()) <= package_names(lines)
    assert "torch==2.13.0" in lines


def test_no_file_names_a_machine_path():
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, timeout=240)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    suspicious = re.compile(r"/(?:root|home/\w+|work|Users/\w+)/\w")
    for name in tracked.stdout.split("\0"):
        if name.endswith((".py", ".ipynb", ".md", ".toml", ".yml", ".txt", ".json", ".html")) or name == "Makefile":
            text = (ROOT / name).read_text(encoding="utf-8")
            if name != "tests/whole/test_package.py":
                assert not suspicious.search(text), name
