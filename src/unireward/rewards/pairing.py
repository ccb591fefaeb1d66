"""Pairing: a group judged by asking the pairs that are worth asking, not all of them.

A scheme of :mod:`unireward.stats` says which pairs to show next and is told what came of each;
this is the assembly that lets it ask. A match of the scheme is one order of one pair (a call for
each form); its outcome is the share of the first shown: its preference and half of the tie,
averaged over forms, or nothing where a reply was not read (half under policy ``half``)::

    judge(records, budget=40)                        # at most 40 calls a group, the best 40
    judge.rank(prompt, candidates, pairing="swiss:4")

What a group is asked depends on the scheme, the seed and its own replies alone: neither on the
names of its candidates nor on what else is in the batch. ``scores`` are win rates over all others
in both orders, calls that were not spent expected from the fitted strengths; ``raw`` the strengths
(log odds, summing to 0) and ``sigma`` their standard errors; ``unsettled`` names the candidates
whose place is not known at the confidence asked, and a note says what was spent and why it ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unireward.errors import InputError, UsageError
from unireward.families.head.parse import logistic
from unireward.record import TIE, Record
from unireward.rewards.assembly import Assembly, Outcome
from unireward.rewards.combine import Numbers, argmax, mean_dimensions
from unireward.rewards.question import Question
from unireward.rewards.reading import Heard
from unireward.stats.pairings import Match, Pairing, Standing, make_pairing

ALL, ONE_ORDER, ACTIVE = "all", "all-one-order", "active"
CONFIDENCE = 0.9
_Z = 1.959964
_ENDED = {
    "settled": "settled ({confidence:g} asked)",
    "budget": "the budget is spent",
    "asked": "all that {scheme} asks was asked",
    "exhausted": "no call that is left would settle more",
}


@dataclass(frozen=True)
class Pairs:
    """Which pairs of a group are asked. ``scheme`` is one of :data:`unireward.stats.SCHEMES`
    (``all``: both orders of every pair), ``budget`` the most calls a record may cost,
    ``confidence`` the rank correlation with all pairs that is expected at the end. Raises
    UsageError for what is none."""

    scheme: str = ALL
    budget: int | None = None
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 1:
            raise UsageError(f"budget is {self.budget}; give a number of calls from 1")
        make_pairing(self.scheme, 2, confidence=self.confidence)

    @property
    def identity(self) -> dict[str, Any] | None:
        """What a resumed job must find the same; None for all pairs."""
        return None if self == Pairs() else dict(vars(self))

    def chooses(self, candidates: int, forms: int) -> bool:
        """Whether a scheme asks, rather than all pairs in both orders."""
        if candidates < 3:
            return False
        return self.scheme != ALL or self.most(candidates, forms) < self._all(candidates, forms)

    def orders(self, forms: int) -> bool:
        """Whether a pair is asked in both orders. InputError where not even one can be."""
        if self.budget is not None and self.budget < forms:
            raise InputError(
                f"a budget of {self.budget} calls is under the {forms} of one comparison; raise it"
            )
        return self.budget is None or self.budget >= 2 * forms

    def most(self, candidates: int, forms: int) -> int:
        """The most calls that a group of so many can cost."""
        everything = self._all(candidates, forms)
        return everything if self.budget is None else min(self.budget, everything)

    @staticmethod
    def _all(candidates: int, forms: int) -> int:
        return candidates * (candidates - 1) * forms

    def likely(self, candidates: int, forms: int) -> int:
        """About how many calls it will be: what a limit on comparisons is held against."""
        if self.scheme.startswith(ACTIVE):
            about = 2 * candidates * math.ceil(math.log2(max(candidates, 2)))
            return min(about * forms, self.most(candidates, forms))
        return self.most(candidates, forms)

    def check(self, record: Record, forms: int) -> None:
        """InputError where a record's candidates cannot be compared so."""
        self.orders(forms)
        top, there = self.scheme.partition("top:")[2], len(record.candidates)
        if top and self.chooses(there, forms) and int(top) >= there:
            raise InputError(
                f"record {record.id}: pairing {self.scheme} parts the best {top} from the rest, "
                f"and there are {there} candidates; name fewer"
            )

    def check_alone(self, record: Record, forms: int) -> None:
        """InputError where each candidate cannot be scored alone within the budget."""
        calls = len(record.candidates) * forms
        if self.budget is not None and self.budget < calls:
            raise InputError(
                f"record {record.id}: a budget of {self.budget} calls is under the {calls} that "
                "scoring each candidate takes; raise it"
            )

    def pairing(self, candidates: int, forms: int, seed: int) -> Pairing:
        """One that has not asked yet, for a record that :meth:`check` let pass."""
        budget = None if self.budget is None else self.budget // forms
        return make_pairing(
            ACTIVE if self.scheme == ALL else self.scheme,
            candidates,
            seed=seed,
            budget=budget,
            confidence=self.confidence,
            batch=max(1, candidates // 4),
        )


class Paired(Assembly):
    """An assembly whose questions a pairing asks, round by round."""

    def __init__(self, *given: Any, pairs: Pairs, seed: int, **named: Any) -> None:
        super().__init__(*given, **named)
        self._pairs = pairs
        self._names = [candidate.id for candidate in self.record.candidates]
        self._pairing = pairs.pairing(len(self._names), len(self._forms), seed)
        self._asked: list[Question] = []
        self._round: list[Match] = []
        self._left = len(self._next())
        assert self._left, "a pairing that asks nothing"

    def questions(self) -> Iterator[Question]:
        return iter(tuple(self._asked))

    def follow(self, heard: Heard) -> list[Question]:
        """The next round, once the last question of this one is heard."""
        if any(self._order(match) is None for match in self._round):
            return []
        for match in self._round:
            self._pairing.tell(match, self._outcome_of(match))
        return self._next()

    def _next(self) -> list[Question]:
        self._round = self._pairing.ask()
        more = [
            Question(place, (self._names[match.first], self._names[match.second]), form)
            for match in self._round
            for place, form in enumerate(self._forms)
        ]
        self._asked += more
        return more

    def _order(self, match: Match) -> tuple[str, str] | None:
        """The match's candidates, None while one of its forms is not heard."""
        order = (self._names[match.first], self._names[match.second])
        heard = all((place, order) in self._heard for place in range(len(self._forms)))
        return order if heard else None

    def _outcome_of(self, match: Match) -> float | None:
        order = (self._names[match.first], self._names[match.second])
        shares = []
        for place in range(len(self._forms)):
            reading = self._read(place, order)
            if reading.status != "ok":
                return 0.5 if self.header.half else None
            said = reading.preference
            shares.append(said.get(order[0], 0.0) + said.get(TIE, 0.0) / 2)
        return math.fsum(shares) / len(shares)

    # The judgment -------------------------------------------------------------------------------

    def notes(self) -> list[str]:
        return [spent_line(self._standing, self._pairs, len(self._forms))]

    @cached_property
    def _standing(self) -> Standing:
        """Worked out once, when all was told."""
        return self._pairing.standing()

    def outcome(self, names: list[str], status: str) -> Outcome:
        standing = self._standing
        met = {name for question in self._asked for name in question.order if self._ok(question)}
        ranked = len(met) == len(names)
        tiers = tuple(tuple(names[k] for k in tier) for tier in standing.tiers)
        winner = None
        if status == "ok" and ranked:
            winner = tiers[0][0] if len(tiers[0]) == 1 else TIE
        strengths = {names[k]: e.value for k, e in enumerate(standing.strengths) if names[k] in met}
        return Outcome(
            scores={names[k]: r for k, r in enumerate(standing.win_rates) if names[k] in met},
            dimensions=mean_dimensions(
                [
                    self._read(*question.seat).dimensions
                    for question in self._asked
                    if self._ok(question)
                ]
            ),
            winner=winner,
            ranking=tiers if ranked else None,
            confidence=standing.certainty[0] if winner not in (None, TIE) else None,
            agreement=self._agreement(),
            raw=strengths,
            sigma={
                names[k]: (e.high - e.low) / (2 * _Z)
                for k, e in enumerate(standing.strengths)
                if names[k] in met
            },
            unsettled=tuple(names[standing.order[place]] for place in standing.unsettled),
        )

    def _ok(self, question: Question) -> bool:
        return self._read(*question.seat).status == "ok"

    def _agreement(self) -> float | None:
        """Of the questions asked and read in both orders, how often both gave one winner."""
        said = {q.seat: argmax(self._read(*q.seat).preference) for q in self._asked if self._ok(q)}
        both = [
            said[place, (a, b)] == said[place, (b, a)]
            for place, (a, b) in said
            if a < b and (place, (b, a)) in said
        ]
        return sum(both) / len(both) if both else None


def checked_orders(pairs: Pairs, both_orders: bool) -> Pairs:
    """UsageError where a scheme that shows both orders is to show one."""
    if not both_orders and pairs.scheme not in (ALL, ONE_ORDER):
        raise UsageError(
            f"pairing {pairs.scheme} shows both orders; use pairing all-one-order, or both orders"
        )
    return pairs


def rates(strengths: Mapping[str, float]) -> Numbers:
    """Each one's mean probability of beating each of the others, by Bradley and Terry's model."""
    if len(strengths) < 2:
        return dict.fromkeys(strengths, 0.5)
    return {
        name: math.fsum(logistic(mine - other) for rival, other in strengths.items()
                        if rival != name) / (len(strengths) - 1)
        for name, mine in strengths.items()
    }  # fmt: skip


def spent_line(standing: Standing, pairs: Pairs, forms: int) -> str:
    """What was asked, of how much, and why it ended."""
    scheme = ACTIVE if pairs.scheme == ALL else pairs.scheme
    why = _ENDED[standing.reason or "asked"].format(confidence=pairs.confidence, scheme=scheme)
    line = f"{scheme} pairing: {standing.spent * forms:,} of {standing.full * forms:,} calls, {why}"
    line += f", expected tau {standing.expected_tau:.2f} with all of them"
    if standing.unread:
        line += f", {standing.unread * forms:,} not read"
    return line
