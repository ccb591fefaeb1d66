"""Judge: a generative reward model as one object, from records to judgments.

A judge is an engine (where the model runs) and a family (how it is asked and read)::

    judge = Judge(ScriptedEngine("Image 1 is better"), get_family("unifiedreward-2"))
    judge.compare("two red circles", "a.png", "b.png").winner     # 'tie': it always says 1
    judge(records)                                                # one judgment each, in order
    for judgment in judge.stream(records): ...                    # the same, lazily

Edge rules: pairs are asked in both orders unless ``both_orders=False``; the batched calls never
raise for what is wrong with one record (its judgment says so), ``score``, ``compare`` and
``rank`` do; policies for unread replies are those of :class:`FailurePolicy`. Where the family's
``judge.json`` was calibrated for the way it is asked, preference and confidence are mapped and a
note says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError, UsageError
from unireward.families.expect import numbers_of_choices
from unireward.record import Record
from unireward.rewards.assembly import Assembly, Header
from unireward.rewards.calibration import Asked, Calibration
from unireward.rewards.expected import Expecting, hear_expected
from unireward.rewards.face import WORLD, Face, checked
from unireward.rewards.notice import say_once
from unireward.rewards.pairing import Paired, Pairs, checked_orders
from unireward.rewards.policy import FailurePolicy
from unireward.rewards.ranking import MAX_COMPARISONS, check_plan
from unireward.rewards.reading import Heard, hear
from unireward.rewards.vote import STRIDE, Polled, Votes
from unireward.rewards.vote import TEMPERATURE as VOTE_TEMPERATURE

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

    ``votes`` asks each question that is answered in words so many times (a number, or
    :class:`~unireward.rewards.vote.Votes` with its early stop). ``temperature`` samples replies
    (None: greedy, and 0.7 for votes). ``expected`` takes the mean over the labels of a score
    instead of the likeliest one. ``calibration`` is that of a ``judge.json``. ``pairs`` says which
    pairs of a group are asked (all of them, or those a scheme and a budget choose).
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
        votes: Votes | int = 1,
        temperature: float | None = None,
        expected: bool = False,
        calibration: Mapping[str, Any] | Calibration | None = None,
        pairs: Pairs | None = None,
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
        self.votes = Votes(votes) if isinstance(votes, int) else votes
        self.temperature = checked_temperature(temperature, self.votes)
        self.expected = expected
        if expected and self.votes.most > 1:
            raise UsageError("expected scores are of one reply's probabilities; leave votes out")
        self.calibration = Calibration.of(calibration)
        self.pairs = self.checked_pairs(pairs or Pairs())

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
            # None where they are as they always were, so that jobs of before go on.
            "votes": asdict(self.votes) if self.votes.most > 1 else None,
            "temperature": self.temperature,
            "expected": True if self.expected else None,
            "calibration": self.calibration.to_dict() or None,
            "pairs": self.pairs.identity,
        }

    # Asking and hearing -----------------------------------------------------------------------

    def forms(self, record: Record, mode: str) -> list[Form]:
        record.check_askable()
        forms = self.family.forms_for(record.task, mode, form=self.form, aspect=self.aspect)
        if mode == "score":
            self.pairs.check_alone(record, len(forms))
        else:
            check_several(record, mode)
            check_plan(
                len(record.candidates),
                self.max_comparisons,
                both_orders=self.both_orders,
                forms=len(forms),
                pairs=self.pairs,
            )
            self.pairs.check(record, len(forms))
            if self.pairs.chooses(len(record.candidates), len(forms)) and self._votes_on(forms):
                raise InputError(
                    f"record {record.id}: votes are for all pairs; use pairing all, or leave "
                    "votes out"
                )
        return forms

    def chooses(self, form: Form) -> bool:
        """Whether the form's verdict is read by log-probabilities of its choices."""
        labelled = form.mode == "rank" or (self.expected and bool(numbers_of_choices(form)))
        return labelled and bool(form.choices) and "choose" in self.engine.capabilities

    def most_asks(self, form: Form) -> int:
        """Votes, or the reply and each of its numbers for an expected score."""
        if self.chooses(form):
            return 1
        if self.expected and form.mode == "score" and "choose" in self.engine.capabilities:
            return 1 + sum(len(self.family.labels(form, name)) > 1 for name in form.scales)
        return self.votes.most

    def ask(self, record: Record, question: Question) -> Ask:
        """With choices where the engine can choose and the form has some."""
        form = question.form
        choose = self.chooses(form)
        ask = self.family.ask(
            form, record, question.order, engine_kind=self.engine.kind, choose=choose
        )
        if question.dimension is not None:
            choices = tuple(question.said + label for label in self._labels(question))
            return replace(ask, choices=choices)
        sampling = ask.sampling
        if self.temperature is not None and not choose:
            sampling = replace(sampling, temperature=self.temperature)
        seed = self.seed + STRIDE * question.draw
        if seed:
            sampling = replace(sampling, seed=seed)
        return ask if sampling is ask.sampling else replace(ask, sampling=sampling)

    def hear(self, question: Question, ask: Ask, reply: Reply) -> Heard:
        if self.expected and question.form.mode == "score":
            return hear_expected(self.family, question, ask, reply)
        return hear(self.family, question, ask, reply)

    def assemble(
        self, record: Record, forms: list[Form], header: Header, media: dict[str, dict[str, Any]]
    ) -> Assembly:
        asked = self.asked(record.task, forms)
        expecting = self.expected and "choose" in self.engine.capabilities
        calibration = None
        if header.mode != "score" or expecting:  # a plain score has no confidence
            calibration = self.calibration.find(asked)
            if calibration is None and (reason := self.calibration.why_not(asked)):
                say_once(reason)
        both = self.both_orders
        if header.mode != "score" and len(record.candidates) == 2:
            both = both and self.pairs.orders(len(forms))
        common: dict[str, Any] = {
            "both_orders": both,
            "media": media,
            "calibration": calibration,
        }
        if expecting and header.mode == "score":
            return Expecting(record, forms, header, labels=self._labels, **common)
        if header.mode != "score" and self.pairs.chooses(len(record.candidates), len(forms)):
            return Paired(record, forms, header, pairs=self.pairs, seed=self.seed, media=media)
        if asked.votes > 1:
            once = frozenset(place for place, form in enumerate(forms) if self.chooses(form))
            return Polled(record, forms, header, votes=self.votes, once=once, **common)
        if self.votes.most > 1:
            say_once(
                f"{forms[0].address} is read by its log-probabilities, once: votes are for "
                "replies in words"
            )
        return Assembly(record, forms, header, **common)

    def checked_pairs(self, pairs: Pairs) -> Pairs:
        return checked_orders(pairs, self.both_orders)

    def _votes_on(self, forms: Sequence[Form]) -> bool:
        return self.votes.most > 1 and any(not self.chooses(form) for form in forms)

    def asked(self, task: str, forms: Sequence[Form]) -> Asked:
        """The way these forms are asked, as far as confidence depends on it."""
        return Asked(
            task=task,
            mode=forms[0].mode,
            forms=tuple("/".join(filter(None, (form.name, form.aspect))) for form in forms),
            orders="both" if self.both_orders and forms[0].mode != "score" else "one",
            votes=self.votes.most if self._votes_on(forms) else 1,
            prompt="+".join(self.family.form_prompt_id(form) for form in forms),
            model=self.engine.identity,
        )

    def _labels(self, question: Question) -> tuple[str, ...]:
        return self.family.labels(question.form, question.dimension or "")


def check_several(record: Record, mode: str) -> None:
    """Raise :class:`InputError` where there is nothing to compare."""
    if len(record.candidates) < 2:
        raise InputError(
            f"record {record.id}: mode {mode} needs two candidates and it has one; "
            "add another or use mode score"
        )


def checked_temperature(temperature: float | None, votes: Votes) -> float | None:
    """The temperature of replies in words, None for greedy; UsageError for one that cannot be."""
    if temperature is None:
        return VOTE_TEMPERATURE if votes.most > 1 else None
    if not (math.isfinite(temperature) and 0 <= temperature <= 2):
        raise UsageError(f"temperature is {temperature}; give a number from 0 to 2")
    if temperature == 0 and votes.most > 1:
        raise UsageError("votes at temperature 0 are all alike; give one above 0, such as 0.7")
    return temperature or None
