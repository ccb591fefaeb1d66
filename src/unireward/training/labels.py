"""What a record's label says of its candidates: tiers, pairs, numbers on a wanted scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from unireward.errors import InputError
from unireward.families.spec import Scale
from unireward.record import TIE, Part, Record

Tiers = tuple[tuple[str, ...], ...]
OVERALL = "overall"


class Pair(NamedTuple):
    """Two candidates, the better one first (of a tie, in the record's order)."""

    first: str
    second: str
    tie: bool = False


def check_record(record: Record) -> None:
    """Raise :class:`InputError` for a record nobody could learn from: two candidates that are
    the same, a ranking that names one twice."""
    seen: dict[tuple[object, ...], str] = {}
    for candidate in record.candidates:
        content = tuple(_identity(part) for part in candidate.content)
        if content in seen:
            raise InputError(
                f"record {record.id}: candidates {seen[content]!r} and {candidate.id!r} are the "
                "same; leave one out"
            )
        seen[content] = candidate.id
    ranking = record.label.ranking if record.label is not None else None
    named = [name for tier in ranking or () for name in tier]
    if twice := {name for name in named if named.count(name) > 1}:
        raise InputError(
            f"record {record.id}: label.ranking names {min(twice)!r} twice; give it one place"
        )


def _identity(part: Part) -> tuple[object, ...]:
    # A picture in memory is itself; comparing pixels would cost more than it could find.
    held = id(part.media) if part.media is not None else None
    return part.type, part.text, part.path, part.bytes, part.frames, part.start, part.end, held


def tiers_of(record: Record) -> Tiers | None:
    """Candidates from best to worst: the label's ranking, else its shares of votes, else its
    overall scores; None where it has none of them. Candidates it does not know are not there."""
    label = record.label
    if label is None:
        return None
    if label.ranking is not None:
        return tuple(tier for tier in label.ranking if tier)
    ids = [candidate.id for candidate in record.candidates]
    if label.preference is not None:
        numbers = {name: share for name, share in label.preference.items() if name != TIE}
        # More votes for "equally good" than for either is a tie.
        if label.preference.get(TIE, 0.0) > max(numbers.values(), default=0.0):
            numbers = dict.fromkeys(ids, 0.0)
    elif label.scores is not None:
        numbers = {name: own[OVERALL] for name, own in label.scores.items() if OVERALL in own}
    else:
        return None
    ranked = sorted((name for name in ids if name in numbers), key=lambda name: -numbers[name])
    tiers: list[tuple[str, ...]] = []
    for name in ranked:
        if tiers and numbers[tiers[-1][0]] == numbers[name]:
            tiers[-1] = (*tiers[-1], name)
        else:
            tiers.append((name,))
    return tuple(tiers) or None


def pairs_of(record: Record, which: str) -> Iterator[Pair]:
    """The record's pairs by option ``all``, ``adjacent`` (tiers) or ``best-worst``, ties too."""
    tiers = list(tiers_of(record) or ())
    place = {name: at for at, tier in enumerate(tiers) for name in tier}
    if which == "best-worst":
        if len(place) > 1:
            best, worst = tiers[0], tiers[-1]
            yield Pair(best[0], worst[-1], tie=len(tiers) == 1)
        return
    for one, other in combinations([c.id for c in record.candidates if c.id in place], 2):
        gap = place[other] - place[one]
        if which == "adjacent" and abs(gap) > 1:
            continue
        yield (
            Pair(one, other, tie=True)
            if not gap
            else (Pair(one, other) if gap > 0 else Pair(other, one))
        )


def winner_of(record: Record, order: Sequence[str]) -> str | None:
    """``"1"`` or ``"2"`` (places in ``order``), ``"tie"``, or None where it is not known."""
    place = {name: at for at, tier in enumerate(tiers_of(record) or ()) for name in tier}
    if len(order) != 2 or not set(order) <= set(place):
        return None
    first, second = (place[name] for name in order)
    return TIE if first == second else "1" if first < second else "2"


def score_on(record: Record, candidate: str, name: str, scale: Scale | None) -> float | None:
    """A candidate's score ``name`` on ``scale`` (None: as the data have it); None where it has
    none. Moved linearly from the label's own scale where that is another one.

    Raises :class:`InputError` for a score outside the scale that the label says it is on.
    """
    label = record.label
    value = ((label.scores if label is not None else None) or {}).get(candidate, {}).get(name)
    if value is None or scale is None:
        return value
    assert label is not None
    low, high = (label.scales or {}).get(name, (scale.low, scale.high))
    if not low < high or not low <= value <= high:
        raise InputError(
            f"record {record.id}: label.scores: {name} of {candidate!r} is {value:g}, outside "
            f"{low:g} to {high:g}; mend it or label.scales"
        )
    if (low, high) == (scale.low, scale.high):
        return value
    return scale.low + (value - low) / (high - low) * (scale.high - scale.low)


UNIT = Scale(low=0, high=1)


def unit_score(record: Record, candidate: str, name: str) -> float | None:
    """The score as a share of its scale, 0 to 1; None where it or its scale is not known."""
    label = record.label
    if label is None or name not in (label.scales or {}):
        return None
    return score_on(record, candidate, name, UNIT)


def share_of(record: Record, pair: Pair) -> float | None:
    """The probability that the first of a pair is the better one, by the label's votes (a vote
    for a tie is half a vote for each); None where there are none."""
    votes = record.label.preference if record.label is not None else None
    if votes is None or pair.first not in votes or pair.second not in votes:
        return None
    first, second = votes[pair.first], votes[pair.second]
    tie = votes.get(TIE, 0.0) if len(record.candidates) == 2 else 0.0
    total = first + second + tie
    return (first + tie / 2) / total if total > 0 else None
