"""Tiny random backbones as checkpoints, and batches that their processors make of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import transformers
from PIL import Image as PILImage

from tests.engines import architectures
from tests.engines.architectures import QWEN_VISION, TEXT, save_checkpoint
from unireward.engines.processor import load_processor

WORDS = ("two red circles", "three large striped blue squares left of one green star", "one heart")


def qwen3_vl(tokenizer: Any) -> architectures.Made:
    """Two layers, the first with vision features of its own (deepstack)."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1],
            "mrope_interleaved": True}  # fmt: skip
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer), **TEXT, "head_dim": 8, "rope_parameters": rope,
        },
        vision_config={**QWEN_VISION, "num_position_embeddings": 64,
                       "deepstack_visual_indexes": [0]},
        **architectures._qwen_ids(tokenizer),
    )  # fmt: skip
    videos = {"video_processor_type": "Qwen3VLVideoProcessor",
              "size": {"shortest_edge": 256, "longest_edge": 8192}}  # fmt: skip
    images = architectures.QWEN_IMAGES | {"processor_class": "Qwen3VLProcessor"}
    files = {"preprocessor_config.json": images,
             "video_preprocessor_config.json": architectures.QWEN_VIDEOS | videos}  # fmt: skip
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    return transformers.Qwen3VLForConditionalGeneration(config), files, mark


def checkpoint(name: str, out: Path) -> Path:
    # The table is every test's: what it had is back afterwards.
    with patch.dict(architectures.ARCHITECTURES, qwen3_vl=qwen3_vl):
        return save_checkpoint(name, out)


def batch_of(folder: Path, rows: list[int], side: str = "right", *, images: bool = True) -> Any:
    """Rows of unequal pictures and captions, padded on one side."""
    processor = load_processor(str(folder))
    processor.tokenizer.padding_side = side
    texts, pictures = [], []
    for row in rows:
        parts: list[dict[str, str]] = [{"type": "image"}] if images else []
        parts.append({"type": "text", "text": f"caption : {WORDS[row]} . "})
        turn = [{"role": "user", "content": parts}]
        texts.append(processor.apply_chat_template(turn, tokenize=False))
        noise = np.random.default_rng(row).integers(0, 256, (40 + 16 * row, 56, 3), dtype=np.uint8)
        pictures.append([PILImage.fromarray(noise)])
    media = {"images": pictures} if images else {}
    made = processor(
        text=texts, padding=True, return_tensors="pt", add_special_tokens=False, **media
    )
    return dict(made)


def scores(model: Any, batch: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(batch).scores
