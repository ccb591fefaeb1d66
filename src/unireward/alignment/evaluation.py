"""Evaluation: a policy looked at on fixed prompts under fixed noise, by all that can tell.

Candidate k of a prompt is drawn from the same seed whatever the weights are, so that what differs
between two evaluations is the policy alone. Each candidate is scored by the judge and, against the
start's of the same seed, compared by it; the second judge and the truth look too. Nothing here
ever chooses what is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from unireward.alignment.best_of_n import CALLS, UNREAD
from unireward.alignment.config import Mode
from unireward.alignment.judging import judged
from unireward.alignment.rows import PromptRow, SampleRow, read_rows
from unireward.alignment.truth import Told, Truth, told
from unireward.curation.store import Store
from unireward.errors import InputError
from unireward.jobs.journal import Journal
from unireward.judgment import Judgment
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.record import Candidate
from unireward.sampled import Sampled

FOLDER = "evaluations"
AT_ONCE = 64
"""Candidates that are made between two writes: what a kill may cost."""
BEFORE, AFTER = "start", "now"
EVEN = 0.5


@dataclass
class Evaluator:
    """``look`` at any number of policies. ``start`` are the rows of the first of them, which is
    kept whole."""

    output: Path
    prompts: Sequence[Prompt]
    judge: Any
    samples: int
    seed: int
    modes: tuple[Mode, ...] = ("score", "rank")
    second: Any = None
    truth: Truth | None = None
    truth_name: str = "truth"
    shown: int = 12
    start: list[PromptRow] = field(default_factory=list)

    def path(self, label: str) -> Path:
        return self.output / FOLDER / f"{label}.jsonl"

    def look(self, policy: Policy, label: str) -> list[PromptRow]:
        """The rows of a policy; those that are on disk already are not made again.

        Raises what the policy and the judges raise, JournalError where the disk is full.
        """
        path = self.path(label)
        store = Store(path.parent / label, "frames")
        # Opened first: opening cuts off what the last run did not finish writing.
        with Journal(path) as journal:
            rows = list(read_rows(path))
            known = [prompt.id for prompt in self.prompts[: len(rows)]]
            if [row.record for row in rows] != known:
                raise InputError(f"{path}: is of other prompts; remove it, or give another output")
            for batch in self._batches(len(rows)):
                for row in self._looked(policy, batch, store):
                    journal.append(row.line(path.absolute().parent))
                    rows.append(row)
        if not self.start:
            self.start = rows
        return rows

    def stored(self, label: str) -> list[PromptRow]:
        """The rows that are on disk. InputError where some are missing that were there."""
        rows = list(read_rows(self.path(label)))
        if len(rows) != len(self.prompts):
            raise InputError(
                f"{self.path(label)}: has {len(rows)} of {len(self.prompts)} prompts; remove the "
                "output to begin anew"
            )
        return rows

    def _batches(self, done: int) -> Iterator[list[tuple[int, Prompt]]]:
        left = iter(list(enumerate(self.prompts))[done:])
        size = max(1, AT_ONCE // self.samples)
        while batch := list(islice(left, size)):
            yield batch

    # One batch --------------------------------------------------------------------------------

    def _looked(
        self, policy: Policy, batch: Sequence[tuple[int, Prompt]], store: Store
    ) -> list[PromptRow]:
        made = policy.sample([prompt for _, prompt in batch], self.samples, self.seed)
        keeping = [not self.start or at < self.shown for at, _ in batch]
        made = [self._kept(one, store) if keep else one for one, keep in zip(made, keeping)]
        found = [_Found(one, self._before(one)) for one in made]
        scored = "score" in self.modes
        mode = "score" if scored else "rank"
        self._ask(found, self.judge, mode, "reward", "status")
        if scored and "rank" in self.modes:
            self._ask(found, self.judge, "rank", "share", "share_status")
        elif not scored:
            for one in found:
                one.copy("reward", "share")
        if self.second is not None:
            self._ask(found, self.second, mode, "second", "second_status")
        if self.truth is not None:
            self._tell(found, self.truth)
        return [one.row(keep) for one, keep in zip(found, keeping)]

    def _kept(self, sampled: Sampled, store: Store) -> Sampled:
        kept = tuple(store.kept(sampled.prompt.id, one) for one in sampled.candidates)
        return Sampled(
            sampled.prompt, sampled.policy, kept, sampled.seeds, sampled.settings, sampled.left_out
        )

    def _before(self, sampled: Sampled) -> dict[str, Candidate]:
        """The start's candidates of the same seeds, by name."""
        if not self.start:
            return {}
        row = self.start[self._place[sampled.prompt.id]]
        pairs = ((one.id, row.candidate(one.id)) for one in sampled.candidates)
        return {name: one for name, one in pairs if one is not None}

    @cached_property
    def _place(self) -> dict[str, int]:
        return {prompt.id: at for at, prompt in enumerate(self.prompts)}

    def _ask(self, found: Sequence[_Found], judge: Any, mode: str, field: str, status: str) -> None:
        """Put the judge's numbers under ``field``, and how it went under ``status``."""
        if mode == "score":
            some = [one for one in found if one.sampled.candidates]
            records = [one.sampled.prompt.with_candidates(one.sampled.candidates) for one in some]
            for one, judgment in zip(some, judged(judge, records, mode)):
                one.scored(judgment, field, status)
            return
        if not self.start:
            for one in found:
                one.even(field)
            return
        asked = [(one, name) for one in found for name in one.before]
        records = [one.pair(name) for one, name in asked]
        for (one, name), judgment in zip(asked, judged(judge, records, mode)):
            one.compared(name, judgment, field, status)

    def _tell(self, found: Sequence[_Found], truth: Truth) -> None:
        some = [one for one in found if one.sampled.candidates]
        records = [one.sampled.prompt.with_candidates(one.sampled.candidates) for one in some]
        for one, said in zip(some, told(truth, records, self.truth_name) if some else ()):
            one.true(said)


class _Found:
    """What is known so far of one prompt's candidates."""

    def __init__(self, sampled: Sampled, before: dict[str, Candidate]) -> None:
        self.sampled, self.before = sampled, before
        self._of: dict[str, dict[str, Any]] = {one.id: {} for one in sampled.candidates}
        self._cost = {"calls": sampled.settings.get(CALLS, 0), "cached": 0, "tokens": 0}

    def pair(self, name: str) -> Any:
        """A record of the start's candidate and this one."""
        prompt = self.sampled.prompt
        now = next(one for one in self.sampled.candidates if one.id == name)
        two = [
            self.before[name].model_copy(update={"id": BEFORE}),
            now.model_copy(update={"id": AFTER}),
        ]
        return prompt.with_candidates(two).model_copy(update={"id": f"{prompt.id} {name}"})

    def scored(self, judgment: Judgment, field: str, status: str) -> None:
        self._paid(judgment)
        for name, said in self._of.items():
            asks = [ask.status for ask in judgment.asks if ask.candidates == (name,)]
            if name in judgment.scores:
                said |= {field: judgment.scores[name], status: "ok"}
            else:
                failed = next((one for one in asks if one != "ok"), None)
                said[status] = failed or ("error" if judgment.ok else judgment.status)

    def compared(self, name: str, judgment: Judgment, field: str, status: str) -> None:
        self._paid(judgment)
        self._of[name][status] = judgment.status
        if judgment.ok:
            self._of[name][field] = {AFTER: 1.0, BEFORE: 0.0}.get(str(judgment.winner), EVEN)

    def even(self, field: str) -> None:
        """The start against itself; that it won half says nothing and is left out as a share."""
        if field != "share":
            for said in self._of.values():
                said[field] = EVEN

    def copy(self, field: str, to: str) -> None:
        for said in self._of.values():
            if field in said and self.before:
                said[to] = said[field]

    def true(self, said: dict[str, Told]) -> None:
        for name, one in said.items():
            self._of[name] |= {"right": one.right, "facts": one.facts, "open": one.open}

    def row(self, keep: bool) -> PromptRow:
        sampled = self.sampled
        return PromptRow(
            record=sampled.prompt.id,
            text=sampled.prompt.text,
            samples={
                name: SampleRow(seed=sampled.seeds.get(name), **said)
                for name, said in self._of.items()
            },
            left_out=dict(sampled.left_out),
            candidates=sampled.candidates if keep else (),
            unread=sampled.settings.get(UNREAD, 0),
            **self._cost,
        )

    def _paid(self, judgment: Judgment) -> None:
        for name in self._cost:
            self._cost[name] += getattr(judgment, name)
