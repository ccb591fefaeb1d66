"""The dry run of a generator: what it trains, on what, and the memory that is known beforehand.

Weights, gradients and what the optimiser keeps are exact. Activations are not estimated: how many
there are is decided by attention over the latents of one family or another, and by what the VAE
and the text encoders hold while they encode.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.training import checks
from unireward.training.blank import Weight
from unireward.training.blank_pipeline import blank_adapter
from unireward.training.checks import Problem
from unireward.training.config import StageConfig
from unireward.training.dry_run import (
    DryRun,
    StageFound,
    compares,
    counts,
    device_memory,
)
from unireward.training.memory import Memory, Setting, memory
from unireward.training.sampled import EXAMPLES, available_of
from unireward.training.share import Share

if TYPE_CHECKING:
    from unireward.training.objectives import Objective
    from unireward.training.subjects.generator import GeneratorSubject

NOT_ESTIMATED = (
    "activations of the denoiser, and of the VAE and the text encoders while they encode"
)


@dataclass(frozen=True)
class Pictures:
    """What was read of a stage's data: ``examples`` of ``rows`` pictures (two of a pair) of
    ``height`` x ``width``, ``frames`` of a clip. ``available`` is how many examples there are,
    None for those that are drawn without end."""

    examples: int
    rows: int
    height: int
    width: int
    frames: int | None
    available: int | None
    skipped: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def told(self) -> list[tuple[str, str]]:
        """Labels and texts for people."""
        frames = f", {self.frames} frames a clip" if self.frames is not None else ""
        each = self.rows / max(1, self.examples)
        return [
            ("pictures", f"{self.height} x {self.width} pixels{frames}, {each:.3g} an example; "
             f"read: the first {self.examples:,} examples"),
        ]  # fmt: skip


def generator_dry_run(subject: GeneratorSubject, gpus: int) -> DryRun:
    """Raises :class:`InputError` where there is no pipeline to check anything with."""
    from unireward.training.generator_trainee import GeneratorTrainee
    from unireward.training.subjects.generator import prepare

    config, model = subject.config, subject.model
    subject.adapter = blank_adapter(model, config.seed)
    prepare(subject.adapter, model, config.seed)
    subject.check_size()
    subject.trainee = GeneratorTrainee(subject.adapter, model.generator.times)
    weights = weights_of(subject.trainee)
    problems = list(checks.of_config(config))
    try:
        subject.preflight({})
    except InputError as error:
        problems.append(Problem(str(error)))
    stages = []
    for number, stage in enumerate(config.stages, start=1):
        problems += checks.of_weights(config, stage, weights)
        problems += checks.of_stage(config, stage, gpus)
        stages.append(_stage(subject, number, stage, weights, gpus, problems))
    return DryRun(
        config.name,
        f"{type(subject.adapter.denoiser).__name__} of {subject.adapter.pipeline_class}",
        model.result,
        None,
        gpus,
        counts(weights, tuple(dict.fromkeys(weight.row for weight in weights))),
        stages,
        problems,
        device_memory(config),
        NOT_ESTIMATED,
    )


def weights_of(trainee: Any) -> list[Weight]:
    """Every parameter of a generator, by the part it is in; adapters by themselves."""
    from unireward.training.optimiser import is_matrix

    return [
        Weight(
            name,
            "adapters" if "lora_" in name else name.split(".")[1],
            weight.numel(),
            weight.element_size(),
            weight.requires_grad,
            is_matrix(name, weight),
        )
        for name, weight in trainee.named_parameters()
    ]


def _stage(
    subject: GeneratorSubject,
    number: int,
    stage: StageConfig,
    weights: list[Weight],
    gpus: int,
    problems: list[Problem],
) -> StageFound:
    objective: Objective | None = None
    try:
        objective = subject.objective(stage)
        if stage.evaluation is not None:
            subject.check_evaluation(stage)
    except InputError as error:
        problems.append(Problem(str(error)))
    data, why = _read(subject, number, stage, gpus, problems)
    held = _memory(subject, number, stage, objective, weights, gpus)
    return StageFound.of(stage, objective, data, why, [held])


def _read(
    subject: GeneratorSubject, number: int, stage: StageConfig, gpus: int, problems: list[Problem]
) -> tuple[Pictures | None, str | None]:
    seed = subject.config.seed * 1000 + number
    share = Share(stage.steps, stage.batch.size, seed, 0, gpus, stage.batch.accumulation)
    try:
        dataset = subject.data(stage, share)
        return pictures(dataset, share), None
    except InputError as error:
        problems.append(Problem(f"stages.{stage.name}: {error}"))
        return None, str(error)


def pictures(dataset: Any, share: Share) -> Pictures:
    """The first examples of ``dataset``. Raises what reading them raises, an InputError where all
    are left out."""
    examples, rows = 0, 0
    shape: tuple[int, ...] = ()
    skipped: dict[str, int] = {}
    for number in range(min(len(share), EXAMPLES)):
        item = dataset[number]
        for reason, left_out in item.get("skipped", {}).items():
            skipped[reason] = skipped.get(reason, 0) + left_out
        for part in item["parts"]:
            shape = tuple(part["inputs"]["pixels"].shape[1:])
            rows += len(part["seeds"])
        examples += len(item.get("record_ids", ()))
        if examples >= EXAMPLES:
            break
    if not shape:
        why = ", ".join(f"{reason}: {n:,}" for reason, n in skipped.items())
        raise InputError(f"data: the first examples are all left out ({why or 'none is there'})")
    frames = shape[0] if len(shape) == 4 else None
    height, width = shape[-2:]
    return Pictures(examples, rows, height, width, frames, available_of(dataset), skipped)


def _memory(
    subject: GeneratorSubject,
    number: int,
    stage: StageConfig,
    objective: Objective | None,
    weights: list[Weight],
    gpus: int,
) -> Memory:
    model = subject.model
    begins = model.lora is not None and number == 1 and model.init is None
    setting = Setting(
        half=subject.config.precision == "bfloat16",
        muon=stage.optimiser.name == "muon",
        average=stage.average is not None,
        reference=compares(objective) and not begins,
    )
    return memory(weights, (), setting, None, "ddp", gpus)
