"""ScorerReward: what gives a number for each candidate, behind the same face as a judge.

A head, two towers, the probability of a yes, a weighed checklist: each candidate is shown alone,
and what two candidates are to each other follows from their numbers::

    scorer = ScorerReward(engine, "head")      # an engine whose replies are lines of numbers
    scorer.score("two red circles", "a.png").raw                   # {'a.png': 1.25}
    scorer.compare("two red circles", "a.png", "b.png").preference # logistic of the difference

Edge rules: a candidate that cannot be shown or read is a state with a reason and has no number;
a number that is not finite is status ``error``. A pair with an unread candidate has no
preference, as with a judge; what was read of the other stays in ``raw`` and ``dimensions``.
``agreement`` is always None: there is one order only, and saying "the orders agree" of a question
that was never asked twice would count what was not measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unireward.errors import FamilyError
from unireward.families.head.parse import SCORE, numbers_of, weights_in_words
from unireward.families.numbers import Unread
from unireward.judgment import worst
from unireward.record import TIE, Record
from unireward.rewards.assembly import Assembly, Header, Outcome
from unireward.rewards.combine import OrderReading, argmax, mean_dimensions, tiers_of
from unireward.rewards.face import Face
from unireward.rewards.judge import check_several
from unireward.rewards.pairing import Pairs
from unireward.rewards.policy import FailurePolicy
from unireward.rewards.ranking import MAX_COMPARISONS
from unireward.rewards.reading import Heard
from unireward.rewards.scoring import Scoring

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.families.family import Family
    from unireward.families.spec import Form
    from unireward.protocols import Engine
    from unireward.rewards.question import Question


@dataclass(frozen=True)
class ScoreReading(OrderReading):
    """What one ask said of one candidate. ``raw`` is the reward's own number (None where it was
    not read), ``sigma`` its standard deviation where the reward knows one."""

    raw: float | None = None
    sigma: float | None = None


class ScorerReward(Face):
    """A Reward over an engine that answers each ask with a line of numbers
    (:mod:`unireward.families.head.parse`), and the base of those that read otherwise.

    ``scoring`` maps numbers to scores and preferences. ``cache`` is a
    :class:`~unireward.engines.ReplyCache` or None. The other options are a
    :class:`~unireward.rewards.judge.Judge`'s; ``both_orders``, ``max_comparisons`` and
    the scheme of ``pairs`` are taken and change nothing, as N candidates cost N asks however they
    are compared; its budget is kept to.
    """

    def __init__(
        self,
        engine: Engine,
        family: Family | str,
        *,
        scoring: Scoring | None = None,
        form: str | None = None,
        aspect: str | None = None,
        cache: Any = None,
        policy: FailurePolicy | str = "keep",
        name: str | None = None,
        seed: int = 0,
        both_orders: bool = True,
        max_comparisons: int = MAX_COMPARISONS,
        pairs: Pairs | None = None,
        card: str | None = None,
        announce: str | None = None,
    ) -> None:
        if isinstance(family, str):
            from unireward.families import get_family

            family = get_family(family)
        self.local: Any = engine
        """The engine itself, without its cache."""
        if cache is not None:
            from unireward.engines import CachedEngine

            engine = CachedEngine(engine, cache)
        self.engine = engine
        self.family = family
        self.scoring = scoring or Scoring()
        self.name = name or engine.name
        self.both_orders = False
        self.form = form
        self.aspect = aspect
        self.policy = FailurePolicy.parse(policy)
        self.seed = seed
        self.max_comparisons = max_comparisons
        self.pairs = pairs or Pairs()
        self.card = card if card is not None else family.spec.card
        self.announce = announce

    @property
    def capabilities(self) -> frozenset[str]:
        """``scorer`` and its modes; ``gradient`` where ``scores`` has one."""
        return frozenset({"scorer", "score", "rank"})

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "judge": self.name,
            "model": self.engine.identity,
            "family": self.family.id,
            "prompt": self.family.prompt_id,
            "frames": self.family.spec.frames,
            "both_orders": self.both_orders,
            "form": self.form,
            "aspect": self.aspect,
            "seed": self.seed,
            "scoring": self.scoring.model_dump(mode="json"),
        }

    # Asking and hearing -------------------------------------------------------------------------

    def forms(self, record: Record, mode: str) -> list[Form]:
        """The family's score forms: whatever the mode, each candidate is asked about alone."""
        record.check_askable()
        if mode not in ("score", "rank"):
            raise FamilyError(
                f"{self.name} gives each candidate a number of its own and has no {mode} mode; "
                "use score or rank"
            )
        forms = self.family.forms_for(record.task, "score", form=self.form, aspect=self.aspect)
        self.pairs.check_alone(record, len(forms))
        if mode == "rank":
            check_several(record, mode)
        return forms

    def ask(self, record: Record, question: Question) -> Ask:
        return self.family.ask(question.form, record, question.order, engine_kind=self.engine.kind)

    def hear(self, question: Question, ask: Ask, reply: Reply) -> Heard:
        if reply.error is not None:
            reading = ScoreReading(question.order, "error", reply.error, notes=reply.notes)
        elif reply.text is None and reply.choices is None:
            reason = "the engine gave neither text nor choices"
            reading = ScoreReading(question.order, "error", reason, notes=reply.notes)
        else:
            reading = self.read(question, ask, reply)
        if reading.raw is not None and not math.isfinite(reading.raw):
            reason = f"the score is {reading.raw}, no finite number"
            reading = ScoreReading(question.order, "error", reason, notes=reading.notes)
        return Heard(question, reading, reply)

    def read(self, question: Question, ask: Ask, reply: Reply) -> ScoreReading:
        """How one reply without an error is read; any failure is a status."""
        order = question.order
        if reply.finish_reason in ("length", "content_filter"):
            said = self.family.read(question.form, reply.text, reply.finish_reason)
            return ScoreReading(order, said.status, said.reason, notes=reply.notes)
        try:
            found = numbers_of(reply.text or "")
        except Unread as unread:
            return ScoreReading(order, "unparsed", unread.reason, notes=reply.notes)
        rows = found.dimensions or {SCORE: found.score}
        return ScoreReading(
            order,
            dimensions={name: {order[0]: value} for name, value in rows.items()},
            rationale=weights_in_words(found.gate),
            notes=reply.notes,
            raw=found.score,
            sigma=found.sigma,
        )

    def total(self, forms: Sequence[Form], readings: Sequence[OrderReading]) -> ScoreReading:
        """One candidate's readings, form by form, as one: the mean of their numbers."""
        order = readings[0].order
        status = worst([reading.status for reading in readings])
        dimensions = mean_dimensions([reading.dimensions for reading in readings])
        if status != "ok":
            return ScoreReading(order, status, dimensions=dimensions)
        found = [one for one in readings if isinstance(one, ScoreReading) and one.raw is not None]
        assert len(found) == len(readings), "an ok reading has a number"
        raws = [one.raw for one in found if one.raw is not None]
        sigmas = [one.sigma for one in found if one.sigma is not None]
        spread = math.hypot(*sigmas) / len(raws) if len(sigmas) == len(raws) else None
        return ScoreReading(
            order, dimensions=dimensions, raw=math.fsum(raws) / len(raws), sigma=spread
        )

    def assemble(
        self, record: Record, forms: list[Form], header: Header, media: dict[str, dict[str, Any]]
    ) -> Assembly:
        return _Scored(self, record, forms, header, media)


class _Scored(Assembly):
    """The numbers of a record's candidates, and what follows from them."""

    def __init__(
        self,
        scorer: ScorerReward,
        record: Record,
        forms: list[Form],
        header: Header,
        media: dict[str, dict[str, Any]],
    ) -> None:
        super().__init__(record, forms, header, both_orders=False, media=media)
        self._scorer = scorer
        self._asked = forms

    def outcome(self, names: list[str], status: str) -> Outcome:
        found = {name: self._scorer.total(self._asked, self.readings_of(name)) for name in names}
        read = {name: one for name, one in found.items() if one.raw is not None}
        kept = Outcome(
            dimensions=mean_dimensions([one.dimensions for one in found.values()]),
            raw={name: one.raw for name, one in read.items() if one.raw is not None},
            sigma={name: one.sigma for name, one in read.items() if one.sigma is not None},
        )
        if self.header.mode == "score":
            return self._alone(kept, names)
        if len(names) == 2:
            return self._pair(kept, *names)
        return self._group(kept, names)

    def _alone(self, kept: Outcome, names: list[str]) -> Outcome:
        scores = {name: self._scorer.scoring.score(raw) for name, raw in kept.raw.items()}
        if len(scores) < len(names) or len(names) == 1:
            return replace(kept, scores=scores)
        # By the numbers themselves: squashed, two may be equal that are not.
        winner, ranking = argmax(kept.raw), tiers_of(kept.raw)
        return replace(
            kept, scores=scores, winner=winner, ranking=ranking if len(names) > 2 else None
        )

    def _pair(self, kept: Outcome, a: str, b: str) -> Outcome:
        if len(kept.raw) < 2:
            if not self.header.half:
                return kept
            half = {a: 0.5, b: 0.5}
            return replace(kept, scores=half, preference={**half, TIE: 0.0})
        beats = self._scorer.scoring.beats
        sigma = kept.sigma.get
        share = {
            a: beats(kept.raw[a], kept.raw[b], sigma(a), sigma(b)),
            b: beats(kept.raw[b], kept.raw[a], sigma(b), sigma(a)),
        }
        preference = {**share, TIE: 0.0}
        winner = argmax(share)
        return replace(
            kept,
            scores=share,
            preference=preference,
            winner=winner,
            confidence=preference[winner],
        )

    def _group(self, kept: Outcome, names: list[str]) -> Outcome:
        """Mean probability of beating each other candidate that has a number."""
        read = [name for name in names if name in kept.raw]
        scores: dict[str, float] = {}
        if len(read) > 1:
            rates = self._scorer.scoring.win_rates(
                [kept.raw[name] for name in read], [kept.sigma.get(name) for name in read]
            )
            scores = dict(zip(read, rates))
        if self.header.half and len(read) < len(names):
            rivals, met = len(names) - 1, max(len(read) - 1, 0)
            scores = {
                name: (scores.get(name, 0.0) * met + 0.5 * (rivals - met)) / rivals
                if name in kept.raw
                else 0.5
                for name in names
            }
        ranking = tiers_of(scores) if len(scores) == len(names) else None
        winner = None
        if ranking and len(read) == len(names):
            winner = ranking[0][0] if len(ranking[0]) == 1 else TIE
        return replace(
            kept,
            scores=scores,
            winner=winner,
            ranking=ranking,
            confidence=scores.get(winner) if winner is not None else None,
        )
