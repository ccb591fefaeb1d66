"""online: rounds of sampling, judging and learning, so that pairs are always the policy's own.

Each round samples from the weights that the last one left, and its reference is where the round
itself begins (online DPO: Guo et al. 2024, arXiv 2402.04792, with a reference that moves along).
``prompts`` of the file go into a round, in an order drawn by lot anew whenever all were used.
Over the last share ``decay`` of the rounds the learning rate falls linearly, towards zero after
the last one: rates that stay level drift down in truth once the easy gains are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from pydantic import Field, FiniteFloat, PositiveInt

from unireward.alignment.methods.base import Method
from unireward.curation.lot import lot
from unireward.prompt import Prompt


class Online(Method):
    kind = "online"
    counted_in = "rounds"
    rounds: PositiveInt = 10
    prompts: PositiveInt = 64
    decay: FiniteFloat = Field(default=0.0, ge=0, le=1)

    @property
    def length(self) -> int:
        return self.rounds

    def rate(self, number: int) -> float:
        falling = self.decay * self.rounds
        left = self.rounds - (number - 1)
        return min(1.0, left / falling) if falling else 1.0

    def prompts_of(self, prompts: Sequence[Prompt], number: int, seed: int) -> list[Prompt]:
        """No prompt comes twice in a round, however few there are."""
        size = min(self.prompts, len(prompts))
        start = (number - 1) * size
        found: list[Prompt] = []
        for turn in count(start // len(prompts)):
            order = sorted(prompts, key=lambda p, turn=turn: lot(seed, "turn", str(turn), p.id))
            here = order[start - turn * len(prompts) :] if not found else order
            met = {prompt.id for prompt in found}
            found += [prompt for prompt in here if prompt.id not in met][: size - len(found)]
            if len(found) == size:
                return found
        raise AssertionError
