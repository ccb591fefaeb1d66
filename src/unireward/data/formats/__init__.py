"""The formats, each a module that calls :func:`unireward.data.converter.register` at import.

A module is imported when its format is first asked for.
"""

from __future__ import annotations

from importlib import import_module

# By name of the format; one module may hold several.
MODULES = {
    "diffusion-dpo": "diffusion_dpo",
    "dpo": "chosen_rejected",
    "edit-reward": "edit_reward",
    "genai-bench": "genai_bench",
    "helpsteer2": "helpsteer2",
    "helpsteer3": "helpsteer2",
    "hpdv3": "hpdv3",
    "image-reward-db": "image_reward_db",
    "llama-factory": "llama_factory",
    "llava": "llava",
    "llava-critic": "llava_critic",
    "mm-rlhf": "mm_rlhf",
    "ms-swift": "ms_swift",
    "pick-a-pic": "pick_a_pic",
    "prm-steps": "prm_steps",
    "think": "think",
    "trl": "trl",
    "unifiedreward": "unifiedreward",
    "video-dpo": "video_dpo",
    "videofeedback": "videofeedback",
    "videogen-rewardbench": "videogen_rewardbench",
    "vl-rewardbench": "vl_rewardbench",
}


def load(name: str) -> None:
    """Import the module of a format, which registers it."""
    import_module(f"unireward.data.formats.{MODULES[name]}")
