"""Quick vision: the tower's attention as one product over all media, and its convolution as one.

transformers' Qwen towers attend to one image (or window) after another and convolve each patch
by itself in 3-D; both are slow on a CPU, the first also on an accelerator that waits for many
small kernels. Pieces of equal length are stacked and attended to at once; a convolution whose
stride is its kernel is a matrix product. The sums are the same, in another order.

::

    with quicken(model):
        model.get_image_features(pixels, grid)

Attention goes in through transformers' own registry of implementations, under a name with
"flash" in it, which is how a tower tells that pieces may come packed. Weights are not touched,
and nothing is changed outside of the ``with``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PACKED = "unireward_flash_stacked"
"""The name of the stacked attention among transformers' implementations."""


@contextmanager
def quicken(model: Any) -> Iterator[bool]:
    """Yields whether there was anything to make quicker. Not while another thread runs the
    model: the tower's configuration is the model's."""
    towers = list(_towers(model))
    packed = [tower for tower in towers if _packs(tower)]
    before = [tower.config._attn_implementation for tower in packed]
    convolutions = [conv for tower in towers for conv in _strided(tower)]
    try:
        for tower in packed:
            _register()
            tower.config._attn_implementation = PACKED
        for conv in convolutions:
            conv.forward = _Product(conv)
        yield bool(packed or convolutions)
    finally:
        for tower, name in zip(packed, before):
            tower.config._attn_implementation = name
        for conv in convolutions:
            del conv.forward


def _towers(model: Any) -> Iterator[Any]:
    """The vision towers: ``visual`` in Qwen's models, ``vision_tower`` in LLaVA's."""
    base = getattr(model, "model", model)
    for name in ("visual", "vision_tower"):
        tower = getattr(base, name, None)
        if tower is not None:
            yield tower


def _packs(tower: Any) -> bool:
    """Does it attend to pieces of one packed sequence, by the default implementation?

    A tower under flash attention has its kernel for that; one under eager was asked to be.
    """
    if getattr(tower.config, "_attn_implementation", None) != "sdpa":
        return False
    blocks = getattr(tower, "blocks", None)
    return bool(blocks) and "cu_seqlens" in _parameters(blocks[0].forward)


def _parameters(function: Any) -> Any:
    import inspect

    return inspect.signature(function).parameters


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(PACKED, stacked)


def stacked(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any = None, *,
    scaling: float | None = None, cu_seq_lens_q: Any, **_: Any,
) -> tuple[Any, None]:  # fmt: skip
    """Attention within each piece of ``query``, ``key``, ``value`` [1, heads, S, width], whose
    borders are ``cu_seq_lens_q`` [pieces + 1]; returns [1, S, heads, width]."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    groups = _groups(cu_seq_lens_q)
    out = None
    for length, places in groups:
        parts = [
            (x[0] if places is None else x[0].index_select(1, places))
            .unflatten(1, (-1, length))
            .transpose(0, 1)
            for x in (query, key, value)
        ]
        said = scaled_dot_product_attention(*parts, scale=scaling).transpose(1, 2).flatten(0, 1)
        if places is None:
            return said[None], None
        if out is None:
            out = torch.empty_like(query[0].transpose(0, 1))
        out.index_copy_(0, places, said)
    assert out is not None
    return out[None], None


def _groups(borders: Any) -> list[tuple[int, Any]]:
    """(length, places of all pieces of that length or None for all places), by length.

    Worked out once for each tensor of borders: it stays with it, as all layers share one.
    """
    import torch

    found = getattr(borders, "unireward_groups", None)
    if found is not None:
        return found
    starts = borders[:-1].tolist()
    by_length: dict[int, list[int]] = {}
    for start, stop in zip(starts, borders[1:].tolist()):
        if stop > start:
            by_length.setdefault(stop - start, []).append(start)
    found = []
    for length, firsts in by_length.items():
        places = None
        if len(by_length) > 1:
            first = torch.tensor(firsts, device=borders.device)
            steps = torch.arange(length, device=borders.device)
            places = (first[:, None] + steps).flatten()
        found.append((length, places))
    borders.unireward_groups = found
    return found


def _strided(tower: Any) -> Iterator[Any]:
    """Convolutions that cut their input into patches that do not overlap."""
    import torch

    for module in tower.modules():
        if (
            isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d)
            and module.kernel_size == module.stride
            and module.padding in ("valid", (0,) * len(module.kernel_size))
            and set(module.dilation) == {1}
            and module.groups == 1
        ):
            yield module


class _Product:
    """A convolution's forward as a matrix product over its patches."""

    def __init__(self, conv: Any) -> None:
        self.conv = conv

    def __call__(self, x: Any) -> Any:
        """[N, C, *sides] -> [N, out, *(sides // kernel)], what is over at the end left out."""
        from torch.nn.functional import linear

        conv, kernel = self.conv, self.conv.kernel_size
        counts = [side // k for side, k in zip(x.shape[2:], kernel)]
        rank = len(kernel)
        if all(count == 1 for count in counts) and x.shape[2:] == kernel:
            flat = x.flatten(1)
        else:
            for axis, (count, k) in enumerate(zip(counts, kernel), start=2):
                x = x.narrow(axis, 0, count * k)
            shape = [n for pair in zip(counts, kernel) for n in pair]
            cut = x.reshape(*x.shape[:2], *shape)
            order = [0, *range(2, 2 + 2 * rank, 2), 1, *range(3, 3 + 2 * rank, 2)]
            flat = cut.permute(order).flatten(rank + 1)
        said = linear(flat, conv.weight.flatten(1), conv.bias)
        return said.movedim(-1, 1) if said.ndim > 2 else said.reshape(*said.shape, *counts)
