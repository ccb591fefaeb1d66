"""Random tiny checkpoints of several architectures, made from config and saved as published ones.

Each has a config, weights, a tokenizer, a chat template and the processors' settings as files;
nothing of a processor is saved by the class that will read it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import pre_tokenizers

from recipes.tiny_judge.model import make_tokenizer
from unireward.world.words import VOCABULARY

END = "<|end|>"
MARKS = ["<image>", "<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>",
         "<start_of_image>", "<end_of_image>", "<soft>"]  # fmt: skip
QWEN_MARKS = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEXT: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024, "bos_token_id": None,
    "eos_token_id": None, "pad_token_id": 0,
}  # fmt: skip
VISION: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "patch_size": 8, "image_size": 32,
}  # fmt: skip
QWEN_VISION: dict[str, Any] = {
    "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "patch_size": 8,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32,
}  # fmt: skip
QWEN_IMAGES: dict[str, Any] = {
    "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 8, "merge_size": 2,
    "temporal_patch_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096},
}  # fmt: skip
QWEN_VIDEOS: dict[str, Any] = {
    "patch_size": 8, "merge_size": 2, "temporal_patch_size": 2, "do_sample_frames": False,
    "cap_pixels_per_frame": False,
}  # fmt: skip
Files = dict[str, dict[str, Any]]
Made = tuple[Any, Files, str]
"""Model, the processors' files, and what stands for an image in the chat template."""


def words_tokenizer(**named: str) -> Any:
    """Whole words of the world, with every architecture's marks; ``named`` are attributes."""
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(VOCABULARY).backend_tokenizer, unk_token="<unk>",
        pad_token="<pad>", eos_token=END, clean_up_tokenization_spaces=False,
        model_specific_special_tokens=named,
    )  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": [*MARKS, *QWEN_MARKS, "<|reply|>"]})
    return tokenizer


def bytes_tokenizer() -> Any:
    """Qwen3.5's own tokenizer class, which transformers insists on, with bytes for tokens."""
    alphabet = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {token: k for k, token in enumerate(alphabet)}
    tokenizer = transformers.Qwen3_5Tokenizer(vocab=vocabulary, merges=[], eos_token=END)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [*MARKS, *QWEN_MARKS, "<|reply|>", END]}
    )
    return tokenizer


def llava(tokenizer: Any) -> Made:
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**VISION, projection_dim=32),
        text_config=transformers.LlamaConfig(vocab_size=len(tokenizer), **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"), image_seq_length=16,
    )  # fmt: skip
    images = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32},
              "crop_size": {"height": 32, "width": 32}}  # fmt: skip
    whole = {
        "processor_class": "LlavaProcessor",
        "patch_size": 8,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }
    files = {"preprocessor_config.json": images, "processor_config.json": whole}
    return transformers.LlavaForConditionalGeneration(config), files, "<image>"


def llava_onevision(tokenizer: Any) -> Made:
    pinpoints = [[32, 32], [32, 64], [64, 32], [64, 64]]
    config = transformers.LlavaOnevisionConfig(
        vision_config=transformers.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=transformers.Qwen2Config(vocab_size=len(tokenizer), **TEXT),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
    )
    images = {"image_processor_type": "LlavaOnevisionImageProcessor",
              "size": {"height": 32, "width": 32}, "image_grid_pinpoints": pinpoints}  # fmt: skip
    whole = {"processor_class": "LlavaOnevisionProcessor", "num_image_tokens": 16,
             "vision_feature_select_strategy": "full"}  # fmt: skip
    files = {"preprocessor_config.json": images, "processor_config.json": whole}
    return transformers.LlavaOnevisionForConditionalGeneration(config), files, "<image>"


def _qwen_ids(tokenizer: Any) -> dict[str, Any]:
    names = ("vision_start", "vision_end", "image", "video")
    ids = tokenizer.convert_tokens_to_ids(QWEN_MARKS)
    return {f"{name}_token_id": token for name, token in zip(names, ids)}


def qwen2_5_vl(tokenizer: Any) -> Made:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    config = transformers.Qwen2_5_VLConfig(
        text_config={"vocab_size": len(tokenizer), **TEXT, "rope_parameters": rope},
        vision_config={**QWEN_VISION, "window_size": 32, "fullatt_block_indexes": [1]},
        **_qwen_ids(tokenizer),
    )
    videos = {"video_processor_type": "Qwen2VLVideoProcessor", "min_pixels": 256,
              "max_pixels": 1024}  # fmt: skip
    files = {"preprocessor_config.json": QWEN_IMAGES | {"processor_class": "Qwen2_5_VLProcessor"},
             "video_preprocessor_config.json": QWEN_VIDEOS | videos}  # fmt: skip
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    return transformers.Qwen2_5_VLForConditionalGeneration(config), files, mark


def qwen2_vl(tokenizer: Any) -> Made:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    eyes: dict[str, Any] = {
        "depth": 2, "embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 2,
        "patch_size": 8, "spatial_merge_size": 2, "temporal_patch_size": 2,
    }  # fmt: skip
    config = transformers.Qwen2VLConfig(
        text_config={"vocab_size": len(tokenizer), **TEXT, "rope_parameters": rope},
        vision_config=eyes, **_qwen_ids(tokenizer),
    )  # fmt: skip
    videos = {"video_processor_type": "Qwen2VLVideoProcessor", "min_pixels": 256,
              "max_pixels": 1024}  # fmt: skip
    files = {"preprocessor_config.json": QWEN_IMAGES | {"processor_class": "Qwen2VLProcessor"},
             "video_preprocessor_config.json": QWEN_VIDEOS | videos}  # fmt: skip
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    return transformers.Qwen2VLForConditionalGeneration(config), files, mark


def qwen3_vl(tokenizer: Any) -> Made:
    """Features of two of its three vision layers are added deeper in the language model."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1],
            "mrope_interleaved": True}  # fmt: skip
    eyes = {**QWEN_VISION, "depth": 3, "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1]}  # fmt: skip
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer), **TEXT, "head_dim": 8, "num_hidden_layers": 3,
            "rope_parameters": rope,
        },
        vision_config=eyes, **_qwen_ids(tokenizer),
    )  # fmt: skip
    videos = {"video_processor_type": "Qwen3VLVideoProcessor",
              "size": {"shortest_edge": 256, "longest_edge": 8192}}  # fmt: skip
    files = {"preprocessor_config.json": QWEN_IMAGES | {"processor_class": "Qwen3VLProcessor"},
             "video_preprocessor_config.json": QWEN_VIDEOS | videos}  # fmt: skip
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    return transformers.Qwen3VLForConditionalGeneration(config), files, mark


def qwen3_5(tokenizer: Any) -> Made:
    """Half of its layers are linear attention: their cache is a state, not keys and values."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 0],
            "mrope_interleaved": True, "partial_rotary_factor": 0.25}  # fmt: skip
    linear = {"linear_conv_kernel_dim": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
              "linear_num_key_heads": 2, "linear_num_value_heads": 4,
              "layer_types": ["linear_attention", "full_attention"]}  # fmt: skip
    config = transformers.Qwen3_5Config(
        text_config={
            "vocab_size": len(tokenizer), **TEXT, **linear, "head_dim": 16, "rope_parameters": rope
        },
        vision_config={**QWEN_VISION, "num_position_embeddings": 64},
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    videos = {"video_processor_type": "Qwen3VLVideoProcessor",
              "size": {"shortest_edge": 256, "longest_edge": 8192}}  # fmt: skip
    files = {"preprocessor_config.json": QWEN_IMAGES | {"processor_class": "Qwen3VLProcessor"},
             "video_preprocessor_config.json": QWEN_VIDEOS | videos}  # fmt: skip
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    return transformers.Qwen3_5ForConditionalGeneration(config), files, mark


def idefics3(tokenizer: Any) -> Made:
    text = transformers.LlamaConfig(vocab_size=len(tokenizer), **TEXT)
    config = transformers.Idefics3Config(
        vision_config=dict(VISION), text_config=text.to_dict(), scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    images = {"image_processor_type": "Idefics3ImageProcessor", "size": {"longest_edge": 64},
              "max_image_size": {"longest_edge": 32}, "do_image_splitting": True}  # fmt: skip
    whole = {"processor_class": "Idefics3Processor", "image_seq_len": 4}
    files = {"preprocessor_config.json": images, "processor_config.json": whole}
    return transformers.Idefics3ForConditionalGeneration(config), files, "<image>"


def gemma3(tokenizer: Any) -> Made:
    """Layers with a sliding window shorter than the prompt, and eyes that see both ways."""
    ids = tokenizer.convert_tokens_to_ids
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = transformers.Gemma3Config(
        vision_config={**VISION, "vision_use_head": False},
        text_config={
            "vocab_size": len(tokenizer), **TEXT, "num_hidden_layers": 3, "head_dim": 8,
            "sliding_window": 12, "layer_types": layers,
        },
        mm_tokens_per_image=4, boi_token_index=ids("<start_of_image>"),
        eoi_token_index=ids("<end_of_image>"), image_token_index=ids("<soft>"),
    )  # fmt: skip
    images = {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": 32, "width": 32}}
    whole = {"processor_class": "Gemma3Processor", "image_seq_length": 4}
    files = {"preprocessor_config.json": images, "processor_config.json": whole}
    return transformers.Gemma3ForConditionalGeneration(config), files, "<start_of_image>"


ARCHITECTURES: dict[str, Callable[[Any], Made]] = {
    made.__name__: made
    for made in (
        llava, llava_onevision, qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, idefics3, gemma3,
    )
}  # fmt: skip


def chat_template(mark: str) -> str:
    video = mark.replace("image", "video")
    return (
        "{%- for message in messages -%}{%- for part in message['content'] -%}"
        f"{{%- if part['type'] == 'image' -%}}{mark}"
        f"{{%- elif part['type'] == 'video' -%}}{video}"
        "{%- else -%}{{ part['text'] }}{%- endif -%}{%- endfor -%}{%- endfor -%}<|reply|>"
    )


def save_checkpoint(name: str, out: Path, seed: int = 3) -> Path:
    """A random checkpoint of architecture ``name``, wide awake: every weight is fan-in scaled."""
    named = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<soft>",
    }
    tokenizer = words_tokenizer(**(named if name == "gemma3" else {}))
    if name == "qwen3_5":
        tokenizer = bytes_tokenizer()
    torch.manual_seed(seed)
    model, files, mark = ARCHITECTURES[name](tokenizer)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=1 / math.sqrt(weight[0].numel()))
    # Two ways to end a turn, as many published models have.
    ends = tokenizer.convert_tokens_to_ids([END, "<end_of_utterance>"])
    model.generation_config.eos_token_id = ends
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "chat_template.jinja").write_text(chat_template(mark), "utf-8")
    for file, body in files.items():
        (out / file).write_text(json.dumps(body), "utf-8")
    return out
