"""The fixed Parquet schemas of records, prompts and judgments, and rows to and from them.

What is keyed by ids is ``map<string, ...>``, so that a file of a million candidates has the
schema of a file of two; what may hold anything (``meta``, ``media``, a user's examples, an
agreement that is true, false or a rate) is JSON text.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.files.lines import dumps, loads

if TYPE_CHECKING:
    import pyarrow as pa

_JSON = {b"unireward": b"json"}


@cache
def record_schema() -> pa.Schema:
    """Columns of a file of records, in the order of the JSON keys."""
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    part = pa.struct(
        [
            ("type", text),
            ("text", text),
            ("path", text),
            ("bytes", pa.binary()),
            ("frames", pa.list_(text)),
            ("start", number),
            ("end", number),
            ("fps", number),
            ("role", text),
            ("turn", whole),
        ]
    )
    candidate = pa.struct([("id", text), ("content", pa.list_(part))])
    label = pa.struct(
        [
            ("ranking", pa.list_(pa.list_(text))),
            ("preference", pa.map_(text, number)),
            ("strength", number),
            ("tie", text),
            ("scores", pa.map_(text, pa.map_(text, number))),
            ("scales", pa.map_(text, pa.list_(number))),
            ("spans", pa.list_(_span())),
        ]
    )
    user = pa.struct([("id", text), _json("examples")])
    criterion = pa.struct([("criterion", text), ("weight", number)])
    context = pa.struct([("principle", text), ("rubric", pa.list_(criterion)), ("user", user)])
    return pa.schema(
        [
            ("schema", pa.int32()),
            ("id", text),
            ("task", text),
            ("prompt", pa.list_(part)),
            ("candidates", pa.list_(candidate)),
            ("label", label),
            ("context", context),
            _json("meta"),
        ]
    )


@cache
def prompt_schema() -> pa.Schema:
    """Columns of a file of prompts: a record's without what is about its candidates."""
    import pyarrow as pa

    return pa.schema([f for f in record_schema() if f.name not in ("candidates", "label")])


@cache
def judgment_schema() -> pa.Schema:
    """Columns of a file of judgments, in the order of the JSON keys."""
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    by_id = pa.map_(text, number)
    ask = pa.struct(
        [
            ("candidates", pa.list_(text)),
            ("form", text),
            ("status", text),
            ("reason", text),
            ("preference", by_id),
            ("dimensions", pa.map_(text, by_id)),
            ("reply", text),
            ("finish_reason", text),
        ]
    )
    return pa.schema(
        [
            ("schema", pa.int32()),
            *((name, text) for name in ("record", "judge", "family", "prompt", "task", "mode")),
            ("status", text),
            ("reason", text),
            ("scores", by_id),
            ("dimensions", pa.map_(text, by_id)),
            ("winner", text),
            ("preference", by_id),
            ("ranking", pa.list_(pa.list_(text))),
            ("unsettled", pa.list_(text)),
            ("confidence", number),
            _json("agreement"),
            ("raw", by_id),
            ("sigma", by_id),
            ("spans", pa.list_(_span())),
            ("notes", pa.list_(text)),
            ("asks", pa.list_(ask)),
            ("rationale", text),
            ("calls", whole),
            ("cached", whole),
            ("tokens", whole),
            ("seconds", number),
            _json("media"),
        ]
    )


def _span() -> pa.StructType:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.struct(
        [
            ("candidate", text),
            ("kind", text),
            ("start", number),
            ("end", number),
            ("box", pa.list_(number)),
            ("frame", pa.int64()),
            ("dimension", text),
            ("value", number),
            ("text", text),
        ]
    )


def _json(name: str) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, pa.string(), metadata=_JSON)


def to_columns(row: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """A JSON object as pyarrow takes it for ``schema``: maps as pairs, free values as text."""
    return {field.name: _to_field(row.get(field.name), field) for field in schema}


def _to_field(value: Any, field: pa.Field) -> Any:
    if value is not None and field.metadata == _JSON:
        return dumps(value)
    return _to_arrow(value, field.type)


def _to_arrow(value: Any, kind: pa.DataType) -> Any:
    import pyarrow.types as types

    if value is None:
        return None
    if types.is_map(kind):
        return [(key, _to_arrow(item, kind.item_type)) for key, item in value.items()]
    if types.is_list(kind):
        return [_to_arrow(item, kind.value_type) for item in value]
    if types.is_struct(kind):
        return {field.name: _to_field(value.get(field.name), field) for field in kind}
    return value


def from_columns(row: dict[str, Any], schema: pa.Schema | pa.StructType) -> dict[str, Any]:
    """The JSON object of a row read from a file; nulls left out, unknown columns kept as is.

    :class:`InputError` for a text that should be JSON and is not.
    """
    known = {field.name for field in schema}
    out = {name: value for name, value in row.items() if name not in known}
    for field in schema:
        value = _from_field(row.get(field.name), field)
        if value is not None:
            out[field.name] = value
    return out


def _from_field(value: Any, field: pa.Field) -> Any:
    if isinstance(value, str) and field.metadata == _JSON:
        try:
            return loads(value)
        except InputError as error:
            raise InputError(f"{field.name}: {error}") from None
    return _from_arrow(value, field.type)


def _from_arrow(value: Any, kind: pa.DataType) -> Any:
    """Tolerant of other writers: a map may come as a struct, whose nulls are absent keys."""
    import pyarrow.types as types

    if types.is_map(kind) and isinstance(value, list | dict):
        pairs = value.items() if isinstance(value, dict) else value
        absent = isinstance(value, dict)
        return {
            key: _from_arrow(item, kind.item_type)
            for key, item in pairs
            if not (absent and item is None)
        }
    if types.is_list(kind) and isinstance(value, list):
        return [_from_arrow(item, kind.value_type) for item in value]
    if types.is_struct(kind) and isinstance(value, dict):
        return from_columns(value, kind)
    return value
