"""Targets: the reply that a judge should give for what a label says.

>>> target_text(family, form, record, ("b", "a"))
'Image 2 is better'

The data's own reply (``meta.reply``) is taken where it was given to these candidates in this
order, fits the form's grammar and says what the label says. Else the reply is written: the
form's own verdict string, or by the family's ``write.py``. Whatever comes out was read back by
the family's reader. Families whose replies are thoughts (Think, Flex) have no writers: without
a reply in the data they are :class:`Unwritable`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

from unireward.families.family import Family
from unireward.families.spec import Form, Reading
from unireward.families.writing import Pieces, Told, Unwritable, Writer, verdict_pieces
from unireward.record import Record
from unireward.training.labels import OVERALL, score_on, winner_of

ReplyFrom = Literal["either", "data", "written"]


def target_text(
    family: Family, form: Form, record: Record, order: tuple[str, ...], source: ReplyFrom = "either"
) -> str:
    """The reply to ``family.ask(form, record, order)``. Raises :class:`Unwritable` with what is
    lacking."""
    return "".join(target_pieces(family, form, record, order, source))


def target_pieces(
    family: Family, form: Form, record: Record, order: tuple[str, ...], source: ReplyFrom = "either"
) -> Pieces:
    """The same as :data:`Pieces`: fixed words at even places, what is judged at odd ones."""
    if source != "written":
        reply = _data_reply(family, form, record, order)
        if reply is not None:
            return ("", reply)
        if source == "data":
            raise Unwritable(_no_reply(record, form, order))
    pieces = written(family, form, told_of(form, record, order))
    _check(family.read(form, "".join(pieces)), form, winner_of(record, order), record)
    return pieces


def written(family: Family, form: Form, told: Told) -> Pieces:
    """What ``told`` is in the form's grammar."""
    if form.mode == "rank" and form.choices:
        return verdict_pieces(form, told)
    writer = writers_of(family.name).get(form.reader)
    if writer is None:
        raise Unwritable(
            f"{family.id} replies to {form.address} with reasons that a label has not; "
            "give the reply to learn as meta.reply"
        )
    return writer(form, told)


@cache
def writers_of(name: str) -> dict[str, Writer]:
    """The writers of a family, by the names of their readers; none where it has no write.py."""
    module = f"unireward.families.{name.replace('-', '_')}.write"
    return dict(import_module(module).WRITERS) if find_spec(module) is not None else {}


def told_of(form: Form, record: Record, order: tuple[str, ...]) -> Told:
    """What the label says of ``order``'s candidates, numbers moved to the form's scales."""
    values: dict[str, dict[str, float]] = {}
    for name in form.scales or (OVERALL,):
        for who, candidate in enumerate(order, start=1):
            found = score_on(record, candidate, name, form.scales.get(name))
            if found is not None:
                values.setdefault(name, {})[str(who)] = found
    spans = record.label.spans if record.label is not None else ()
    words = tuple(
        (span.text, span.dimension or "", span.value)
        for span in spans
        if span.kind == "token" and span.candidate == order[0]
        and span.text is not None and span.value is not None
    )  # fmt: skip
    winner = winner_of(record, order) if form.mode != "score" else None
    return Told(winner, values, words if form.mode == "score" else ())


def _data_reply(family: Family, form: Form, record: Record, order: tuple[str, ...]) -> str | None:
    """The data's own reply, where it answers this form about these candidates in this order."""
    reply = record.meta.get("reply")
    if not isinstance(reply, str) or order != tuple(c.id for c in record.candidates):
        return None
    reading = family.read(form, reply)
    if reading.status != "ok":
        return None
    _check(reading, form, winner_of(record, order), record)
    return reply


def _check(reading: Reading, form: Form, winner: str | None, record: Record) -> None:
    """The reply is read, and does not say the opposite of the label."""
    if reading.status != "ok":
        raise Unwritable(
            f"record {record.id}: its label cannot be said in {form.address}: {reading.reason}"
        )
    said = max(reading.preference, key=reading.preference.__getitem__, default=None)
    # Numbers that are equal once they are rounded contradict nobody.
    if form.mode == "pair-score" and said == "tie":
        return
    if said is not None and winner is not None and said != winner:
        raise Unwritable(
            f"record {record.id}: the reply to {form.address} says {said}, the label {winner}; "
            "mend label.ranking or the scores"
        )


def _no_reply(record: Record, form: Form, order: tuple[str, ...]) -> str:
    if not isinstance(record.meta.get("reply"), str):
        return f"record {record.id}: has no meta.reply; add it, or set reply to written"
    return (
        f"record {record.id}: its meta.reply is none to {form.address} about {', '.join(order)}; "
        "set reply to either"
    )
