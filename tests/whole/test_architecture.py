"""docs/architecture.md names every file of the house, and none that is not there."""

from __future__ import annotations

import re

from spotterlib.base import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HOUSE = ROOT / "spotterlib"


def test_the_table_of_files_is_the_house():
    table = PAGE.split("| room | file | what is in it |")[1].split("\n\n")[0]
    told, room = set(), ""
    for line in table.splitlines()[2:]:
        first, file = re.match(r"\| (?:\[\*\*(\w+)\*\*\]\(\S+\))? \| `(\w+\.py)` \|", line).groups()
        room = first or room
        told.add(f"{room}/{file}")
    here = {file.relative_to(HOUSE).as_posix() for file in HOUSE.glob("*/*.py") if file.name != "__init__.py"}
    assert told == here


def test_what_it_names_is_there():
    text = "\n".join(file.read_text(encoding="utf-8") for file in HOUSE.rglob("*.*") if file.suffix in (".py", ".html"))
    for name in re.findall(r"`([\w./]+)`", PAGE):
        if "/" in name and not name.endswith("/"):
            assert (HOUSE / name).exists() or (ROOT / name).exists(), name
        elif name.isidentifier():
            assert re.search(rf"\b{name}\b", text), name
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
