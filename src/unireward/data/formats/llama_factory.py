"""``llama-factory``: talks with ``images`` and ``videos``, and its preference form.

Shapes, as LLaMA-Factory's ``data/README.md`` and ``data/converter.py`` have them (sharegpt
formatting): ``conversations`` of ``from``/``value`` or ``messages`` of ``role``/``content``, an
``<image>`` or ``<video>`` in the text for each medium, a video as a path or as a list of its
frames; a preference row adds ``chosen`` and ``rejected``, one message each; a KTO row has the
boolean ``kto_tag``. ``system`` may stand beside the talk. Media in ``chosen`` and ``rejected``
are taken in the order prompt, chosen, rejected, as users wrote such rows; LLaMA-Factory itself
does not train on those, so they are read and not written.

The chosen answer becomes candidate ``a``, the rejected one ``b``; a plain row a record of one
candidate without label; ``kto_tag`` the score ``desirable`` of 0 or 1.

What is written needs an entry in ``dataset_info.json``: :func:`dataset_info`.
"""

from __future__ import annotations

from typing import Any

from unireward.data import fields as f
from unireward.data.conversation import (
    Store,
    Turn,
    answer_text,
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
from unireward.data.judged import judge_row
from unireward.record import Label, Part, Record

_TAGS = {"system": "system", "user": "human", "assistant": "gpt"}


def read(row: Row, source: Source) -> Record:
    name = f.first_of(row, ("conversations", "messages"))
    turns = turns_of(row[name], name)
    if f.present(row, "system") and row["system"] and turns[0].role != "system":
        turns.insert(0, turn_of({"role": "system", "content": row["system"]}, "system"))
    store = Store(
        f.images(row.get("images"), "images", source), f.videos(row.get("videos"), "videos", source)
    )
    if f.present(row, "chosen") or f.present(row, "rejected"):
        if turns[-1].role == "assistant":
            raise RowError(f"{name} ends with an answer beside chosen and rejected; delete it")
        sides = [_answer(row, field) for field in ("chosen", "rejected")]
        prompt = prompt_parts(turns, store, name, sides)
        answers = [said(side.text, store, name) for side in sides]
        label: Label | None = f.pair("a")
    else:
        before, last = split_last(turns, name)
        prompt = prompt_parts(before, store, name, [last])
        answers = [said(last.text, store, name)]
        label = desirable(row["kto_tag"], "kto_tag") if f.present(row, "kto_tag") else None
    check_used(store, name)
    task = task_of(prompt, (part for answer in answers for part in answer), source.task)
    return f.build(
        task,
        as_source(prompt, task),
        [f.candidate(letter, *answer) for letter, answer in zip(f.LETTERS, answers)],
        label,
        id=f.own_id(row),
        meta={"source": "llama-factory"},
    )


def _answer(row: Row, field: str) -> Turn:
    turn = turn_of(f.require(row, field), field)
    if turn.role != "assistant":
        raise RowError(f"{field} is said by {turn.role}; the assistant (gpt) must say it")
    return turn


def desirable(value: Any, field: str) -> Label:
    """A yes or no of a single answer (KTO) as the score ``desirable``."""
    if not isinstance(value, bool):
        raise RowError(f"{field} must be true or false, not {value!r}")
    return Label(scores={"a": {"desirable": float(value)}}, scales={"desirable": (0, 1)})


def tag_of(record: Record) -> bool | None:
    """The yes or no of :func:`desirable`, None where a record has none."""
    scores = record.label.scores if record.label is not None else None
    value = (scores or {}).get(record.candidates[0].id, {}).get("desirable")
    return None if value is None else value == 1.0


def as_source(prompt: list[Part], task: str) -> list[Part]:
    """In an edit the pictures of the prompt are what is edited."""
    if task != "image_editing":
        return prompt
    return [
        part if part.type == "text" else part.model_copy(update={"role": "source"})
        for part in prompt
    ]


def write(record: Record) -> list[Row]:
    """A preference row for each ranked pair of answers, a plain row for a single one.

    A judge's training sample (``meta.asked`` and ``meta.reply``) whose candidates are media is
    written as the talk it was.
    """
    if "reply" in record.meta and any(
        p.type != "text" for c in record.candidates for p in c.content
    ):
        return [judge_row(record)]
    written = written_prompt(record)
    talk = [{"from": _TAGS[role], "value": text} for role, text in written.turns]
    if len(record.candidates) == 1:
        answer = {"from": "gpt", "value": answer_text(record.candidates[0])}
        tag = tag_of(record)
        row: Row = {"id": record.id, "conversations": [*talk, answer], **written.media()}
        return [row if tag is None else {**row, "kto_tag": tag}]
    pairs = preferred(record)
    return [
        {
            "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
            "conversations": talk,
            "chosen": {"from": "gpt", "value": answer_text(better)},
            "rejected": {"from": "gpt", "value": answer_text(worse)},
            **written.media(),
        }
        for at, (better, worse) in enumerate(pairs, start=1)
    ]


def dataset_info(name: str, file_name: str, row: Row) -> dict[str, Any]:
    """The entry of ``dataset_info.json`` under which LLaMA-Factory finds a written file; ``row``
    is any of its rows (all have one shape)."""
    columns = {"messages": "conversations"}
    columns |= {
        key: key for key in ("chosen", "rejected", "images", "videos", "kto_tag") if key in row
    }
    entry: dict[str, Any] = {"file_name": file_name, "formatting": "sharegpt", "columns": columns}
    return {name: {**entry, "ranking": True} if "chosen" in row else entry}


def fits(row: Row) -> bool:
    talk = row.get("conversations") or row.get("messages")
    if not isinstance(talk, list):
        return False
    if isinstance(row.get("chosen"), dict) and isinstance(row.get("rejected"), dict):
        return True
    from unireward.data.formats import think, unifiedreward

    if unifiedreward.fits(row) or think.fits(row):
        return False
    others = {"image", "video", "chosen", "rejected", "rejected_response", "rejected_messages",
              "label", "rejected_conversations", "rejected_images"}  # fmt: skip
    return bool({"images", "videos", "kto_tag"} & set(row)) and not others & set(row)


register(
    Format(
        name="llama-factory",
        summary="talks with images and videos, chosen and rejected answers (LLaMA-Factory)",
        read=read,
        write=write,
        fits=fits,
    )
)
