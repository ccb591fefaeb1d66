"""Objectives by name, from a config to terms.

::

    make_objective({"sft": {}, "yes-no": {"yes": [9693], "no": [2152], "coefficient": 0.5}})
    make_objective({"vq": {"kind": "bradley-terry", "ties": "davidson"}})

The key is the term's name and, unless ``kind`` says otherwise, its kind. ``coefficient`` is its
weight; the other keys are the options of its class. Where options are token ids, a string stands
for the one token it is, if ``token_id`` can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unireward.errors import InputError
from unireward.files.validate import explain
from unireward.training.objectives.absolute import Absolute
from unireward.training.objectives.auxiliary import Auxiliary
from unireward.training.objectives.base import Objective
from unireward.training.objectives.bradley_terry import BradleyTerry
from unireward.training.objectives.denoise import Denoise
from unireward.training.objectives.diffusion_dpo import DiffusionDpo
from unireward.training.objectives.dpo import Dpo
from unireward.training.objectives.gaussian import Fidelity, GaussianPair
from unireward.training.objectives.plackett_luce import PlackettLuce
from unireward.training.objectives.regression import Regression
from unireward.training.objectives.sft import Caption, Sft
from unireward.training.objectives.term import LossTerm
from unireward.training.objectives.words import Words
from unireward.training.objectives.yes_no import YesNo

KINDS: dict[str, type[LossTerm]] = {
    term.kind: term
    for term in (
        Sft, Caption, YesNo, Words, Auxiliary, BradleyTerry, PlackettLuce, GaussianPair, Fidelity,
        Regression, Absolute, Dpo, Denoise, DiffusionDpo,
    )
}  # fmt: skip

TokenId = Callable[[str], int]
"""The id of the token that a string is; an InputError where it is none or several."""


def make_term(
    name: str, config: Mapping[str, Any] | None = None, token_id: TokenId | None = None
) -> LossTerm:
    """The term of a config. InputError names the term, the option and the mend."""
    if config is not None and not isinstance(config, Mapping):
        raise InputError(f"{name}: is {config!r}; write its options as {{...}}, or {{}} for none")
    given = dict(config or {})
    kind = given.pop("kind", name)
    coefficient = given.pop("coefficient", 1.0)
    if kind not in KINDS:
        hint = "" if "kind" in (config or {}) else " (the key, where 'kind' is not given)"
        raise InputError(f"{name}: kind {kind!r}{hint} is unknown; use one of {', '.join(KINDS)}")
    if isinstance(coefficient, bool) or not isinstance(coefficient, int | float):
        raise InputError(f"{name}: coefficient is {coefficient!r}; set it to a number")
    made = KINDS[kind]
    known = [field.name for field in fields(made.Options)]
    if unknown := [key for key in given if key not in known]:
        raise InputError(
            f"{name}: {unknown[0]!r} is no option of {kind}; use one of "
            f"{', '.join(['coefficient', 'kind', *known])}"
        )
    try:
        given = _with_ids(given, getattr(made, "tokens", ()), token_id)
        options = TypeAdapter(made.Options).validate_python(given)
    except ValidationError as error:
        raise InputError(f"{name}: {explain(error)}") from None
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return made(options, name=name, coefficient=coefficient)


def make_objective(
    config: Mapping[str, Mapping[str, Any] | None], token_id: TokenId | None = None
) -> Objective:
    """The objective of a config's terms, in their order."""
    return Objective([make_term(name, terms, token_id) for name, terms in config.items()])


def _with_ids(
    given: dict[str, Any], wanted: tuple[str, ...], token_id: TokenId | None
) -> dict[str, Any]:
    """The options with words in place of token ids looked up."""

    def looked_up(field: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if token_id is None:
            raise InputError(f"{field} is the text {value!r}; give a token id")
        return token_id(value)

    out = dict(given)
    for field in wanted:
        value = given.get(field)
        if isinstance(value, list | tuple):
            out[field] = [looked_up(field, each) for each in value]
        elif value is not None:
            out[field] = looked_up(field, value)
    return out
