"""What makes candidates: models that answer, generators, functions, folders of finished ones.

Imported on first use, so that asking for one policy does not load the others' libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "AnswerPolicy": "unireward.policies.answers",
    "FolderPolicy": "unireward.policies.folder",
    "FunctionPolicy": "unireward.policies.function",
    "Generator": "unireward.policies.generator",
    "LogProb": "unireward.policies.logprob",
    "Showing": "unireward.policies.asking",
    "load_generator": "unireward.policies.generator",
    "load_policy": "unireward.policies.load",
    "plain_ask": "unireward.policies.asking",
    "seed_of": "unireward.policies.seeds",
}
__all__ = [
    "AnswerPolicy",
    "FolderPolicy",
    "FunctionPolicy",
    "Generator",
    "LogProb",
    "Showing",
    "load_generator",
    "load_policy",
    "plain_ask",
    "seed_of",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unireward.policies' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from unireward.policies.answers import AnswerPolicy
    from unireward.policies.asking import Showing, plain_ask
    from unireward.policies.folder import FolderPolicy
    from unireward.policies.function import FunctionPolicy
    from unireward.policies.generator import Generator, load_generator
    from unireward.policies.load import load_policy
    from unireward.policies.logprob import LogProb
    from unireward.policies.seeds import seed_of
