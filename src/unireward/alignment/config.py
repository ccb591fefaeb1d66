"""AlignConfig: one alignment, whole, as a YAML file says it.

::

    output: runs/aligned
    policy: {path: runs/tiny_t2i/generator}
    judge: tiny
    truth: world                        # where it can be computed, to measure by
    prompts: prompts.txt
    task: image_generation
    method: {online: {rounds: 12, prompts: 64, decay: 0.5}}
    candidates: 4
    curation: [pair_rank, point_sift]
    training: {objective: {diffusion-dpo: {beta: 5000}}, optimiser: {lr: 2.0e-4}, steps: 4}
    evaluation: {prompts: held_out.txt, samples: 2, every: 4}

Any value can be given on the command line by its dotted name (``training.steps=8``,
``method.online.rounds=2``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    field_validator,
    model_validator,
)

from unireward.alignment.methods import METHODS, Method
from unireward.curation.config import JudgeConfig, PolicyConfig
from unireward.errors import InputError
from unireward.files.settings import check_output, overridden, read_config
from unireward.files.validate import validate
from unireward.record import Row
from unireward.training.config import BatchConfig, OptimiserConfig, ScheduleConfig

Mode = Literal["score", "rank"]


class TrainingConfig(Row):
    """How a round (or the one training there is) learns. ``objective`` None is that of the
    method; ``data`` are further options of the trainer's data (``drop_caption``, ``pair_score``),
    ``model`` those of its model (``lora``, ``generator``, ``answers``, ``dtype``); the rest as in
    a config of ``unireward train``."""

    objective: dict[str, Any] | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig | None = None
    """Of one training; None: level within the rounds of an online method, which has a ``decay``
    over them, else the trainer's own."""
    batch: BatchConfig = BatchConfig()
    steps: PositiveInt = 100
    average: FiniteFloat | None = Field(default=None, gt=0, lt=1)
    log_every: PositiveInt = 10
    save_every: PositiveInt = 500
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu"] = "auto"
    workers: NonNegativeInt = 0
    threads: PositiveInt | None = None
    trainer: dict[str, Any] = Field(default_factory=dict)


class EvaluationConfig(Row):
    """What is looked at, the same prompts and noise every time: ``samples`` candidates of each of
    ``prompts`` (``limit`` the most of them), drawn from ``seed``.

    ``every`` counts rounds of an online method, else steps of training; None looks at the start
    and the end alone. ``modes`` are how the judge is asked: ``score`` each candidate, ``rank`` it
    against the start's of the same noise. ``options`` are the policy's where they differ from
    those it is sampled with, ``shown`` the prompts whose candidates are kept for the page.
    """

    prompts: Path
    limit: PositiveInt | None = None
    samples: PositiveInt = 1
    seed: NonNegativeInt = 1
    every: PositiveInt | None = None
    modes: tuple[Mode, ...] = Field(default=("score", "rank"), min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    shown: NonNegativeInt = 12


class AlarmConfig(Row):
    """What is done when truth or the second judge falls while the reward rises
    (:mod:`unireward.alignment.alarm`), and how sure it must be."""

    do: Literal["stop", "warn", "off"] = "stop"
    confidence: FiniteFloat = Field(default=0.95, gt=0.5, lt=1)


class AlignConfig(Row):
    """See the module docstring. ``second_judge`` only looks; ``judges`` are further ones that
    steps of ``curation`` name. ``truth`` is ``world`` or ``module:name``
    (:mod:`unireward.alignment.truth`). ``limit`` is the most prompts taken, ``task`` that of
    prompts which name none, ``candidates`` how many are sampled for each."""

    output: Path
    seed: NonNegativeInt = 0
    policy: PolicyConfig
    judge: JudgeConfig
    second_judge: JudgeConfig | None = None
    judges: dict[str, JudgeConfig] = Field(default_factory=dict)
    truth: str | None = None
    prompts: Path | None = None
    task: str | None = None
    limit: PositiveInt | None = None
    method: dict[str, dict[str, Any]]
    candidates: int = Field(default=4, ge=2)
    curation: tuple[Any, ...] | str | None = None
    clips: Literal["mp4", "frames"] = "mp4"
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig
    alarm: AlarmConfig = AlarmConfig()

    @field_validator("alarm", mode="before")
    @classmethod
    def _alarm(cls, value: Any) -> Any:
        if value is False:  # what YAML makes of a bare ``off``
            value = "off"
        return {"do": value} if isinstance(value, str) else value

    @field_validator("method", mode="before")
    @classmethod
    def _method(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {value: {}}
        if not isinstance(value, Mapping) or len(value) != 1:
            raise ValueError("must be the name of a method, or name: {option: value}")
        ((kind, given),) = value.items()
        if kind not in METHODS:
            raise ValueError(f"{kind!r} is no method; use {', '.join(METHODS)}")
        return {kind: {} if given is None else given}

    @model_validator(mode="after")
    def _whole(self) -> AlignConfig:
        check_output(self.output)
        kind = next(iter(self.method))
        if METHODS[kind].samples and self.prompts is None:
            raise ValueError(f"prompts is missing; give a file of them, which {kind} learns on")
        every = self.evaluation.every
        counts_steps = METHODS[kind].trains and METHODS[kind].counted_in == "steps"
        if counts_steps and every is not None and self.training.steps % every:
            raise ValueError(
                f"evaluation.every ({every}) must divide training.steps ({self.training.steps}), "
                "so that the last weights are looked at too"
            )
        if kind == "online":
            generator = self.training.model.get("generator")
            export = generator.get("export") if isinstance(generator, Mapping) else None
            if export not in (None, "merged"):
                raise ValueError(
                    f"training.model.generator.export is {export}, and the next round begins from "
                    "whole weights; set it to merged"
                )
        return self

    @property
    def way(self) -> Method:
        """The method with its options. InputError names the option."""
        ((kind, given),) = self.method.items()
        try:
            return validate(METHODS[kind], given)
        except InputError as error:
            raise InputError(f"method.{kind}.{error}") from None


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> AlignConfig:
    """The config in ``path`` with ``key=value`` overrides. InputError names file and field."""
    return read_config(path, overrides, parse_config)


def parse_config(body: dict[str, Any], overrides: Sequence[str] = ()) -> AlignConfig:
    """The config of a mapping (see :func:`load_config`), its method and steps checked."""
    from unireward.alignment.curating import check_steps

    config = validate(AlignConfig, overridden(body, overrides))
    if config.way.samples:
        check_steps(config)
    return config
