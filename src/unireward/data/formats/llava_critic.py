"""LLaVA-Critic-113k: judgments of GPT-4o on answers about an image, in conversations.

Columns as the data set's own card gives them: ``id``, ``source``, ``image``, ``conversations`` (a
question and an answer). The forms of question and answer as a program that reads the published
files tells them:

=========  ==============================================  ====================================
form       the question holds                              the answer says
=========  ==============================================  ====================================
brackets   ``Question: [..]`` then ``Response 1: [..]``,   ``The better response: [first]`` (or
           ``Response A: [..]`` or ``The first response:   ``1``, ``A``), or ``Two responses are
           [..]``, and the second of them                  equally good``
arena      ``<|User Prompt|>`` and two ``<|The Start of    ``[[A>>B]]``, ``[[A>B]]``,
           Assistant A's Answer|>``                        ``[[A=B]]``, ``[[B>A]]``, ``[[B>>A]]``
scores     ``[Question]``, ``[Assistant 1]`` ...           a first line of two numbers
caption    ``Text Caption: ..`` and ``From 0 to 100, ..``  ``Final Score: n``
=========  ==============================================  ====================================

Rows of other forms are refused: nothing is guessed from a number that stands elsewhere. The
judge's whole answer is ``meta["reply"]``, the question it answered ``meta["asked"]``. A pair's
``strength`` is 1 for ``>>`` and 0.5 for ``>``, and none where the form has none; the two numbers of
*scores* are ``scores`` from 1 to 10.
"""

from __future__ import annotations

import re
from typing import Any

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    as_number,
    as_text,
    build,
    candidate,
    images,
    listed,
    own_id,
    pair,
    require,
)
from unireward.media.source import clip
from unireward.record import Label, Part, Record

_BRACKETS = re.compile(
    r"Question:\s*\[(?P<question>.*?)\]\s*\n\s*"
    r"(?:Response 1|Response A|The first response):\s*\[(?P<a>.*?)\]\s*\n\s*"
    r"(?:Response 2|Response B|The second response):\s*\[(?P<b>.*)\]",
    re.DOTALL,
)
_ARENA = re.compile(
    r"<\|User Prompt\|>(?P<question>.*?)<\|The Start of Assistant A's Answer\|>(?P<a>.*?)"
    r"<\|The End of Assistant A's Answer\|>\s*<\|The Start of Assistant B's Answer\|>(?P<b>.*?)"
    r"<\|The End of Assistant B's Answer\|>",
    re.DOTALL,
)
_SCORED = re.compile(
    r"\[Question\](?P<question>.*?)\[Assistant 1\](?P<a>.*?)\[End of Assistant 1\]\s*"
    r"\[Assistant 2\](?P<b>.*?)\[End of Assistant 2\]",
    re.DOTALL,
)
_CAPTION = re.compile(r"Text Caption:(?P<a>.*?)\n\s*(?P<question>From 0 to 100,[^\n]*)", re.DOTALL)

_BETTER = re.compile(r"The better response:\s*\[(\w+)\]")
_EQUAL = re.compile(r"\b(?:two|both) (?:responses|answers) are equally good\b", re.IGNORECASE)
_VERDICT = re.compile(r"\[\[(A>>B|A>B|A=B|B>A|B>>A)\]\]")
_TWO = re.compile(r"^\s*(\d+(?:\.\d+)?)[ ,]+(\d+(?:\.\d+)?)\s*(?:\n|$)")
_FINAL = re.compile(r"Final Score:\s*(\S+)")
_WORDS = {"first": "a", "1": "a", "a": "a", "second": "b", "2": "b", "b": "b"}
_ARROWS = {"A>>B": ("a", 1.0), "A>B": ("a", 0.5), "A=B": ("tie", 0.0), "B>A": ("b", 0.5),
           "B>>A": ("b", 1.0)}  # fmt: skip
DESCRIBE = "Describe the image."
"""The prompt of a caption's record, whose question speaks of the rating alone (our words)."""


def read(row: Row, source: Source) -> Record:
    asked, reply = _turns(row)
    said = asked.replace("<image>", "").strip()
    for pattern, verdict in ((_BRACKETS, _bracketed), (_ARENA, _arrow), (_SCORED, _scored)):
        if match := pattern.search(said):
            answers, question = {"a": match["a"], "b": match["b"]}, match["question"]
            label = verdict(reply)
            break
    else:
        match = _CAPTION.search(said)
        if match is None:
            raise RowError(
                f"conversations: of no form of this set we know ({clip(repr(said), 60)})"
            )
        answers, question, label = {"a": match["a"]}, DESCRIBE, _final(reply)
    return build(
        "image_understanding",
        [*images(require(row, "image"), "image", source),
         Part.of_text(as_text(question.strip(), "the question in conversations"))],
        [candidate(name, as_text(words.strip(), f"answer {name} in conversations"))
         for name, words in answers.items()],
        label,
        id=own_id(row),
        meta={"source": "llava-critic", "asked": asked, "reply": reply,
              **facts(row, origin="source")},
    )  # fmt: skip


def _turns(row: Row) -> tuple[str, str]:
    turns = listed(row, "conversations")
    if len(turns) != 2:
        raise RowError(f"conversations hold {len(turns)} turns; give a question and an answer")
    values = []
    for i, turn in enumerate(turns):
        value = turn.get("value") if isinstance(turn, dict) else None
        values.append(as_text(value, f"conversations[{i}].value"))
    return values[0], values[1]


def _bracketed(reply: str) -> Label:
    said: set[str] = {_WORDS.get(str(w).lower(), str(w)) for w in _BETTER.findall(reply)}
    if _EQUAL.search(reply):
        said.add("tie")
    if len(said) != 1 or not said <= {"a", "b", "tie"}:
        told = "two verdicts" if len(said) > 1 else "no verdict"
        raise RowError(f"the answer gives {told}: {_tail(reply)}")
    return pair(said.pop())


def _arrow(reply: str) -> Label:
    said = set(_VERDICT.findall(reply))
    if len(said) != 1:
        told = "two verdicts" if said else "no verdict [[A>B]]"
        raise RowError(f"the answer gives {told}: {_tail(reply)}")
    winner, strength = _ARROWS[said.pop()]
    return pair(winner, strength=strength)


def _scored(reply: str) -> Label:
    match = _TWO.match(reply)
    if match is None:
        raise RowError(f"the answer does not begin with two numbers: {clip(repr(reply), 60)}")
    first, second = (as_number(match[k], "score in the answer", 1, 10) for k in (1, 2))
    winner = "a" if first > second else "b" if second > first else "tie"
    scores = {"a": {"overall": first}, "b": {"overall": second}}
    return pair(winner, scores=scores, scales={"overall": (1.0, 10.0)})


def _final(reply: str) -> dict[str, Any]:
    said = {word.strip("*.,;[]") for word in _FINAL.findall(reply)}
    if len(said) != 1:
        told = "two final scores" if said else "no Final Score"
        raise RowError(f"the answer gives {told}: {_tail(reply)}")
    value = as_number(said.pop(), "Final Score", 0, 100)
    return {"scores": {"a": {"overall": value}}, "scales": {"overall": (0.0, 100.0)}}


def _tail(reply: str) -> str:
    return clip(repr(reply[-60:]), 70)


def _fits(row: Row) -> bool:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns or not isinstance(turns[0], dict):
        return False
    asked = str(turns[0].get("value"))
    known = any(form.search(asked) for form in (_BRACKETS, _ARENA, _SCORED, _CAPTION))
    return known and {"image", "source"} <= row.keys()


register(
    Format(
        "llava-critic",
        "LLaVA-Critic-113k: conversations of a judge, pairs and single answers",
        read,
        container="parquet",
        fits=_fits,
    )
)
