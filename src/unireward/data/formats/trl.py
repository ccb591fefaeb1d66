"""``trl``: preference, unpaired (KTO), prompt-completion and stepwise rows of TRL.

Shapes, as TRL's "Dataset formats and types" page has them: ``prompt``, ``chosen`` and
``rejected``, each a string or a list of messages, the prompt also left out where the talks begin
alike; ``prompt``, ``completion`` and a boolean ``label`` (KTO); without a label a plain
completion; ``prompt``, ``completions`` and ``labels`` (one verdict a step). For vision models
``images`` (or ``image``), and contents that are lists of ``{"type": "image"}`` and
``{"type": "text", "text"}``; where no content marks their place, images come first (TRL does
the same). Two *strings* without a prompt are refused: where the prompt ends cannot be told.

The chosen answer becomes candidate ``a``, the rejected one ``b``; a step's verdict a span of
kind ``step`` with value 0 or 1. ``score_chosen``, ``score_rejected`` and ``margin`` are kept in
``meta``.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    task_of,
    turn_of,
    written_prompt,
)
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.formats.llama_factory import as_source, desirable, tag_of
from unireward.record import Label, Part, Record, Span

_KEPT = ("score_chosen", "score_rejected", "margin", "dataset")


def read(row: Row, source: Source) -> Record:
    if f.present(row, "completions"):
        return _stepwise(row, source)
    names = ["chosen", "rejected"] if f.present(row, "chosen") else ["completion"]
    said_by = {name: _turns(f.require(row, name), name) for name in names}
    if f.present(row, "prompt"):
        asked = _turns(row["prompt"], "prompt", role="user")
    else:
        asked = _common(row, said_by)
        said_by = {name: turns[len(asked) :] for name, turns in said_by.items()}
    for name, turns in said_by.items():
        if len(turns) != 1 or turns[0].role != "assistant":
            raise RowError(f"{name} must be one answer of the assistant after the prompt")
    store = _store(row, source)
    prompt = prompt_parts(asked, store, "prompt", [t[0] for t in said_by.values()])
    answers = [said(turns[0].text, store, name) for name, turns in said_by.items()]
    check_used(store, "prompt")
    label: Label | None = f.pair("a") if len(answers) == 2 else None
    if len(answers) == 1 and f.present(row, "label"):
        label = desirable(row["label"], "label")
    return _built(row, source, prompt, answers, label)


def _built(
    row: Row, source: Source, prompt: list[Part], answers: list[list[Part]], label: Label | None
) -> Record:
    task = task_of(prompt, (part for content in answers for part in content), source.task)
    return f.build(
        task,
        as_source(prompt, task),
        [f.candidate(letter, *content) for letter, content in zip(f.LETTERS, answers)],
        label,
        id=f.own_id(row),
        meta={"source": "trl", **{key: row.get(key) for key in _KEPT}},
    )


def _turns(value: Any, name: str, role: Any = "assistant") -> list[Turn]:
    if isinstance(value, str):
        return [Turn(role, f.as_text(value, name))]
    if not isinstance(value, list | tuple) or not value:
        raise RowError(f"{name} must be a string or a list of messages")
    return [turn_of(_bare(message), f"{name}[{i}]") for i, message in enumerate(value)]


def _bare(message: Any) -> Any:
    """A message without the nulls that Parquet writes for absent keys of content items."""
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
        return message
    content = [
        {key: value for key, value in item.items() if value is not None}
        if isinstance(item, Mapping)
        else item
        for item in message["content"]
    ]
    return {**message, "content": content}


def _common(row: Row, said_by: dict[str, list[Turn]]) -> list[Turn]:
    if any(isinstance(row[name], str) for name in said_by):
        raise RowError("prompt is missing; strings do not tell where it ends, so give it")
    talks = list(said_by.values())
    shared: list[Turn] = []
    for turns in zip(*talks, strict=False):
        if any(turn != turns[0] for turn in turns):
            break
        shared.append(turns[0])
    if len(talks) == 1:
        shared = shared[:-1]
    if not any(turn.role == "user" for turn in shared):
        raise RowError("prompt is missing and the talks do not begin alike; give the prompt")
    if len(shared) in [len(talk) for talk in talks]:
        raise RowError("chosen and rejected are the same; a pair needs two")
    return shared


def _store(row: Row, source: Source) -> Store:
    name = "images" if f.present(row, "images") else "image"
    return Store(
        f.images(row.get(name), name, source), f.videos(row.get("videos"), "videos", source)
    )


def _stepwise(row: Row, source: Source) -> Record:
    steps, verdicts = f.listed(row, "completions"), f.listed(row, "labels")
    if len(steps) != len(verdicts):
        raise RowError(f"labels has {len(verdicts)} verdicts for {len(steps)} completions")
    for i, verdict in enumerate(verdicts):
        if not isinstance(verdict, bool):
            raise RowError(f"labels[{i}] must be true or false, not {verdict!r}")
    texts = [f.as_text(step, f"completions[{i}]") for i, step in enumerate(steps)]
    spans = tuple(
        Span(candidate="a", kind="step", start=i, end=i + 1, value=float(verdict), text=text)
        for i, (text, verdict) in enumerate(zip(texts, verdicts))
    )
    store = _store(row, source)
    prompt = prompt_parts(_turns(f.require(row, "prompt"), "prompt", role="user"), store, "prompt")
    answer = [Part.of_text(text) for text in texts]
    return _built(row, source, prompt, [answer], Label(spans=spans))


def write(record: Record) -> list[Row]:
    """A conversational row for each ranked pair (``images`` beside it), or one completion."""
    written = written_prompt(record)
    if written.videos:
        raise RowError("shows a video, which TRL's rows have no place for; use ms-swift")
    prompt = [_message(role, text) for role, text in written.turns]
    media: Row = {"images": written.images} if written.images else {}
    if len(record.candidates) == 1:
        answer = [_message("assistant", answer_text(record.candidates[0]))]
        tag = tag_of(record)
        row: Row = {"id": record.id, "prompt": prompt, "completion": answer, **media}
        return [row if tag is None else {**row, "label": tag}]
    pairs = preferred(record)
    return [
        {
            "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
            "prompt": prompt,
            "chosen": [_message("assistant", answer_text(better))],
            "rejected": [_message("assistant", answer_text(worse))],
            **media,
        }
        for at, (better, worse) in enumerate(pairs, start=1)
    ]


def _message(role: str, text: str) -> Row:
    """A message; a content of text and images is a list, each item with the same keys."""
    if "<image>" not in text:
        return {"role": role, "content": text}
    items: list[Row] = []
    for piece in text.split("\n"):
        if piece == "<image>":
            items.append({"type": "image", "text": None})
        elif items and items[-1]["type"] == "text":
            items[-1]["text"] += "\n" + piece
        else:
            items.append({"type": "text", "text": piece})
    return {"role": role, "content": items}


def fits(row: Row) -> bool:
    if {"image", "question", "conversations", "caption", "messages"} & set(row):
        return "conversations" not in row and isinstance(row.get("prompt"), list)
    if {"prompt", "completions", "labels"} <= set(row):
        return True
    if {"prompt", "completion"} <= set(row):
        return True
    sides = [row.get("chosen"), row.get("rejected")]
    return all(isinstance(side, list) for side in sides) or (
        "prompt" in row and all(isinstance(side, str) for side in sides)
    )


register(
    Format(
        name="trl",
        summary="prompt, chosen, rejected; completion and label; steps and labels (TRL)",
        read=read,
        write=write,
        container="jsonl",
        fits=fits,
    )
)
