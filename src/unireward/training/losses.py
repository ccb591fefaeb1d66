"""Losses: the ``objective`` of a config as terms.

::

    objective:
      sft: {label_smoothing: 0.1}
      score: {type: auxiliary, coefficient: 0.5}
      words: {wrong: wrong, right: right}

A key is the term's name and, unless ``type`` says another, its kind; the rest are the kind's
options. Options that are tokens take ids, or text that the tokenizer has as one token.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unireward.errors import InputError
from unireward.files.validate import explain
from unireward.training import objectives
from unireward.training.objectives.base import Objective
from unireward.training.objectives.term import LossTerm


@cache
def kinds() -> dict[str, type[LossTerm]]:
    """Every kind of term there is."""
    for module in iter_modules(objectives.__path__, objectives.__name__ + "."):
        import_module(module.name)
    found: dict[str, type[LossTerm]] = {}
    left = [LossTerm]
    while left:
        for term in left.pop().__subclasses__():
            left.append(term)
            if "kind" in vars(term):
                found[term.kind] = term
    return dict(sorted(found.items()))


def make_objective(config: Mapping[str, Any], tokenizer: Any) -> Objective:
    """The objective of a config. InputError names the term and field."""
    return Objective([_term(name, dict(body or {}), tokenizer) for name, body in config.items()])


def _term(name: str, body: dict[str, Any], tokenizer: Any) -> LossTerm:
    kind = body.pop("type", name)
    if kind not in kinds():
        raise InputError(f"objective.{name}: {kind!r} is no loss; use {', '.join(kinds())}")
    term = kinds()[kind]
    coefficient = body.pop("coefficient", 1.0)
    for field in getattr(term, "tokens", ()):
        if field in body:
            body[field] = _tokens(body[field], tokenizer, f"objective.{name}.{field}")
    if kind == "auxiliary":
        body.setdefault("field", name)
    try:
        options = TypeAdapter(term.Options).validate_python(body)
        return term(options, name=name, coefficient=coefficient)
    except ValidationError as error:
        raise InputError(f"objective.{name}.{explain(error)}") from None
    except InputError as error:
        raise InputError(f"objective.{name}: {error}") from None


def _tokens(value: Any, tokenizer: Any, field: str) -> Any:
    """Token ids as they are, texts as the one token that they are."""
    if isinstance(value, list | tuple):
        return tuple(_tokens(item, tokenizer, field) for item in value)
    if isinstance(value, int):
        return value
    ids = tokenizer(str(value), add_special_tokens=False).input_ids
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise InputError(f"{field}: {value!r} is {len(ids)} tokens here; give a word that is one")
    return ids[0]
