"""Plan: what an alignment costs, before any of it is spent: candidates, calls, disk, memory.

Rounds are counted by their curation's own estimate, evaluations by the judge's plan on stand-ins
of the candidates to come; both say the most there may be. The memory of training is the trainer's
dry run: exact but for activations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unireward.alignment.chain import prompts_of
from unireward.alignment.config import AlignConfig
from unireward.alignment.curating import curate_config
from unireward.alignment.learner import Learner
from unireward.alignment.methods.best_of_n import BestOfNMethod
from unireward.alignment.policy_ref import PolicyRef
from unireward.curation import run as curation
from unireward.curation.estimate import free_at
from unireward.curation.means import shape_of
from unireward.curation.stand_in import Shape, stand_in
from unireward.errors import UnirewardError
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.sampled import candidate_name

CHECKPOINTS = 2
"""Of a training that are on disk at once, beside its last weights and what is exported."""


@dataclass
class Plan:
    """``candidates`` and ``calls`` are by where they are spent (``rounds``, ``evaluations``),
    calls None where a judge does not say; ``bytes`` are written, of ``free`` there are;
    ``memory`` is that of training by what it is held for, in bytes."""

    rounds: int
    evaluations: int
    candidates: dict[str, int]
    calls: dict[str, int | None]
    bytes: int
    free: int
    memory: dict[str, int] = field(default_factory=dict)
    not_estimated: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self)}

    def lines(self) -> list[str]:
        """For people, at 80 columns."""

        def of(numbers: dict[str, Any]) -> str:
            return ", ".join(
                f"{'unknown' if n is None else f'{n:,}'} in {name}" for name, n in numbers.items()
            )

        lines = [
            f"rounds       {self.rounds:,}, {self.evaluations:,} evaluations",
            f"candidates   {of(self.candidates)}",
            f"calls        at most {of(self.calls)}",
            f"disk         {_size(self.bytes)}, {_size(self.free)} free",
        ]
        if self.memory:
            parts = ", ".join(
                f"{name} {_size(n)}" for name, n in self.memory.items() if name != "total"
            )
            lines.append(f"memory       {_size(self.memory['total'])} to train ({parts})")
        if self.not_estimated:
            lines.append(f"not counted  {self.not_estimated}")
        return lines


def plan(config: AlignConfig) -> Plan:
    """Loads the policy and the judge to ask them; makes, asks and writes nothing else. Raises
    what stops the alignment before anything is sampled."""
    way = config.way
    rounds = way.length if way.trains else 0
    held_out = prompts_of(config, config.evaluation.prompts, "evaluation.prompts",
                          config.evaluation.limit)  # fmt: skip
    looks = _looks(config)
    found = Plan(rounds, looks, {}, {}, 0, free_at(config.output))
    ref = PolicyRef.of(config.policy)
    with ref.opened() as policy:
        settings = {**getattr(policy, "settings", {}), **ref.options, **config.evaluation.options}
        if way.samples:
            _rounds(config, ref, policy, found)
    if way.trains:
        _training(config, ref, found)
    _evaluations(config, held_out, looks, shape_of(settings), found)
    return found


def _looks(config: AlignConfig) -> int:
    way, every = config.way, config.evaluation.every
    if every is None or not way.trains:
        return 2
    whole = way.length if way.counted_in == "rounds" else config.training.steps
    return 1 + -(-whole // every)


def _rounds(config: AlignConfig, ref: PolicyRef, policy: Policy, found: Plan) -> None:
    assert config.prompts is not None
    every = prompts_of(config, config.prompts, "prompts", config.limit)
    number = len(config.way.prompts_of(every, 1, config.seed))
    made = curate_config(
        config, ref, prompts=config.prompts, held_out=config.evaluation.prompts,
        output=config.output / "plan", seed=config.seed,
    )  # fmt: skip
    # Held-out prompts are counted too, as if none were met: the most there may be.
    made = made.model_copy(update={"limit": config.limit, "steps": made.steps[1:]})
    one = curation.plan(made, policy)
    times = found.rounds * number / max(1, one.prompts)
    found.candidates["rounds"] = round(times * one.candidates)
    costs = one.costs.values()
    known = all(cost.planned for cost in costs)
    found.calls["rounds"] = round(times * sum(c.calls for c in costs)) if known else None
    found.bytes += round(times * one.bytes)


def _training(config: AlignConfig, ref: PolicyRef, found: Plan) -> None:
    learner = Learner(config)
    nowhere = config.output / "check"
    sources = [{"records": str(nowhere / "records.jsonl")}]
    dry = learner.check(ref, learner.config_of(ref, sources, nowhere))
    memory = dry.stages[0].memory[0] if dry.stages and dry.stages[0].memory else None
    if memory is not None:
        found.memory = {**memory.held, "total": memory.total}
    found.not_estimated = dry.not_estimated
    width = 2 if config.training.model.get("dtype") == "bfloat16" else 4
    whole, trained = (dry.parameters["total"][name] for name in ("all", "trained"))
    # A checkpoint has the weights that learn and two moments of each; rounds keep what they made.
    found.bytes += found.rounds * width * (whole + trained)
    found.bytes += CHECKPOINTS * 3 * width * trained


def _evaluations(
    config: AlignConfig, held_out: list[Prompt], looks: int, shape: Shape, found: Plan
) -> None:
    told = config.evaluation
    each = len(held_out) * told.samples
    way = config.way
    times = way.n if isinstance(way, BestOfNMethod) else 1
    found.candidates["evaluations"] = each * (looks - 1 + times)
    found.bytes += each * shape.bytes_of(held_out[0].task)
    calls = 0
    for judge in (config.judge, config.second_judge):
        if judge is None:
            continue
        modes = told.modes if judge is config.judge else told.modes[:1]
        one = _calls(judge.load(), held_out[0], shape, modes)
        if one is None:
            found.calls["evaluations"] = None
            return
        score, rank = one
        calls += each * (looks * score + (looks - 1) * rank)
        if judge is config.judge and isinstance(way, BestOfNMethod):
            calls += each * way.n * score
    found.calls["evaluations"] = calls


def _calls(judge: Any, prompt: Prompt, shape: Any, modes: Any) -> tuple[int, int] | None:
    """Calls for one candidate's score and for one pair; None where the judge does not say."""
    if not hasattr(judge, "plan"):
        return None
    two = [stand_in(prompt.task, at, shape) for at in range(2)]
    assert [one.id for one in two] == [candidate_name(0), candidate_name(1)]
    try:
        found = [
            judge.plan([prompt.with_candidates(two[:n])], mode).calls if mode in modes else 0
            for n, mode in ((1, "score"), (2, "rank"))
        ]
    except UnirewardError:
        return None
    finally:
        if hasattr(judge, "close"):
            judge.close()
    return found[0], found[1]


def _size(count: int) -> str:
    """``1.2 GB``, decimal as disks are sold."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
