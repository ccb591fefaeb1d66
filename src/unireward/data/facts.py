"""What a record keeps of its row beside the label: ``meta``, which must survive JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def facts(row: Mapping[str, Any], *fields: str, **renamed: str) -> dict[str, Any]:
    """Those of the row's fields that hold something, for a record's ``meta``.

    ``renamed`` gives a field another name (``model_a="left_model"``). Nulls, NaN, empty text and
    what JSON has no form for (bytes, dates) are left out.
    """
    wanted = {**{field: field for field in fields}, **renamed}
    found = {name: _plain(row.get(field)) for name, field in wanted.items()}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return None
