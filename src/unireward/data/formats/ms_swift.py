"""``ms-swift``: ``messages`` with media, and the fields of what was rejected.

Shapes, as ms-swift's "Custom dataset" page has them: ``messages`` of ``role``/``content`` whose
last turn is the chosen answer, ``images`` and ``videos`` for the ``<image>`` and ``<video>``
tokens; the rejected side is ``rejected_response`` (an answer), or ``rejected_messages`` (the
whole talk again), with ``rejected_images`` or ``rejected_videos`` where its media are others;
KTO has the boolean ``label``. Audio, tools and boxes (``objects``) are refused.

The chosen answer becomes candidate ``a``, the rejected one ``b``. Both talks must agree in all
but the last turn; an answer that is an ``<image>`` makes the record a generation.
"""

from __future__ import annotations

from typing import Any

from unireward.data import fields as f
from unireward.data.conversation import (
    Store,
    Turn,
    Written,
    check_used,
    preferred,
    prompt_parts,
    said,
    split_last,
    task_of,
    turn_of,
    turns_of,
    written_prompt,
)
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.formats.llama_factory import as_source, desirable, tag_of
from unireward.record import Candidate, Label, Part, Record

_REJECTED = ("rejected_response", "rejected_messages", "rejected_images", "rejected_videos")
_UNREAD = ("audios", "tools", "objects", "rejected_audios", "rejected_tools")


def read(row: Row, source: Source) -> Record:
    for name in _UNREAD:
        if row.get(name):
            raise RowError(f"{name} is nothing a record can hold; leave the row out")
    turns = turns_of(f.require(row, "messages"), "messages")
    if f.present(row, "system") and row["system"] and turns[0].role != "system":
        turns.insert(0, turn_of({"role": "system", "content": row["system"]}, "system"))
    prompt, answer = _side(turns, row, "", source)
    answers = [answer]
    label: Label | None = None
    if any(f.present(row, name) for name in _REJECTED):
        other, rejected = _side(_rejected_turns(row, turns), row, "rejected_", source)
        if other != prompt:
            raise RowError("the rejected talk differs before its last answer; make them agree")
        answers.append(rejected)
        label = f.pair("a")
    elif f.present(row, "label"):
        label = desirable(row["label"], "label")
    task = task_of(prompt, (part for content in answers for part in content), source.task)
    return f.build(
        task,
        as_source(prompt, task),
        [f.candidate(letter, *content) for letter, content in zip(f.LETTERS, answers)],
        label,
        id=f.own_id(row),
        meta={"source": "ms-swift", "margin": row.get("margin")},
    )


def _side(
    turns: list[Turn], row: Row, prefix: str, source: Source
) -> tuple[list[Part], list[Part]]:
    name = f"{prefix}messages"
    before, last = split_last(turns, name)
    store = Store(
        f.images(_field(row, prefix, "images"), f"{prefix}images", source),
        f.videos(_field(row, prefix, "videos"), f"{prefix}videos", source),
    )
    prompt = prompt_parts(before, store, name, [last])
    answer = said(last.text, store, name)
    check_used(store, name)
    return prompt, answer


def _field(row: Row, prefix: str, name: str) -> Any:
    own = row.get(f"{prefix}{name}")
    return row.get(name) if own is None else own


def _rejected_turns(row: Row, turns: list[Turn]) -> list[Turn]:
    if f.present(row, "rejected_messages"):
        rejected = turns_of(row["rejected_messages"], "rejected_messages")
        if turns[0].role == "system" and rejected[0].role != "system":
            rejected.insert(0, turns[0])
        return rejected
    if f.present(row, "rejected_response"):
        return [*turns[:-1], Turn("assistant", f.text(row, "rejected_response"))]
    return turns


def write(record: Record) -> list[Row]:
    """A row for each ranked pair; media answers are told apart by ``rejected_images`` and
    ``rejected_videos`` with ``rejected_messages``, as the page asks."""
    if len(record.candidates) == 1:
        talk = written_prompt(record)
        talk.add("assistant", record.candidates[0].content)
        tag = tag_of(record)
        row: Row = {"id": record.id, "messages": _messages(talk), **talk.media()}
        return [row if tag is None else {**row, "label": tag}]
    pairs = preferred(record)
    return [
        {
            "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
            **_pair(record, better, worse),
        }
        for at, (better, worse) in enumerate(pairs, start=1)
    ]


def _pair(record: Record, better: Candidate, worse: Candidate) -> Row:
    chosen, rejected = written_prompt(record), written_prompt(record)
    chosen.add("assistant", better.content)
    rejected.add("assistant", worse.content)
    row: Row = {"messages": _messages(chosen), **chosen.media()}
    if chosen.media() == rejected.media():
        return {**row, "rejected_response": rejected.turns[-1][1]}
    other = {f"rejected_{name}": listed for name, listed in rejected.media().items()}
    return {**row, "rejected_messages": _messages(rejected), **other}


def _messages(written: Written) -> list[Row]:
    return [{"role": role, "content": text} for role, text in written.turns]


def fits(row: Row) -> bool:
    if not isinstance(row.get("messages"), list) or "chosen" in row:
        return False
    return (
        any(name in row for name in _REJECTED)
        or isinstance(row.get("label"), bool)
        or bool({"images", "videos"} & set(row))
    )


register(
    Format(
        name="ms-swift",
        summary="messages with media and what was rejected (ms-swift)",
        read=read,
        write=write,
        container="jsonl",
        fits=fits,
    )
)
