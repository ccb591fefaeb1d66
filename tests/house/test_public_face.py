"""The public list is real, and importing it costs nothing until it is used."""

import subprocess
import sys

import pytest

import unireward


@pytest.mark.parametrize("name", unireward.__all__)
def test_every_public_name_imports(name):
    assert getattr(unireward, name) is not None


def test_the_list_is_what_can_be_had():
    assert set(unireward.__all__) == {"__version__", *unireward._HOMES}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = unireward.Nonsense


def test_importing_loads_nothing_heavy():
    heavy = "{'torch', 'transformers', 'numpy', 'PIL', 'av', 'pydantic', 'httpx', 'pyarrow'}"
    code = f"import sys, unireward; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
