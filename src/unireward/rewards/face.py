"""Face: what every kind of judge offers its callers, written once.

A judge that is asked in words (:class:`~unireward.rewards.judge.Judge`) and one that gives numbers
(:class:`~unireward.rewards.scorer.ScorerReward`) differ in four things only: which forms a record
is asked by, how a question is put, how its reply is heard, and how a record's replies become its
judgment. Everything else is here and in :class:`~unireward.rewards.flow.Flow`.

Edge rules: the batched calls never raise for what is wrong with one record (its judgment says
so), ``score``, ``compare`` and ``rank`` do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from unireward.errors import InputError, UsageError
from unireward.judgment import Judgment
from unireward.record import MODES, Context, Part, Record
from unireward.rewards.flow import Flow, header_of
from unireward.rewards.inputs import record_of
from unireward.rewards.notice import say_once
from unireward.rewards.pairing import ACTIVE, ALL, Pairs
from unireward.rewards.ranking import Ranking

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.families.family import Family
    from unireward.families.spec import Form
    from unireward.protocols import Engine
    from unireward.rewards.assembly import Assembly, Header
    from unireward.rewards.plan import Plan
    from unireward.rewards.policy import FailurePolicy
    from unireward.rewards.question import Question
    from unireward.rewards.reading import Heard

WORLD = "world"
"""``meta.source`` of records that the procedural world drew."""


class Face:
    """A Reward (:class:`unireward.protocols.Reward`) over an engine and a family.

    A kind of judge sets the attributes below and writes :meth:`forms`, :meth:`ask`, :meth:`hear`
    and :meth:`assemble`.
    """

    engine: Engine
    family: Family
    name: str
    policy: FailurePolicy
    both_orders: bool
    form: str | None
    aspect: str | None
    seed: int
    max_comparisons: int
    pairs: Pairs = Pairs()
    card: str | None
    announce: str | None

    @property
    def capabilities(self) -> frozenset[str]:
        raise NotImplementedError

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that could change a judgment: what a resumed job must find the same."""
        raise NotImplementedError

    # What each kind does its own way ------------------------------------------------------------

    def forms(self, record: Record, mode: str) -> list[Form]:
        """The forms that judging ``record`` asks; InputError or UsageError where it cannot."""
        raise NotImplementedError

    def most_asks(self, form: Form) -> int:
        """How often one question of ``form`` may be asked: once, unless it is voted on."""
        return 1

    def ask(self, record: Record, question: Question) -> Ask:
        """One question as the engine is asked it. Raises InputError where it cannot be put."""
        raise NotImplementedError

    def hear(self, question: Question, ask: Ask, reply: Reply) -> Heard:
        """How the reply is read; every failure is a status with its reason."""
        raise NotImplementedError

    def assemble(
        self, record: Record, forms: list[Form], header: Header, media: dict[str, dict[str, Any]]
    ) -> Assembly:
        """What gathers the record's replies into its judgment."""
        raise NotImplementedError

    # The object ---------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.family.id!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.engine.close()

    # Many records -----------------------------------------------------------------------------

    def __call__(
        self, records: Iterable[Record], mode: str | None = None, *, budget: int | None = None
    ) -> list[Judgment]:
        """A judgment for each record, in order (under policy ``drop``, of those that are ok).

        ``budget`` is the most calls that one record may cost: of a group those pairs are asked
        that tell most (:mod:`unireward.rewards.pairing`), of a pair one order. What a record is
        judged to be does not depend on what else is in the batch.
        """
        return list(self.stream(records, mode, budget=budget))

    def stream(
        self, records: Iterable[Record], mode: str | None = None, *, budget: int | None = None
    ) -> Iterator[Judgment]:
        """The same, lazily, in input order, in memory that does not grow with their number.

        Raises :class:`EngineUnavailableError` before the first judgment where the engine cannot
        be used at all, :class:`StoppedError` under policy ``stop``; an error of the iterable
        itself is raised after the records before it are given.
        """
        judge = self if budget is None else self.asking(budget=budget)
        return iter(Flow(judge, records, checked(mode)))

    async def ajudge(
        self, records: Iterable[Record], mode: str | None = None, *, budget: int | None = None
    ) -> list[Judgment]:
        """``judge(records)`` in a thread of its own, for callers with an event loop."""
        import asyncio

        return await asyncio.to_thread(self, records, mode, budget=budget)

    def asking(
        self,
        scheme: str | None = None,
        *,
        budget: int | None = None,
        confidence: float | None = None,
    ) -> Self:
        """This judge (the same engine) with other pairs of a group asked; see :class:`Pairs`."""
        given = {"scheme": scheme, "budget": budget, "confidence": confidence}
        told = {name: value for name, value in given.items() if value is not None}
        other = copy(self)
        other.pairs = self.checked_pairs(replace(self.pairs, **told))
        return other

    # One prompt -------------------------------------------------------------------------------

    def score(
        self,
        prompt: str | Sequence[Part],
        *candidates: Any,
        media: Any = None,
        source: Any = None,
        task: str | None = None,
        context: Context | None = None,
    ) -> Judgment:
        """Score each candidate alone: ``scores`` in [0, 1] and ``dimensions``.

        Raises InputError, MediaError or FamilyError where it cannot be asked.
        """
        if not candidates:
            raise UsageError("score has no candidate; give at least one")
        record = record_of(
            prompt, candidates, media=media, source=source, task=task, context=context
        )
        return self.judge_one(record, "score")

    def compare(
        self,
        prompt: str | Sequence[Part],
        a: Any,
        b: Any,
        *,
        media: Any = None,
        source: Any = None,
        task: str | None = None,
        context: Context | None = None,
        mode: str = "rank",
    ) -> Judgment:
        """Which of two is better: ``winner`` is ``a``, ``b`` or ``tie``. Raises as ``score``."""
        record = record_of(
            prompt,
            (a, b),
            ids=("a", "b"),
            media=media,
            source=source,
            task=task,
            context=context,
        )
        return self.judge_one(record, mode)

    def rank(
        self,
        prompt: str | Sequence[Part],
        candidates: Sequence[Any],
        *,
        media: Any = None,
        source: Any = None,
        task: str | None = None,
        context: Context | None = None,
        mode: str = "rank",
        pairing: str | None = None,
        budget: int | None = None,
        confidence: float | None = None,
    ) -> Ranking:
        """Candidates from best to worst. Raises as ``score``, and UsageError with the count where
        there are more comparisons than ``max_comparisons``.

        ``pairing`` is one of :data:`unireward.stats.SCHEMES`: by default ``active``, which asks
        the pairs it would learn most from until places are settled at ``confidence`` (0.9) or
        ``budget`` calls are spent, or the judge's own scheme where it was given one.
        """
        if len(candidates) < 2:
            raise UsageError(f"rank has {len(candidates)} candidates; give at least two")
        record = record_of(
            prompt, candidates, media=media, source=source, task=task, context=context
        )
        judge = self.asking(self.scheme_for_rank(pairing), budget=budget, confidence=confidence)
        judgment = judge.judge_one(record, mode)
        return Ranking.of(judgment, len(candidates), half=self.policy.kind == "half")

    def checked_pairs(self, pairs: Pairs) -> Pairs:
        """``pairs`` where this judge can ask so; UsageError otherwise."""
        return pairs

    def scheme_for_rank(self, pairing: str | None) -> str:
        """What ``rank`` asks where its caller says ``pairing``, or nothing."""
        if pairing is not None:
            return pairing
        return ACTIVE if self.pairs.scheme == ALL and self.both_orders else self.pairs.scheme

    def judge_one(self, record: Record, mode: str | None = None) -> Judgment:
        """One record's judgment; raises what in a batch would be a state of that record."""
        for judgment in Flow(self, [record], checked(mode), strict=True):
            return judgment
        raise InputError(f"record {record.id} was dropped by policy {self.policy}; use keep")

    # Before asking ----------------------------------------------------------------------------

    def plan(
        self, records: Iterable[Record], mode: str | None = None, *, time_one: bool = False
    ) -> Plan:
        """Calls, images and tokens of judging ``records``; ``time_one`` spends one call on an
        estimate of the time."""
        from unireward.rewards.plan import plan_of

        return plan_of(self, records, checked(mode), time_one=time_one)

    def show_prompt(self, record: Record, mode: str | None = None) -> str:
        """Exactly what is sent for ``record``, with frame indices and pixel sizes."""
        from unireward.rewards.preview import preview

        return preview(self, record, checked(mode))

    # For the flow -----------------------------------------------------------------------------

    def header(self, mode: str) -> Header:
        return header_of(self, mode)

    def notice(self, record: Record) -> None:
        """Say once what is to be said at first use, and at the first record of a user's own."""
        if self.announce:
            say_once(self.announce)
        if self.card and record.meta.get("source") != WORLD:
            say_once(self.card)


def checked(mode: str | None) -> str | None:
    """``mode`` if it is one (or None); UsageError listing them otherwise."""
    if mode is not None and mode not in MODES:
        raise UsageError(f"mode is {mode!r}; use {', '.join(MODES)}")
    return mode
