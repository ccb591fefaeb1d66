"""The drawn world as a benchmark: held-out records of every task, their truth known.

Pairs and single candidates of levels 1 to 3 in equal parts; apart from them pairs of level 4
(distractors, occlusion, negation, more things) and, for pictures, pairs of real photographs one
of which is technically worse. All from the evaluation split: no seed, photograph or held-out
combination of colour and shape is shared with training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from unireward.benchmarks.benchmark import STRICT, Case, CaseSet, Rules
from unireward.errors import InputError, UsageError
from unireward.world.sample import TASKS, iter_items

HARD = 4
SPLIT = "eval"
TUNING = 1000
"""Added to the seed of the records on which the best way is chosen."""
FEWEST = 60
"""Records at the least on which it is chosen; else half as many as are reported."""
PHOTOGRAPHS = "photographs"


class WorldBenchmark:
    """``items`` pairs and as many single candidates of each of ``tasks``, from ``seed``.

    ``level`` 1 to 4 draws that one alone, and nothing apart but photographs. Raises InputError
    for arguments that make no sense.
    """

    name = "world"
    protocols: dict[str, Rules] = {"strict": STRICT}  # noqa: RUF012 - never changed

    def __init__(
        self,
        items: int = 600,
        seed: int = 2026,
        tasks: Sequence[str] = TASKS,
        level: int | None = None,
    ) -> None:
        unknown = [task for task in tasks if task not in TASKS]
        if unknown or not tasks:
            named = f"task {unknown[0]!r} is not drawn" if unknown else "no task is named"
            raise UsageError(f"{named}; set tasks to all, or to some of {', '.join(TASKS)}")
        if items < 1:
            raise InputError(f"items is {items}; set it to 1 or more")
        if seed < 0:
            raise InputError(f"seed is {seed}; set it to 0 or more")
        if level not in (None, 1, 2, 3, HARD):
            raise InputError(f"level {level!r} is unknown; set level to 1, 2, 3 or 4")
        self.items, self.seed, self.level = items, seed, level
        self.tasks = tuple(dict.fromkeys(tasks))

    @property
    def config(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "seed": self.seed,
            "level": self.level or "1-3",
            "tasks": list(self.tasks),
            "split": SPLIT,
        }

    def sets(self, *, tuning: bool = False) -> list[CaseSet]:
        """Task by task, so that a run that is stopped leaves whole tasks."""
        found: list[CaseSet] = []
        for task in self.tasks:
            if tuning:
                found.append(
                    self._set(task, task, items=max(self.items // 2, FEWEST),
                              seed=self.seed + TUNING, role="tuning")
                )  # fmt: skip
            found.append(self._set(task, task))
            found.append(self._set(task, task, candidates=1, kind="singles"))
            if self.level is None:
                found.append(self._set(f"{task}-level-{HARD}", task, level=HARD, role="apart"))
        if "image_generation" in self.tasks:
            found.append(
                self._set(PHOTOGRAPHS, "image_generation", track=PHOTOGRAPHS, level=1, role="apart")
            )
        return found

    def _set(
        self,
        name: str,
        task: str,
        *,
        items: int | None = None,
        seed: int | None = None,
        level: int | None = None,
        candidates: int = 2,
        track: str | None = None,
        kind: Any = "pairs",
        role: Any = "main",
    ) -> CaseSet:
        total = items or self.items
        drawn = {
            "seed": self.seed if seed is None else seed,
            "split": SPLIT,
            "level": level or self.level,
            "candidates": candidates,
            "track": track,
        }
        return CaseSet(
            name=name,
            task=task,
            draw=partial(_cases, task, total, drawn),
            total=total,
            identity={"benchmark": self.name, "drawn": task, "items": total, "world": drawn},
            kind=kind,
            role=role,
        )


def _cases(task: str, items: int, drawn: dict[str, Any]) -> Iterator[Case]:
    for item in iter_items(task, items, **drawn):
        groups = {"level": str(item.level), "kind": item.kind} if drawn["track"] is None else {}
        yield Case(item.record, groups)
