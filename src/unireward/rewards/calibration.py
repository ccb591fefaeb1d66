"""Calibration: what ``judge.json`` holds of how sure a judge may be, and who it is for.

::

    {"calibration": {"confidence": [{"task": "image_generation", "mode": "rank",
        "forms": ["direct"], "orders": "both", "votes": 1, "method": "temperature",
        "temperature": 1.31, "knots": [], "n": 600, "ece": {"before": {...}, "after": {...}},
        ...}]}}

``unireward calibrate`` writes it. An entry is of one task, mode and way of asking (forms, orders,
votes), one text of the prompts and one set of weights: what is asked otherwise is not calibrated
by it, and ``why_not`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, FiniteFloat, model_validator

from unireward.errors import InputError
from unireward.files.validate import validate
from unireward.record import Row

if TYPE_CHECKING:
    from unireward.stats.recalibration import Map, Quality, Recalibration

KEY = "confidence"
NOTE = "calibrated: "
"""How the note of a calibrated judgment begins."""
UNCALIBRATED = "uncalibrated"


class Share(Row):
    """A number with its interval."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    n: int


class Bucket(Row):
    """Verdicts of like confidence: their mean, how many were right, how many there are."""

    confidence: FiniteFloat
    accuracy: FiniteFloat
    n: int


class BeforeAfter(Row):
    """Of the judge as it was, and of held-out folds mapped by a fit of the others."""

    before: Share
    after: Share


class Confidence(Row):
    """One fitted map. ``labels`` counts the truths it was fitted to, ``records`` is the sha256 of
    the set, ``log_loss`` held-out nats by method; a method ``none`` was measured and is as it
    was."""

    task: str
    mode: str
    forms: tuple[str, ...]
    orders: Literal["both", "one"] = "both"
    votes: int = Field(default=1, ge=1)
    method: Literal["none", "temperature", "isotonic"]
    temperature: FiniteFloat | None = Field(default=None, gt=0)
    knots: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()
    n: int = Field(ge=1)
    labels: dict[str, int] = Field(default_factory=dict)
    ece: BeforeAfter
    log_loss: dict[str, FiniteFloat] = Field(default_factory=dict)
    bins: dict[str, tuple[Bucket, ...]] = Field(default_factory=dict)
    folds: int
    seed: int
    records: str
    prompt: str
    model: str
    judge: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Confidence:
        if (self.method == "temperature") != (self.temperature is not None):
            raise ValueError("temperature belongs to the method temperature, and to it alone")
        if (self.method == "isotonic") != bool(self.knots):
            raise ValueError("knots belong to the method isotonic, and to it alone")
        rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in zip(self.knots, self.knots[1:]))
        if not rising or not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in self.knots):
            raise ValueError("knots are not rising pairs of shares from 0 to 1")
        return self

    @property
    def address(self) -> tuple[Any, ...]:
        """What two entries may not share."""
        return self.task, self.mode, self.forms, self.orders, self.votes

    @property
    def line(self) -> str:
        """``temperature 1.31 on 600 records``."""
        what = f"temperature {self.temperature:.2f}" if self.temperature else self.method
        return f"{'as it is' if self.method == 'none' else what} on {self.n:,} records"

    @property
    def note(self) -> str:
        return NOTE + self.line

    @cached_property
    def map(self) -> Map:
        from unireward.stats.recalibration import Map

        return Map(self.method, self.temperature, self.knots)


def bins_of(quality: Quality) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(confidence=b.confidence, accuracy=b.accuracy.value, n=b.accuracy.n)
        for b in quality.bins
    )


def fitted(found: Recalibration, **about: Any) -> Confidence:
    """The entry of a fit; ``about`` are the fields that say of what."""
    return Confidence(
        method=found.map.method,
        temperature=found.map.temperature,
        knots=found.map.knots,
        n=found.n,
        ece=BeforeAfter(
            before=Share.model_validate(found.before.ece.to_dict()),
            after=Share.model_validate(found.after.ece.to_dict()),
        ),
        log_loss=found.tried,
        bins={"before": bins_of(found.before), "after": bins_of(found.after)},
        folds=found.folds,
        seed=found.seed,
        **about,
    )


@dataclass(frozen=True)
class Asked:
    """The way a judge is asked, as far as its confidence depends on it."""

    task: str
    mode: str
    forms: tuple[str, ...]
    orders: Literal["both", "one"]
    votes: int
    prompt: str
    model: str

    @property
    def address(self) -> tuple[Any, ...]:
        return self.task, self.mode, self.forms, self.orders, self.votes


class Calibration:
    """The entries of one ``judge.json``, found by the way a judge is asked."""

    def __init__(self, entries: Sequence[Confidence] = ()) -> None:
        self.entries = tuple(entries)
        self._by_address = {entry.address: entry for entry in self.entries}
        if len(self._by_address) < len(self.entries):
            raise InputError(
                f"calibration.{KEY}: two entries are of one task, mode and way; keep one"
            )

    @classmethod
    def of(cls, section: Mapping[str, Any] | Calibration | None) -> Calibration:
        """The ``calibration`` of a ``judge.json``; InputError naming the entry and field."""
        if isinstance(section, Calibration):
            return section
        listed = (section or {}).get(KEY) or []
        if not isinstance(listed, list | tuple):
            raise InputError(f"calibration.{KEY}: is no list; write [...]")
        entries = []
        for number, row in enumerate(listed):
            try:
                entries.append(validate(Confidence, dict(row)))
            except (InputError, TypeError, ValueError) as error:
                raise InputError(f"calibration.{KEY}[{number}]: {error}") from None
        return cls(entries)

    def find(self, asked: Asked) -> Confidence | None:
        """The map for this way of asking, None where there is none that holds for it."""
        entry = self._by_address.get(asked.address)
        return entry if entry is not None and self.why_not(asked) is None else None

    def why_not(self, asked: Asked) -> str | None:
        """Why an entry of this task and mode does not hold here; None where one does, or where
        there is none at all."""
        entry = self._by_address.get(asked.address)
        where = f"{asked.task} {asked.mode}"
        if entry is not None:
            for what, then, now in (
                ("prompt", entry.prompt, asked.prompt),
                ("weights", entry.model, asked.model),
            ):
                if then != now:
                    return (
                        f"the calibration of {where} is of another {what} ({then[:24]}, here "
                        f"{now[:24]}) and is left out; run unireward calibrate again"
                    )
            return None
        if any((one.task, one.mode) == (asked.task, asked.mode) for one in self.entries):
            return (
                f"the calibration of {where} is of another way of asking (forms, orders or "
                "votes) and is left out; run unireward calibrate with these options"
            )
        return None

    def with_entries(self, new: Sequence[Confidence]) -> list[dict[str, Any]]:
        """What ``judge.json`` holds after ``new`` ones take the place of their like."""
        merged = {**self._by_address, **{entry.address: entry for entry in new}}
        return [entry.model_dump(mode="json") for entry in merged.values()]

    def to_dict(self) -> dict[str, Any]:
        """Everything in it that could change a judgment, by task and mode."""
        return {
            f"{e.task}/{e.mode}/{'+'.join(e.forms)}/{e.orders}/{e.votes}": {
                "line": e.line,
                "temperature": e.temperature,
                "knots": [list(knot) for knot in e.knots],
            }
            for e in self.entries
        }
