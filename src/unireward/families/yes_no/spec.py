"""The question, after VQAScore (arXiv 2404.01291): does it show what the text says?

The words are our own. ``choices`` are the two answers; how a model may write them (capital, space
before) is the reward's to sum over.
"""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form

CHOICES = ("yes", "no")
_END = "\nAnswer with one word, yes or no."
_ASKED: dict[str, tuple[tuple[str, ...], str]] = {
    "image_generation": (("1",), "Does this picture show exactly what the text says?\nText: {P}"),
    "video_generation": (("1",), "Does this video show exactly what the text says?\nText: {P}"),
    "image_editing": (
        ("source", "1"),
        "The second picture was made from the first. Does it show this edit, and no other change?"
        "\nEdit: {I}",
    ),
    "image_understanding": (
        ("prompt",),
        "Is this answer to a question about the picture right?\nQuestion: {Q}\nAnswer: {R}",
    ),
    "video_understanding": (
        ("prompt",),
        "Is this answer to a question about the video right?\nQuestion: {Q}\nAnswer: {R}",
    ),
    "text": ((), "Is this answer right?\nQuestion: {Q}\nAnswer: {R}"),
}

SPECS: tuple[FamilySpec, ...] = (
    FamilySpec(
        name="yes-no",
        summary="one yes-or-no question about each candidate, by its probability of yes",
        forms=tuple(
            Form(
                task=task,
                mode="score",
                template=words + _END,
                media=media,
                reader="answer",
                choices=CHOICES,
                max_tokens=16,
            )
            for task, (media, words) in _ASKED.items()
        ),
        frames="uniform:8",
    ),
)
