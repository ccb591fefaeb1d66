"""sft: the control of equal supervised training, on records that are there already.

No judge has a say: whatever this gains, an alignment of as many steps has to beat.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from unireward.alignment.methods.base import Method


class Sft(Method):
    """``records`` is a file, of which the best candidates are learned and records of held-out
    prompts left out; ``sources`` are what :class:`~unireward.training.data_config.SourceConfig`
    takes (the drawn world), taken as they are."""

    kind = "sft"
    learns = "best"
    samples = False
    records: Path | None = None
    sources: tuple[dict[str, Any], ...] = Field(default=())

    @model_validator(mode="after")
    def _one_origin(self) -> Sft:
        if (self.records is None) == (not self.sources):
            raise ValueError("give records (a file) or sources ([{world: ...}]), one of them")
        return self
