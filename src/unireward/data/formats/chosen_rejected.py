"""``dpo``: one question, a chosen and a rejected answer.

Shapes, as published: RLAIF-V (``image`` as ``{bytes, path}``, ``question``, ``chosen``,
``rejected``, ``ds_name``, ``idx``: its card on the Hub), UnifiedReward's understanding DPO
(``id``, ``image``, ``prompt``, ``chosen``, ``rejected`` and their scores: its
``infer+sift.py``, where video rows have the list of frames in ``image``), RLHF-V (the three
texts as a JSON object in ``text``: its card), and POVID (``conversations`` and
``rejected_conversations``, two LLaVA talks that differ in the assistant's words; that shape is
from memory of its repository and could not be looked up).

The chosen answer becomes candidate ``a``, the rejected one ``b``; scores go into the label
without a scale, since the sets name none.
"""

from __future__ import annotations

import json
from typing import Any

from unireward.data import fields as f
from unireward.data.conversation import (
    Store,
    answer_text,
    check_used,
    payload,
    preferred,
    prompt_parts,
    split_last,
    task_of,
    turns_of,
)
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.record import Part, Record

_QUESTION = ("question", "prompt")
_KEPT = ("ds_name", "origin_dataset", "origin_split", "image_path", "model")


def read(row: Row, source: Source) -> Record:
    if "rejected_conversations" in row:
        prompt, chosen, rejected = _talks(row, source)
    else:
        row = _unpacked(row)
        name = f.first_of(row, _QUESTION)
        prompt = [*_media(row, source), *_question(f.text(row, name))]
        chosen, rejected = f.text(row, "chosen"), f.text(row, "rejected")
    scores = {
        who: {"overall": f.number(row, field)}
        for who, field in (("a", "chosen_score"), ("b", "rejected_score"))
        if f.present(row, field)
    }
    if len(scores) == 2 and scores["a"]["overall"] < scores["b"]["overall"]:
        raise RowError("chosen_score is below rejected_score; swap the answers or mend the scores")
    return f.build(
        task_of(prompt, (), source.task),
        prompt,
        [f.candidate("a", chosen), f.candidate("b", rejected)],
        f.pair("a", scores=scores or None) if scores else f.pair("a"),
        id=f.own_id(row) if f.present(row, "id") else f.own_id(row, "idx"),
        meta={"source": "dpo", **{key: row.get(key) for key in _KEPT}},
    )


def _unpacked(row: Row) -> Row:
    """RLHF-V keeps the three texts in one object, as JSON text in its Parquet."""
    packed: Any = row.get("text")
    if isinstance(packed, str) and packed.lstrip().startswith("{"):
        try:
            packed = json.loads(packed)
        except ValueError:
            raise RowError("text is no JSON object; give question, chosen and rejected") from None
    return {**row, **packed} if isinstance(packed, dict) else row


def _media(row: Row, source: Source) -> list[Part]:
    given = row.get("image") if f.present(row, "image") else row.get("images")
    if isinstance(given, list) and len(given) > 2:
        # The video rows of infer+sift.py have their frames here.
        return [f.video(given, "image", source)]
    return [*f.images(given, "image", source), *f.videos(row.get("video"), "video", source)]


def _question(text: str) -> list[Part]:
    for token in ("<image>", "<video>"):
        text = text.replace(f"{token}\n", "").replace(token, "")
    return [Part.of_text(f.as_text(text.strip("\n "), "question"))]


def _talks(row: Row, source: Source) -> tuple[list[Part], str, str]:
    found = []
    for name in ("conversations", "rejected_conversations"):
        turns, answer = split_last(turns_of(f.require(row, name), name), name)
        store = Store(images=f.images(row.get("image"), "image", source))
        prompt = prompt_parts(turns, store, name, [answer])
        check_used(store, name)
        found.append((prompt, answer.text))
    (prompt, chosen), (other, rejected) = found
    if prompt != other:
        raise RowError("conversations and rejected_conversations differ before the last answer")
    return prompt, chosen, rejected


def write(record: Record) -> list[Row]:
    """``{id, image|video, prompt, chosen, rejected}``, a row for each ranked pair."""
    media = [part for part in record.prompt if part.type != "text"]
    if any(part.role == "assistant" for part in record.prompt):
        raise RowError("is a talk of several turns, which dpo has no place for; use llama-factory")
    if len(media) > 1 and not all(part.type == "image" for part in media):
        raise RowError("shows several videos, dpo has place for one; use ms-swift")
    if len(media) > 2:
        raise RowError("shows more than two images, which dpo would read as a video's frames")
    shown: Row = {}
    if len(media) == 1:
        key = "video" if media[0].type == "video" and media[0].frames is None else "image"
        shown[key] = payload(media[0])
    elif media:
        shown["image"] = [payload(part) for part in media]
    pairs = preferred(record)
    return [
        {
            "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
            **shown,
            "prompt": record.text,
            "chosen": answer_text(better),
            "rejected": answer_text(worse),
        }
        for at, (better, worse) in enumerate(pairs, start=1)
    ]


def fits(row: Row) -> bool:
    if "rejected_conversations" in row:
        return "conversations" in row
    row = row if "chosen" in row else {**row, **(row["text"] if isinstance(row.get("text"), dict)
                                                 else {})}  # fmt: skip
    texts = all(isinstance(row.get(key), str) for key in ("chosen", "rejected"))
    asked = isinstance(row.get("question"), str) or isinstance(row.get("prompt"), str)
    return texts and asked and ("question" in row or bool({"image", "video"} & set(row)))


DPO = register(
    Format(
        name="dpo",
        summary="one question, chosen and rejected answer (RLAIF-V, RLHF-V, POVID, UnifiedReward)",
        read=read,
        write=write,
        fits=fits,
    )
)
