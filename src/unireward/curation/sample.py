"""Sample: a policy makes each prompt's candidates.

::

    Sample(policy, n=10, seed=0)
    Sample(policy, n=10, seed=0, store=Store("out"))      # media go to disk as they are made

What the policy could not make (a reply cut short, a picture that is black or not finite) is in
the case's ``left_out`` with the policy's reason; a prompt with nothing to choose from is dropped.
A candidate depends on the policy, its prompt, the seed and its own index alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from unireward.curation.case import Case
from unireward.curation.stand_in import Shape, stand_in
from unireward.curation.step import Step
from unireward.errors import UsageError
from unireward.record import Candidate
from unireward.sampled import Sampled, candidate_name

if TYPE_CHECKING:
    from unireward.prompt import Prompt
    from unireward.protocols import Policy

STREAMED = 32
"""Prompts that go at once to a policy which gives each one's candidates as it has them."""
AT_ONCE, PIXELS_AT_ONCE = 64, 1 << 20
"""To any other as many as make so many candidates, or pixels of them: what a kill may cost."""


class Keeper(Protocol):
    """Where media of candidates go."""

    def kept(self, case: str, candidate: Candidate) -> Candidate: ...


class Sample(Step):
    """``n`` candidates for each prompt. ``batch`` prompts go to the policy at once (None: by
    the size of what is made); ``shape`` says how large a candidate will be. UsageError for fewer
    than two."""

    name = "sample"
    costly = True

    def __init__(
        self,
        policy: Policy,
        n: int = 10,
        seed: int = 0,
        *,
        store: Keeper | None = None,
        batch: int | None = None,
        shape: Shape | None = None,
    ) -> None:
        if n < 2:
            raise UsageError(f"sample has n {n}; give two candidates or more, a pair needs two")
        self.policy, self.n, self.seed = policy, n, seed
        self.store = store
        self._stream = getattr(policy, "sample_stream", None)
        self.shape = shape or Shape()
        self.batch = batch or (self._at_once() if self._stream is None else STREAMED)

    def _at_once(self) -> int:
        pixels = self.shape.width * self.shape.height * self.shape.frames
        return max(1, min(AT_ONCE, PIXELS_AT_ONCE // pixels) // self.n)

    @property
    def identity(self) -> dict[str, Any]:
        policy: dict[str, Any] = {"name": self.policy.name, "identity": self.policy.identity}
        policy["settings"] = dict(getattr(self.policy, "settings", {}))
        return {"policy": policy, "n": self.n, "seed": self.seed}

    def most(self, case: Case) -> Case:
        candidates = [stand_in(case.prompt.task, at, self.shape) for at in range(self.n)]
        return case.model_copy(update={"candidates": tuple(candidates)})

    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        cases = iter(cases)
        while batch := list(islice(cases, self.batch)):
            made = self._made([case.prompt for case in batch if case.alive])
            for case in batch:
                yield self._with(case, next(made)) if case.alive else case

    def _made(self, prompts: Sequence[Prompt]) -> Iterator[Sampled]:
        if not prompts:
            return iter(())
        sample = self._stream or self.policy.sample
        return iter(sample(prompts, self.n, self.seed))

    def _with(self, case: Case, sampled: Sampled) -> Case:
        assert sampled.prompt.id == case.id, "the policy's samples are out of step"
        candidates = sampled.candidates
        if self.store is not None:
            candidates = tuple(self.store.kept(case.id, one) for one in candidates)
        how: dict[str, Any] = {
            "policy": sampled.policy,
            "identity": self.policy.identity,
            "n": self.n,
            "seed": self.seed,
            "seeds": sampled.seeds,
        }
        if sampled.settings:
            how["settings"] = dict(sampled.settings)
        # A candidate that a policy neither made nor accounts for is missing, not forgotten.
        missing = [candidate_name(at) for at in range(self.n)]
        present = {one.id for one in candidates} | set(sampled.left_out)
        reasons = {name: "missing" for name in missing if name not in present}
        case = case.model_copy(update={"candidates": candidates, "sampled": how})
        case = case.leave_out(self.name, {**sampled.left_out, **reasons})
        case = case.say(self.name, {"asked": self.n, "made": len(candidates)})
        if len(case.names) < 2:
            return case.drop(self.name, "fewer than two candidates", f"{len(case.names)} made")
        return case
