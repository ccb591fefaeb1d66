"""Int8Linear: a linear layer in 8 bits for processors, by PyTorch's own kernels.

Weights are kept as int8 with a scale for each output row; activations are measured as they come,
one scale and zero point for the whole input. torchao's layers, which do the same on accelerators,
fall back to unpacked integer products on a processor and are many times slower than float32.

PyTorch means to give these kernels up some day without having another home for them yet
(pytorch/pytorch issue 184982): :func:`known` says whether they are there.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

_LARGEST = 127
_TINY = 1e-12


class Int8Linear(nn.Module):
    """See the module docstring. Takes [..., in_features] of any floating type and gives
    [..., out_features] of the same."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = (weight.abs().amax(1) / _LARGEST).clamp(min=_TINY)
        zeros = torch.zeros(len(scales), dtype=torch.long)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._packed = torch.ops.quantized.linear_prepack(rounded, bias)

    def forward(self, x: Tensor) -> Tensor:
        # 7 bits of activation: two products of 8 bits each overflow 16 on older processors.
        found = torch.ops.quantized.linear_dynamic(x.float(), self._packed, reduce_range=True)
        return found.to(x.dtype)


def known() -> bool:
    """Whether this PyTorch has the kernels."""
    return hasattr(torch, "quantize_per_channel") and hasattr(torch.ops.quantized, "linear_dynamic")


def to_int8(model: nn.Module) -> None:
    """Replace every linear layer within ``model`` in place."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, Int8Linear(child))
