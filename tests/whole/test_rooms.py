"""The house of rooms: every name is there, rooms import only what earlier rooms export, files are few and short."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import spotterlib
from spotterlib.base import ROOT

ROOMS = ["base", "video", "provenance", "data", "splits", "faces", "fakes", "metrics"]
ROOMS += ["model", "training", "scan", "evidence", "evaluation", "portable", "notebook", "terminal"]
HOUSE = ROOT / "spotterlib"
FILES = sorted(HOUSE.rglob("*.py"))
NAMES = {"spotterlib.model": "SpotterNet load_checkpoint", "spotterlib.dataset": "ClipDataset"}
NAMES |= {"spotterlib.heatmap": "grad_cam"}


def module_of(file: Path) -> str:
    """spotterlib/faces/find.py is spotterlib.faces.find; an `__init__` is its room."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def files_of(room: str) -> set[str]:
    return {file.stem for file in (HOUSE / room).glob("*.py")} - {"__init__", "__main__"}


def exports(room: str) -> list[str]:
    return importlib.import_module(f"spotterlib.{room}").__all__


def imports(tree: ast.AST) -> Iterator[tuple[ast.ImportFrom, str, str]]:
    """Every `from … import name` of a file, those for a type checker and in functions too, with module and name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, node.module or "", alias.name


def test_the_rooms_are_those_of_the_contract():
    here = {folder.name for folder in HOUSE.iterdir() if folder.is_dir() and (folder / "__init__.py").exists()}
    assert here == set(ROOMS)
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert [layer.removeprefix("spotterlib.") for layer in layers if "|" not in layer] == ROOMS[::-1]
    told = [spotterlib.__doc__.index(f"`{room}`") for room in ROOMS]
    assert told == sorted(told), "the door says them in this order"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_every_name_that_it_exports(room):
    module, names = importlib.import_module(f"spotterlib.{room}"), exports(room)
    assert names and len(names) == len(set(names)) and set(names) <= set(dir(module))
    for name in names:
        getattr(module, name)
    assert module.__doc__ and "In:" in module.__doc__ and "Out:" in module.__doc__ and "mports" in module.__doc__


@pytest.mark.parametrize("room", ROOMS)
def test_no_exported_name_is_that_of_a_file(room):
    """Else `spotterlib.room.name` would be one or the other, by what was imported before."""
    assert not set(exports(room)) & files_of(room)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_room_imports_what_earlier_rooms_export(file):
    room, tree = file.relative_to(HOUSE).parts[0], ast.parse(file.read_text(encoding="utf-8"))
    assert not any(
        alias.name.startswith("spotterlib") for node in ast.walk(tree) if isinstance(node, ast.Import)
        for alias in node.names
    ), "rooms are named from where one stands"  # fmt: skip
    for node, module, name in imports(tree):
        where = f"{file.relative_to(ROOT)}:{node.lineno} from {'.' * node.level}{module} import {name}"
        assert not module.startswith("spotterlib"), where
        if node.level == 2 and not module:  # a whole room: what is used of it must be what it exports
            assert name in ROOMS[: ROOMS.index(room)], where
            used = {
                n.attr for n in ast.walk(tree)
                if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name
            }  # fmt: skip
            assert used <= set(exports(name)), where
        elif node.level == 2:
            assert module in ROOMS[: ROOMS.index(room)] and name in exports(module), where
        elif node.level == 1 and file.parent != HOUSE:
            assert (module or name) in files_of(room), where
        elif node.level == 1:  # the front door's other names
            assert name in exports(module), where
        else:
            assert not node.level, where


def test_files_are_few_short_and_without_underscores():
    for file in FILES:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file
        assert file.name in ("__init__.py", "__main__.py") or not file.name.startswith("_"), file
    assert {file.name for file in HOUSE.glob("*.py")} == {"__init__.py", "__main__.py", "dataset.py", "heatmap.py"}
    for page in [*HOUSE.rglob("*.html"), *HOUSE.rglob("*.js")]:
        assert not page.name.startswith("_") and page.relative_to(HOUSE).parts[0] in ROOMS


def alone(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=480, cwd="/")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_the_front_door_is_light():
    heavy = ("torch", "numpy", "cv2", "matplotlib")
    code = f"import sys, spotterlib; print([name for name in {heavy} if name in sys.modules])"
    assert alone(code) == "[]"


@pytest.mark.parametrize("module", NAMES)
def test_names_that_the_card_uses_stay(module):
    assert alone(f"from {module} import {', '.join(NAMES[module].split())}; print('there')") == "there"


def test_the_contract_is_kept():
    """As `make lint` runs it."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=480, cwd=ROOT, env=os.environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_no_circle_between_files():
    """grimp sees that a file imports a room; which file of the room it thereby imports, the room's table says."""
    graph = grimp.build_graph("spotterlib", cache_dir=None)
    depends = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    for file in FILES:
        for node, module, name in imports(ast.parse(file.read_text(encoding="utf-8"))):
            room = module if node.level == 2 or file.parent == HOUSE else ""
            if node.level and room in ROOMS:
                depends[module_of(file)].add(importlib.import_module(f"spotterlib.{room}").__name__)
                depends[module_of(file)].add(f"spotterlib.{room}.{home_of(room, name)}")
    order = list(TopologicalSorter(depends).static_order())  # a `CycleError` names the circle
    assert len(order) >= len(FILES)


def home_of(room: str, name: str) -> str:
    """The file of a room that an exported name is of, as its `__init__` says."""
    tree = ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8"))
    (table,) = [
        ast.literal_eval(word.value) for node in ast.walk(tree) if isinstance(node, ast.Call)
        for word in node.keywords if word.arg == "submod_attrs"
    ]  # fmt: skip
    (home,) = [file for file, names in table.items() if name in names]
    return home
