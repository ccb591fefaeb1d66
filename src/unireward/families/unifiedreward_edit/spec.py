"""UnifiedReward-Edit: two edits ranked or scored, one edit scored under two aspects."""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form, Scale
from unireward.families.unifiedreward import forms
from unireward.families.unifiedreward_edit import prompts

TASK = "image_editing"
_POINTS = Scale(low=0, high=25)


def _score(aspect: str, template: str, media: tuple[str, ...], names: tuple[str, str],
           fingerprint: str) -> Form:  # fmt: skip
    return Form(
        task=TASK,
        mode="score",
        aspect=aspect,
        template=template,
        media=media,
        reader="score_json",
        scales=dict.fromkeys(names, _POINTS),
        max_tokens=2048,
        fingerprints=(fingerprint,),
    )


_FORMS = (
    Form(
        task=TASK,
        mode="rank",
        template=prompts.RANK,
        media=("source", "1", "2"),
        reader="rank_edit",
        choices=("Edited image 1 is better", "Edited image 2 is better"),
        fingerprints=("03ca2aaeeade8e88",),
    ),
    Form(
        task=TASK,
        mode="pair-score",
        template=prompts.PAIR_SCORE,
        media=("source", "1", "2"),
        reader="pair_edit",
        max_tokens=1024,
        fingerprints=("6c53b045ed55242c",),
    ),
    _score(
        "instruction", prompts.INSTRUCTION, ("source", "1"), ("success", "overedit"),
        "401b9a17aec0a3c3",
    ),
    _score(
        "quality", prompts.QUALITY, ("1",), ("naturalness", "artifacts"), "ddb40baa511dbf2f"
    ),
    forms.rank_image("0fd2f5c43a065165"),
    forms.score_acs("75d52d3ae771f89b"),
)  # fmt: skip

QWEN = FamilySpec(
    name="unifiedreward-edit",
    variant="qwen",
    summary="edits: rank, signed pair scores, instruction and quality points; images as in 2.0",
    forms=_FORMS,
    frames="uniform:8",
    layouts={"transformers": "native"},
)

# The Qwen3.5 chat template thinks before it answers unless told not to.
QWEN35 = QWEN.model_copy(
    update={
        "variant": "qwen3.5",
        "summary": "edits on Qwen3.5: the same, thinking turned off",
        "chat_template_kwargs": {"enable_thinking": False},
    }
)

SPECS: tuple[FamilySpec, ...] = (QWEN, QWEN35)
