"""The published templates by fingerprint: facts about texts that are not ours to carry.

Each row is the first 16 hex digits of the sha256 of a template as Python evaluates it
(expressions written back as ``{expr}``), its length in characters, what it asks, and where the
public repositories (CodeGoat24/UnifiedReward and CodeGoat24/Pref-GRPO) keep it. Which of our
forms it belongs to is not said here: each form names its own ``fingerprints``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Home:
    """One form of one family, as a template's address."""

    family: str
    variant: str
    task: str
    mode: str
    name: str = ""
    aspect: str = ""

    def __str__(self) -> str:
        extra = "".join(f" {part}" for part in (self.name, self.aspect) if part)
        return f"{self.family_id} {self.task} {self.mode}{extra}"

    @property
    def family_id(self) -> str:
        return f"{self.family}/{self.variant}" if self.variant else self.family


@dataclass(frozen=True)
class Known:
    """A known template. ``paths`` end a file's path in a checkout; the first is the chief one.

    ``escaped`` texts are ``str.format`` templates: ``{{`` in them is a brace. ``homes`` are the
    forms that use the text, filled in from the families (empty for benchmark-only wordings).
    """

    fingerprint: str
    chars: int
    what: str
    paths: tuple[str, ...]
    escaped: bool = False
    homes: tuple[Home, ...] = ()


_THINK = "UnifiedReward-Think"
_LLAVA_INFER = f"{_THINK}/inference_llava"
_QWEN_INFER = f"{_THINK}/inference_qwen"
_QWEN3_INFER = f"{_QWEN_INFER}/UnifiedReward-Think-qwen3-inference"
_TWO = "inference_qwen/UnifiedReward-2.0-inference"
_PREF = "fastvideo/rewards/templates.py"
_LLAVA_EVAL = "benchmark_evaluation/LLaVA_evaluation"

TEMPLATES: tuple[Known, ...] = (
    Known("0fd2f5c43a065165", 822, "image generation rank, Qwen", (
        "inference_qwen/image_generation/qwen_pair_rank_image_generation.py",
        "benchmark_evaluation/Qwen_evaluation/test_qwen_genAI_bench_image.py",
        "benchmark_evaluation/vLLM_evaluation/test_qwen_genai_image.py",
        f"{_THINK}/benchmark_evaluation/GenAI-Bench-Image/test_qwen25_answer_genAI_bench_image.py",
    )),
    Known("238e0ad4624e5d43", 865, "image generation rank, LLaVA", (
        "inference_llava/image_generation/pair_rank_image_generation.py",
        "DiffusionDPO/sift_dpo_data.py",
        f"{_LLAVA_EVAL}/test_llava_genAI_bench_image.py",
    )),
    Known("d397c380b8b0ee1c", 818, "image generation score 1-5, LLaVA", (
        "inference_llava/image_generation/point_score_image_generation.py",
    )),
    Known("f56f919ce3bc6aab", 810, "image generation score 1-5, Qwen", (
        "inference_qwen/image_generation/qwen_point_score_image_generation.py",
    )),
    Known("56f45c90cf8a8068", 819, "image generation score 1-10 (sifting)", (
        "DiffusionDPO/sift_dpo_data.py",
    )),
    Known("d68ab1dcf4dc3a39", 635, "image generation score, SGLang script", (
        "sglang_llava/sglang_inference.py",
    )),
    Known("603a426c671b50c5", 1364, "image generation word-wise score, LLaVA", (
        "inference_llava/image_generation/point_score_ACS_image_generation.py",
    )),
    Known("88d1d1c5f0fba9dc", 1356, "image generation word-wise score, Qwen", (
        "inference_qwen/image_generation/qwen_point_score_ACS_image_generation.py",
    )),
    Known("75d52d3ae771f89b", 733, "image generation alignment, coherence, style score", (
        f"{_TWO}/point_score_ACS_image_generation.py",
        _PREF,
    )),
    Known("707411fb9175547e", 713, "video generation alignment, physics, style score", (
        f"{_TWO}/point_score_APS_video_generation.py",
    )),
    Known("828e9ab2f81c3b6d", 1133, "image generation pair score", (
        f"{_TWO}/pair_score_image_generation.py",
    )),
    Known("2604f95ceb958851", 1133, "video generation pair score", (
        f"{_TWO}/pair_score_video_generation.py",
    )),
    Known("c76ba521846dcdd3", 939, "video generation rank, Qwen", (
        "inference_qwen/video_generation/qwen_pair_rank_video_generation.py",
        "benchmark_evaluation/Qwen_evaluation/test_qwen_genAI_bench_video.py",
        "benchmark_evaluation/Qwen_evaluation/test_qwen_videogen_reward_bench.py",
        "benchmark_evaluation/vLLM_evaluation/test_qwen_genai_video.py",
        "benchmark_evaluation/vLLM_evaluation/test_qwen_videogen_rewardbench.py",
    )),
    Known("1b0faeded3c26b1f", 975, "video generation rank, LLaVA", (
        "inference_llava/video_generation/pair_rank_video_generation.py",
    )),
    Known("f0d77c5eba9a59b3", 966, "video generation rank, LLaVA benchmark script", (
        f"{_LLAVA_EVAL}/test_llava_genAI_bench_video.py",
    )),
    Known("5913473c056ac623", 1319, "video generation score, LLaVA", (
        "inference_llava/video_generation/point_score_video_generation.py",
    )),
    Known("514a6343388979f8", 1292, "video generation score, Qwen", (
        "inference_qwen/video_generation/qwen_point_score_video_generation.py",
    )),
    Known("a151a65f4a8bfd84", 1350, "image understanding rank, Qwen", (
        "inference_qwen/image_understanding/qwen_pair_rank_image_understanding.py",
        "benchmark_evaluation/Qwen_evaluation/test_qwen_vlrewardbench.py",
        "benchmark_evaluation/vLLM_evaluation/test_qwen_vlreward_bench.py",
    )),
    Known("bcf99421d43fcf89", 1358, "image understanding rank, LLaVA benchmark script", (
        f"{_LLAVA_EVAL}/test_llava_vlrewardbench.py",
    )),
    Known("ebce4d94180e8e36", 2175, "image understanding rank, LLaVA", (
        "inference_llava/image_understanding/pair_rank_image_understanding.py",
    )),
    Known("84db25431a5df9ba", 2761, "image understanding score, Qwen", (
        "inference_qwen/image_understanding/qwen_point_score_image_understanding.py",
    )),
    Known("4c8155073a8cfb0b", 2379, "image understanding score, LLaVA", (
        "inference_llava/image_understanding/point_score_image_understanding.py",
    )),
    Known("97f1d4ff315cef11", 982, "video understanding rank, Qwen", (
        "inference_qwen/video_understanding/qwen_pair_rank_video_understanding.py",
    )),
    Known("a45082e5b3730b97", 999, "video understanding rank, LLaVA assessment script", (
        f"{_LLAVA_EVAL}/test_llava_video_understanding_assessment.py",
    )),
    Known("f7fca453c16a17b3", 1100, "video understanding rank, LLaVA sifting script", (
        "preference_data_construction/video_understanding/infer+sift.py",
    )),
    Known("0987f16800daf41c", 2141, "video understanding score, Qwen", (
        "inference_qwen/video_understanding/qwen_point_score_video_understanding.py",
    )),
    Known("aa947a4112678300", 2168, "video understanding score, LLaVA", (
        "inference_llava/video_understanding/point_score_video_understanding.py",
    )),
    Known("f925103328b923c6", 1609, "Think image generation, LLaVA", (
        f"{_LLAVA_INFER}/image_generation/infer_cot_image_generation.py",
    )),
    Known("342f6a4bd0efdae0", 1592, "Think image generation, Qwen2.5", (
        f"{_QWEN_INFER}/image_generation/qwen_infer_cot_image_generation.py",
    )),
    Known("7d74a1ae638551e0", 1641, "Think video generation, LLaVA", (
        f"{_LLAVA_INFER}/video_generation/infer_cot_video_generation.py",
    )),
    Known("f45197425b810d08", 1614, "Think video generation, Qwen2.5", (
        f"{_QWEN_INFER}/video_generation/qwen_infer_cot_video_generation.py",
        f"{_THINK}/gradio/qwen_app.py",
    )),
    Known("be1eadea5efbbaaa", 1670, "Think image understanding, LLaVA", (
        f"{_LLAVA_INFER}/image_understanding/infer_cot_image_understanding.py",
    )),
    Known("3db599f6bd5efb58", 1662, "Think image understanding, Qwen2.5", (
        f"{_QWEN_INFER}/image_understanding/qwen_infer_cot_image_understanding.py",
    )),
    Known("f087e5298f104a95", 1619, "Think video understanding, LLaVA", (
        f"{_LLAVA_INFER}/video_understanding/infer_cot_video_understanding.py",
    )),
    Known("3b7a396e77542f16", 1592, "Think video understanding, Qwen2.5", (
        f"{_QWEN_INFER}/video_understanding/qwen_infer_cot_video_understanding.py",
    )),
    Known("a8a0d80818246406", 3191, "Think image generation, Qwen3", (
        f"{_QWEN3_INFER}/qwen3_infer_cot_image_generation.py",
        _PREF,
    )),
    Known("e40c6e7f767f2cca", 3675, "Think video generation, Qwen3", (
        f"{_QWEN3_INFER}/qwen3_infer_cot_video_generation.py",
        _PREF,
    )),
    Known("5ed2be014a8844dd", 3245, "Think image understanding, Qwen3", (
        f"{_QWEN3_INFER}/qwen3_infer_cot_image_understanding.py",
    )),
    Known("5eaaee95d98dabbf", 3550, "Think video understanding, Qwen3", (
        f"{_QWEN3_INFER}/qwen3_infer_cot_video_understanding.py",
    )),
    Known("bd0c2d5635a7b6b3", 1951, "Flex image generation", (
        "UnifiedReward-Flex/flex_pair_rank_image_generation.py",
    )),
    Known("dd95da9d5f2b830a", 1926, "Flex video generation", (
        "UnifiedReward-Flex/flex_pair_rank_video_generation.py",
    )),
    Known("ab5ced6f26e1242e", 1957, "Flex image generation, format form", (_PREF,), escaped=True),
    Known("de11e9a9dd29b33d", 1932, "Flex video generation, format form", (_PREF,), escaped=True),
    Known("03ca2aaeeade8e88", 1986, "edit rank", (
        "UnifiedReward-Edit/edit_pairwise_rank.py",
        _PREF,
    )),
    Known("6c53b045ed55242c", 2426, "edit pair score", (
        "UnifiedReward-Edit/edit_paiwise_score.py",
    )),
    Known("401b9a17aec0a3c3", 1525, "edit score, instruction following", (
        "UnifiedReward-Edit/edit_pointwise_instruction_following.py",
        _PREF,
    )),
    Known("ddb40baa511dbf2f", 1198, "edit score, quality", (
        "UnifiedReward-Edit/edit_pointwise_quality.py",
        _PREF,
    )),
)  # fmt: skip
