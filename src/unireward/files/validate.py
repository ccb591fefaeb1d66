"""The border: objects from files become models, and errors become one line with the mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from unireward.errors import InputError
from unireward.media.source import clip
from unireward.record import Row

M = TypeVar("M", bound=Row)
META = "meta"

_MENDS = {
    "missing": "is missing; add it",
    "extra_forbidden": "is no field of the format; check its spelling",
    "string_type": "must be a string",
    "string_unicode": "holds half a surrogate pair; give whole characters",
    "string_too_short": "must not be empty",
    "too_short": "must hold at least one",
    "dict_type": "must be an object {...}",
    "model_type": "must be an object {...}",
    "model_attributes_type": "must be an object {...}",
    "tuple_type": "must be a list [...]",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number; leave it out where there is none",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}


def validate(model: type[M], value: Any) -> M:
    """``value`` as ``model``; :class:`InputError` with field, fault and mend in one line."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InputError(explain(error, META in model.model_fields)) from None


def explain(error: ValidationError, has_meta: bool = False) -> str:
    """The first fault as ``candidates[1].content[0].path: must be a string, not 3``. ``has_meta``
    says that what has no field of its own can be kept under ``meta``."""
    faults = error.errors(include_url=False, include_context=True)
    first = faults[0]
    field = where(first["loc"])
    mend = _mend(first)
    if has_meta and first["type"] == "extra_forbidden":
        mend += f", or move it into {META}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{field}: {mend}{more}" if field else f"{mend}{more}"


def where(loc: Sequence[int | str]) -> str:
    """A pydantic location as a path: ``("a", 1, "b")`` -> ``a[1].b``."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{clip(step)}" if path else clip(step)
    return path


def _mend(fault: Any) -> str:
    kind, given = fault["type"], fault.get("input")
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind == "literal_error" and fault["loc"] == ("schema",):
        return f"is {clip(repr(given))}; this version reads schema 1"
    if kind == "literal_error":
        return f"is {clip(repr(given))}; use {fault['ctx']['expected']}"
    if kind in _MENDS:
        told = "" if kind in ("missing", "extra_forbidden") else f", not {clip(repr(given), 40)}"
        head, colon, tail = _MENDS[kind].partition(";")
        return f"{head}{told}{colon}{tail}"
    return f"{fault['msg']}, not {clip(repr(given), 40)}"
