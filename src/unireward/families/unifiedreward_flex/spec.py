"""UnifiedReward-Flex: pairwise judging by a tree that the judge itself grows (rank only).

The reply is one JSON object: mandatory categories A, B and C (and a personal D), each with its
own sub-dimensions scored so that the two candidates share ten points, a winner of each category
and an overall winner. There are no ties in the grammar and no pointwise mode.
"""

from __future__ import annotations

from typing import NamedTuple

from unireward.families.spec import FamilySpec, Form, Scale

SHARE_OF_TEN = Scale(low=0, high=10)


class _Task(NamedTuple):
    """The words that differ between images and videos."""

    label: str
    judged: str
    categories: tuple[tuple[str, str], ...]
    fingerprints: tuple[str, ...]


_TASKS = {
    "image_generation": _Task(
        "Image",
        "images",
        (
            (
                "A. Semantic Alignment & Accuracy",
                "are the things, the actions and the conditions of the prompt all there?",
            ),
            (
                "B. Image Quality & Realism",
                "is it rendered cleanly and sharply, and could it be so in the real world?",
            ),
            (
                "C. Aesthetics & Artistry",
                "does it please: composition, colours that agree, artistic pull?",
            ),
        ),
        ("bd0c2d5635a7b6b3", "ab5ced6f26e1242e"),
    ),
    "video_generation": _Task(
        "Video",
        "videos",
        (
            (
                "A. Semantic Alignment & Accuracy",
                "are the things, the actions and the conditions of the prompt all there?",
            ),
            (
                "B. Video Quality & Dynamic Realism",
                "are the frames clean, and does motion obey the world's laws?",
            ),
            (
                "C. Narrative, Aesthetics & Cinematography",
                "does it tell its story, please the eye and use the camera well?",
            ),
        ),
        ("dd95da9d5f2b830a", "de11e9a9dd29b33d"),
    ),
}

_SPACE = " "  # ends the two lines that stand for the media
_SKELETON = """{
  "prompt": "<the prompt as given>",
  "categories": [
    {
      "name": "<letter and name of the category>",
      "dims": [
        {
          "name": "<your sub-dimension>",
          "reason_1": "<what you see in @ 1>",
          "reason_2": "<what you see in @ 2>",
          "score_1": <0 to 10>,
          "score_2": <0 to 10>
        }
      ],
      "cat_reason": "<what decides this category>",
      "cat_winner": "<@ 1 or @ 2>"
    }
  ],
  "reason": "<what decides the whole>",
  "winner": "<@ 1 or @ 2>"
}
"""


def _template(words: _Task) -> str:
    label, judged = words.label, words.judged
    categories = "\n".join(f"- **{name}**: {gloss}" for name, gloss in words.categories)
    return f"""## Identity
You are a seasoned critic of AI-made {judged}. Compare {label} 1 with {label} 2 under the prompt \
below, from the single trait up to the whole.

## Evaluation Framework

### 1. Categories that are always judged
Three areas are fixed. Inside each of them, **name 3 to 5 sub-dimensions yourself**, those that \
tell these two {judged} apart:
{categories}
*Where the prompt asks for something special, add a Category D made for it.*

### 2. Rules of scoring
- **No fixed list**: pick sub-dimensions for this very pair.
- **Ten points to share**: in each sub-dimension, {label} 1 and {label} 2 together get exactly \
10 points (7 and 3, say, or 5 and 5).
- **Show your evidence**: back each score with what can be seen; praise alone is no reason.

## Input Data
**Prompt:** [{{P}}]

**What is compared:**
[{label} 1]{_SPACE}
[{label} 2]{_SPACE}

## Output Format
Reply with one complete JSON object and nothing else.

```json
{_SKELETON.replace("@", label)}"""


def _form(task: str) -> Form:
    words = _TASKS[task]
    return Form(
        task=task,
        mode="rank",
        template=_template(words),
        media=("1", "2"),
        reader="tree",
        scales=dict.fromkeys("abcd", SHARE_OF_TEN),
        max_tokens=4096,
        fingerprints=words.fingerprints,
    )


SPECS: tuple[FamilySpec, ...] = (
    FamilySpec(
        name="unifiedreward-flex",
        summary="Comparison by a JSON tree of categories and sub-dimensions sharing ten points",
        forms=tuple(_form(task) for task in _TASKS),
        frames="linspace:8",
        chat_template_kwargs={"enable_thinking": False},
    ),
)
