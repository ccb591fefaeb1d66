"""Which weights of a backbone learn, by part: ``vision`` (the encoder), ``projector`` (what maps
its features to the language model's width) and ``language`` (the rest)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from unireward.errors import InputError

PARTS = ("vision", "projector", "language")
_PROJECTOR = ("merger", "multi_modal_projector", "mm_projector", "connector", "aligner")
_VISION = ("visual.", "vision_tower.", "vision_model.", "vision_encoder.", "image_newline")


def part_of(name: str) -> str:
    """The part that a parameter belongs to, by its name in the model."""
    if any(mark in name for mark in _PROJECTOR):
        return "projector"
    return "vision" if any(mark in name for mark in _VISION) else "language"


def freeze(model: nn.Module, parts: Iterable[str]) -> dict[str, int]:
    """Stop the gradient of whole parts; how many weights each has. InputError for a part that
    there is not."""
    counts = dict.fromkeys(parts, 0)
    for part in counts:
        if part not in PARTS:
            raise InputError(f"frozen: {part!r} is no part; use {', '.join(PARTS)}")
    for name, weight in model.named_parameters():
        part = part_of(name)
        if part in counts:
            weight.requires_grad_(False)
            counts[part] += weight.numel()
    for part, count in counts.items():
        if not count:
            raise InputError(f"frozen: this model has no {part} part; leave it out")
    return counts
