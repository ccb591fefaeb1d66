"""How often answers are wrong: by the world, never by a judge.

::

    policy = load_policy("tiny-answerer", temperature=TEMPERATURE, max_tokens=MAX_TOKENS)
    found = answered(policy, HELD_OUT, 600, seed=0)
    found.error.value, found.error.low, found.error.high, found.states

    python -m recipes.tiny_answerer.measure tiny-answerer --n 600        # the same, printed

Wrong is whatever is not right in all that it states: also what cannot be read, what answers
another question, and what was not answered at all; ``states`` counts these apart.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recipes.command import run
from unireward.policies.load import load_policy
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.sampled import Sampled
from unireward.stats.intervals import Estimate, wilson
from unireward.world.answer_truth import ANOTHER, truth_of
from unireward.world.redraw import Asked, Redraw

TASK = "image_understanding"
LEVELS = (1, 2)
TEMPERATURE, MAX_TOKENS = 1.0, 24
HELD_OUT = Redraw(seed=4001, levels=LEVELS)
"""Questions that nothing is trained or chosen by."""


@dataclass(frozen=True)
class Answered:
    """For each question whether it was answered wrongly (1) and its kind; ``states`` counts what
    became of the answers (``ok`` for those that were read)."""

    wrong: tuple[int, ...]
    kinds: tuple[str, ...]
    states: dict[str, int]

    @property
    def error(self) -> Estimate:
        """The error rate with its 95 % interval (Wilson)."""
        return wilson(sum(self.wrong), len(self.wrong))

    def by_kind(self) -> dict[str, Estimate]:
        """The error rate on each kind of question, in the order of their names."""
        rows = {
            kind: [w for w, k in zip(self.wrong, self.kinds) if k == kind]
            for kind in sorted(set(self.kinds))
        }
        return {kind: wilson(sum(row), len(row)) for kind, row in rows.items()}

    def to_dict(self) -> dict[str, Any]:
        return {
            "error": self.error.to_dict(),
            "kinds": {kind: found.to_dict() for kind, found in self.by_kind().items()},
            "states": self.states,
        }


def prompts_of(drawn: Redraw, n: int) -> Iterator[Prompt]:
    """The first ``n`` questions, with their pictures and without an answer."""
    for item in drawn.items(TASK, n):
        yield Prompt.of(item.record)


def answered(policy: Policy, drawn: Redraw, n: int, seed: int) -> Answered:
    """One answer to each of ``n`` questions."""
    wrong, kinds, states = [], [], Counter()
    for sampled in policy.sample(list(prompts_of(drawn, n)), 1, seed):
        asked = drawn.asked(sampled.prompt.id)
        is_right, state = _judged(sampled, asked)
        wrong.append(int(not is_right))
        kinds.append(asked.question.kind)
        states[state] += 1
    return Answered(tuple(wrong), tuple(kinds), dict(states))


def _judged(sampled: Sampled, asked: Asked) -> tuple[bool, str]:
    if not sampled.candidates:
        return False, next(iter(sampled.left_out.values()))
    truth = truth_of(asked.question, sampled.candidates[0].text, asked.scene)
    return truth.is_right, ANOTHER if truth.reason == ANOTHER else truth.status


def answerer(path: str, temperature: float = TEMPERATURE) -> Policy:
    """The policy of a folder or name, as it is measured."""
    return load_policy(path, temperature=temperature, max_tokens=MAX_TOKENS, device="cpu")


def measured(path: str, n: int, seed: int, drawn: Redraw = HELD_OUT) -> dict[str, Answered]:
    """Of a policy's folder or name: ``sampled`` at ``TEMPERATURE``, and ``greedy``."""
    ways = {"sampled": TEMPERATURE, "greedy": 0.0}
    return {way: answered(answerer(path, heat), drawn, n, seed) for way, heat in ways.items()}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy")
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=HELD_OUT.seed, help="seed of the world")
    args = parser.parse_args(words)
    drawn = Redraw(seed=args.questions, levels=LEVELS)
    found = measured(args.policy, args.n, args.seed, drawn)
    body = {"n": args.n, "seed": args.seed, "questions": args.questions}
    print(json.dumps({**body, **{k: one.to_dict() for k, one in found.items()}}, indent=1))


if __name__ == "__main__":
    run(main)
