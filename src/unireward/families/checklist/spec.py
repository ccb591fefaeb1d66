"""A checklist in the manner of VisionReward (arXiv 2412.21059): plain questions, one thing each.

The questions here are our own and few, so that the family can be used as it is; a learned list has
its questions in ``judge.json`` and its weights in ``checklist.json`` beside it. Every form is one
question, its aspect the question's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from unireward.families.spec import FamilySpec, Form
from unireward.families.yes_no.spec import CHOICES

END = "\nAnswer with one word, yes or no."
_BOTH: dict[str, str] = {
    "alignment": "Does the {noun} show what this text says?\nText: {P}",
    "counts": "Is the number of each thing as this text says?\nText: {P}",
    "colours": "Are the colours of things as this text says?\nText: {P}",
    "places": "Are things where this text puts them?\nText: {P}",
    "nothing_else": "Is the {noun} free of things that have no place in it?",
    "shapes": "Are all shapes and bodies in the {noun} whole and well formed?",
    "sharp": "Is the {noun} sharp where it should be, and free of noise and bands?",
    "pleasing": "Is the {noun} pleasing to look at?",
}
_VIDEO: dict[str, str] = {
    "motion": "Do things in the video move as they would in the world?",
    "steady": "Do things keep their look from frame to frame?",
}


def forms_of(
    task: str, questions: Mapping[str, str], media: tuple[str, ...] = ("1",), end: str = END
) -> tuple[Form, ...]:
    """A form for each question (name to text); ``end`` is put after each."""
    return tuple(
        Form(
            task=task,
            mode="score",
            aspect=name,
            template=text + end,
            media=media,
            reader="answer",
            choices=CHOICES,
            max_tokens=16,
        )
        for name, text in questions.items()
    )


def _said_of(noun: str, questions: Mapping[str, str]) -> dict[str, str]:
    return {name: text.replace("{noun}", noun) for name, text in questions.items()}


SPECS: tuple[FamilySpec, ...] = (
    FamilySpec(
        name="checklist",
        summary="a list of yes-or-no questions about each candidate, weighed together",
        forms=(
            *forms_of("image_generation", _said_of("picture", _BOTH)),
            *forms_of("video_generation", _said_of("video", _BOTH | _VIDEO)),
        ),
        frames="uniform:8",
    ),
)
