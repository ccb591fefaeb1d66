"""Estimate: what a curation will cost, before any of it is spent: disk, candidates, judge calls.

Calls are counted by the judge's own plan on stand-ins of the candidates to come, as if nothing
were dropped on the way: no run makes more. Bytes are the most that pictures of the policy's size
may take. Prompts of one task and number of candidates cost the same, so a few stand for all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unireward.curation.case import Case
from unireward.curation.sample import Sample
from unireward.curation.step import JudgedStep, Step
from unireward.errors import InputError, UsageError

LOOKED_AT = 4
"""Prompts of a kind that are planned for; their mean stands for the rest."""
SPARE = 1.05


@dataclass
class Cost:
    """Of one judged step, at most. ``faulty`` counts records that the judge cannot be asked (a
    task that its family lacks); ``planned`` is false where the judge does not say."""

    calls: float = 0
    images: float = 0
    prompt_tokens: float = 0
    reply_tokens: float = 0
    faulty: float = 0
    planned: bool = True

    def add(self, plan: Any, times: float) -> None:
        self.calls += times * plan.calls
        self.images += times * plan.images
        self.prompt_tokens += times * plan.prompt_tokens
        self.reply_tokens += times * plan.reply_tokens
        self.faulty += times * plan.faulty

    def to_dict(self) -> dict[str, Any]:
        if not self.planned:
            return {"calls": None}
        return {name: round(n) for name, n in vars(self).items() if name != "planned"}


@dataclass
class Estimate:
    """``prompts`` to do, of which ``done`` are sampled already; ``bytes`` that will be written,
    ``free`` bytes there are; ``costs`` by step. ``guessed``: nobody said how large a candidate
    will be."""

    prompts: int
    done: int
    free: int
    candidates: int = 0
    bytes: int = 0
    guessed: bool = False
    duplicates: int = 0
    costs: dict[str, Cost] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        body = {name: value for name, value in vars(self).items() if name != "costs"}
        return {**body, "judging": {step: cost.to_dict() for step, cost in self.costs.items()}}

    def lines(self) -> list[str]:
        """For a person to read."""
        again = f", {self.duplicates:,} more ask again and are left out" if self.duplicates else ""
        done = f", {self.done:,} of them sampled already" if self.done else ""
        guess = ", guessed: the policy does not say their size" if self.guessed else ""
        lines = [
            f"prompts     {self.prompts:,}{again}{done}",
            f"candidates  {self.candidates:,}",
            f"disk        at most {_size(self.bytes)} (free: {_size(self.free)}){guess}",
        ]
        for step, cost in self.costs.items():
            if not cost.planned:
                lines.append(f"{step}: the judge does not plan its calls")
                continue
            calls, images, tokens, out, faulty = map(
                round,
                (cost.calls, cost.images, cost.prompt_tokens, cost.reply_tokens, cost.faulty),
            )
            line = f"{step}: at most {calls:,} calls, {images:,} images, about {tokens:,} tokens in"
            line += f", at most {out:,} out"
            lines.append(line + (f"; {faulty:,} records it cannot judge" if faulty else ""))
        return lines

    def check(self, output: Path) -> None:
        """InputError where the disk cannot hold it."""
        if self.bytes * SPARE > self.free:
            raise InputError(
                f"output: {output} has {_size(self.free)} free and this may need "
                f"{_size(self.bytes)}; free some space, give another output, fewer candidates or "
                "a limit"
            )


def estimate(
    cases: Iterable[Case], steps: Sequence[Step], output: Path, *, done: int = 0
) -> Estimate:
    """Goes over all prompts once. ``done`` of them, the first, need no candidates any more."""
    kinds: dict[tuple[str, int], list[Case]] = {}
    numbers: dict[tuple[str, int], int] = {}
    total = 0
    for case in cases:
        total += 1
        kind = (case.prompt.task, len(case.candidates))
        numbers[kind] = numbers.get(kind, 0) + 1
        some = kinds.setdefault(kind, [])
        if len(some) < LOOKED_AT:
            some.append(case)
    sample = next((step for step in steps if isinstance(step, Sample)), None)
    found = Estimate(total, min(done, total), free_at(output))
    journals = sum(step.costly for step in steps) + 1
    for (task, given), some in kinds.items():
        number = numbers[task, given]
        each = sample.n if sample is not None else given
        found.candidates += number * each
        if sample is not None:
            left = round(number * (1 - found.done / total))
            found.bytes += left * each * sample.shape.bytes_of(task)
            found.bytes += number * journals * each * sample.shape.row_bytes(task)
            found.guessed |= not sample.shape.known
        for case in some:
            _plan(case, steps, number / len(some), found.costs)
    return found


def _plan(case: Case, steps: Sequence[Step], times: float, costs: dict[str, Cost]) -> None:
    """Add what the steps would ask of the case, ``times`` over."""
    for step in steps:
        if isinstance(step, JudgedStep):
            cost = costs.setdefault(step.name, Cost())
            if hasattr(step.judge, "plan"):
                cost.add(_planned(case, step), times)
            else:
                cost.planned = False
        case = step.most(case)


def _planned(case: Case, step: JudgedStep) -> Any:
    try:
        return step.judge.plan(step.asked(case), step.mode)
    except UsageError as error:
        raise UsageError(f"steps: {step.name}: {error}") from None


def free_at(output: Path) -> int:
    """Free bytes where ``output`` will lie."""
    folder = output.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _size(count: int) -> str:
    """``1.2 GB``, decimal as disks are sold."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError
