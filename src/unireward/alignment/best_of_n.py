"""BestOfN: a policy and a judge that picks among its candidates, as one policy.

::

    policy = BestOfN(load_policy("runs/tiny_t2i/generator"), judge, n=8)
    policy.sample(prompts, 2, seed=0)          # two candidates a prompt, each the best of 8

Candidate k of a prompt is picked among the policy's candidates ``k n`` to ``k n + n - 1``: so it
depends on the policy, the judge, the prompt, the seed and its own index alone, and no candidate
is looked at twice. ``by`` ``score`` compares the scores of each alone, ``rank`` all pairs; of
equals the first is taken.

Edge rules: what the policy could not make, and what the judge's reply on could not be read, takes
no part, the latter counted in the settings (``judge_unread``); a group of which nothing was made,
or nothing read, gives no candidate, with the reason. The only candidate made is taken unjudged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unireward.alignment.judging import judged
from unireward.curation.judges import checked, identity_of, name_of
from unireward.errors import UsageError
from unireward.judgment import Judgment
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.record import Candidate
from unireward.sampled import Sampled, candidate_name

CALLS, UNREAD = "judge_calls", "judge_unread"
"""What a prompt's candidates cost in calls of the judge, and how many of those it was shown have
no score, among the settings they were made with."""


class BestOfN:
    """UsageError for an ``n`` below 2, another ``by``, and a judge that makes halves."""

    def __init__(self, policy: Policy, judge: Any, n: int, *, by: str = "score") -> None:
        if n < 2:
            raise UsageError(f"best of {n}; give two candidates or more to pick among")
        if by not in ("score", "rank"):
            raise UsageError(f"by is {by!r}; use score or rank")
        self.policy, self.judge, self.n, self.by = policy, checked(judge), n, by

    @property
    def name(self) -> str:
        return f"best of {self.n} of {self.policy.name} by {name_of(self.judge)}"

    @property
    def identity(self) -> str:
        return f"{self.policy.identity} best of {self.n} {self.by} {identity_of(self.judge)}"

    @property
    def settings(self) -> dict[str, Any]:
        return {**getattr(self.policy, "settings", {}), "best_of": self.n}

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        if n < 1:
            raise UsageError(f"n is {n}; ask for one candidate or more")
        made = self.policy.sample(prompts, n * self.n, seed)
        groups = [self._groups(one, n) for one in made]
        asked = [
            sampled.prompt.with_candidates(group).model_copy(
                update={"id": f"{sampled.prompt.id} {at}"}
            )
            for sampled, mine in zip(made, groups)
            for at, group in enumerate(mine)
            if len(group) > 1
        ]
        found = iter(judged(self.judge, asked, self.by))
        return [self._picked(one, mine, found) for one, mine in zip(made, groups)]

    def _groups(self, sampled: Sampled, n: int) -> list[list[Candidate]]:
        there = {candidate.id: candidate for candidate in sampled.candidates}
        names = [[candidate_name(k * self.n + j) for j in range(self.n)] for k in range(n)]
        return [[there[name] for name in row if name in there] for row in names]

    def _picked(self, sampled: Sampled, groups: list[list[Candidate]], found: Any) -> Sampled:
        picked, seeds, out, calls, unread = [], {}, {}, 0, 0
        for at, group in enumerate(groups):
            name = candidate_name(at)
            best: Candidate | str | None = group[0] if group else None
            if len(group) > 1:
                judgment = next(found)
                calls += judgment.calls
                unread += sum(candidate.id not in judgment.scores for candidate in group)
                best = _best(group, judgment)
            if isinstance(best, Candidate):
                picked.append(best.model_copy(update={"id": name}))
                if best.id in sampled.seeds:
                    seeds[name] = sampled.seeds[best.id]
                continue
            own = [candidate_name(at * self.n + j) for j in range(self.n)]
            reasons = sorted({sampled.left_out.get(one, "missing") for one in own})
            out[name] = best or ", ".join(reasons)
        settings = {**self.settings, CALLS: calls, UNREAD: unread}
        return Sampled(sampled.prompt, self.name, tuple(picked), seeds, settings, out)


def _best(group: list[Candidate], judgment: Judgment) -> Candidate | str:
    """The candidate with the highest of the scores that were read; why there is none."""
    read = [candidate for candidate in group if candidate.id in judgment.scores]
    if not read:
        return f"the judge's reply: {judgment.status}"
    return max(read, key=lambda candidate: judgment.scores[candidate.id])
