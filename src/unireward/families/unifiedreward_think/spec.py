"""UnifiedReward-Think: pairwise judging by a written chain of thought (rank only, four tasks).

Two generations of prompt, not interchangeable between checkpoints (a prompt of the other one
costs accuracy), but one reply grammar that a single reader understands:

- ``qwen3``: a numbered list of instructions, the caption in corner brackets in the middle, and
  three lines for each dimension.
- ``qwen2.5`` and ``llava``: one paragraph, an example, and the task at the end; each dimension on
  one line. ``llava`` is the same text with the image tokens inside the user's turn (its layout).
"""

from __future__ import annotations

from typing import NamedTuple

from unireward.families.spec import FamilySpec, Form, Scale

OUT_OF_TEN = Scale(low=0, high=10)


class _Task(NamedTuple):
    """The words that differ between the four tasks."""

    label: str
    given: str
    judged: str
    core: tuple[tuple[str, str], ...]
    extras: str
    media: tuple[str, ...]


_UNDERSTANDING = (
    ("Semantic accuracy", "does the answer say what is really to be seen?"),
    ("Correctness", "is the answer right, in fact and in logic?"),
    ("Clarity", "is it put plainly and in good language?"),
)
_TASKS = {
    "image_generation": _Task(
        "Image",
        "a caption and two images that were generated from it",
        "images",
        (
            ("Semantic consistency", "does the picture show what the caption says?"),
            ("Aesthetics", "how good are composition, colour and expression?"),
            ("Authenticity", "how believable is it, down to the details?"),
        ),
        "lighting, mood, rendering of text",
        ("1", "2"),
    ),
    "video_generation": _Task(
        "Video",
        "a caption and two videos that were generated from it",
        "videos",
        (
            ("Semantic consistency", "does the clip show what the caption says?"),
            ("Temporal coherence", "do motion and things stay steady from frame to frame?"),
            ("Authenticity", "how believable is it, down to the details?"),
        ),
        "camera work, mood, physical plausibility",
        ("1", "2"),
    ),
    "image_understanding": _Task(
        "Answer",
        "a question, the image it is about, and two candidate answers",
        "answers",
        _UNDERSTANDING,
        "soundness of the reasoning, grasp of details",
        ("prompt",),
    ),
    "video_understanding": _Task(
        "Answer",
        "a question, the video it is about, and two candidate answers",
        "answers",
        _UNDERSTANDING,
        "sense of time and order, grasp of details",
        ("prompt",),
    ),
}
_FINGERPRINTS = {
    "qwen3": {
        "image_generation": "a8a0d80818246406",
        "video_generation": "e40c6e7f767f2cca",
        "image_understanding": "5ed2be014a8844dd",
        "video_understanding": "5eaaee95d98dabbf",
    },
    "qwen2.5": {
        "image_generation": "342f6a4bd0efdae0",
        "video_generation": "f45197425b810d08",
        "image_understanding": "3db599f6bd5efb58",
        "video_understanding": "3b7a396e77542f16",
    },
    "llava": {
        "image_generation": "f925103328b923c6",
        "video_generation": "7d74a1ae638551e0",
        "image_understanding": "be1eadea5efbbaaa",
        "video_understanding": "f087e5298f104a95",
    },
}


def _qwen3_inputs(name: str, words: _Task) -> list[str]:
    if words.label == "Answer":
        thing = "image" if name == "image_understanding" else "video"
        return [
            f"1. The question about the {thing} shown is: 「{{Q}}」. The answers to compare are:",
            "Answer 1: 「{A1}」",
            "Answer 2: 「{A2}」",
        ]
    lines = [f"1. The caption is: 「{{P}}」. The two {words.judged} made from it are shown."]
    if name == "video_generation":
        lines.append("The first half of the frames belongs to Video 1, the second half to Video 2.")
    return lines


def _qwen3_example(words: _Task) -> list[str]:
    one, two = f"{words.label} 1", f"{words.label} 2"
    heads = [f"{i}. {name}" for i, (name, _) in enumerate(words.core, 1)]
    heads += ["[A dimension of your own, if any]"] * 2
    lines = ["<think>"]
    for head in heads:
        lines += [f"{head}: ", f"    {one} (x/10) - ...; ", f"    {two} (y/10) - ..."]
    return [
        *lines,
        "Total score:",
        f"{one}: x+x+x+x+x=total",
        f"{two}: y+y+y+y+y=total",
        "</think>",
        f"<answer>{words.label} N is better</answer>",
    ]


def _qwen3(name: str) -> str:
    """The prompt of the Qwen3 generation: a list of orders, every line after the first indented."""
    words = _TASKS[name]
    one, two = f"{words.label} 1", f"{words.label} 2"
    lines = [
        "Rules of the reply:",
        "1. Whatever you think, weigh or score is written between <think> and </think>.",
        "2. Open the <think> part with dimension 1 at once; put no words of introduction there.",
        "3. Close it, then give your verdict between <answer> and </answer>. It is one of:",
        f"- {one} is better",
        f"- {two} is better",
        "4. Write nothing before, between or after these two parts.",
        "",
        "How to judge:",
        *_qwen3_inputs(name, words),
        "",
        f"2. Hold the two {words.judged} against these core dimensions:",
        *(f"- {title} ({gloss})" for title, gloss in words.core),
        "",
        f"3. Where it helps, add one or two dimensions of your own ({words.extras}); "
        "where nothing else matters, stay with the core three.",
        "",
        "4. For every dimension:",
        f"- give {one} and {two} a score each, from 1 to 10",
        "- justify each score in two to five short sentences",
        "- keep to a block of three lines, numbered and indented like this:",
        "    N. Name of the dimension: ",
        f"        {one} (x/10) - why; ",
        f"        {two} (y/10) - why",
        "",
        "5. When all dimensions are done, add the scores up and show the sums in this form:",
        "    Total score:",
        f"    {one}: x+x+x=total",
        f"    {two}: y+y+y=total",
        "",
        "The reply looks like this:",
        "",
        *_qwen3_example(words),
        "",
        "The letters and dots above only show the form: keep its numbering, line breaks and "
        f"indentation, and fill it from the {words.judged} you were really given.",
    ]
    body = "\n".join("        " + line if line else "" for line in lines)
    opening = (
        f"You judge {words.judged} side by side, precisely and without favour. "
        f"You are given {words.given}. Study both with care and decide which is better."
    )
    return f"{opening}\n\n{body}\n        "


_QWEN25_TAIL = {
    "image_generation": "Text Caption: [{P}]",
    "video_generation": "Text Caption: [{P}]",
    "image_understanding": "Question: [{Q}]\nAnswer 1: [{A1}]\nAnswer 2: [{A2}]",
    "video_understanding": "Question: {Q}\nAnswer 1: {A1}\nAnswer 2: {A2}",
}


def _qwen25(name: str) -> str:
    """The prompt of the Qwen2.5 and LLaVA generation: a paragraph, an example, the task."""
    words = _TASKS[name]
    one, two = f"{words.label} 1", f"{words.label} 2"
    dimensions = ", ".join(f"{title.lower()} ({gloss})" for title, gloss in words.core)
    opening = (
        f"Here are {words.given}. Compare the two {words.judged} closely, one dimension at a "
        f"time: {dimensions}, and whatever else matters here (say {words.extras}). In each "
        f"dimension give both a score from 1 to 10, with a short reason, and at the end add up "
        "each one's scores. Think step by step and keep all of your thinking between <think> and "
        f"</think>. Then write between <answer> and </answer> nothing but '{one} is better' or "
        f"'{two} is better', whichever the totals favour."
    )
    example = [
        "The form of the reply:",
        "<think>",
        *(
            f"{i}. {title}: {one} (x/10) - ...; {two} (y/10) - ..."
            for i, (title, _) in enumerate(words.core, 1)
        ),
        f"[A dimension of your own, if any]: {two} (y/10) - ...; {one} (x/10) - ...",
        "Total score:",
        f"{one}: x+x+x+x=total",
        f"{two}: y+y+y+y=total",
        "</think>",
        f"<answer>{words.label} N is better</answer>",
        "The letters stand for your own scores and verdict, "
        f"which must come from the {words.judged} given.",
    ]
    return "\n".join([opening, "", *example, "", "This is your task:", _QWEN25_TAIL[name]])


def _form(name: str, variant: str) -> Form:
    words = _TASKS[name]
    return Form(
        task=name,
        mode="rank",
        template=_qwen3(name) if variant == "qwen3" else _qwen25(name),
        media=words.media,
        reader="rank",
        scales={_key(title): OUT_OF_TEN for title, _ in words.core},
        max_tokens=4096,
        # The words before the tag too: thinking may speak of the tag alone.
        stop_after=("is better</answer>",),
        fingerprints=(_FINGERPRINTS[variant][name],),
    )


def _key(title: str) -> str:
    return title.lower().replace(" ", "_")


def _spec(variant: str, summary: str, **fields: object) -> FamilySpec:
    return FamilySpec(
        name="unifiedreward-think",
        variant=variant,
        summary=summary,
        forms=tuple(_form(name, variant) for name in _TASKS),
        frames="linspace:8",
        **fields,  # type: ignore[arg-type]
    )


SPECS: tuple[FamilySpec, ...] = (
    _spec(
        "qwen3",
        "Chain-of-thought comparison, three-line blocks (Qwen3-VL and Qwen3.5 checkpoints)",
        chat_template_kwargs={"enable_thinking": False},
    ),
    _spec(
        "qwen2.5",
        "Chain-of-thought comparison, one line a dimension (Qwen2.5-VL checkpoints)",
        layouts={"transformers": "native"},
    ),
    _spec(
        "llava",
        "Chain-of-thought comparison, one line a dimension (LLaVA-OneVision checkpoints)",
        system="You are a helpful assistant.",
        layouts={"transformers": "llava"},
    ),
)
