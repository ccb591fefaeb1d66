"""The tiny judge's architecture and tokenizer, made from nothing.

A Qwen3-VL exactly as transformers has it, only small: three vision layers and four language
layers of width 128, 64x64 pixels in patches of 16 (sixteen tokens an image, two video frames a
patch), no deepstack. The tokenizer knows whole words of the drawn world.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from torch import nn
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from unireward.training.packing.qwen3_vl import packed_states
from unireward.training.parts import Parts
from unireward.world.words import VOCABULARY

SIDE = 64
PATCH = 16
TEMPORAL = 2
TOKENS_PER_IMAGE = (SIDE // PATCH) ** 2
SPECIAL = (
    "<pad>", "<unk>", "<|end|>", "<|reply|>",
    "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
SCORES = tuple(
    f"{value / 4:.2f}".rstrip("0") + ("0" if value % 4 == 0 else "") for value in range(4, 21)
)
"""1.0, 1.25, 1.5 ... 5.0, one token each."""
FORMAT_WORDS = (
    "image", "video", "source", "caption", "question", "instruction", "answer", "1", "2", "tie",
    "rank", "score", "scores", "think", "describe", "alignment", "coherence", "style", "physics",
    "overall", "right", "wrong", "kept", "changed", ":", ".", ",", "?", "<", ">", "seconds", "is",
    "better", "and",
)  # fmt: skip
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif part['type'] == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- else -%}{{ part['text'] }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}<|end|>{%- else -%}<|reply|>{%- endif -%}"
    "{%- endfor -%}"
)


def make_tokenizer(words: tuple[str, ...]) -> PreTrainedTokenizerFast:
    """Whole words, numbers such as 4.5, and single punctuation marks; anything else is <unk>."""
    times = tuple(f"{value / 10:.1f}" for value in range(0, 100))
    vocabulary = list(dict.fromkeys((*SPECIAL, *SCORES, *FORMAT_WORDS, *words, *times)))
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"\d+\.\d+|\d+|[^\W\d_]+|[^\w\s]"), behavior="removed", invert=True
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", pad_token="<pad>", eos_token="<|end|>",
        additional_special_tokens=list(SPECIAL[3:]), padding_side="left",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3VLForConditionalGeneration:
    """About 1.7 M parameters, fan-in scaled (the default 0.02 learns markedly slower)."""
    ids = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 128, "intermediate_size": 384,
            "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4,
            "head_dim": 32, "max_position_embeddings": 4096, "pad_token_id": ids("<pad>"),
            "eos_token_id": ids("<|end|>"), "bos_token_id": None,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 10000.0,
                "mrope_section": [6, 5, 5], "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 3, "hidden_size": 128, "intermediate_size": 384, "num_heads": 4,
            "patch_size": PATCH, "temporal_patch_size": TEMPORAL, "spatial_merge_size": 1,
            "out_hidden_size": 128, "num_position_embeddings": 16,
            "deepstack_visual_indexes": [],
        },
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    _initialise(model)
    model.generation_config.eos_token_id = ids("<|end|>")
    model.generation_config.pad_token_id = ids("<pad>")
    return model


def build(seed: int) -> Parts:
    """The model factory that the recipe's config names."""
    tokenizer = make_tokenizer(VOCABULARY)
    model = make_model(tokenizer, seed)

    def save(folder: Path) -> None:
        model.config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        save_processor_files(folder)

    return Parts(model, save, packed_states)


def _initialise(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv3d):
            fan_in = module.weight[0].numel()
            deep = name.endswith(("o_proj", "down_proj", "attn.proj", "linear_fc2"))
            gain = 0.35 if deep and "merger" not in name else 1.0
            nn.init.normal_(module.weight, std=gain / math.sqrt(fan_in))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5 if "embed_tokens" in name else 0.2)


def save_processor_files(out: Path) -> None:
    """What transformers needs to rebuild the image side: fixed 64x64, mean and deviation 0.5."""
    body = {
        "image_processor_type": "Qwen2VLImageProcessor", "patch_size": PATCH,
        "temporal_patch_size": TEMPORAL, "merge_size": 1, "do_convert_rgb": True,
        "do_resize": True, "do_rescale": True, "do_normalize": True,
        "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "size": {"shortest_edge": SIDE * SIDE, "longest_edge": SIDE * SIDE}, "resample": 3,
    }  # fmt: skip
    (out / "preprocessor_config.json").write_text(json.dumps(body, indent=1) + "\n")
    clip = 4 * SIDE * SIDE
    video = {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": PATCH,
             "temporal_patch_size": TEMPORAL, "merge_size": 1, "image_mean": [0.5] * 3,
             "image_std": [0.5] * 3, "do_sample_frames": False,
             "size": {"shortest_edge": clip, "longest_edge": clip}}  # fmt: skip
    (out / "video_preprocessor_config.json").write_text(json.dumps(video, indent=1) + "\n")
