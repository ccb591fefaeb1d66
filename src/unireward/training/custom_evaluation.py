"""CustomEvaluator: a function of one's own looks at what is trained, every so many steps.

::

    evaluation: {every: 200, records: prompts.jsonl, evaluator: "mine:measured", metric: exact,
                 options: {n: 4}}

    def measured(subject, prompts, seed, n):         # mine.py
        sampled = subject.policy(guidance_scale=2.5).sample(prompts, n, seed)
        return {"exact": ..., "diversity": ...}

It is given the :class:`~unireward.training.subjects.base.Subject` with the averaged weights in
place, this process's share of the prompts, the evaluation's seed and its ``options``. The figures
of several processes are their means, weighted by how many prompts each had; a number that is not
finite says that nothing was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING

import torch

from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.prompt import Prompt
from unireward.training.config import EvaluationConfig

if TYPE_CHECKING:
    from unireward.training.subjects.base import Subject
    from unireward.training.trainer import RewardTrainer


class CustomEvaluator:
    """``evaluator(trainer)`` gives the function's figures; ``records`` are all prompts."""

    def __init__(self, config: EvaluationConfig, subject: Subject) -> None:
        self.config, self.subject = config, subject
        self.function = resolve(str(config.evaluator), "evaluation.evaluator")
        self.records = prompts_of(config)

    def __call__(self, trainer: RewardTrainer) -> dict[str, float]:
        from accelerate.utils import gather_object

        place, places = trainer.args.process_index, trainer.args.world_size
        mine = self.records[place::places]
        trainee, average = self.subject.trainee, trainer.average
        learning = trainee.training
        trainee.eval()
        try:
            with torch.no_grad(), average.in_place() if average is not None else nullcontext():
                found = self._measured(mine) if mine else {}
        finally:
            trainee.train(learning)
        return self._means(gather_object([(len(mine), found)]))

    def _measured(self, prompts: Sequence[Prompt]) -> dict[str, float]:
        found = self.function(
            self.subject, prompts, seed=self.config.seed, **(self.config.options or {})
        )
        if not isinstance(found, Mapping):
            raise InputError(
                f"evaluation.evaluator: {self.config.evaluator} gave a {type(found).__name__}; "
                "return {metric: number}"
            )
        return {str(name): float(value) for name, value in found.items()}

    def _means(self, rows: Sequence[tuple[int, dict[str, float]]]) -> dict[str, float]:
        names = list(dict.fromkeys(name for _, found in rows for name in found))
        if self.config.keep == "best" and self.config.decides not in names:
            raise InputError(
                f"evaluation.metric: {self.config.evaluator} gave {', '.join(names) or 'nothing'} "
                f"and no {self.config.decides!r}; name one of its figures, or set keep to last"
            )
        out = {}
        for name in names:
            known = [(n, found[name]) for n, found in rows if math.isfinite(found.get(name, NAN))]
            if known:
                out[name] = sum(n * value for n, value in known) / sum(n for n, _ in known)
        return out


NAN = math.nan


def prompts_of(config: EvaluationConfig) -> list[Prompt]:
    """The prompts that are looked at. InputError where there are none."""
    if config.world is not None:
        from unireward.world.sample import iter_items

        found = [
            Prompt.of(item.record)
            for task, number in config.world.items()
            for item in iter_items(task, number, config.seed, split="train")
        ]
    else:
        from unireward.files.prompts import read_prompts

        found = list(islice(read_prompts(str(config.records)), config.limit))
    if not found:
        raise InputError(f"{config.records or 'world'}: holds no prompt; give some")
    return found


def check(config: EvaluationConfig, what: str) -> None:
    """InputError for an evaluation that could not be made; ``what`` is trained."""
    if config.evaluator is None:
        raise InputError(
            f"a {what} has no evaluation of its own; name a function as evaluator (module:name), "
            "or leave evaluation out"
        )
    if not callable(resolve(config.evaluator, "evaluator")):
        raise InputError(f"evaluator: {config.evaluator} is no function; name one")
    prompts_of(config)
