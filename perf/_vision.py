"""A Qwen3-VL of any size with random weights, and pairs of pictures to train it on, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 256
"""Pixels of a picture's side: 64 tokens, of patches of 16 merged two by two."""
SIZES: dict[str, dict[str, dict[str, int]]] = {
    "small": {
        "text": {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4,
                 "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 48},
        "vision": {"depth": 3, "hidden_size": 128, "intermediate_size": 384, "num_heads": 4},
    },
    "60M": {
        "text": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 10,
                 "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64,
                 "vocab_size": 8192},
        "vision": {"depth": 8, "hidden_size": 384, "intermediate_size": 1024, "num_heads": 6},
    },
    "90M": {
        "text": {"hidden_size": 640, "intermediate_size": 1920, "num_hidden_layers": 12,
                 "num_attention_heads": 10, "num_key_value_heads": 5, "head_dim": 64,
                 "vocab_size": 8192},
        "vision": {"depth": 10, "hidden_size": 448, "intermediate_size": 1344, "num_heads": 7},
    },
    "90M, half of it eyes": {
        "text": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 10,
                 "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64,
                 "vocab_size": 8192},
        "vision": {"depth": 14, "hidden_size": 512, "intermediate_size": 1536, "num_heads": 8},
    },
}  # fmt: skip


def save_model(size: str, out: Path, seed: int = 0) -> int:
    """Writes the checkpoint, processor and all; how many weights it has."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    from recipes.tiny_judge.model import make_tokenizer
    from unireward.world.words import VOCABULARY

    tokenizer = make_tokenizer(VOCABULARY)
    ids: Any = tokenizer.convert_tokens_to_ids
    text, vision = SIZES[size]["text"], SIZES[size]["vision"]
    third = text["head_dim"] // 2 // 3
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_interleaved": True,
            "mrope_section": [text["head_dim"] // 2 - 2 * third, third, third]}  # fmt: skip
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer), **text, "max_position_embeddings": 4096,
            "rope_parameters": rope, "pad_token_id": ids("<pad>"), "eos_token_id": ids("<|end|>"),
            "bos_token_id": None,
        },
        vision_config={
            **vision, "patch_size": 16, "temporal_patch_size": 2, "spatial_merge_size": 2,
            "out_hidden_size": text["hidden_size"], "num_position_embeddings": 256,
            "deepstack_visual_indexes": [0, 1],
        },
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids("<|end|>")
    model.generation_config.pad_token_id = ids("<pad>")
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    for name, body in _processors().items():
        (out / name).write_text(json.dumps(body, indent=1) + "\n")
    return sum(weight.numel() for weight in model.parameters())


def _processors() -> dict[str, Any]:
    same = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3}  # fmt: skip
    bounds = {"shortest_edge": 64 * 64, "longest_edge": 512 * 512}
    return {
        "preprocessor_config.json": {
            **same, "image_processor_type": "Qwen2VLImageProcessor", "size": bounds,
            "processor_class": "Qwen3VLProcessor",
        },
        "video_preprocessor_config.json": {
            **same, "video_processor_type": "Qwen3VLVideoProcessor", "do_sample_frames": False,
            "size": {"shortest_edge": 4096, "longest_edge": 2**20},
        },
    }  # fmt: skip


def save_pairs(number: int, out: Path, seed: int = 0) -> Path:
    """Records of two drawn pictures each, PNG files beside them."""
    from unireward.files import write_records
    from unireward.world import iter_items
    from unireward.world.write import saved

    (out / "media").mkdir(parents=True)
    items = iter_items("image_generation", number, seed, "train", size=SIDE)
    path = out / "records.jsonl"
    write_records(path, (saved(item, out) for item in items))
    return path
