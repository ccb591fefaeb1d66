"""Solutions in steps as records: one text part a step, a span for each step that was judged.

The spans' ``value`` stands under ``dimension`` ``correctness``, whose range is in the label's
``scales``: ``SIGNED`` (-1 wrong, 0 neutral, 1 right) or ``SHARE`` (0 to 1, a probability or share).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from unireward.data.converter import UNNAMED, Row, RowError, Source
from unireward.data.fields import as_number, as_text, build, candidate, images
from unireward.media.source import clip
from unireward.record import Part, Record

DIMENSION = "correctness"
SIGNED = (-1.0, 1.0)
SHARE = (0.0, 1.0)
MARK = re.compile(r"^(?:\s*<image>\s*)+")
"""Where an image stood before the question."""


class Step(NamedTuple):
    """``value`` is None where nobody judged the step."""

    text: str
    value: float | None


def steps_record(
    row: Row,
    source: Source,
    question: str,
    steps: Sequence[Step],
    scale: tuple[float, float],
    *,
    origin: str,
    id: str = UNNAMED,
    **meta: Any,
) -> Record:
    """The record of one solution; the image is the row's ``image`` or ``image_path``."""
    field = "image" if row.get("image") else "image_path"
    pictures = images(row.get(field) or None, field, source)
    spans = [
        {
            "candidate": "a", "kind": "step", "start": i, "end": i + 1,
            "dimension": DIMENSION, "value": step.value,
        }
        for i, step in enumerate(steps)
        if step.value is not None
    ]  # fmt: skip
    if not spans:
        raise RowError("no step has a label; give at least one")
    return build(
        "image_understanding" if pictures else "text",
        [*pictures, Part.of_text(as_text(MARK.sub("", question).strip(), "question"))],
        [candidate("a", *(as_text(step.text, f"step {i}") for i, step in enumerate(steps)))],
        {"spans": spans, "scales": {DIMENSION: scale}},
        id=id,
        meta={"source": "prm-steps", "origin": origin, **meta},
    )


def scored(rows: list[Any], field: str, key: str, scale: tuple[float, float]) -> list[Step]:
    """Steps given as objects of ``step`` and a number ``key``, which may be null."""
    steps = []
    for i, step in enumerate(rows):
        if not isinstance(step, dict):
            raise RowError(f"{field}[{i}] is {clip(repr(step), 40)}; give step and {key}")
        value = step.get(key)
        number = None if value is None else as_number(value, f"{field}[{i}].{key}", *scale)
        steps.append(Step(as_text(step.get("step"), f"{field}[{i}].step"), number))
    return steps


def object_of(row: Row, field: str) -> Row:
    """The field's object."""
    value = row.get(field)
    if not isinstance(value, dict):
        raise RowError(f"{field} is {clip(repr(value), 40)}; give an object")
    return value
