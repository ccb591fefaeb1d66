"""DryRun: a config checked without weights -- what it trains, on what, and the memory it takes.

::

    found = dry_run(load_config("train.yaml"), gpus=8)
    print("\\n".join(found.lines()))
    found.ok, found.to_dict()

A 7B model takes seconds and no memory: it is built from its config alone. The data are really
read, where the tokenizer and processor files are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.training import checks
from unireward.training.blank import ROWS, Block, Weight, blank, shapes_of, weights_of
from unireward.training.checks import Problem
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.memory import STRATEGIES, Load, Memory, Setting, memory
from unireward.training.sampled import Sampled, dataset_of, sampled
from unireward.training.sharding import sharding
from unireward.training.share import Share

if TYPE_CHECKING:
    from unireward.training.objectives import Objective


@dataclass(frozen=True)
class StageFound:
    """A stage: its terms (name, kind, coefficient), what was measured of its data (or why nothing
    was), ``steps`` of ``size`` examples, and the memory of each way to share it out."""

    name: str
    steps: int
    size: int
    warmup: int
    terms: list[dict[str, Any]]
    data: Sampled | None
    not_measured: str | None
    memory: list[Memory]

    def to_dict(self) -> dict[str, Any]:
        out = {k: v for k, v in vars(self).items() if k not in ("data", "memory")}
        out["examples"] = self.steps * self.size
        out["data"] = self.data.to_dict() if self.data is not None else None
        out["memory"] = {one.strategy: {**one.held, "total": one.total} for one in self.memory}
        return out


@dataclass(frozen=True)
class DryRun:
    """See the module docstring. ``parameters`` are counts by part, ``all`` and ``trained``."""

    name: str
    model: str
    family: str
    gpus: int
    parameters: dict[str, dict[str, int]]
    stages: list[StageFound]
    problems: list[Problem] = field(default_factory=list)
    device_memory: int | None = None

    @property
    def ok(self) -> bool:
        """Nothing was found that stops the training."""
        return not any(problem.fatal for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "family": self.family,
            "gpus": self.gpus,
            "parameters": self.parameters,
            "stages": [stage.to_dict() for stage in self.stages],
            "device_memory": self.device_memory,
            "ok": self.ok,
            "problems": [vars(problem) for problem in self.problems],
        }

    def lines(self) -> list[str]:
        """For people, at 80 columns."""
        from unireward.training.dry_lines import lines

        return lines(self)


def dry_run(config: TrainConfig, gpus: int = 1) -> DryRun:
    """Check ``config`` for a training on ``gpus`` devices. Raises InputError where there is no
    model or family to check anything with; all else is among the problems."""
    from unireward.families.judge_json import family_named

    family = family_named(config.model.family)
    parts, processor, why = blank(config.model, config.seed)
    problems = list(checks.of_config(config))
    if why is not None:
        problems.append(Problem(why))
    look = _Look(config, gpus, parts, processor, problems)
    stages = [look.stage(number, stage) for number, stage in enumerate(config.stages, start=1)]
    return DryRun(
        config.name,
        type(look.model).__name__,
        family.name,
        gpus,
        counts(look.weights),
        stages,
        problems,
        _device_memory(config),
    )


def counts(weights: list[Weight]) -> dict[str, dict[str, int]]:
    """Weights by part, those parts that there are, and ``total``."""
    out = {row: {"all": 0, "trained": 0} for row in (*ROWS, "total")}
    for weight in weights:
        for row in (weight.row, "total"):
            out[row]["all"] += weight.count
            out[row]["trained"] += weight.count if weight.trained else 0
    return {row: found for row, found in out.items() if found["all"]}


def _device_memory(config: TrainConfig) -> int | None:
    import torch

    if config.device == "cpu" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory


def _longest(stage: StageConfig) -> int | None:
    limit = stage.data.get("max_tokens")
    return limit if isinstance(limit, int) and limit > 0 else None


class _Look:
    """One config's model and processor, looked at stage by stage."""

    def __init__(
        self,
        config: TrainConfig,
        gpus: int,
        parts: Any,
        processor: Any,
        problems: list[Problem],
    ) -> None:
        import torch

        from unireward.training.trainee import Trainee

        self.config, self.gpus, self.problems = config, gpus, problems
        self.processor = processor
        self.packed = parts.states is not None
        with torch.device("meta"):
            self.trainee = Trainee(
                parts.model,
                reward=self._reward(parts.model),
                auxiliary=config.model.auxiliary,
                states=parts.states,
            )
        self.model = self.trainee.language_model
        self.weights = weights_of(self.trainee)
        self.blocks: list[Block] = shapes_of(self.trainee)
        self.strategies = self._strategies()

    def _reward(self, model: Any) -> Any:
        head = self.config.model.head
        if head is None:
            return None
        from unireward.rewards.heads import make_head
        from unireward.rewards.reward_model import RewardModel, hidden_size_of
        from unireward.training.run import with_marks

        if self.processor is not None:
            head = with_marks(head, self.processor.tokenizer)
        return RewardModel(model, make_head(head, hidden_size_of(model.config)))

    def _strategies(self) -> tuple[str, ...]:
        try:
            chosen = sharding(self.config.trainer)
        except InputError as error:
            self.problems.append(Problem(str(error)))
            return ()
        if chosen is not None and self.packed:
            self.problems.append(
                Problem(
                    "model.factory: its states go past the layers that sharding gathers; train it "
                    "without"
                )
            )
        if chosen is not None:
            return ("zero2" if chosen == "zero1" else chosen,)
        if self.gpus == 1:
            return ("ddp",)
        # Muon moves whole matrices, and packed states go past the layers that are gathered.
        muon = any(stage.optimiser.name == "muon" for stage in self.config.stages)
        return ("ddp",) if muon or self.packed else STRATEGIES

    def stage(self, number: int, stage: StageConfig) -> StageFound:
        if self.strategies:
            self.problems += checks.of_weights(self.config, stage, self.weights)
            self.problems += checks.of_stage(self.config, stage, self.gpus)
        objective = self._objective(stage)
        data, why = self._data(number, stage)
        if data is not None:
            self.problems += checks.of_tokens(stage, data, self.model)
        elif _longest(stage):
            why = f"{why}; the memory is that of sequences of max_tokens, their pictures left out"
        load = data.load if data is not None else self._load(stage)
        setting = self._setting(stage, objective)
        return StageFound(
            stage.name,
            stage.steps,
            stage.batch.size,
            int(stage.schedule.warmup * stage.steps),
            [
                {"name": term.name, "kind": getattr(term, "kind", ""), "weight": term.coefficient}
                for term in (objective.terms if objective is not None else ())
            ],
            data,
            why,
            [memory(self.weights, self.blocks, setting, load, way, self.gpus)
             for way in self.strategies],
        )  # fmt: skip

    def _objective(self, stage: StageConfig) -> Objective | None:
        from unireward.training.objectives import make_objective

        try:
            return make_objective(stage.objective, self._token_id)
        except InputError as error:
            self.problems.append(Problem(f"stages.{stage.name}.objective: {error}"))
            return None

    def _token_id(self, text: str) -> int:
        if self.processor is None:
            return 0
        tokenizer = self.processor.tokenizer
        ids = tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise InputError(f"{text!r} is {len(ids)} tokens here; give a word that is one")
        return ids[0]

    def _data(self, number: int, stage: StageConfig) -> tuple[Sampled | None, str | None]:
        if self.processor is None and "factory" not in stage.data:
            return None, "there is no processor"
        share = Share(
            steps=stage.steps,
            size=stage.batch.size,
            seed=self.config.seed * 1000 + number,
            world=self.gpus,
            accumulation=stage.batch.accumulation,
        )
        try:
            dataset = dataset_of(self.config, stage, share, self.processor)
            return sampled(dataset, share, self.model), None
        except InputError as error:
            self.problems.append(Problem(f"stages.{stage.name}: {error}"))
            return None, str(error)

    def _load(self, stage: StageConfig) -> Load | None:
        """The micro-batch of sequences that are as long as they may be, where data say so."""
        from unireward.training.steps import objective_kind

        longest = _longest(stage)
        if longest is None:
            return None
        each = 2 if objective_kind(stage.objective) in ("pair", "dpo") else 1
        rows = each * max(1, -(-stage.batch.size // (self.gpus * stage.batch.accumulation)))
        return Load(rows * longest, longest, rows > 1)

    def _setting(self, stage: StageConfig, objective: Objective | None) -> Setting:
        from unireward.training.objectives import Dpo

        model = self.config.model
        terms = objective.terms if objective is not None else ()
        compared = any(isinstance(t, Dpo) and not t.options.reference_free for t in terms)
        trainer: Mapping[str, Any] = self.config.trainer
        return Setting(
            half=self.config.precision == "bfloat16",
            muon=stage.optimiser.name == "muon",
            average=stage.average is not None,
            reference=compared and model.lora is None,
            checkpointing=model.gradient_checkpointing
            or bool(trainer.get("gradient_checkpointing")),
            rank=model.lora.r if model.lora is not None else 0,
            dropout=model.lora is not None and model.lora.dropout > 0,
            vocabulary=self.model.config.get_text_config().vocab_size,
        )
