"""The same numbers as transformers' forward, an image batch at a time.

transformers loops over images in vision attention and convolves patches in 3-D; with equal
images both are one batched product, 1.8 times faster here and equal to float error
(``tests/recipes/test_tiny_judge.py`` holds that).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import rotate_half

from recipes.tiny_judge.tree import IGNORE, Batch


def vision(model: Qwen3VLForConditionalGeneration, pixels: Tensor) -> Tensor:
    """Patches [N, n, d] of N equal square images -> features [N, n, width]."""
    visual = model.model.visual
    count, n, _ = pixels.shape
    side = int(n**0.5)
    weight = visual.patch_embed.proj.weight
    x = F.linear(pixels, weight.flatten(1), visual.patch_embed.proj.bias)
    x = x + visual.pos_embed.weight[:n]
    grid = torch.arange(side)
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


def hidden(model: Qwen3VLForConditionalGeneration, batch: Batch) -> Tensor:
    """Last hidden states [B, L, width] of packed trees."""
    features = vision(model, batch.pixels)
    embeds = model.model.language_model.embed_tokens(batch.ids)
    rows, length, width = embeds.shape
    flat = embeds.reshape(-1, width).index_copy(0, batch.pixel_index, features.reshape(-1, width))
    return model.model.language_model(
        inputs_embeds=flat.view(rows, length, width),
        position_ids=batch.positions,
        attention_mask=batch.mask,
        use_cache=False,
    ).last_hidden_state


def losses(
    model: Qwen3VLForConditionalGeneration, heads: torch.nn.Module, batch: Batch, labels: Tensor
) -> dict[str, tuple[Tensor, float]]:
    """Three terms, each as (sum, weight), so that batches of one step add up exactly:
    replies (weighted cross-entropy), words (right or wrong), scores (squared error at a stop).

    ``labels`` are the token ids of [wrong, right]; the word term reads the output layer's own
    two rows, so that it teaches the language model and needs no head. ``heads`` is the linear
    layer for the scores, dropped after training.
    """
    states = hidden(model, batch).flatten(0, 1)
    at = (batch.targets.view(-1) != IGNORE).nonzero().squeeze(1)
    weights = batch.weights.view(-1)[at]
    each = F.cross_entropy(model.lm_head(states[at]), batch.targets.view(-1)[at], reduction="none")
    out = {"reply": ((each * weights).sum(), weights.sum().item())}
    word_at = (batch.words.view(-1) != IGNORE).nonzero().squeeze(1)
    if len(word_at):
        two = states[word_at] @ model.lm_head.weight[labels].T
        wrong = F.cross_entropy(two, batch.words.view(-1)[word_at], reduction="sum")
        out["word"] = (wrong, float(len(word_at)))
    if len(batch.score_index):
        known = ~batch.scores.isnan()
        off = heads(states[batch.score_index])[known] - batch.scores[known]
        out["score"] = (off.square().sum(), float(known.sum()))
    return out
