"""Tiny random CLIP and SigLIP checkpoints, made from config, with a tokenizer of whole words."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ("two", "red", "circles", "three", "blue", "squares", "one", "green", "star", "and")
LIMIT = 12
SIDES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip


def tokenizer_of() -> Any:
    vocabulary = {t: k for k, t in enumerate(["<pad>", "<unk>", "<bos>", *WORDS, "<eos>"])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(mark, vocabulary[mark]) for mark in ("<bos>", "<eos>")]
    made.post_processor = processors.TemplateProcessing("<bos> $A <eos>", None, ends)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", bos_token="<bos>",
        eos_token="<eos>",
    )  # fmt: skip


def save_towers(kind: str, out: Path, seed: int = 0) -> Path:
    """``kind`` is ``clip`` or ``siglip``."""
    tokenizer = tokenizer_of()
    marks = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": tokenizer.eos_token_id}
    text = {
        **SIDES, **marks, "vocab_size": len(tokenizer), "max_position_embeddings": LIMIT,
        "projection_dim": 16, "projection_size": 32,
    }  # fmt: skip
    vision = {**SIDES, "image_size": 32, "patch_size": 8}
    torch.manual_seed(seed)
    if kind == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
        model: Any = transformers.CLIPModel(config)
        images = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32},
                  "crop_size": {"height": 32, "width": 32}}  # fmt: skip
    else:
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        model = transformers.SiglipModel(config)
        images = {"image_processor_type": "SiglipImageProcessor",
                  "size": {"height": 32, "width": 32}}  # fmt: skip
        torch.nn.init.constant_(model.logit_scale, math.log(10.0))
        torch.nn.init.constant_(model.logit_bias, -1.5)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=1 / math.sqrt(weight[0].numel()))
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "preprocessor_config.json").write_text(json.dumps(images))
    return out
