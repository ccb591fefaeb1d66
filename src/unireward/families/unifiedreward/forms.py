"""The forms of the 1.0 generation, which 2.0 and Edit carry on (with their own fingerprints)."""

from __future__ import annotations

from unireward.families.spec import Form, Scale
from unireward.families.unifiedreward import prompts

ONE_TO_FIVE = Scale(low=1, high=5)
VIDEO_DIMENSIONS = (
    "visual_quality", "temporal_consistency", "dynamic_degree", "text_to_video_alignment",
    "factual_consistency",
)  # fmt: skip
_GRADES = {name: Scale(low=1, high=4, integer=True) for name in VIDEO_DIMENSIONS}
VIDEO_SCALES = {**_GRADES, "overall": Scale(low=1, high=10)}
ACS_SCALES: dict[str, Scale] = dict.fromkeys(("alignment", "coherence", "style"), ONE_TO_FIVE)


def verdicts(noun: str, than: bool = False, tie: bool = True) -> tuple[str, ...]:
    """The whole replies of a rank form, for the engine's ``choose``."""
    one, two = f"{noun.capitalize()} 1", f"{noun.capitalize()} 2"
    both = f"Both {noun}s are equally good"
    if than:
        said = (f"{one} is better than {two}.", f"{two} is better than {one}.", f"{both}.")
    else:
        said = (f"{one} is better", f"{two} is better", both)
    return said if tie else said[:2]


def rank_image(*fingerprints: str, llava: bool = False) -> Form:
    return Form(
        task="image_generation",
        mode="rank",
        template=prompts.rank_generation("image", llava, "You are a careful judge of pictures."),
        media=("1", "2"),
        reader="rank_image",
        choices=verdicts("image", llava),
        max_tokens=512,
        fingerprints=fingerprints,
    )


def rank_video(*fingerprints: str, llava: bool = False) -> Form:
    opening = "Suppose you are an expert" if llava else "Imagine you are an expert"
    return Form(
        task="video_generation",
        mode="rank",
        template=prompts.rank_generation("video", llava, f"{opening} who judges made videos."),
        media=("1", "2"),
        reader="rank_video",
        choices=verdicts("video", llava),
        max_tokens=1024,
        fingerprints=fingerprints,
    )


def score_final(*fingerprints: str, default: bool = True, top: int = 5) -> Form:
    """``final`` on 1 to 5, or ``sift`` on 1 to 10 (used when building preference data)."""
    return Form(
        task="image_generation",
        mode="score",
        name="final" if top == 5 else "sift",
        template=prompts.score_image(top),
        media=("1",),
        reader="score_final",
        scales={"overall": Scale(low=1, high=top)},
        max_tokens=1024,
        default=default,
        fingerprints=fingerprints,
    )


def score_words(*fingerprints: str) -> Form:
    return Form(
        task="image_generation",
        mode="score",
        name="words",
        template=prompts.WORDS,
        media=("1",),
        reader="score_words",
        scales=ACS_SCALES,
        default=False,
        fingerprints=fingerprints,
    )


def score_acs(*fingerprints: str) -> Form:
    return Form(
        task="image_generation",
        mode="score",
        name="acs",
        template=prompts.ACS,
        media=("1",),
        reader="score_axes",
        scales=ACS_SCALES,
        max_tokens=512,
        fingerprints=fingerprints,
    )


def score_video(*fingerprints: str, default: bool = True) -> Form:
    return Form(
        task="video_generation",
        mode="score",
        name="five",
        template=prompts.SCORE_VIDEO,
        media=("1",),
        reader="score_five",
        scales=VIDEO_SCALES,
        max_tokens=1024,
        default=default,
        fingerprints=fingerprints,
    )


def rank_image_understanding(*fingerprints: str) -> Form:
    return Form(
        task="image_understanding",
        mode="rank",
        template=prompts.RANK_IMAGE_UNDERSTANDING,
        media=("prompt",),
        reader="rank_answer",
        choices=verdicts("answer", tie=False),
        fingerprints=fingerprints,
    )


def critic_image_understanding(*fingerprints: str) -> Form:
    """The LLaVA checkpoints' free-form comparison; not asked unless named."""
    return Form(
        task="image_understanding",
        mode="rank",
        name="critic",
        template=prompts.CRITIC_IMAGE_UNDERSTANDING,
        media=("prompt",),
        reader="rank_response",
        default=False,
        fingerprints=fingerprints,
    )


def score_image_understanding(*fingerprints: str) -> Form:
    return Form(
        task="image_understanding",
        mode="score",
        template=prompts.SCORE_IMAGE_UNDERSTANDING,
        media=("prompt",),
        reader="score_final",
        scales={"overall": Scale(low=0, high=100)},
        fingerprints=fingerprints,
    )


def rank_video_understanding(*fingerprints: str) -> Form:
    return Form(
        task="video_understanding",
        mode="rank",
        template=prompts.RANK_VIDEO_UNDERSTANDING,
        media=("prompt",),
        reader="rank_judgment",
        choices=tuple(
            f"Overall Judgment: {verdict}" for verdict in verdicts("answer", True, tie=False)
        ),
        fingerprints=fingerprints,
    )


def score_video_understanding(*fingerprints: str) -> Form:
    return Form(
        task="video_understanding",
        mode="score",
        template=prompts.SCORE_VIDEO_UNDERSTANDING,
        media=("prompt",),
        reader="score_final",
        scales={"overall": ONE_TO_FIVE},
        fingerprints=fingerprints,
    )
