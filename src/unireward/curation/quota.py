"""PromptQuota: no prompt, and no kind of prompt, gives more than its share of the pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.step import Step
from unireward.errors import UsageError

NO_VALUE = "(none)"


class PromptQuota(Step):
    """At most ``n`` pairs of each prompt; with ``key`` (``meta.topic``, ``task``) at most ``n`` of
    all prompts that have the same value there, in the order of the prompts. Of one prompt's pairs
    those with the largest margins stay. UsageError for another key or an ``n`` below 1."""

    name = "prompt_quota"

    def __init__(self, n: int = 1, key: str | None = None) -> None:
        if n < 1:
            raise UsageError(f"prompt_quota has n {n}; give 1 pair or more")
        if key is not None and key != "task" and not key.startswith("meta."):
            raise UsageError(f"prompt_quota has key {key!r}; use task, or meta.NAME of the prompts")
        self.n, self.key = n, key

    @property
    def identity(self) -> dict[str, Any]:
        return {"n": self.n, "key": self.key}

    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        given: Counter[str] = Counter()
        for case in cases:
            if not case.alive:
                yield case
                continue
            value = self._value(case)
            left = self.n - (given[value] if self.key is not None else 0)
            after = self._limited(case, left, value)
            given[value] += len(after.kept)
            yield after

    def _limited(self, case: Case, left: int, value: str) -> Case:
        by_margin = sorted(case.kept, key=lambda pair: -(pair.margin or 0.0))
        over: list[Pair] = by_margin[max(0, left) :]
        what = None if self.key is None else f"{self.key} {value}"
        pairs = [
            pair.without(self.name, "over the quota", what) if pair in over else pair
            for pair in case.pairs
        ]
        return case.with_pairs(self.name, pairs)

    def _value(self, case: Case) -> str:
        if self.key is None or self.key == "task":
            return case.prompt.task
        found: Any = case.prompt.meta
        for step in self.key.split(".")[1:]:
            found = found.get(step) if isinstance(found, dict) else None
        return NO_VALUE if found is None else str(found)
