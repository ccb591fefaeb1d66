"""A data set with one batch whose loss is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipes.tiny_judge.mix import WorldSteps
from unireward.training.share import Share


class Spoilt(WorldSteps):
    """The pixels of step ``step`` are NaN."""

    def __init__(self, step: int, share: Share) -> None:
        super().__init__({"image pair": 2}, share)
        self.step = step

    def __getitem__(self, item: int) -> Mapping[str, Any]:
        batch = super().__getitem__(item)
        if self.share.place(item)[0] == self.step:
            for part in batch["parts"]:
                part["inputs"]["pixels"].fill_(float("nan"))
        return batch


def spoilt_steps(spec: Mapping[str, Any], share: Share) -> Spoilt:
    return Spoilt(spec["step"], share)
