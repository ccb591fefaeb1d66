"""Votes: a judge that thinks is asked several times, and stops when more would change nothing.

Self-consistency (Wang et al. 2022, arXiv 2203.11171) with an early stop, for replies that are
sampled. Each question gets up to ``most`` votes, every one with a seed of its own; a pair's
preference is the mean over its questions (both orders, all aspects) of their vote shares::

    Votes(5)                       # stops where the votes left cannot change the pair's winner
    Votes(16, confidence=0.95)     # and where that is this unlikely (Beta posterior)
    Votes(5, early=False)          # all five

Edge rules: a reply that cannot be read is no vote; it is spent and counted in the notes, and a
question with no vote at all has the worst status of its replies. The exact stop is by pairs: it
looks at the worst that the votes left could do to the winner, so the winner is the one that all
votes would have given, while shares are those of the votes spent. In a group each pair stops by
itself. Votes of scores are averaged and never stop early.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unireward.errors import UsageError
from unireward.judgment import worst
from unireward.record import TIE
from unireward.rewards.assembly import Assembly
from unireward.rewards.combine import Numbers, OrderReading, argmax, mean_dimensions, mean_of

if TYPE_CHECKING:
    from unireward.rewards.question import Question
    from unireward.rewards.reading import Heard

TEMPERATURE = 0.7
"""Of votes, unless told: a greedy judge would vote alike each time."""
STRIDE = 1_000
"""Seeds between two votes; a retry's are next to its own."""
MAX_VOTES = 1_000
_LEAST = 1e-9
"""A lead that is no rounding error."""


@dataclass(frozen=True)
class Votes:
    """``most`` votes a question. ``confidence`` (0.5 to 1, None: never) also stops a pair where
    P(the leader has the majority) reaches it, the shares of leader and runner-up being
    Beta-distributed after the votes so far (Aggarwal et al. 2023, arXiv 2305.11860)."""

    most: int = 1
    confidence: float | None = None
    early: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.most <= MAX_VOTES:
            raise UsageError(f"votes is {self.most}; give 1 to {MAX_VOTES}")
        if self.confidence is not None and not 0.5 < self.confidence < 1:
            raise UsageError(
                f"vote confidence is {self.confidence}; give a share above 0.5 and below 1, "
                "such as 0.95"
            )


@dataclass
class Seat:
    """One question's votes so far: ``shares`` sums the preferences of the ``read`` ones."""

    most: int
    spent: int = 0
    read: int = 0
    shares: dict[str, float] | None = None

    @property
    def left(self) -> int:
        return self.most - self.spent

    def take(self, preference: Numbers | None) -> None:
        """One reply: its preference, None where it was not read."""
        self.spent += 1
        if preference is not None:
            self.read += 1
            found = self.shares or {}
            keys = dict.fromkeys((*found, *preference))
            self.shares = {k: found.get(k, 0.0) + preference.get(k, 0.0) for k in keys}

    def share(self, key: str) -> float:
        return (self.shares or {}).get(key, 0.0)

    def worst(self, winner: str, rival: str) -> float:
        """The least that ``winner`` may lead by, in shares, after the votes left."""
        if not self.read:
            return -1.0
        # All for the rival is the worst: an unread one leaves the shares as they are.
        lead = self.share(winner) - self.share(rival)
        return (lead - self.left) / (self.read + self.left)


def settled(seats: Sequence[Seat], keys: Sequence[str], votes: Votes) -> bool:
    """Whether a pair's winner is known with the votes so far. ``keys``: the pair, and tie."""
    if all(seat.left == 0 for seat in seats):
        return True
    if any(seat.left == 0 and not seat.read for seat in seats):
        return True  # a question that nobody answered: the pair has no winner
    if not votes.early or not all(seat.read for seat in seats):
        return False
    means = {k: math.fsum(seat.share(k) / seat.read for seat in seats) for k in keys}
    winner = max(means, key=means.__getitem__)
    rivals = [key for key in keys if key != winner]
    if all(math.fsum(seat.worst(winner, rival) for seat in seats) > _LEAST for rival in rivals):
        return True
    if votes.confidence is None:
        return False
    counts = {k: round(math.fsum(seat.share(k) for seat in seats)) for k in keys}
    second = max(counts[rival] for rival in rivals)
    return majority(counts[winner], second) >= votes.confidence


def majority(first: int, second: int) -> float:
    """P(p > 1/2) for p of Beta(first + 1, second + 1): of two answers with so many votes, and
    nothing known before, the first is the likelier one."""
    n = first + second + 1
    # For whole numbers the Beta's tail is a binomial's.
    return sum(math.comb(n, k) for k in range(first + 1)) / 2**n


def next_votes(seats: Sequence[Seat], keys: Sequence[str], votes: Votes) -> list[int]:
    """How many votes each seat is to give in the next round: the fewest that could settle the
    pair, so that asking them together spends no more than asking one by one. Empty when done."""
    if settled(seats, keys, votes):
        return []
    best: list[int] | None = None
    for winner in keys:
        trial = [replace(seat, shares=dict(seat.shares or {})) for seat in seats]
        while not settled(trial, keys, votes):
            seat = min((s for s in trial if s.left), key=lambda s: s.spent)
            seat.take({winner: 1.0})
        asked = [then.spent - now.spent for then, now in zip(trial, seats)]
        if best is None or sum(asked) < sum(best):
            best = asked
    return best or []


def tally(readings: Sequence[OrderReading]) -> OrderReading:
    """One question's votes as one reading: shares and means over those that were read."""
    if len(readings) == 1:
        return readings[0]
    read = [reading for reading in readings if reading.status == "ok"]
    if not read:
        status = worst([reading.status for reading in readings])
        reason = next((r.reason for r in readings if r.status == status and r.reason), None)
        return replace(readings[0], status=status, reason=reason)
    preference = mean_of([reading.preference for reading in read])
    said = argmax(preference) if preference else None
    speaker = next((r for r in read if preference and argmax(r.preference) == said), read[0])
    return OrderReading(
        readings[0].order,
        preference=preference,
        scores=mean_of([reading.scores for reading in read]),
        dimensions=mean_dimensions([reading.dimensions for reading in read]),
        rationale=speaker.rationale,
        notes=(*(note for r in read for note in r.notes), *_unread(readings, len(read))),
    )


def _unread(readings: Sequence[OrderReading], read: int) -> tuple[str, ...]:
    if read == len(readings):
        return ()
    states = Counter(r.status for r in readings if r.status != "ok")
    listed = ", ".join(f"{count} {status}" for status, count in sorted(states.items()))
    shown = ", ".join(readings[0].order)
    return (f"of {len(readings)} votes on {shown} {read} could be read ({listed})",)


class Polled(Assembly):
    """An assembly whose questions are voted on; ``once`` holds the places of forms that are not
    (a verdict read by its log-probabilities says its shares at once)."""

    def __init__(self, *given: Any, votes: Votes, once: frozenset[int], **named: Any) -> None:
        super().__init__(*given, **named)
        self._votes = votes
        self._once = once
        self._open: Counter[frozenset[str]] = Counter(
            frozenset(question.order) for question in self.questions()
        )

    def follow(self, heard: Heard) -> list[Question]:
        """The next round of votes on a pair, once the last is in."""
        pair = frozenset(heard.question.order)
        self._open[pair] -= 1
        if self._open[pair]:
            return []
        places = [seat for seat in self._heard if frozenset(seat[1]) == pair]
        places.sort(key=lambda seat: (seat[0], seat[1] != tuple(sorted(seat[1], key=self._at))))
        seats = [self._seat(place) for place in places]
        if len(pair) > 1:
            rounds = next_votes(seats, (*sorted(pair, key=self._at), TIE), self._votes)
        else:
            rounds = [seat.left for seat in seats]
        more = [
            replace(self._heard[place][0].question, draw=seat.spent + number)
            for place, seat, count in zip(places, seats, rounds)
            for number in range(count)
        ]
        self._open[pair] = len(more)
        return more

    def gather(self, heard: Sequence[Heard]) -> OrderReading:
        return tally([one.reading for one in heard])

    def _seat(self, place: tuple[int, tuple[str, ...]]) -> Seat:
        heard = self._heard[place]
        # What could not be put at all is not put again.
        once = place[0] in self._once or not any(one.calls for one in heard)
        seat = Seat(most=len(heard) if once else self._votes.most)
        for one in heard:
            seat.take(one.reading.preference if one.reading.status == "ok" else None)
        return seat

    def _at(self, name: str) -> int:
        return [candidate.id for candidate in self.record.candidates].index(name)
