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

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.record import Record
from unireward.rewards.assembly import Assembly, Header
from unireward.rewards.face import WORLD, Face, checked
from unireward.rewards.policy import FailurePolicy
from unireward.rewards.ranking import MAX_COMPARISONS, check_plan
from unireward.rewards.reading import Heard, hear

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.families.family import Family
    from unireward.families.spec import Form
    from unireward.protocols import Engine
    from unireward.rewards.question import Question

__all__ = ["WORLD", "Judge", "checked"]


class Judge(Face):
    """A Reward (:class:`unireward.protocols.Reward`) that asks a model in words.

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

    # Asking and hearing -----------------------------------------------------------------------

    def forms(self, record: Record, mode: str) -> list[Form]:
        record.check_askable()
        forms = self.family.forms_for(record.task, mode, form=self.form, aspect=self.aspect)
        if mode != "score":
            check_several(record, mode)
            check_plan(
                len(record.candidates),
                self.max_comparisons,
                both_orders=self.both_orders,
                forms=len(forms),
            )
        return forms

    def ask(self, record: Record, question: Question) -> Ask:
        """With choices where the engine can choose and the form has some."""
        form = question.form
        choose = form.mode == "rank" and bool(form.choices) and "choose" in self.engine.capabilities
        ask = self.family.ask(
            form, record, question.order, engine_kind=self.engine.kind, choose=choose
        )
        return replace(ask, sampling=replace(ask.sampling, seed=self.seed)) if self.seed else ask

    def hear(self, question: Question, ask: Ask, reply: Reply) -> Heard:
        return hear(self.family, question, ask, reply)

    def assemble(
        self, record: Record, forms: list[Form], header: Header, media: dict[str, dict[str, Any]]
    ) -> Assembly:
        return Assembly(record, forms, header, both_orders=self.both_orders, media=media)


def check_several(record: Record, mode: str) -> None:
    """Raise :class:`InputError` where there is nothing to compare."""
    if len(record.candidates) < 2:
        raise InputError(
            f"record {record.id}: mode {mode} needs two candidates and it has one; "
            "add another or use mode score"
        )
