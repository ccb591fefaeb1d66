"""Counts: how many prompts, candidates and pairs there were, and what became of each.

Nothing is left uncounted: prompts read are kept or dropped, candidates asked for are made or left
out, pairs made are kept or dropped, each with the step and the reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unireward.curation.case import Case

MOST_REASONS = 50
"""Reasons counted one by one of a step; further ones are counted together."""
OTHERS = "(others)"
_CLIPPED = 120

Reasons = dict[str, Counter[str]]


@dataclass
class Counts:
    """``prompts`` is read, kept, dropped; ``duplicates`` are prompts of the file that asked what
    one before did. Reasons are by step. ``judgments`` are states by step, ``calls``, ``cached``
    and ``tokens`` sums over all of them."""

    read: int = 0
    duplicates: int = 0
    kept: int = 0
    dropped: Reasons = field(default_factory=dict)
    asked: int = 0
    made: int = 0
    left_out: Reasons = field(default_factory=dict)
    pairs_made: Counter[str] = field(default_factory=Counter)
    pairs_kept: int = 0
    pairs_dropped: Reasons = field(default_factory=dict)
    judgments: Reasons = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    tokens: int = 0

    def add(self, case: Case) -> None:
        """Count one case that is through."""
        self.read += 1
        if case.dropped is None:
            self.kept += 1
        else:
            _count(self.dropped, case.dropped.step, case.dropped.reason)
        self.made += len(case.candidates)
        self.asked += int(case.sampled.get("n", len(case.candidates)))
        for out in case.left_out.values():
            _count(self.left_out, out.step, out.reason)
        self.pairs_made.update(pair.step for pair in case.pairs)
        self.pairs_kept += len(case.kept)
        for pair in case.pairs:
            if pair.dropped is not None:
                _count(self.pairs_dropped, pair.dropped.step, pair.dropped.reason)
            elif not case.alive:
                assert case.dropped is not None
                _count(self.pairs_dropped, case.dropped.step, case.dropped.reason)
        for step, said in case.said.items():
            self.judgments.setdefault(step, Counter()).update(said.get("statuses", {}))
            self.calls[step] += said.get("calls", 0)
            self.cached += said.get("cached", 0)
            self.tokens += said.get("tokens", 0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "prompts": {
                "read": self.read,
                "duplicates": self.duplicates,
                "kept": self.kept,
                "dropped": _plain(self.dropped),
            },
            "candidates": {
                "asked": self.asked,
                "made": self.made,
                "left_out": _plain(self.left_out),
            },
            "pairs": {
                "made": dict(self.pairs_made),
                "kept": self.pairs_kept,
                "dropped": _plain(self.pairs_dropped),
            },
            "judgments": _plain(self.judgments),
            "calls": {step: n for step, n in self.calls.items() if n},
            "cached": self.cached,
            "tokens": self.tokens,
        }

    def lines(self) -> list[str]:
        """For a person to read."""
        again = f" ({self.duplicates:,} more asked again)" if self.duplicates else ""
        lines = [
            f"prompts     {self.read:,} read{again}, {self.kept:,} kept",
            f"candidates  {self.asked:,} asked for, {self.made:,} made",
            f"pairs       {self.pairs_made.total():,} made, {self.pairs_kept:,} kept",
            f"calls       {self.calls.total():,}, {self.cached:,} of them cached",
        ]
        for step, reasons in self.dropped.items():
            told = ", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common())
            lines.append(f"dropped by {step}: {told}")
        return lines


def _count(reasons: Reasons, step: str, reason: str) -> None:
    counter = reasons.setdefault(step, Counter())
    reason = reason if len(reason) <= _CLIPPED else reason[: _CLIPPED - 1] + "…"
    counter[reason if reason in counter or len(counter) < MOST_REASONS else OTHERS] += 1


def _plain(reasons: Reasons) -> dict[str, dict[str, int]]:
    return {step: dict(counter.most_common()) for step, counter in reasons.items() if counter}
