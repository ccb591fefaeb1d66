"""DPO by the tiny judge lowers the answerer's error rate: does it, by how much, against what?

The rule, fixed before any arm was trained. **Primary endpoint**: the relative reduction of the
error rate at temperature 1 (the policy itself) of ``dpo`` against the answerer it began with, on
600 held-out questions (levels 1 and 2), over three seeds (answers, judgments, training and sampling
anew). Asked is a reduction of a quarter or more; it is *reached* where the mean is at least 0.25,
the 95 % interval (crossed bootstrap over seeds and questions) lies above zero and every seed
agrees in sign. Beside it stand ``random``, ``rejection``, ``supervised`` and ``best-of-n``
(:mod:`recipes.tiny_answerer.arms`), each with its own reduction and its paired difference from
``dpo``, and the greedy error rate of all that train. Truth is the world's. Rates, beta and steps
were chosen on ``VALIDATION``, a seed and questions that are in no report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from recipes import findings
from recipes.comparisons import check_seeds, compared, is_above, with_seeds
from recipes.crew import each
from recipes.tables import listed, row, spread
from recipes.tiny_answerer.arms import BEST_OF_N, CHOSEN, NAMES, Arm, Chosen
from recipes.tiny_answerer.measure import (
    HELD_OUT,
    LEVELS,
    TEMPERATURE,
    answered,
    answerer,
    measured,
)
from recipes.tiny_answerer.pairs import ANSWERS, Pairs, make_pairs
from unireward.errors import InputError
from unireward.stats.intervals import Estimate
from unireward.world.redraw import Redraw

QUESTIONS, PROMPTS = 600, 2000
ASKED = 0.25
BASE = "base"
WAYS = ("sampled", "greedy")
VALIDATION, VALIDATION_QUESTIONS = 9, Redraw(seed=5005, levels=LEVELS)
"""The seed and the questions by which rates and beta are chosen."""


@dataclass(frozen=True)
class Plan:
    """What the arms of a run have in common. ``data`` is where pairs lie, ``out`` unless given."""

    out: Path
    base: str
    scale: float
    data: Path | None = None
    chosen: Chosen = CHOSEN
    held_out: Redraw = HELD_OUT
    questions: int = QUESTIONS

    @property
    def prompts(self) -> int:
        return max(8, round(PROMPTS * min(1.0, self.scale)))


@dataclass(frozen=True)
class Result:
    """``error``: way -> arm -> error rate of each seed. ``reduction``: arm -> relative reduction
    at the sampling temperature. ``against``: control -> error rate of ``dpo`` less the
    control's. ``pairs``: the judge's and random pairs by the world's truth, of each seed."""

    seeds: int
    scale: float
    chosen: Chosen
    error: dict[str, dict[str, list[float]]]
    reduction: dict[str, dict[str, Any]]
    against: dict[str, dict[str, Any]]
    pairs: list[dict[str, Any]]
    seconds: dict[str, float]

    @property
    def reached(self) -> bool:
        """Whether the primary endpoint is (see the module docstring)."""
        found = self.reduction["dpo"]
        return found["value"] >= ASKED and is_above(found)

    def to_dict(self) -> dict[str, Any]:
        import unireward

        return {
            "reproduction": "tiny-answerer-dpo",
            "unireward": unireward.__version__,
            "questions": QUESTIONS,
            "questions_seed": HELD_OUT.seed,
            "temperature": TEMPERATURE,
            "asked": ASKED,
            "reached": self.reached,
            **asdict(self),
        }

    def lines(self) -> list[str]:
        said = [f"error rate in %, mean of {self.seeds} seeds (lowest to highest)", ""]
        said.append(row("arm", [f"at {TEMPERATURE}", "greedy"]))
        arms = (BASE, *NAMES)
        said += [row(arm, [_cell(self.error[way].get(arm)) for way in WAYS]) for arm in arms]
        title = "relative reduction of the error rate at that temperature, 95 % interval"
        said += listed(title, self.reduction)
        title = "error rate of dpo less that of the control, points with 95 % interval"
        said += listed(title, self.against)
        verdict = "reached" if self.reached else "not reached"
        return [*said, "", f"a reduction of {100 * ASKED:.0f} % by dpo: {verdict}"]


def reproduce(
    out: Path,
    seeds: int,
    scale: float,
    workers: int,
    say: Callable[[str], None],
    base: str | None = None,
) -> Result:
    """Run whatever of it is not done yet: each curation and each training is resumable, so the
    whole is. ``base`` is the folder of an answerer, the shipped one unless given."""
    check_seeds(seeds)
    from unireward.policies.load import shipped_folder

    plan = Plan(out, base or str(shipped_folder("tiny-answerer")), scale)
    numbers = range(1, seeds + 1)
    for seed, found in each(workers, begin, {seed: (plan, seed) for seed in numbers}):
        say(f"seed-{seed}: error {_both(found)}, pairs right {_rights(found)}")
    arms = [Arm(name, seed) for seed in numbers for name in NAMES]
    for arm, found in each(workers, run_arm, {arm: (arm, plan) for arm in arms}):
        say(f"{arm.folder}: error {_both(found)} ({found['seconds']:.0f} s)")
    result = collect(plan, seeds)
    findings.write_result(out, result)
    return result


def _both(found: dict[str, Any]) -> str:
    means = {way: f"{100 * float(np.mean(rows)):.1f}" for way, rows in found["wrong"].items()}
    greedy = f" (greedy {means['greedy']})" if "greedy" in means else ""
    return means["sampled"] + greedy


def _cell(rates: Sequence[float] | None) -> str:
    return "-" if rates is None else spread(rates)


def _rights(found: dict[str, Any]) -> str:
    each = {name: row["accuracy"] for name, row in found["pairs"].items()}
    return ", ".join(f"{n} {100 * a['value']:.0f} %" for n, a in each.items() if a is not None)


# One seed -------------------------------------------------------------------------------------


def pairs_of(plan: Plan, seed: int) -> Pairs:
    return make_pairs(
        (plan.data or plan.out) / f"seed-{seed}" / "data", plan.base, seed, plan.prompts
    )


def begin(plan: Plan, seed: int) -> dict[str, Any]:
    """A seed's pairs, and how often the answerer is wrong before it learns from them."""
    file = plan.out / f"seed-{seed}" / f"{BASE}.json"
    if file.is_file():
        return findings.read(file)
    pairs = pairs_of(plan, seed)
    truth = {name: found.to_dict() for name, found in pairs.truth.items()}
    return findings.write(file, {"pairs": truth, "wrong": wrong_of(plan, plan.base, seed)})


def run_arm(arm: Arm, plan: Plan) -> dict[str, Any]:
    """Train an arm and answer with it: wrong or not, for each held-out question."""
    file = plan.out / arm.folder / "answered.json"
    if file.is_file():
        return findings.read(file)
    seconds, wrong = (_picked if arm.name == BEST_OF_N else _trained)(arm, plan)
    return findings.write(file, {"seconds": seconds, "wrong": wrong})


def _trained(arm: Arm, plan: Plan) -> tuple[float, dict[str, list[int]]]:
    from unireward.training.config import parse_config
    from unireward.training.run import train

    pairs = pairs_of(plan, arm.seed)
    trained = train(parse_config(arm.config(plan.out, plan.base, pairs, plan.scale, plan.chosen)))
    return trained.seconds, wrong_of(plan, str(trained.folder), arm.seed)


def _picked(arm: Arm, plan: Plan) -> tuple[float, dict[str, list[int]]]:
    """No greedy one: its answers to a question are all the same."""
    import unireward as ur
    from unireward.alignment import BestOfN

    policy = BestOfN(answerer(plan.base), ur.load("tiny", device="cpu", cache=False), ANSWERS)
    found = answered(policy, plan.held_out, plan.questions, arm.seed)
    return 0.0, {"sampled": list(found.wrong)}


def wrong_of(plan: Plan, policy: str, seed: int) -> dict[str, list[int]]:
    """Before and after, a question's answer is drawn by the same seed."""
    found = measured(policy, plan.questions, seed, plan.held_out)
    return {way: list(found[way].wrong) for way in WAYS}


# All seeds ------------------------------------------------------------------------------------


def collect(plan: Plan, seeds: int) -> Result:
    """The comparisons, from what the arms left."""
    wrong: dict[str, dict[str, list[list[int]]]] = {way: {} for way in WAYS}
    seconds: dict[str, float] = {}
    pairs = []
    for seed in range(1, seeds + 1):
        before = findings.read(plan.out / f"seed-{seed}" / f"{BASE}.json")
        pairs.append(before["pairs"])
        found = {BASE: before}
        for name in NAMES:
            arm = Arm(name, seed)
            found[name] = findings.read(plan.out / arm.folder / "answered.json")
            seconds[arm.folder] = found[name]["seconds"]
        for name, one in found.items():
            for way, rows in one["wrong"].items():
                wrong[way].setdefault(name, []).append(rows)
    sampled = wrong["sampled"]
    return Result(
        seeds=seeds,
        scale=plan.scale,
        chosen=plan.chosen,
        error={
            way: {arm: np.mean(rows, axis=1).tolist() for arm, rows in of.items()}
            for way, of in wrong.items()
        },
        reduction={name: _reduced(sampled[name], sampled[BASE]) for name in NAMES},
        against={name: compared(sampled["dpo"], sampled[name]) for name in NAMES if name != "dpo"},
        pairs=pairs,
        seconds=seconds,
    )


def _reduced(after: ArrayLike, before: ArrayLike) -> dict[str, Any]:
    one, other = (np.asarray(rows, dtype=float).mean(axis=1) for rows in (after, before))
    return with_seeds(reduction(after, before), 1 - one / other)


def reduction(after: ArrayLike, before: ArrayLike, *, resamples: int = 2000) -> Estimate:
    """1 less the ratio of two error rates, of rows of seeds and columns of questions [S, n] that
    are the same in both; with the 95 % percentile interval of a bootstrap that draws seeds and
    questions anew (crossed, as :func:`~unireward.stats.paired.paired_difference`). Raises
    :class:`InputError` where nothing was wrong before."""
    a, b = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    assert a.shape == b.shape, (a.shape, b.shape)
    if not b.any():
        raise InputError("nothing was wrong before; there is nothing to reduce")
    seeds, n = a.shape
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(resamples):
        s = np.bincount(rng.integers(0, seeds, seeds), minlength=seeds)
        q = np.bincount(rng.integers(0, n, n), minlength=n)
        base = s @ b @ q
        if base:
            draws.append(1 - s @ a @ q / base)
    value = float(1 - a.sum() / b.sum())
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)), n)
