"""UnifiedReward 2.0: Qwen2.5-VL, Qwen3-VL and Qwen3.5 checkpoints."""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form, Scale
from unireward.families.unifiedreward import forms
from unireward.families.unifiedreward_2 import prompts

_SHARE = Scale(low=0, high=1)


def _pair_score(task: str, noun: str, fingerprint: str) -> Form:
    return Form(
        task=task,
        mode="pair-score",
        template=prompts.pair_score(noun),
        media=("1", "2"),
        reader=f"pair_{noun}",
        scales=dict.fromkeys(("alignment", "coherence", "style"), _SHARE),
        max_tokens=512,
        fingerprints=(fingerprint,),
    )


_FORMS = (
    forms.rank_image("0fd2f5c43a065165"),
    forms.score_acs("75d52d3ae771f89b"),
    forms.score_final("f56f919ce3bc6aab", default=False),
    _pair_score("image_generation", "image", "828e9ab2f81c3b6d"),
    forms.rank_video("c76ba521846dcdd3"),
    Form(
        task="video_generation",
        mode="score",
        name="aps",
        template=prompts.APS,
        media=("1",),
        reader="score_axes",
        scales=dict.fromkeys(("alignment", "physics", "style"), forms.ONE_TO_FIVE),
        max_tokens=512,
        frames="uniform:16",
        fingerprints=("707411fb9175547e",),
    ),
    forms.score_video("514a6343388979f8", default=False),
    _pair_score("video_generation", "video", "2604f95ceb958851"),
    forms.rank_image_understanding("a151a65f4a8bfd84"),
    forms.score_image_understanding("84db25431a5df9ba"),
    forms.rank_video_understanding("97f1d4ff315cef11"),
    forms.score_video_understanding("0987f16800daf41c"),
)

QWEN = FamilySpec(
    name="unifiedreward-2",
    variant="qwen",
    summary="2.0: the tasks of 1.0, three-axis scores, pair scores of images and videos",
    forms=_FORMS,
    frames="uniform:8",
    layouts={"transformers": "native"},
)

# The Qwen3.5 chat template thinks before it answers unless told not to.
QWEN35 = QWEN.model_copy(
    update={
        "variant": "qwen3.5",
        "summary": "2.0 on Qwen3.5: the same, thinking turned off",
        "chat_template_kwargs": {"enable_thinking": False},
    }
)

SPECS: tuple[FamilySpec, ...] = (QWEN, QWEN35)
