"""The shipped tiny judge's own family: every task and mode, in a grammar of whole words.

The prompt names each candidate, shows it and repeats what it is judged by, so that the reading
of a pair's first half equals the pointwise prompt. What is asked for comes last, after a colon:
``rank`` (one of ``1``, ``2``, ``tie``), ``think`` (the scores of both, then the rank),
``scores`` (of both), ``score`` (of one).
"""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form, Scale

_DRAWN = ("alignment", "coherence", "style", "overall")
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "image_generation": _DRAWN,
    "video_generation": ("alignment", "coherence", "physics", "overall"),
    "image_editing": _DRAWN,
    "image_understanding": ("alignment", "overall"),
    "video_understanding": ("alignment", "overall"),
}
CHOICES = ("1", "2", "tie")

CARD = (
    "the tiny judge knows only the drawn world (a few coloured shapes on a plain ground, short "
    "clips of them, in plain words); of anything else its judgment means nothing"
)

_SEEN = {
    "image_generation": "image {k} : <{k}> caption : {P} . ",
    "video_generation": "video {k} : <{k}> caption : {P} . ",
    "image_editing": "image {k} : <{k}> instruction : {I} . ",
    "image_understanding": "answer {k} : {A{k}} . ",
    "video_understanding": "answer {k} : {A{k}} . ",
}
_FIRST = {
    "image_editing": "source : <source> ",
    "image_understanding": "image : <prompt> question : {Q} ",
    "video_understanding": "video : <prompt> question : {Q} ",
}


def _segment(task: str, k: int) -> str:
    return _SEEN[task].replace("{k}", str(k))


def prefix(task: str, pair: bool) -> str:
    """The part of the prompt that all modes of a task share."""
    both = _segment(task, 1) + (_segment(task, 2) if pair else "")
    text = _FIRST.get(task, "") + both
    return text if pair else text.replace("{A1}", "{R}")


def _media(task: str, pair: bool) -> tuple[str, ...]:
    if task.endswith("understanding"):
        return ("prompt",)
    shown = ("1", "2") if pair else ("1",)
    return ("source", *shown) if task == "image_editing" else shown


def _forms(task: str) -> tuple[Form, ...]:
    scales = {name: Scale(low=1, high=5) for name in DIMENSIONS[task]}
    pair = {"task": task, "media": _media(task, True), "media_place": "inline"}
    both = prefix(task, True)
    return (
        Form(
            **pair,
            mode="rank",
            name="direct",
            template=f"{both}rank :",
            reader="verdict",
            choices=CHOICES,
            max_tokens=4,
        ),
        Form(
            **pair,
            mode="rank",
            name="trace",
            template=f"{both}think :",
            reader="trace",
            scales=scales,
            max_tokens=64,
            default=False,
        ),
        Form(
            **pair,
            mode="pair-score",
            template=f"{both}scores :",
            reader="pair_scores",
            scales=scales,
            max_tokens=64,
        ),
        Form(
            task=task,
            mode="score",
            template=f"{prefix(task, False)}score :",
            media=_media(task, False),
            media_place="inline",
            reader="scores",
            scales=scales,
            max_tokens=32,
        ),
    )


SPECS = (
    FamilySpec(
        name="tiny",
        summary="the shipped judge of the drawn world: every task and mode, on a CPU",
        forms=tuple(form for task in DIMENSIONS for form in _forms(task)),
        frames="linspace:4",
        layouts={"transformers": "native"},
        resize=(64, 64),
        card=CARD,
    ),
)
