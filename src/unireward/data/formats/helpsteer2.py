"""HelpSteer2 (ratings and preferences) and HelpSteer3 (preferences) of NVIDIA, text only.

Shapes as the papers, the cards of their re-packagings and programs that load the files show them:

- ``train.jsonl.gz``: ``prompt``, ``response``, and ``helpfulness``, ``correctness``,
  ``coherence``, ``complexity``, ``verbosity`` from 0 to 4: one candidate with ``scores``;
- ``preference.jsonl.gz``: ``prompt``, ``response_1``, ``response_2``, ``preference_strength``
  from -3 to 3, ``preference_statement``, ``preference_elaboration``, ``split``;
- HelpSteer3: ``context`` (a list of ``role``, ``content``), ``response1``, ``response2``,
  ``overall_preference`` from -3 to 3, ``domain``, ``language``.

**A negative strength means that the first response is better**, a positive one the second, 0 that
they are about the same. ``label.strength`` is its size divided by 3. In prompts of several turns
``<extra_id_1>Assistant`` and ``<extra_id_1>User`` stand between the turns (a convention of
NVIDIA's models; the file itself was not seen); they become parts with ``role`` and ``turn``.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    as_text,
    build,
    candidate,
    choice,
    listed,
    number,
    own_id,
    pair,
    text,
)
from unireward.media.source import clip
from unireward.record import Label, Part, Record

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
LOW, HIGH = 0.0, 4.0
STRONGEST = 3
_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")
_ROLES: dict[str, Literal["user", "assistant", "system"]] = {
    "user": "user", "assistant": "assistant", "system": "system",
}  # fmt: skip


def read(row: Row, source: Source) -> Record:
    if "preference_strength" in row or "response_1" in row:
        return _preference(row)
    for name in ATTRIBUTES:
        if isinstance(row.get(name), list):
            raise RowError(f"{name} holds each annotator's number; convert train.jsonl instead")
    return build(
        "text",
        _turns(text(row, "prompt")),
        [candidate("a", text(row, "response"))],
        {
            "scores": {"a": {name: number(row, name, LOW, HIGH) for name in ATTRIBUTES}},
            "scales": dict.fromkeys(ATTRIBUTES, (LOW, HIGH)),
        },
        id=own_id(row),
        meta={"source": "helpsteer2", **facts(row, "split")},
    )


def _preference(row: Row) -> Record:
    return build(
        "text",
        _turns(text(row, "prompt")),
        [candidate("a", text(row, "response_1")), candidate("b", text(row, "response_2"))],
        _signed(row, "preference_strength"),
        id=own_id(row),
        meta={
            "source": "helpsteer2",
            **facts(row, "split", "preference_statement", "preference_elaboration"),
        },
    )


def read_3(row: Row, source: Source) -> Record:
    turns = listed(row, "context")
    prompt = []
    for i, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise RowError(f"context[{i}] is {clip(repr(turn), 40)}; give role and content")
        words = as_text(turn.get("content"), f"context[{i}].content")
        prompt.append(Part(type="text", text=words, role=choice(turn, "role", _ROLES), turn=i))
    return build(
        "text",
        prompt,
        [candidate("a", text(row, "response1")), candidate("b", text(row, "response2"))],
        _signed(row, "overall_preference"),
        id=own_id(row),
        meta={"source": "helpsteer3", **facts(row, "domain", "language")},
    )


def _signed(row: Row, field: str) -> Label:
    """A strength from -3 (the first is much better) to 3 (the second is)."""
    strength = number(row, field, -STRONGEST, STRONGEST)
    if strength != int(strength):
        raise RowError(f"{field} is {strength:g}; give a whole number from -3 to 3")
    winner = "a" if strength < 0 else "b" if strength > 0 else "tie"
    return pair(winner, strength=abs(strength) / STRONGEST)


def _turns(prompt: str) -> list[Any]:
    pieces = _TURN.split(prompt)
    if len(pieces) == 1:
        return [prompt]
    words, roles = pieces[::2], ["user", *(role.lower() for role in pieces[1::2])]
    return [
        Part(type="text", text=said, role=_ROLES[role], turn=i)
        for i, (said, role) in enumerate(zip(words, roles, strict=True))
        if said
    ]


register(
    Format(
        "helpsteer2",
        "HelpSteer2: five ratings from 0 to 4, or preference_strength from -3 to 3",
        read,
        container="jsonl",
        fits=lambda row: (
            {"prompt", "response", *ATTRIBUTES} <= row.keys()
            or {"prompt", "response_1", "response_2", "preference_strength"} <= row.keys()
        ),
    )
)
register(
    Format(
        "helpsteer3",
        "HelpSteer3: context, two responses, overall_preference from -3 to 3",
        read_3,
        container="jsonl",
        fits=lambda row: {"context", "response1", "response2", "overall_preference"} <= row.keys(),
    )
)
