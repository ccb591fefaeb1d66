"""How a model with a head is shown one candidate: every task, one question each, in our own words.

The default variant ends with the chat template's own turn, whose last token the head reads.
``mark`` ends the question with ``<|Reward|>`` (the place that HPSv3 reads), ``marks`` with the
three of VideoAlign, one for each dimension: the tokens' names are theirs, the words ours. A
checkpoint trained on other words has them in its ``judge.json``.
"""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form
from unireward.record import TASKS

ONE_MARK = "<|Reward|>"
THREE_MARKS = "<|VQ_reward|><|MQ_reward|><|TA_reward|>"

_ASKED: dict[str, tuple[tuple[str, ...], str]] = {
    "image_generation": (
        ("1",),
        "How good is this picture, and how well does it show what its caption says?\nCaption: {P}",
    ),
    "video_generation": (
        ("1",),
        "How good is this video, and how well does it show what its caption says?\nCaption: {P}",
    ),
    "image_editing": (
        ("source", "1"),
        "The second picture was made from the first by an edit. How well was it done, and with "
        "nothing else changed?\nEdit: {I}",
    ),
    "image_understanding": (
        ("prompt",),
        "How good is this answer to a question about the picture?\nQuestion: {Q}\nAnswer: {R}",
    ),
    "video_understanding": (
        ("prompt",),
        "How good is this answer to a question about the video?\nQuestion: {Q}\nAnswer: {R}",
    ),
    "text": ((), "How good is this answer?\nQuestion: {Q}\nAnswer: {R}"),
}


def _forms(tasks: tuple[str, ...], mark: str) -> tuple[Form, ...]:
    return tuple(
        Form(
            task=task,
            mode="score",
            template=_ASKED[task][1] + (f"\n{mark}" if mark else ""),
            media=_ASKED[task][0],
            reader="numbers",
            max_tokens=1,
        )
        for task in tasks
    )


_TASKS = tuple(task for task in TASKS if task in _ASKED)
LAST = FamilySpec(
    name="head",
    summary="a model with a head: a number for each candidate, read at the last token",
    forms=_forms(_TASKS, ""),
    frames="uniform:8",
)
MARK = LAST.model_copy(
    update={
        "variant": "mark",
        "summary": "the same, read at the token <|Reward|>",
        "forms": _forms(_TASKS, ONE_MARK),
    }
)
MARKS = FamilySpec(
    name="head",
    variant="marks",
    summary="videos, three dimensions each read at a token of its own (VQ, MQ, TA)",
    forms=_forms(("video_generation",), THREE_MARKS),
    frames="fps:2",
    layouts={"transformers": "native"},
)

SPECS: tuple[FamilySpec, ...] = (LAST, MARK, MARKS)
