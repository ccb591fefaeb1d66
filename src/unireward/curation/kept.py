"""Kept: a pair that stayed, as a record that trains and that says where it comes from.

Winner and loser stand in an order drawn by lot, under their own names; ``label.ranking`` says
which is which, ``strength`` the margin, ``scores`` the point scores on their scales where there
are any. ``meta.curation`` holds the provenance: policy and seeds, every step with its judge, the
judge's orders, verdict, confidence and scores, and the truth where a checker told it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unireward.curation.case import Case, Pair, Scored
from unireward.curation.lot import lot
from unireward.data.seen import Seen
from unireward.record import Label, Record

META = "curation"
SCORE = "score"
"""What a label calls the point score in [0, 1], beside the family's own dimensions."""


class Naming:
    """Gives each pair an id: the prompt's, with a number where the prompt has several."""

    def __init__(self) -> None:
        self._seen = Seen("ids")

    def names(self, case: Case) -> Iterator[tuple[Pair, str]]:
        for at, pair in enumerate(case.kept, start=1):
            name = case.id if len(case.kept) == 1 else f"{case.id}:{at}"
            yield pair, self._seen.fresh("ids", name, "pair")

    def close(self) -> None:
        self._seen.close()


def kept_record(case: Case, pair: Pair, name: str, steps: list[str], seed: int) -> Record:
    """The record of a kept pair."""
    winner, loser = pair.sides
    first = lot(seed, "order", case.id, *sorted(pair.between)) < 0.5
    ids = [winner, loser] if first else [loser, winner]
    scores = _scores(case.scored, ids)
    scales = {SCORE: (0.0, 1.0), **(case.scored.scales if case.scored is not None else {})}
    named = {name for row in scores.values() for name in row}
    given: dict[str, Any] = {"ranking": ((winner,), (loser,))}
    if pair.margin is not None:
        given["strength"] = min(1.0, max(0.0, pair.margin))
    if scores:
        given |= {"scores": scores, "scales": {n: s for n, s in scales.items() if n in named}}
    record = case.prompt.with_candidates(
        [case.candidate(one) for one in ids],
        label=Label(**given),
        meta={META: provenance(case, pair, steps)},
    )
    return record.model_copy(update={"id": name})


def provenance(case: Case, pair: Pair, steps: list[str]) -> dict[str, Any]:
    """Where a pair comes from, as JSON."""
    seeds = case.sampled.get("seeds", {})
    made = {name: value for name, value in case.sampled.items() if name != "seeds"}
    mine = {name: seeds[name] for name in pair.between if name in seeds}
    if made:
        made["seeds"] = mine
    said: dict[str, Any] = {
        "prompt": case.id,
        "steps": steps,
        "sampled": made,
        "paired_by": pair.step,
        "margin": pair.margin,
        "confidence": pair.confidence,
        "agreement": pair.agreement,
        "said": pair.marks,
    }
    truth = {name: case.truth[name] for name in pair.between if name in case.truth}
    if truth:
        said["truth"] = truth
    return {name: value for name, value in said.items() if value is not None and value != {}}


def _scores(scored: Scored | None, names: list[str]) -> dict[str, dict[str, float]]:
    if scored is None:
        return {}
    return {
        name: {
            SCORE: scored.scores[name],
            **{d: row[name] for d, row in scored.dimensions.items() if name in row and d != SCORE},
        }
        for name in names
        if name in scored.scores
    }
