"""The package as pip installs it: wheel and sdist carry what a scan needs, and results stay out of site-packages."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from makers.bounded import finished

from spotterlib.base import ROOT

BUILD = """
import sys
from setuptools.build_meta import build_sdist, build_wheel
out = sys.argv[1]  # setuptools takes sys.argv for its own
print(build_wheel(out), build_sdist(out))
"""
NEEDED = (
    "spotterlib/__init__.pyi",
    "spotterlib/py.typed",
    "spotterlib/evaluation/published.csv",
    "spotterlib/evidence/drop.js",
    "spotterlib/evidence/templates/player.html",
    "spotterlib/fakes/people/people.json",
    "spotterlib/fakes/people/p32.jpg",
    "spotterlib/faces/shipped/faces_dlib_resnet.safetensors",
    "spotterlib/portable/page/app.js",
    "spotterlib/scan/report.schema.json",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel and the sdist, made of what git would hand out, as pip makes them."""
    place, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith("spotterlib/") or "/" not in name:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                os.link(ROOT / name, place / name) if _one_disk(place) else (place / name).write_bytes(
                    (ROOT / name).read_bytes()
                )
    done = finished([sys.executable, "-c", BUILD, str(out)], 300, cwd=place)
    assert done.returncode == 0, done.stderr[-3000:]
    wheel, sdist = done.stdout.split()[-2:]
    return out / wheel, out / sdist


def _one_disk(place: Path) -> bool:
    return os.stat(place).st_dev == os.stat(ROOT).st_dev


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """The Python of a fresh environment into which pip installed the wheel; the packages below it are those of here."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    where = finished([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], 60).stdout.strip()
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    done = finished([*pip, "--disable-pip-version-check", str(built[0])], 300)
    assert done.returncode == 0, done.stderr[-3000:]
    # after its own: what is installed goes before what is shared, and before the clone
    Path(where, "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def run(python: Path, code: str, cwd: Path, limit: float = 900) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = finished([str(python), "-c", code], limit, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_wheel_and_sdist_carry_the_checkpoint_and_the_sample_people(built):
    from spotterlib.model import DEFAULT_CHECKPOINT

    own = [DEFAULT_CHECKPOINT.with_suffix(ending).relative_to(ROOT).as_posix() for ending in (".safetensors", ".json")]
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
        assert {*NEEDED, *own} <= names and len([name for name in names if "/people/p" in name]) == 33
        assert wheel.read(own[0]) == DEFAULT_CHECKPOINT.read_bytes()
        (told,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "spotter = spotterlib.terminal:" in wheel.read(told).decode()
        top = {name.split("/")[0] for name in names}
        assert top == {"spotterlib", next(name for name in top if name.endswith(".dist-info"))}
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
        assert {*NEEDED, *own} <= names and "pyproject.toml" in names


SCAN = """
import sys, pathlib, spotterlib
from spotterlib.base import home, ROOT
site = pathlib.Path(spotterlib.__file__).parent
assert home() == pathlib.Path.cwd() != ROOT, home()
before = sorted(path for path in site.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__")
samples = spotterlib.make_samples("samples", pairs=1)
detector = spotterlib.load_checkpoint(device="cpu")
report = spotterlib.scan_video("samples/real/p01.mp4", detector)
print(spotterlib.export_page(report, "runs/page.html"))
print(site)
after = sorted(path for path in site.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__")
assert after == before, set(after) - set(before)
"""


def test_what_is_installed_scans_anywhere_and_leaves_results_where_one_stands(installed, tmp_path):
    page, site = map(Path, run(installed, SCAN, tmp_path).split("\n")[:2])
    assert installed.parent.parent in site.parents, "not the clone"
    assert page == tmp_path / "runs" / "page.html" and page.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "samples"]


def test_notebooks_are_asked_for_where_they_are(installed, tmp_path):
    code = "from spotterlib import run_notebook\nrun_notebook('03', 'out.ipynb')"
    with pytest.raises(AssertionError, match=r"DataError: The notebooks are not in the package: clone its repository"):
        run(installed, code, tmp_path)
