"""Where a model runs: local transformers, an OpenAI-compatible endpoint, or a script.

Imported on first use, so that asking for one engine does not load the others' libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "BaseEngine": "unireward.engines.base",
    "CachedEngine": "unireward.engines.cached",
    "OpenAIEngine": "unireward.engines.openai",
    "ReplyCache": "unireward.engines.cache",
    "Rule": "unireward.engines.rules",
    "ScriptedEngine": "unireward.engines.scripted",
    "ScriptedServer": "unireward.engines.serve_scripted",
    "TransformersEngine": "unireward.engines.transformers",
}
__all__ = [
    "BaseEngine",
    "CachedEngine",
    "OpenAIEngine",
    "ReplyCache",
    "Rule",
    "ScriptedEngine",
    "ScriptedServer",
    "TransformersEngine",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unireward.engines' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from unireward.engines.base import BaseEngine
    from unireward.engines.cache import ReplyCache
    from unireward.engines.cached import CachedEngine
    from unireward.engines.openai import OpenAIEngine
    from unireward.engines.rules import Rule
    from unireward.engines.scripted import ScriptedEngine
    from unireward.engines.serve_scripted import ScriptedServer
    from unireward.engines.transformers import TransformersEngine
