"""Chain: what the rounds of an alignment share: judges, held-out prompts, evaluations so far.

Judges are loaded once and asked by every round and evaluation. A policy is loaded where it is
needed and let go after it: beside one in training there is no second one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from unireward.alignment.alarm import sounded
from unireward.alignment.config import AlignConfig
from unireward.alignment.curating import JUDGE
from unireward.alignment.evaluation import Evaluator
from unireward.alignment.figures import figures_of
from unireward.alignment.looked import FILE, Looked, read_looked
from unireward.alignment.policy_ref import PolicyRef
from unireward.alignment.rows import PromptRow
from unireward.alignment.truth import truth_of
from unireward.curation.judges import checked, identity_of
from unireward.errors import InputError
from unireward.files.prompts import read_prompts, write_prompts
from unireward.jobs.journal import Journal
from unireward.prompt import Prompt
from unireward.protocols import Policy

START = "start"
HELD_OUT = "held_out.jsonl"
Say = Callable[[str], None]


class Chain:
    """Of a config. Use as a context manager. Raises InputError for files of prompts that cannot
    be read or hold none, and what loading the judges raises."""

    def __init__(self, config: AlignConfig, say: Say) -> None:
        self.config, self.say, self.way = config, say, config.way
        self._open = ExitStack()
        self.held_out = prompts_of(config, config.evaluation.prompts, "evaluation.prompts",
                                   config.evaluation.limit)  # fmt: skip
        self.truth = truth_of(config.truth) if config.truth is not None else None
        self.judges: dict[str, Any] = {}
        self.looks: list[Looked] = []
        self._rows: list[tuple[str, Sequence[PromptRow]]] = []

    def __enter__(self) -> Chain:
        try:
            self._load()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def _load(self) -> None:
        config, told = self.config, self.config.evaluation
        self.judges[JUDGE] = self._judge(config.judge)
        second = self._judge(config.second_judge) if config.second_judge is not None else None
        self.evaluator = Evaluator(
            config.output, self.held_out, self.judges[JUDGE], told.samples, told.seed, told.modes,
            second, self.truth, config.truth or "truth", told.shown,
        )  # fmt: skip

    def _judge(self, config: Any) -> Any:
        judge = checked(config.load())
        if hasattr(judge, "close"):
            self._open.callback(judge.close)
        return judge

    @cached_property
    def prompts(self) -> list[Prompt]:
        """What rounds draw from, of a method that samples; read once."""
        assert self.config.prompts is not None
        return prompts_of(self.config, self.config.prompts, "prompts", self.config.limit)

    @property
    def identity(self) -> dict[str, Any]:
        """Who judges, for the claim."""
        second = self.evaluator.second
        return {
            "judge": identity_of(self.judges[JUDGE]),
            "second_judge": identity_of(second) if second is not None else None,
        }

    # Looked at --------------------------------------------------------------------------------

    def resume(self) -> None:
        """Take up the evaluations that are on disk."""
        write_prompts(self.config.output / HELD_OUT, self.held_out)
        self.looks = read_looked(self.config.output)
        for looked in self.looks:
            rows = self.evaluator.stored(looked.record)
            self._rows.append((looked.record, rows))
            if looked.record == START:
                self.evaluator.start = rows

    def met(self, label: str) -> Looked | None:
        return next((looked for looked in self.looks if looked.record == label), None)

    def look(self, policy: Policy, label: str, at: int, ref: PolicyRef | None) -> Looked:
        """The evaluation of this label, made (or gone on with) unless it is there."""
        if (before := self.met(label)) is not None:
            return before
        began = time.perf_counter()
        rows = self.evaluator.look(policy, label)
        first = label == START
        alarm = None
        if self.config.alarm.do != "off" and not first:
            alarm = sounded(label, rows, self._rows, confidence=self.config.alarm.confidence,
                            seed=self.config.seed)  # fmt: skip
        start = None if first else self.evaluator.start
        looked = Looked(
            record=label, at=at, policy=ref, seconds=round(time.perf_counter() - began, 2),
            figures=figures_of(rows, start, seed=self.config.seed), alarm=alarm,
        )  # fmt: skip
        with Journal(self.config.output / FILE) as journal:
            journal.append(looked.line())
        self.looks.append(looked)
        self._rows.append((label, rows))
        for line in told(looked):
            self.say(line)
        return looked

    def look_at(self, ref: PolicyRef, label: str, at: int) -> Looked:
        """The evaluation of a policy that has to be loaded for it."""
        if (before := self.met(label)) is not None:
            return before
        with ref.opened(**self.config.evaluation.options) as policy:
            return self.look(policy, label, at, ref)

    @property
    def alarmed(self) -> Looked | None:
        """The evaluation at which the alarm stopped the chain."""
        if self.config.alarm.do != "stop":
            return None
        return next((looked for looked in self.looks if looked.alarm is not None), None)


def prompts_of(config: AlignConfig, path: Path, field: str, limit: int | None) -> list[Prompt]:
    """The prompts of a file. InputError, with the field, where it has none or cannot be read."""
    try:
        found = list(islice(read_prompts(path, task=config.task), limit))
    except InputError as error:
        raise InputError(f"{field}: {error}") from None
    if not found:
        raise InputError(f"{field}: {path} holds no prompt; give some")
    return found


def told(looked: Looked) -> list[str]:
    """One evaluation in a line or two, for people."""
    figures = looked.figures
    named = {"reward": figures.reward, "second judge": figures.second, "right": figures.right,
             "against the start": figures.win, "diversity": figures.spread}  # fmt: skip
    parts = [
        f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
        for name, one in named.items()
        if one is not None
    ]
    out = figures.asked - figures.made
    left = [f"{out:,} of {figures.asked:,} left out"] if out else []
    lines = [f"{looked.record}: {', '.join([*parts, *left]) or 'nothing was read'}"]
    if looked.alarm is not None:
        lines.append(f"alarm: {looked.alarm.reason}")
    return lines
