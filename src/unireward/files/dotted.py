"""Dotted: ``package.module:name`` in a config, resolved to the Python object it names.

This is how a recipe brings its own model or data to the trainer. The working directory is
importable, as with ``python -m``. What a config names is run: treat a stranger's config as a
stranger's code.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from unireward.errors import InputError


def resolve(name: str, field: str) -> Any:
    """The object that ``name`` (``package.module:attribute``) names; InputError with the mend."""
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise InputError(f"{field}: {name!r} names nothing; write package.module:name")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not module_name.startswith(error.name):
            raise InputError(
                f"{field}: {module_name} needs {error.name}, which is not installed; install it"
            ) from error
        raise InputError(
            f"{field}: there is no module {module_name}; start from the folder it lies in"
        ) from error
    if not hasattr(module, attribute):
        raise InputError(f"{field}: {module_name} has no {attribute!r}; name one that it has")
    found = getattr(module, attribute)
    if field.endswith("factory") and not callable(found):
        raise InputError(f"{field}: {name} is no function; name one that makes what is wanted")
    return found
