"""A judge for checkpoints that were never trained to be one: any VLM, in our own words.

What all asks about one caption share stands first (the rubric, the caption or question, what it is
about), then the candidates, and at the end one short line that asks for one short answer: an
engine computes the first part once for a whole group, and reads the answer from one prefill.
"""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form, Scale

CHOICES = ("1", "2", "tie")
GRADES = ("1", "2", "3", "4", "5")
_DRAWN = (
    "What counts, the weightiest first: it shows what the {said} says (which things, how many, "
    "their colours and places), and nothing against it; it has no faults (broken bodies, things "
    "that cannot be, unreadable writing); it is well made (sharp, well lit, pleasant to look at)."
)
_MOVING = (
    "What counts, the weightiest first: it shows what the {said} says (which things, how many, "
    "what they do); it moves as things move and holds together from beginning to end; it is well "
    "made (sharp, steady, pleasant to look at)."
)
_ANSWERED = (
    "What counts, the weightiest first: what it says is true{of}; it answers what was asked, "
    "wholly; it adds nothing that is not so; it is clear and no longer than need be."
)
_EDITED = (
    "What counts, the weightiest first: the edit was made as the instruction says; all that it "
    "does not name is as it was in the source image; the result has no faults and is well made."
)

# Task: what a candidate is called, what counts, what stands before the candidates.
_TASKS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "image_generation": ("image", _DRAWN.replace("{said}", "caption"), "Caption: {P}\n", ()),
    "video_generation": ("video", _MOVING.replace("{said}", "caption"), "Caption: {P}\n", ()),
    "image_editing": (
        "edited image",
        _EDITED,
        "Instruction: {I}\nSource image:\n<source>\n",
        ("source",),
    ),
    "image_understanding": (
        "answer",
        _ANSWERED.replace("{of}", " of the image"),
        "Image:\n<prompt>\nQuestion: {Q}\n",
        ("prompt",),
    ),
    "video_understanding": (
        "answer",
        _ANSWERED.replace("{of}", " of the video"),
        "Video:\n<prompt>\nQuestion: {Q}\n",
        ("prompt",),
    ),
    "text": ("answer", _ANSWERED.replace("{of}", ""), "Question: {Q}\n", ()),
}


def _candidate(noun: str, k: int | None, answer: str) -> str:
    label = f"{noun.capitalize()} {k}" if k else noun.capitalize()
    return f"{label}: {answer}\n" if noun == "answer" else f"{label}:\n<{k or 1}>\n"


def _forms(task: str) -> tuple[Form, ...]:
    noun, counts, first, media = _TASKS[task]
    shown = noun != "answer"
    pair = _candidate(noun, 1, "{A1}") + _candidate(noun, 2, "{A2}")
    return (
        Form(
            task=task,
            mode="rank",
            template=f"Say which of two {noun}s is better.\n{counts}\n{first}{pair}"
            f"Which {noun} is better? Answer with one word alone: 1, 2 or tie.",
            media=(*media, "1", "2") if shown else media,
            media_place="inline",
            reader="verdict",
            choices=CHOICES,
            max_tokens=16,
        ),
        Form(
            task=task,
            mode="score",
            template=f"Say how good one {noun} is.\n{counts}\n{first}"
            f"{_candidate(noun, None, '{R}')}How good is it? "
            "Answer with one number alone: 1 bad, 2 poor, 3 fair, 4 good, 5 excellent.",
            media=(*media, "1") if shown else media,
            media_place="inline",
            reader="grade",
            choices=GRADES,
            scales={"overall": Scale(low=1, high=5)},
            max_tokens=16,
        ),
    )


SPECS: tuple[FamilySpec, ...] = (
    FamilySpec(
        name="zero-shot",
        summary="any VLM as it is: a rubric of our own, one short answer, the shared part first",
        forms=tuple(form for task in _TASKS for form in _forms(task)),
        frames="uniform:8",
    ),
)
