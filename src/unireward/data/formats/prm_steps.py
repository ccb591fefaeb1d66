"""Process labels: solutions in steps, each step judged.

One candidate a record, **one text part a step**; the label's ``spans`` (``kind: step``) say for
step ``i`` (from 0; ``start`` is i, ``end`` i + 1) its ``value``, under ``dimension``
``correctness``, whose range is in ``scales``. Higher is better throughout.

Shapes, each told by its fields:

- **PRM800K** (the project's README): ``question.problem``, ``label.steps`` with ``completions``
  (``text``, ``rating`` -1, 0 or 1, the 0 being right but no help), ``chosen_completion`` and
  ``human_completion`` (a person's own step, which counts as 1). The first record of a row is the
  path that was taken; where the last step chose none, the pre-generated one, or the only one. Every
  other rated completion is a record of its own, labelled at its last step alone, so that no
  step is counted twice;
- **PRM800K, one path a row** (``problem``, ``steps`` of ``step`` and ``rating``): a re-packaging's
  own card;
- **VisualPRM400K raw** (its card and programs that load it): ``image``, ``question``,
  ``steps_with_score`` of ``step`` and ``score``, the share of continuations that came out right;
- **VisualPRM400K chat** (the project's script that writes it): ``conversations``, every step a
  turn of ``human``, answered ``+`` or ``-``; the first begins with the question;
- **VisualProcessBench**: ``question``, ``image`` (a list), ``response`` of ``steps`` and
  ``process_correctness`` (1 right, 0 neutral, -1 wrong; these two names as we remember its card);
- **MM-PRM** (the project's scripts): ``question``, ``process`` (steps that each end in ``<prm>``),
  ``labels`` from 0 to 1, ``image_path``; and the same as ``conversations``, whose question is
  ``Question: ..`` and ``Process: ..`` and whose answer is the list;
- **Math-Shepherd** (its re-packagings' documentation): ``input`` whose steps each end in the mark
  ``ки``, ``label`` with ``+`` or ``-`` in its place.

A step without a rating has no span. Soft values stay soft: no threshold is applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import as_number, as_text, choice, listed, own_id, present, text
from unireward.data.formats.prm800k import read_path, read_tree
from unireward.data.ranks import side_by_side
from unireward.data.steps import MARK, SHARE, SIGNED, Step, object_of, scored, steps_record
from unireward.media.source import clip
from unireward.record import Record

_ASKED = re.compile(
    r"^\s*### Question:\s*\n(?P<question>.*?)\n\s*### Solution Process:\s*\n(?P<step>.*)$",
    re.DOTALL,
)
_PROCESS = re.compile(r"^\s*Question:\s*(?P<question>.*?)\nProcess:\s*(?P<process>.*)$", re.DOTALL)
_SEPARATOR = "<prm>"
_SHEPHERD = "ки"
_SIGNS = {"+": 1.0, "-": 0.0}


def read(row: Row, source: Source) -> Record | Sequence[Record]:
    for fits, reader in _READERS:
        if fits(row):
            return reader(row, source)
    raise RowError(
        f"of no form of process labels we know; fields are {clip(', '.join(map(str, row)), 120)}"
    )


# Solutions about images ----------------------------------------------------------------------


def _soft(row: Row, source: Source) -> Record:
    steps = scored(listed(row, "steps_with_score"), "steps_with_score", "score", SHARE)
    question = text(row, "question_orig" if present(row, "question_orig") else "question")
    kept = facts(row, "answer", "num_mc_sequences")
    return steps_record(
        row, source, question, steps, SHARE, origin="visualprm", id=own_id(row), **kept
    )


def _bench(row: Row, source: Source) -> Record:
    response = object_of(row, "response")
    steps, given = listed(response, "steps"), listed(response, "process_correctness")
    side_by_side({"response.steps": steps, "response.process_correctness": given})
    values = [as_number(v, f"response.process_correctness[{i}]", *SIGNED)
              for i, v in enumerate(given)]  # fmt: skip
    kept = facts(row, "answer", "policy_model", "data_source")
    told = [Step(step, value) for step, value in zip(steps, values, strict=True)]
    return steps_record(
        row, source, text(row, "question"), told, SIGNED, origin="visualprocessbench", **kept
    )


def _process(row: Row, source: Source) -> Record:
    steps = _separated(text(row, "process"), listed(row, "labels"))
    return steps_record(
        row, source, text(row, "question"), steps, SHARE, origin="mm-prm", id=own_id(row)
    )


def _separated(process: str, labels: list[Any]) -> list[Step]:
    parts = process.split(_SEPARATOR)
    if parts[-1].strip():
        raise RowError(f"process does not end in {_SEPARATOR}; mark the end of each step")
    words = [part.strip() for part in parts[:-1]]
    side_by_side({"process": words, "labels": labels})
    return [
        Step(said, as_number(label, f"labels[{i}]", *SHARE))
        for i, (said, label) in enumerate(zip(words, labels, strict=True))
    ]


def _chat(row: Row, source: Source) -> Record:
    turns = [t for t in listed(row, "conversations") if not _is_system(t)]
    if len(turns) % 2:
        raise RowError(f"conversations hold {len(turns)} turns; every step needs its answer")
    pairs = [(turns[i], turns[i + 1]) for i in range(0, len(turns), 2)]
    said = _said(pairs[0][0], 0)
    answer = pairs[0][1].get("value") if isinstance(pairs[0][1], dict) else None
    if isinstance(answer, list):
        match = _PROCESS.match(MARK.sub("", said))
        if match is None or len(pairs) > 1:
            raise RowError("conversations[0].value is no 'Question: ..' with its 'Process: ..'")
        steps = _separated(match["process"], answer)
        return steps_record(
            row, source, match["question"], steps, SHARE, origin="mm-prm", id=own_id(row)
        )
    match = _ASKED.match(MARK.sub("", said))
    if match is None:
        raise RowError("conversations[0].value is no '### Question:' with its solution; mend it")
    words = [match["step"], *(_said(ask, 2 * i) for i, (ask, _) in enumerate(pairs) if i)]
    steps = []
    for i, (step, (_, reply)) in enumerate(zip(words, pairs, strict=True)):
        if not isinstance(reply, dict):
            raise RowError(f"conversations: the answer to step {i} is {clip(repr(reply), 40)}")
        steps.append(Step(step, choice(reply, "value", _SIGNS)))
    return steps_record(
        row, source, match["question"], steps, SHARE, origin="visualprm", id=own_id(row)
    )


def _is_system(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("from") == "system"


def _said(turn: Any, index: int) -> str:
    value = turn.get("value") if isinstance(turn, dict) else None
    return as_text(value, f"conversations[{index}].value")


def _shepherd(row: Row, source: Source) -> Record:
    asked, marked = text(row, "input"), text(row, "label")
    parts = asked.split(_SHEPHERD)
    if len(parts) < 2 or parts[-1].strip():
        raise RowError(f"input does not end in {_SHEPHERD!r}; mark the end of each step")
    signs, rest = [], marked
    for i, part in enumerate(parts[:-1]):
        sign = rest[len(part) : len(part) + 1]
        if not rest.startswith(part) or sign not in _SIGNS:
            raise RowError(f"label differs from input at step {i}; give + or - for the mark")
        signs.append(_SIGNS[sign])
        rest = rest[len(part) + 1 :]
    question, found, first = parts[0].partition("Step 1:")
    if not found:
        raise RowError("input has no 'Step 1:' after its question; mend it")
    words = [found + first, *parts[1:-1]]
    steps = [Step(said.strip(), sign) for said, sign in zip(words, signs, strict=True)]
    return steps_record(
        row, source, question, steps, SHARE, origin="math-shepherd", **facts(row, "task")
    )


def _is_prm800k(row: Row) -> bool:
    return isinstance(row.get("label"), dict) and isinstance(row.get("question"), dict)


def _is_shepherd(row: Row) -> bool:
    return isinstance(row.get("label"), str) and _SHEPHERD in str(row.get("input"))


def _is_bench(row: Row) -> bool:
    response = row.get("response")
    return isinstance(response, dict) and "steps" in response


def _is_chat(row: Row) -> bool:
    turns = row.get("conversations")
    if not isinstance(turns, list) or len(turns) < 2:
        return False
    answers = [t.get("value") for t in turns if isinstance(t, dict) and t.get("from") == "gpt"]
    return bool(answers) and all(isinstance(answer, list) or answer in _SIGNS for answer in answers)


_READERS: tuple[
    tuple[Callable[[Row], bool], Callable[[Row, Source], Record | Sequence[Record]]], ...
] = (
    (_is_prm800k, read_tree),
    (lambda row: {"problem", "steps"} <= row.keys(), read_path),
    (lambda row: "steps_with_score" in row, _soft),
    (_is_bench, _bench),
    (lambda row: {"question", "process", "labels"} <= row.keys(), _process),
    (_is_shepherd, _shepherd),
    (lambda row: isinstance(row.get("conversations"), list), _chat),
)

register(
    Format(
        "prm-steps",
        "process labels: PRM800K, VisualPRM, VisualProcessBench, MM-PRM, Math-Shepherd",
        read,
        container="jsonl",
        fits=lambda row: any(fits(row) for fits, _ in _READERS[:-1]) or _is_chat(row),
    )
)
