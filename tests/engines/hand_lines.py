"""Prompts of words alone, as tokens, made by hand; and tiny models to put them to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

from tests.engines.architectures import save_checkpoint

FIRST = 80
"""Tokens from here on are words; before are marks, that stand for media among others."""


def hand_line(ids: Any, axes: int) -> Any:
    """What :class:`unireward.engines.line.Line` is for a prompt without media."""
    ids = np.asarray(ids, np.int64)
    return SimpleNamespace(
        ids=ids,
        media=(),
        positions=np.broadcast_to(np.arange(len(ids)), (axes, len(ids))),
        next_position=len(ids),
    )


def load(name: str, folder: Path) -> tuple[Any, Any]:
    """A random model of architecture ``name`` on the CPU, and its tokenizer."""
    torch.set_num_threads(1)
    path = save_checkpoint(name, folder)
    model = AutoModelForImageTextToText.from_pretrained(path).eval()
    return model, AutoTokenizer.from_pretrained(path)


def axes(model: Any) -> int:
    return 3 if hasattr(model.model, "rope_deltas") else 1
