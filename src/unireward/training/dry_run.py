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
from typing import TYPE_CHECKING, Any, Protocol

from unireward.errors import InputError
from unireward.training import checks
from unireward.training.blank import ROWS, Block, Weight, blank, shapes_of, weights_of
from unireward.training.checks import Problem
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.memory import STRATEGIES, Load, Memory, Setting, memory
from unireward.training.sampled import Sampled, sampled
from unireward.training.sharding import sharding
from unireward.training.share import Share

if TYPE_CHECKING:
    from unireward.training.objectives import Objective
    from unireward.training.subjects.language import LanguageSubject


class Read(Protocol):
    """What was measured of a stage's data: tokens (:class:`Sampled`), or pictures."""

    @property
    def available(self) -> int | None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def told(self) -> list[tuple[str, str]]: ...


@dataclass(frozen=True)
class StageFound:
    """A stage: its terms (name, kind, coefficient), what was measured of its data (or why nothing
    was), ``steps`` of ``size`` examples, and the memory of each way to share it out."""

    name: str
    steps: int
    size: int
    warmup: int
    terms: list[dict[str, Any]]
    data: Read | None
    not_measured: str | None
    memory: list[Memory]

    @classmethod
    def of(
        cls,
        stage: StageConfig,
        objective: Objective | None,
        data: Read | None,
        why: str | None,
        memory: list[Memory],
    ) -> StageFound:
        warmup = int(stage.schedule.warmup * stage.steps)
        terms = terms_of(objective)
        return cls(stage.name, stage.steps, stage.batch.size, warmup, terms, data, why, memory)

    def to_dict(self) -> dict[str, Any]:
        out = {k: v for k, v in vars(self).items() if k not in ("data", "memory")}
        out["examples"] = self.steps * self.size
        out["data"] = self.data.to_dict() if self.data is not None else None
        out["memory"] = {one.strategy: {**one.held, "total": one.total} for one in self.memory}
        return out


@dataclass(frozen=True)
class DryRun:
    """See the module docstring. ``what`` is trained (``judge``, ``generator``, ``policy``),
    ``family`` is how a judge is asked (None for the others). ``parameters`` are counts by part,
    ``all`` and ``trained``; ``not_estimated`` says what the memory leaves out, where that is
    more than a line of its own."""

    name: str
    model: str
    what: str
    family: str | None
    gpus: int
    parameters: dict[str, dict[str, int]]
    stages: list[StageFound]
    problems: list[Problem] = field(default_factory=list)
    device_memory: int | None = None
    not_estimated: str | None = None

    @property
    def ok(self) -> bool:
        """Nothing was found that stops the training."""
        return not any(problem.fatal for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "what": self.what,
            "family": self.family,
            "gpus": self.gpus,
            "parameters": self.parameters,
            "stages": [stage.to_dict() for stage in self.stages],
            "device_memory": self.device_memory,
            "not_estimated": self.not_estimated,
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
    from unireward.training.subjects import subject_of

    return subject_of(config).dry_run(gpus)


def language_dry_run(subject: LanguageSubject[Any], gpus: int) -> DryRun:
    """That of a model of transformers: a judge, or one that answers."""
    config = subject.config
    subject.parts, subject.processor, why = blank(subject.model, config.seed)
    problems = list(checks.of_config(config))
    if why is not None:
        problems.append(Problem(why))
    look = _Look(subject, gpus, problems)
    stages = [look.stage(number, stage) for number, stage in enumerate(config.stages, start=1)]
    return DryRun(
        config.name,
        type(look.model).__name__,
        config.model.result,
        subject.asked,
        gpus,
        counts(look.weights),
        stages,
        problems,
        device_memory(config),
    )


def counts(weights: list[Weight], rows: tuple[str, ...] = ROWS) -> dict[str, dict[str, int]]:
    """Weights by part, those parts that there are, and ``total``."""
    out = {row: {"all": 0, "trained": 0} for row in (*rows, "total")}
    for weight in weights:
        for row in (weight.row, "total"):
            out[row]["all"] += weight.count
            out[row]["trained"] += weight.count if weight.trained else 0
    return {row: found for row, found in out.items() if found["all"]}


def terms_of(objective: Objective | None) -> list[dict[str, Any]]:
    """Name, kind and coefficient of every term."""
    return [
        {"name": term.name, "kind": getattr(term, "kind", ""), "weight": term.coefficient}
        for term in (objective.terms if objective is not None else ())
    ]


def compares(objective: Objective | None) -> bool:
    """Whether a term reads a reference model."""
    terms = objective.terms if objective is not None else ()
    return any(getattr(term, "reads_reference", False) for term in terms)


def device_memory(config: TrainConfig) -> int | None:
    import torch

    if config.device == "cpu" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory


def _longest(stage: StageConfig) -> int | None:
    limit = stage.data.get("max_tokens")
    return limit if isinstance(limit, int) and limit > 0 else None


class _Look:
    """One subject's model and processor, looked at stage by stage."""

    def __init__(self, subject: LanguageSubject[Any], gpus: int, problems: list[Problem]) -> None:
        import torch

        self.subject, self.config = subject, subject.config
        self.gpus, self.problems = gpus, problems
        self.processor = subject.processor
        self.packed = subject.parts.states is not None
        with torch.device("meta"):
            self.trainee = subject.trainee_of(subject.parts)
        self.model = self.trainee.language_model
        self.weights = weights_of(self.trainee)
        self.blocks: list[Block] = shapes_of(self.trainee)
        self.strategies = self._strategies()

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
        setting = self._setting(number, stage, objective)
        held = [memory(self.weights, self.blocks, setting, load, way, self.gpus)
                for way in self.strategies]  # fmt: skip
        return StageFound.of(stage, objective, data, why, held)

    def _objective(self, stage: StageConfig) -> Objective | None:
        try:
            return self.subject.objective(stage)
        except InputError as error:
            self.problems.append(Problem(str(error)))
            return None

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
            dataset = self.subject.data(stage, share)
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

    def _setting(self, number: int, stage: StageConfig, objective: Objective | None) -> Setting:
        model = self.config.model
        # Adapters that learned before have to be kept; those that begin are just left out.
        begins = model.lora is not None and number == 1 and model.init is None
        trainer: Mapping[str, Any] = self.config.trainer
        return Setting(
            half=self.config.precision == "bfloat16",
            muon=stage.optimiser.name == "muon",
            average=stage.average is not None,
            reference=compares(objective) and not begins,
            checkpointing=model.gradient_checkpointing
            or bool(trainer.get("gradient_checkpointing")),
            rank=model.lora.r if model.lora is not None else 0,
            dropout=model.lora is not None and model.lora.dropout > 0,
            vocabulary=self.model.config.get_text_config().vocab_size,
        )
