"""The list of layers in pyproject.toml is whole: no room of the house is outside the contract."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "unireward"


def layers():
    """Room -> whether it may be missing, from the layers contract."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(c for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return {
        name: line.strip().startswith("(")
        for line in contract["layers"]
        for name in re.findall(r"unireward\.(\w+)", line)
    }


def rooms():
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    return files | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_every_room_has_a_layer_and_every_layer_a_room():
    known = layers()
    assert rooms() - set(known) == set()
    assert {name for name, optional in known.items() if not optional} - rooms() == set()


def test_every_folder_of_code_is_a_package():
    """A folder without ``__init__.py`` would be seen by no contract and left out of a wheel."""
    bare = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()
