"""During: the looks at a policy while one long training goes on.

The trainer calls :func:`measured` every so many steps with the averaged weights in place; which
chain it belongs to, the config says by its output. Where the alarm stops the chain it leaves by
:class:`HaltedError`; the checkpoint of the look before it is on disk by then, since both come at
the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from unireward.alignment.looked import Looked
from unireward.errors import InputError
from unireward.prompt import Prompt
from unireward.protocols import Policy

EVALUATOR = "unireward.alignment.during:measured"
Look = Callable[[Policy, int], Looked]

_OPEN: dict[str, During] = {}


class HaltedError(Exception):
    """The alarm stopped the training. ``step`` is where its weights were last looked at without
    it, 0 for the start."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


class During:
    """``look(policy, step)`` at every look; ``options`` are what the policy samples by, ``done``
    the step of the checkpoint that the training goes on from."""

    def __init__(
        self, look: Look, every: int, options: dict[str, Any], *, done: int, stop: bool
    ) -> None:
        self.look, self.every, self.options = look, every, options
        self.step, self.stop = done, stop

    def __call__(self, subject: Any) -> dict[str, float]:
        self.step += self.every
        looked = self.look(subject.policy(**self.options), self.step)
        if looked.alarm is not None and self.stop:
            raise HaltedError(self.step - self.every)
        named = {"reward": looked.figures.reward, "right": looked.figures.right}
        return {name: one.value for name, one in named.items() if one is not None}


@contextmanager
def opened(name: str, during: During) -> Iterator[None]:
    """Within: trainings whose config names ``name`` are looked at by ``during``."""
    _OPEN[name] = during
    try:
        yield
    finally:
        del _OPEN[name]


def measured(subject: Any, prompts: Sequence[Prompt], seed: int, chain: str) -> dict[str, float]:
    """What the trainer calls. The chain has its own prompts and seed, which are these."""
    if chain not in _OPEN:
        raise InputError(
            f"evaluation: belongs to the alignment in {chain}; run unireward align, or leave it out"
        )
    return _OPEN[chain](subject)
