"""UnifiedReward 1.0: what the Qwen2.5-VL and the LLaVA-OneVision checkpoints were trained on."""

from __future__ import annotations

from unireward.families.spec import FamilySpec
from unireward.families.unifiedreward import forms

QWEN = FamilySpec(
    name="unifiedreward",
    variant="qwen",
    summary="1.0 on Qwen2.5-VL: rank and score of images, videos and answers",
    forms=(
        forms.rank_image("0fd2f5c43a065165"),
        forms.score_final("f56f919ce3bc6aab"),
        forms.score_words("88d1d1c5f0fba9dc"),
        forms.score_final("56f45c90cf8a8068", default=False, top=10),
        forms.rank_video("c76ba521846dcdd3"),
        forms.score_video("514a6343388979f8"),
        forms.rank_image_understanding("a151a65f4a8bfd84"),
        forms.score_image_understanding("84db25431a5df9ba"),
        forms.rank_video_understanding("97f1d4ff315cef11"),
        forms.score_video_understanding("0987f16800daf41c"),
    ),
    frames="linspace:8",
    layouts={"transformers": "native"},
)

LLAVA = FamilySpec(
    name="unifiedreward",
    variant="llava",
    summary="1.0 on LLaVA-OneVision: the same tasks, verdicts as whole sentences",
    system="You are a helpful assistant.",
    forms=(
        forms.rank_image("238e0ad4624e5d43", llava=True),
        forms.score_final("d397c380b8b0ee1c", "d68ab1dcf4dc3a39"),
        forms.score_words("603a426c671b50c5"),
        forms.score_final("56f45c90cf8a8068", default=False, top=10),
        forms.rank_video("1b0faeded3c26b1f", "f0d77c5eba9a59b3", llava=True),
        forms.score_video("5913473c056ac623"),
        forms.rank_image_understanding("bcf99421d43fcf89"),
        forms.critic_image_understanding("ebce4d94180e8e36"),
        forms.score_image_understanding("4c8155073a8cfb0b"),
        forms.rank_video_understanding("f7fca453c16a17b3", "a45082e5b3730b97"),
        forms.score_video_understanding("aa947a4112678300"),
    ),
    frames="linspace:8",
    layouts={"transformers": "llava"},
)

SPECS: tuple[FamilySpec, ...] = (QWEN, LLAVA)
