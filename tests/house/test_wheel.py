"""A wheel built from this tree holds everything that the library reads from itself."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "unireward"
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"


def own_files():
    """Everything under the package that is no by-product."""
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Names and sizes of the wheel's files; the tree is copied, so nothing is built into it."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-c", BUILD]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(next((tree / "dist").glob("*.whl"))) as wheel:
        return {row.filename: row.file_size for row in wheel.infolist()}


def test_every_file_of_the_package_is_in_the_wheel(packed):
    inside = {name for name in packed if name.startswith("unireward/")}
    assert own_files() - inside == set()
    assert {name for name in inside - own_files() if "__pycache__" not in name} == set()


def test_what_is_no_python_is_among_them(packed):
    assert {
        "unireward/py.typed",
        "unireward/report/templates/page.html",
        "unireward/report/templates/page.css",
        "unireward/assets/tiny/judge.json",
        "unireward/assets/tiny/model.safetensors",
    } <= set(packed)
    assert sum("/replies/" in name for name in packed) >= 5


def test_the_wheel_has_the_licence_and_the_command(packed):
    assert any(name.endswith("licenses/LICENSE") for name in packed)
    assert any(name.endswith("entry_points.txt") for name in packed)


def test_shipped_assets_stay_small():
    total = sum(path.stat().st_size for path in (PACKAGE / "assets").rglob("*") if path.is_file())
    assert 0 < total < 40e6
