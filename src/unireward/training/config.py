"""TrainConfig: one training, whole, as a YAML file says it.

::

    output: runs/mine
    model: {path: Qwen/Qwen3-VL-8B-Instruct, family: unifiedreward-2, lora: {r: 16}}
    data: {sources: [{records: train.jsonl}]}
    objective: {sft: {}}
    steps: 2000
    batch: {size: 64, accumulation: 16}
    evaluation: {every: 200, records: held_out.jsonl}

``stages`` is a list of trainings one after another, each going on from the weights of the one
before; a stage takes what it does not say from the top level. ``settings`` are named sets of
overrides (``unireward train FILE setting=small``). Any value can be given on the command line by
its dotted name (``optimiser.lr=1e-5``, ``stages.0.steps=10``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

from unireward.errors import InputError
from unireward.files.settings import check_output, overridden, read_config
from unireward.files.validate import validate
from unireward.record import Row
from unireward.training.data_config import RecordsConfig
from unireward.training.model_config import (
    AnswersConfig,
    AnyModel,
    GeneratorConfig,
    LoraConfig,
    ModelConfig,
)

__all__ = [
    "AnswersConfig", "BatchConfig", "EvaluationConfig", "GeneratorConfig", "LoraConfig",
    "ModelConfig", "OptimiserConfig", "SaveConfig", "ScheduleConfig", "StageConfig", "TrainConfig",
    "load_config", "parse_config",
]  # fmt: skip


class OptimiserConfig(Row):
    """``adamw``, or ``muon`` (momentum on the hidden matrices, its step scaled to AdamW's RMS)
    with AdamW at ``adam_lr`` on all else. ``max_grad_norm`` None clips nothing.
    ``orthogonalise`` is the precision of Muon's iteration: PyTorch's own is ``bfloat16``, which is
    slow on a processor without such units."""

    name: Literal["adamw", "muon"] = "adamw"
    lr: FiniteFloat = Field(default=1e-5, gt=0)
    adam_lr: FiniteFloat | None = Field(default=None, gt=0)
    betas: tuple[FiniteFloat, FiniteFloat] = (0.9, 0.999)
    momentum: FiniteFloat = Field(default=0.95, ge=0, lt=1)
    orthogonalise: Literal["bfloat16", "float32"] = "bfloat16"
    eps: FiniteFloat = Field(default=1e-8, gt=0)
    weight_decay: FiniteFloat = Field(default=0.0, ge=0)
    max_grad_norm: FiniteFloat | None = Field(default=1.0, gt=0)


class ScheduleConfig(Row):
    """The rate over a stage: a linear rise over the share ``warmup``, then level, then a fall to
    zero over the last share ``decay`` (linear, or half a cosine)."""

    kind: Literal["linear", "cosine"] = "linear"
    warmup: FiniteFloat = Field(default=0.03, ge=0, le=1)
    decay: FiniteFloat = Field(default=1.0, ge=0, le=1)


class BatchConfig(Row):
    """``size`` examples an optimiser step over all processes, in ``accumulation`` micro-batches
    a process."""

    size: PositiveInt = 32
    accumulation: PositiveInt = 1


class EvaluationConfig(Row):
    """Looked at every ``every`` steps, on ``records`` (a file) or ``world`` (task -> number of
    pairs; of the training split, from ``seed``, by generators that training does not use, so that
    what reports are made on stays unseen). ``keep`` is which weights the stage ends with: those
    that were best here by ``metric`` (None: accuracy; higher is better), or the last.

    A judge judges the records. ``evaluator`` (``module:name``, given ``options``) does something
    else with them, and is all that looks at a model that makes candidates
    (:mod:`unireward.training.custom_evaluation`).
    """

    every: PositiveInt = 500
    records: str | None = None
    world: dict[str, PositiveInt] | None = None
    seed: int = Field(default=0, ge=0)
    limit: PositiveInt | None = None
    both_orders: bool = True
    evaluator: str | None = None
    options: dict[str, Any] | None = None
    metric: str | None = None
    keep: Literal["best", "last"] = "best"

    @model_validator(mode="after")
    def _one_origin(self) -> EvaluationConfig:
        if (self.records is None) == (self.world is None):
            raise ValueError("give records (a file) or world (task: number), one of them")
        if self.evaluator is None and (self.options is not None or self.metric is not None):
            raise ValueError("options and metric belong to an evaluator; name one (module:name)")
        return self

    @property
    def decides(self) -> str:
        """The metric by which weights are the best."""
        return self.metric or "accuracy"


class SaveConfig(Row):
    """A checkpoint every ``every`` steps; the last ``limit`` of them (and the best) stay."""

    every: PositiveInt = 500
    limit: PositiveInt = 2


class StageConfig(Row):
    """One training with one set of data, rates and losses."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    steps: PositiveInt
    data: dict[str, Any]
    objective: dict[str, Any]
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    batch: BatchConfig = BatchConfig()
    average: FiniteFloat | None = Field(default=None, gt=0, lt=1)
    """Decay of a running average of the weights, with which the stage ends (None: no average)."""
    evaluation: EvaluationConfig | None = None

    @model_validator(mode="after")
    def _has_terms(self) -> StageConfig:
        if not self.objective:
            raise ValueError("objective names no loss; write for example {sft: {}}")
        return self


class TrainConfig(Row):
    """See the module docstring. ``precision`` is that of the computation; ``workers`` are
    processes that prepare batches; ``threads`` of PyTorch (None: its own choice); ``trainer``
    goes to ``transformers.TrainingArguments`` as it is (``fsdp``, ``deepspeed``, ...)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = "mine"
    output: Path
    seed: int = Field(default=0, ge=0)
    model: AnyModel
    stages: tuple[StageConfig, ...]
    save: SaveConfig = SaveConfig()
    log_every: PositiveInt = 10
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu"] = "auto"
    workers: int = Field(default=1, ge=0)
    threads: PositiveInt | None = None
    tensorboard: bool = True
    trainer: dict[str, Any] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)
    """Goes into the exported ``judge.json`` (or ``training.json``) as it is."""

    @model_validator(mode="after")
    def _stages_differ(self) -> TrainConfig:
        if not self.stages:
            raise ValueError("stages holds none; write one item for each stage, or leave it out")
        check_output(self.output)
        names = [stage.name for stage in self.stages]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two stages are called {twice[0]!r}; give each its own name")
        for stage in self.stages:
            judged = stage.evaluation
            if judged and judged.keep == "best" and self.save.every % judged.every:
                raise ValueError(
                    f"save.every ({self.save.every}) must be a multiple of evaluation.every "
                    f"({judged.every}) for the best checkpoint to be kept"
                )
        return self


_OF_STAGE = tuple(name for name in StageConfig.model_fields if name != "name")


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The config in ``path`` with ``key=value`` overrides. InputError names file and field."""
    return read_config(path, overrides, parse_config)


def parse_config(body: dict[str, Any], overrides: Sequence[str] = ()) -> TrainConfig:
    """The config of a mapping (see :func:`load_config`)."""
    body = overridden(body, overrides)
    try:
        config = validate(TrainConfig, _staged(body))
    except InputError as error:
        # What was written at the top is called what it is called there.
        said = str(error) if "stages" in body else str(error).removeprefix("stages[0].")
        raise InputError(said) from None
    for stage in config.stages:
        name = f"stages.{stage.name}.data" if "stages" in body else "data"
        _check_data(config.model.data, stage, name)
    return config


def _check_data(kind: type[RecordsConfig], stage: StageConfig, name: str) -> None:
    if "factory" in stage.data:
        return
    try:
        validate(kind, dict(stage.data))
    except InputError as error:
        raise InputError(f"{name}.{error}") from None


def _staged(body: dict[str, Any]) -> dict[str, Any]:
    """What stages have in common, given at the top, put into each of them."""
    common = {name: body[name] for name in _OF_STAGE if name in body}
    rest = {name: value for name, value in body.items() if name not in common}
    stages = rest.pop("stages", None)
    if stages is None:
        stages = [{"name": "train"}]
    if not isinstance(stages, list):
        raise InputError("stages: is no list; write one item for each stage")
    return {**rest, "stages": [_merged(common, stage) for stage in stages]}


def _merged(under: Any, over: Any) -> Any:
    """``over`` on top of ``under``, mappings key by key; ``data`` and ``objective`` are replaced
    whole, since half of another stage's losses is never what was meant."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    out = dict(under)
    for key, value in over.items():
        whole = key in ("data", "objective") or key not in out
        out[key] = value if whole else _merged(out[key], value)
    return out
