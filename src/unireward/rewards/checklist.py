"""ChecklistReward: many yes-or-no questions about a candidate, weighed together.

After VisionReward (arXiv 2412.21059): each answer is +1 or -1 (here 2 P(yes) - 1 unless told to
be hard), a question that hangs on another ("are the hands well formed?" on "are there hands?")
counts 0 where that is not a yes, and score = intercept + sum of weight * answer. The weights are
learned from pairs by logistic regression, :func:`fit_weights`, and lie in ``checklist.json``
beside ``judge.json``, or in its ``head`` section::

    {"kind": "checklist", "answers": "soft", "intercept": 0.0,
     "weights": {"image_generation": {"hands": 0.4, "sharp": 0.9}}, "needs": {"hands": "has_hands"}}

A question without a weight of its own (one that others hang on) counts 0. Without any file every
question weighs the same and the number is their mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, FiniteFloat

from unireward.errors import InputError
from unireward.files.validate import validate
from unireward.judgment import worst
from unireward.record import Row
from unireward.rewards.combine import OrderReading, mean_dimensions
from unireward.rewards.scorer import ScoreReading
from unireward.rewards.scoring import Scoring
from unireward.rewards.yes_no import YesNoReward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from unireward.families.family import Family
    from unireward.families.spec import Form
    from unireward.protocols import Engine

FILE = "checklist.json"
MAX_BYTES = 4_000_000


class Checklist(Row):
    """``weights`` by task, then by question. ``needs`` names, for a question, the one it hangs
    on. ``answers`` ``hard`` takes P(yes) > 1/2 for +1, less for -1, and 1/2 itself for 0."""

    kind: Literal["checklist"] = "checklist"
    answers: Literal["soft", "hard"] = "soft"
    intercept: FiniteFloat = 0.0
    weights: dict[str, dict[str, FiniteFloat]] = Field(default_factory=dict)
    needs: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def even(cls, family: Family) -> Checklist:
        """Every question of a task weighs 1 / (their number)."""
        asked: dict[str, list[str]] = {}
        for form in family.spec.forms:
            if form.mode == "score" and form.default:
                asked.setdefault(form.task, []).append(form.aspect)
        return cls(
            weights={task: dict.fromkeys(names, 1 / len(names)) for task, names in asked.items()}
        )

    @classmethod
    def of(cls, body: Mapping[str, Any], where: str | Path = "head") -> Checklist:
        """From the JSON object of a file or section; InputError naming ``where`` and field."""
        try:
            return validate(cls, dict(body))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    @classmethod
    def load(cls, path: str | Path) -> Checklist:
        """From ``checklist.json``, or the folder that holds one."""
        path = Path(path)
        path = path / FILE if path.is_dir() else path
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; this is no {FILE}")
            body = json.loads(path.read_text("utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give a {FILE}") from None
        except (ValueError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: is no JSON ({error}); mend it") from None
        if not isinstance(body, dict):
            raise InputError(f"{path}: holds no object; write {{...}}")
        return cls.of(body, path)

    def save(self, path: str | Path) -> Path:
        """Write ``checklist.json`` into a folder (or to a file ending in ``.json``), whole or
        not at all."""
        import os

        path = Path(path)
        path = path if path.suffix == ".json" else path / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with open(draft, "w", encoding="utf-8", newline="\n") as out:
                out.write(json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=2))
                out.write("\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def check(self, family: Family) -> None:
        """Raise InputError where weights or needs name what the family does not ask."""
        for task, weights in self.weights.items():
            asked = {f.aspect for f in family.spec.forms if (f.task, f.mode) == (task, "score")}
            for name in weights:
                if name not in asked:
                    known = ", ".join(sorted(asked)) or "none"
                    raise InputError(
                        f"checklist: weights.{task} names {name!r}, which {family.id} does not "
                        f"ask; its questions are {known}"
                    )
        asked = {f.aspect for f in family.spec.forms}
        for pair in self.needs.items():
            for name in pair:
                if name not in asked:
                    raise InputError(
                        f"checklist: needs names {name!r}, which {family.id} does not ask; take "
                        "it out, or add the question"
                    )

    def value(self, name: str, yes: Mapping[str, float]) -> float:
        """One question's answer in [-1, 1], from the probabilities of yes by question."""
        if name in self.needs and yes.get(self.needs[name], 0.0) <= 0.5:
            return 0.0
        value = 2 * yes[name] - 1
        if self.answers == "soft":
            return value
        return float(np.sign(value))

    def total(self, task: str, yes: Mapping[str, float]) -> float:
        """intercept + sum of weight * answer over the questions in ``yes``."""
        weights = self.weights.get(task, {})
        return self.intercept + math.fsum(
            weights.get(name, 0.0) * self.value(name, yes) for name in yes
        )

    def bounds(self) -> tuple[float, float]:
        """The least and the largest number that any task can give."""
        reach = max(
            (math.fsum(map(abs, weights.values())) for weights in self.weights.values()),
            default=0.0,
        )
        return self.intercept - reach, self.intercept + reach


class ChecklistReward(YesNoReward):
    """A checklist behind the face. Each form of the family is one question, by its aspect.

    Without ``scoring``, scores are the number's place between the least and the largest that the
    weights allow, and preferences the logistic of the difference.
    """

    def __init__(
        self,
        engine: Engine,
        family: Family | str = "checklist",
        *,
        checklist: Checklist | None = None,
        scoring: Scoring | None = None,
        **options: Any,
    ) -> None:
        if isinstance(family, str):
            from unireward.families import get_family

            family = get_family(family)
        self.checklist = checklist or Checklist.even(family)
        self.checklist.check(family)
        if scoring is None:
            low, high = self.checklist.bounds()
            if low == high:
                raise InputError(
                    "checklist: all weights are 0; learn some (fit_weights), or leave them out"
                )
            scoring = Scoring(squash="range", low=low, high=high)
        super().__init__(engine, family, scoring=scoring, **options)

    @property
    def identity(self) -> dict[str, Any]:
        return {**super().identity, "checklist": self.checklist.model_dump(mode="json")}

    def total(self, forms: Sequence[Form], readings: Sequence[OrderReading]) -> ScoreReading:
        order = readings[0].order
        dimensions = mean_dimensions([reading.dimensions for reading in readings])
        status = worst([reading.status for reading in readings])
        if status != "ok":
            return ScoreReading(order, status, dimensions=dimensions)
        yes = {form.aspect: dimensions[form.aspect][order[0]] for form in forms}
        raw = self.checklist.total(forms[0].task, yes)
        return ScoreReading(order, dimensions=dimensions, raw=raw)


def fit_weights(
    better: ArrayLike, worse: ArrayLike, *, penalty: float = 1.0, positive: bool = True
) -> np.ndarray:
    """Weights [K] of K questions from N pairs' answers [N, K]: of the better ones, of the worse.

    Minimises sum log(1 + exp(-w . (better - worse))) + penalty / 2 * |w|^2 by Newton's method.
    With ``positive``, questions whose weight comes out below 0 are left out (weight 0) and the
    rest fitted again until none is, as VisionReward does: every question is put so that yes is
    good. ``penalty`` > 0 keeps weights finite where the answers separate the pairs. InputError
    for other shapes or numbers that are not finite.
    """
    gaps = np.asarray(better, float) - np.asarray(worse, float)
    if gaps.ndim != 2 or not gaps.size or not np.isfinite(gaps).all():
        raise InputError(
            f"answers are of shape {gaps.shape}, finite: {bool(np.isfinite(gaps).all())}; give "
            "finite numbers [pairs, questions] of the better and of the worse candidate"
        )
    if not (math.isfinite(penalty) and penalty > 0):
        raise InputError(f"penalty is {penalty}; give a number above 0")
    kept = np.arange(gaps.shape[1])
    weights = np.zeros(gaps.shape[1])
    while kept.size:
        found = _newton(gaps[:, kept], penalty)
        if not positive or (found >= 0).all():
            weights[kept] = found
            break
        kept = kept[found >= 0]
    return weights


def _newton(gaps: np.ndarray, penalty: float, steps: int = 100) -> np.ndarray:
    weights = np.zeros(gaps.shape[1])

    def loss(at: np.ndarray) -> float:
        return float(np.logaddexp(0, -gaps @ at).sum() + penalty / 2 * at @ at)

    now = loss(weights)
    for _ in range(steps):
        wrong = np.exp(-np.logaddexp(0, gaps @ weights))  # 1 - P(better wins)
        slope = penalty * weights - gaps.T @ wrong
        if np.abs(slope).max() < 1e-10 * max(1.0, len(gaps)):
            break
        curve = (gaps * (wrong * (1 - wrong))[:, None]).T @ gaps
        step = np.linalg.solve(curve + penalty * np.eye(len(weights)), slope)
        size = 1.0
        while (then := loss(weights - size * step)) > now and size > 1e-8:
            size /= 2
        weights, now = weights - size * step, then
    return weights
