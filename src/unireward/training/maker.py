"""Maker: which examples a record gives a judge, by the config and its label."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from unireward.errors import FamilyError, InputError
from unireward.families.family import Family
from unireward.families.spec import Form
from unireward.families.writing import Unwritable
from unireward.record import Record
from unireward.training.data_config import DataConfig
from unireward.training.examples import NAN, Example
from unireward.training.labels import OVERALL, Pair, pairs_of, score_on, tiers_of, unit_score
from unireward.training.record_maker import NO_RANKING, Examples, Made, Objective, RecordMaker
from unireward.training.targets import target_pieces

__all__ = ["Made", "Maker", "Objective"]


class Maker(RecordMaker[DataConfig]):
    """Makes a record's examples by a config and for a family, which it is asked by.

    ``turn`` decides the orders where they are ``random``, and nothing else.
    """

    def __init__(self, config: DataConfig, family: Family, objective: Objective) -> None:
        super().__init__(config)
        self.family = family
        self.objective = objective
        self._forms: dict[str, list[tuple[Form, float]]] = {}

    def makers(self) -> list[Examples]:
        """They raise :class:`FamilyError` for a task that the family cannot be asked about."""
        by_kind = {
            "sft": self._sft,
            "pair": self._pairs,
            "point": self._points,
            "yes-no": self._yes_no,
            "dpo": self._dpo,
        }
        captions = [self._captions] if self.config.caption is not None else []
        return [by_kind[self.objective], *captions]

    # One reply --------------------------------------------------------------------------------

    def forms(self, task: str) -> list[tuple[Form, float]]:
        """What is asked about records of a task, with the weights of its modes. Raises
        :class:`FamilyError` where there is nothing."""
        if task not in self._forms:
            found: list[tuple[Form, float]] = []
            reasons: list[FamilyError] = []
            for name, weight in self.config.modes.items():
                mode, form, aspect = (*name.split("/"), "", "")[:3]
                try:
                    forms = self.family.forms_for(task, mode, form or None, aspect or None)
                except FamilyError as error:
                    reasons.append(error)
                else:
                    found += [(form, weight) for form in forms]
            if not found:
                raise reasons[0]
            self._forms[task] = found
        return self._forms[task]

    def _sft(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        for form, weight in self.forms(record.task):
            for order in self._orders(record, form, turn, left_out):
                try:
                    reply = target_pieces(self.family, form, record, order, self.config.reply)
                except Unwritable as fault:
                    left_out[_reason(fault, record)] += 1
                    continue
                yield Example("sft", record, order, form, (reply,), weight)

    def _orders(
        self, record: Record, form: Form, turn: int, left_out: Counter[str]
    ) -> Iterator[tuple[str, ...]]:
        """The candidates as they are shown: one after the other, or pairs in the orders asked."""
        if form.mode == "score":
            yield from ((candidate.id,) for candidate in record.candidates)
            return
        names = [candidate.id for candidate in record.candidates]
        pairs = list(pairs_of(record, self._which)) or self._unlabelled(record)
        for pair in pairs:
            if pair.tie and self.config.ties == "skip":
                left_out["tie"] += 1
                continue
            if pair.tie and form.mode == "rank" and len(form.choices) == 2:
                left_out["tie, which the form has no word for"] += 1
                continue
            given = tuple(sorted((pair.first, pair.second), key=names.index))
            if self.config.orders == "both":
                yield from (given, given[::-1])
            else:
                random = self.config.orders == "random"
                turned = random and _coin(turn, record.id, form.address, *given)
                yield given[::-1] if turned else given

    @property
    def _which(self) -> str:
        return "all" if self.config.pairs == "group" else self.config.pairs

    @staticmethod
    def _unlabelled(record: Record) -> list[Pair]:
        """A pair whose label is the data's own reply alone."""
        names = [candidate.id for candidate in record.candidates]
        return [Pair(names[0], names[1])] if len(names) == 2 and tiers_of(record) is None else []

    def _captions(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        assert self.config.caption is not None
        told = record.meta.get("captions")
        if not isinstance(told, dict):
            told = {}
            if record.task.endswith("_generation"):
                # The prompt describes what serves it best, where that is any good.
                label, tiers = record.label, tiers_of(record)
                best = tiers[0] if tiers else ()
                if label is None or label.tie != "bad":
                    told = dict.fromkeys(best[:1], record.text)
        form = self._caption_form(record.task)
        for candidate in record.candidates:
            text = told.get(candidate.id)
            if form is not None and isinstance(text, str) and text.strip():
                yield Example(
                    "caption", record, (candidate.id,), form, (("", text.strip()),),
                    self.config.caption.weight,
                )  # fmt: skip

    def _caption_form(self, task: str) -> Form | None:
        assert self.config.caption is not None
        ask = self.config.caption.ask
        words = ask if isinstance(ask, str) else ask.get(task)
        if words is None:
            return None
        place = "inline" if "<1>" in words else "before"
        return Form(
            task=task, mode="score", name="caption", template=words, media=("1",),
            media_place=place, reader="caption",
        )  # fmt: skip

    # Scored sequences -------------------------------------------------------------------------

    def _alone(self, task: str) -> Form:
        """The form that shows one candidate, for heads and yes/no questions."""
        return self.family.forms_for(task, "score")[0]

    def _pairs(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        form = self._alone(record.task)
        if self.config.pairs == "group" and len(record.candidates) > 2:
            yield from self._group(record, form, left_out)
            return
        for pair in pairs_of(record, self._which):
            if pair.tie and self.config.ties == "skip":
                left_out["tie"] += 1
            else:
                order = (pair.first, pair.second)
                yield self.pair(
                    "pair", record, form, pair, (None, None),
                    scores=self._score_rows(record, order),
                    absolute=self._absolute(record, order),
                )  # fmt: skip
        if tiers_of(record) is None:
            left_out[NO_RANKING] += 1

    def _group(self, record: Record, form: Form, left_out: Counter[str]) -> Iterator[Example]:
        tiers = tiers_of(record)
        if tiers is None or len(tiers) < 2:
            left_out["no ranking of the group" if tiers is None else "tie"] += 1
            return
        order = tuple(name for tier in tiers for name in tier)
        places = tuple(at for at, tier in enumerate(tiers) for _ in tier)
        yield Example(
            "group", record, order, form, (None,) * len(order), tiers=places,
            scores=self._score_rows(record, order), absolute=self._absolute(record, order),
        )  # fmt: skip

    def _score_rows(self, record: Record, order: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        return tuple(
            tuple(self._score(record, name, dimension) for dimension in self.config.dimensions)
            for name in order
        )

    def _score(self, record: Record, candidate: str, dimension: str) -> float:
        if self.config.score_unit == "raw":
            value = score_on(record, candidate, dimension, None)
            return NAN if value is None else value
        value = unit_score(record, candidate, dimension)
        if value is None and score_on(record, candidate, dimension, None) is not None:
            raise InputError(
                f"record {record.id}: label.scales has no {dimension}; add its range, or set "
                "score_unit to raw"
            )
        return NAN if value is None else value

    def _absolute(self, record: Record, order: tuple[str, ...]) -> tuple[float, ...]:
        """1 good, 0 bad: by the threshold on the overall score, else by a tie of good or bad."""
        tie = record.label.tie if record.label is not None else None
        known = {"good": 1.0, "bad": 0.0}.get(tie or "", NAN)
        out = []
        for name in order:
            unit = unit_score(record, name, OVERALL)
            cut = self.config.threshold
            out.append(known if cut is None or unit is None else float(unit >= cut))
        return tuple(out)

    def _points(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        form = self._alone(record.task)
        for candidate in record.candidates:
            order = (candidate.id,)
            scores, absolute = self._score_rows(record, order), self._absolute(record, order)
            if all(map(math.isnan, (*scores[0], *absolute))):
                left_out["no score"] += 1
            else:
                yield Example("point", record, order, form, scores=scores, absolute=absolute)

    def _yes_no(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        form = self._alone(record.task)
        for candidate in record.candidates:
            share = self._yes_share(record, candidate.id)
            if share is None:
                left_out["no score, votes or winner"] += 1
            else:
                yield Example("yes-no", record, (candidate.id,), form, yes=share)

    def _yes_share(self, record: Record, candidate: str) -> float | None:
        """The overall score as a share of its scale (or its side of the threshold), else the
        share of votes, else 1 for the only winner and 0 for all below it."""
        unit = unit_score(record, candidate, OVERALL)
        if unit is not None:
            return unit if self.config.threshold is None else float(unit >= self.config.threshold)
        label, tiers = record.label, tiers_of(record)
        if label is not None and candidate in (label.preference or {}):
            assert label.preference is not None
            return min(1.0, max(0.0, label.preference[candidate]))
        if label is not None and label.tie is not None:
            return float(label.tie == "good")
        if tiers is None or len(tiers) < 2 or not any(candidate in tier for tier in tiers):
            return None
        return float(candidate in tiers[0])

    # Preferred replies ------------------------------------------------------------------------

    def _dpo(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        if self.config.dpo == "verdicts":
            yield from self._verdicts(record, turn, left_out)
            return
        for pair in pairs_of(record, self._which):
            if pair.tie:
                left_out["tie"] += 1
                continue
            texts = [record.candidate(name).text.strip() for name in pair[:2]]
            if not all(texts):
                raise InputError(
                    f"record {record.id}: a candidate has no text, and dpo prefers answers; "
                    "filter by tasks, or set dpo to verdicts"
                )
            yield self.pair("dpo", record, None, pair, tuple(("", text) for text in texts))
        if tiers_of(record) is None:
            left_out[NO_RANKING] += 1

    def _verdicts(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        """The right verdict against the opposite one, on the same question."""
        for form, weight in self.forms(record.task):
            if form.mode != "rank" or not form.choices:
                raise InputError(
                    f"{form.address} has no verdict strings, which dpo: verdicts needs; "
                    "set modes to rank"
                )
            for order in self._orders(record, form, turn, left_out):
                try:
                    right = "".join(target_pieces(self.family, form, record, order, "written"))
                except Unwritable as fault:
                    left_out[_reason(fault, record)] += 1
                    continue
                if right not in form.choices[:2]:
                    left_out["tie"] += 1
                    continue
                wrong = form.choices[1 - form.choices.index(right)]
                first, second = order if right == form.choices[0] else order[::-1]
                example = self.pair(
                    "dpo", record, form, Pair(first, second), (("", right), ("", wrong))
                )
                yield replace(example, order=order, weight=weight)


def _reason(fault: Unwritable, record: Record) -> str:
    return str(fault).removeprefix(f"record {record.id}: ")


def _coin(turn: int, *names: str) -> bool:
    text = "\0".join((str(turn), *names))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] & 1 > 0
