"""Windows and macOS: no module of POSIX alone, no signal that they lack, no `make`, paths of both kinds."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest
from makers.bounded import finished

from spotterlib.base import ROOT

POSIX = ["fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"]
HIDDEN = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}: this is not a POSIX system", name=name)

for name in {POSIX!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())
import signal
for name in ("SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGQUIT", "setitimer", "alarm"):
    if hasattr(signal, name):
        delattr(signal, name)
"""
SCAN = """
import importlib, pkgutil, os, sys
import spotterlib
for module in pkgutil.walk_packages(spotterlib.__path__, "spotterlib."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
report = spotterlib.scan_video(sys.argv[1], sys.argv[2], "cpu")
print(spotterlib.export_page(report, sys.argv[3]))
assert not {"fcntl", "resource", "pwd", "grp", "termios"} & set(sys.modules)
"""
SOURCES = sorted(file for folder in ("spotterlib", "scripts") for file in (ROOT / folder).rglob("*.py"))


def test_a_scan_needs_no_module_and_no_signal_of_posix_alone(clips, checkpoint, tmp_path):
    page = tmp_path / "page.html"
    command = [sys.executable, "-c", HIDDEN + SCAN, str(clips / "two.mp4"), str(checkpoint), str(page)]
    run = finished(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    assert page.is_file() and run.stdout.split() == [str(page)]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_file_asks_for_posix_alone(file):
    """Modules, signals and functions that Windows lacks are used nowhere, or where `hasattr` found them."""
    lacking = {"SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGQUIT", "setitimer"}
    lacking |= {"fork", "killpg", "setsid", "getuid", "geteuid", "mkfifo", "uname", "statvfs", "sched_getaffinity"}
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {name.split(".")[0] for name in names} & {*POSIX}, f"{file.name}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("os", "signal"):
            assert node.attr not in lacking or f'"{node.attr}"' in text, f"{file.name}:{node.lineno}"


def test_a_command_for_each_system_installs_what_make_installs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import set_up

    lines = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n\t", "").splitlines()
    (install,) = [line.partition(" := ")[2] for line in lines if line.startswith("INSTALL := ")]
    (recipe,) = [line.replace("$(INSTALL)", install) for line in lines if "$(INSTALL) '.[notebooks,onnx]'" in line]
    recipe = recipe.strip().removeprefix("$(BIN)/python ").replace("'", "")
    for forbidden, compiled in (("", "--no-compile "), ("1", "")):
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", forbidden)
        (command,) = set_up.commands(Path("python"), "notebooks,onnx")
        assert " ".join(command[1:]).replace("'", "") == recipe.replace("$(COMPILED)", compiled)
    monkeypatch.setattr(set_up, "CLONE", Path("nowhere"))
    asked = []
    monkeypatch.setattr(set_up.venv, "create", lambda place, with_pip: asked.append(place))
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(set_up.subprocess, "run", lambda command, **_: asked.append(command) or done)
    set_up.main([])
    assert asked[0] == Path("nowhere/.venv") and len(asked) == 2
    assert re.search(r"\.venv.(bin|Scripts).python(\.exe)? scripts.demo\.py", capsys.readouterr().out)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert r"py scripts\set_up.py" in text and r".venv\Scripts\python scripts\demo.py" in text
    assert "python3 scripts/set_up.py" in text and "make demo" in text


def test_names_of_results_are_those_of_every_system():
    from spotterlib.base import own_name

    for name in ("a:b?.mp4", 'x"<>|*.mp4', "ende .mp4", r"back\slash.mp4"):
        made = f"{own_name(name)}.html"
        assert not set(made) & set('<>:"/\\|?*') and PureWindowsPath(made).name == made
