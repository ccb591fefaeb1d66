"""Judge: a generative reward model as one object, from records to judgments.

A judge is an engine (where the model runs) and a family (how it is asked and read)::

    judge = Judge(ScriptedEngine("Image 1 is better"), get_family("unifiedreward-2"))
    judge.compare("two red circles", "a.png", "b.png").winner     # 'tie': it always says 1
    judge(records)                                                # one judgment each, in order
    for judgment in judge.stream(records): ...                    # the same, lazily

Edge rules: pairs are asked in both orders unless ``both_orders=False``; the batched calls never
raise for what is wrong with one record (its judgment says so), ``score``, ``compare`` and
``rank`` do; policies for unread replies are those of :class:`FailurePolicy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError, UsageError
from unireward.judgment import Judgment
from unireward.record import MODES, Context, Part, Record
from unireward.rewards.flow import Flow, header_of
from unireward.rewards.inputs import record_of
from unireward.rewards.notice import say_once
from unireward.rewards.policy import FailurePolicy
from unireward.rewards.ranking import MAX_COMPARISONS, Ranking

if TYPE_CHECKING:
    from unireward.families.family import Family
    from unireward.protocols import Engine
    from unireward.rewards.assembly import Header
    from unireward.rewards.plan import Plan

WORLD = "world"
"""``meta.source`` of records that the procedural world drew."""


class Judge:
    """A Reward (:class:`unireward.protocols.Reward`) that asks a model.

    ``form`` and ``aspect`` pick among a family's ways of asking (None: its default ones).
    ``cache`` is a :class:`~unireward.engines.ReplyCache` or None. ``seed`` goes into every ask.
    ``max_comparisons`` bounds the pairs of one record. ``card`` is said once on stderr when the
    judge first meets records that are not of the drawn world, ``announce`` at its first record.
    """

    def __init__(
        self,
        engine: Engine,
        family: Family | str,
        *,
        both_orders: bool = True,
        form: str | None = None,
        aspect: str | None = None,
        cache: Any = None,
        policy: FailurePolicy | str = "keep",
        name: str | None = None,
        seed: int = 0,
        max_comparisons: int = MAX_COMPARISONS,
        card: str | None = None,
        announce: str | None = None,
    ) -> None:
        if isinstance(family, str):
            from unireward.families import get_family

            family = get_family(family)
        if cache is not None:
            from unireward.engines import CachedEngine

            engine = CachedEngine(engine, cache)
        self.engine = engine
        self.family = family
        self.name = name or engine.name
        self.both_orders = both_orders
        self.form = form
        self.aspect = aspect
        self.policy = FailurePolicy.parse(policy)
        self.seed = seed
        self.max_comparisons = max_comparisons
        self.card = card if card is not None else family.spec.card
        self.announce = announce

    def __repr__(self) -> str:
        return f"Judge({self.name!r}, {self.family.id!r})"

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.engine.close()

    @property
    def capabilities(self) -> frozenset[str]:
        """``generative``, and the modes that the family has for any task."""
        modes = {form.mode for form in self.family.spec.forms}
        return frozenset({"generative", *modes})

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that could change a judgment: what a resumed job must find the same."""
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
        }

    # Many records -----------------------------------------------------------------------------

    def __call__(self, records: Iterable[Record], mode: str | None = None) -> list[Judgment]:
        """A judgment for each record, in order (under policy ``drop``, of those that are ok)."""
        return list(self.stream(records, mode))

    def stream(self, records: Iterable[Record], mode: str | None = None) -> Iterator[Judgment]:
        """The same, lazily, in input order, in memory that does not grow with their number.

        Raises :class:`EngineUnavailableError` before the first judgment where the engine cannot
        be used at all, :class:`StoppedError` under policy ``stop``; an error of the iterable
        itself is raised after the records before it are given.
        """
        return iter(Flow(self, records, checked(mode)))

    async def ajudge(self, records: Iterable[Record], mode: str | None = None) -> list[Judgment]:
        """``judge(records)`` in a thread of its own, for callers with an event loop."""
        import asyncio

        return await asyncio.to_thread(self, records, mode)

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
    ) -> Ranking:
        """Candidates from best to worst, by all pairs. Raises as ``score``, and UsageError with
        the count where there are more comparisons than ``max_comparisons``."""
        if len(candidates) < 2:
            raise UsageError(f"rank has {len(candidates)} candidates; give at least two")
        record = record_of(
            prompt, candidates, media=media, source=source, task=task, context=context
        )
        judgment = self.judge_one(record, mode)
        return Ranking.of(judgment, len(candidates), half=self.policy.kind == "half")

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
