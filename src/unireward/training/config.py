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
from unireward.files.validate import validate
from unireward.record import Row


class LoraConfig(Row):
    """peft's LoRA. ``targets`` are peft's target_modules (None: all linear layers of the language
    model)."""

    r: PositiveInt = 16
    alpha: FiniteFloat = 32.0
    dropout: FiniteFloat = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | str | None = None


class ModelConfig(Row):
    """What is trained: ``path`` (a folder or hub id), or ``factory`` (``module:name``, called with
    the seed, gives :class:`~unireward.training.parts.Parts`). ``init`` is the folder of an
    earlier run's weights (a stage's ``final``, or a checkpoint of it) of the same config to begin
    with.

    ``freeze`` names parts: ``vision``, ``projector``, ``language``. ``head`` is a reward head's
    config (:mod:`unireward.rewards.heads`), ``auxiliary`` training-only linear layers by name
    with their widths. ``dtype`` is that of the stored weights.
    """

    path: str | None = None
    factory: str | None = None
    init: str | None = None
    family: str
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    attention: str | None = None
    freeze: tuple[Literal["vision", "projector", "language"], ...] = ()
    lora: LoraConfig | None = None
    head: dict[str, Any] | None = None
    auxiliary: dict[str, PositiveInt] = Field(default_factory=dict)
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> ModelConfig:
        if (self.path is None) == (self.factory is None):
            raise ValueError("give path (a checkpoint) or factory (module:name), one of them")
        return self


class OptimiserConfig(Row):
    """``adamw``, or ``muon`` (momentum on the hidden matrices, its step scaled to AdamW's RMS)
    with AdamW at ``adam_lr`` on all else. ``max_grad_norm`` None clips nothing."""

    name: Literal["adamw", "muon"] = "adamw"
    lr: FiniteFloat = Field(default=1e-5, gt=0)
    adam_lr: FiniteFloat | None = Field(default=None, gt=0)
    betas: tuple[FiniteFloat, FiniteFloat] = (0.9, 0.999)
    momentum: FiniteFloat = Field(default=0.95, ge=0, lt=1)
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
    """Judged every ``every`` steps by the real judge, on ``records`` (a file) or ``world``
    (task -> number of pairs; of the training split, from ``seed``, by generators that training
    does not use, so that what reports are made on stays unseen). ``keep`` is which weights the
    stage ends with: those that were most accurate here, or the last."""

    every: PositiveInt = 500
    records: str | None = None
    world: dict[str, PositiveInt] | None = None
    seed: int = Field(default=0, ge=0)
    limit: PositiveInt | None = None
    both_orders: bool = True
    keep: Literal["best", "last"] = "best"

    @model_validator(mode="after")
    def _one_origin(self) -> EvaluationConfig:
        if (self.records is None) == (self.world is None):
            raise ValueError("give records (a file) or world (task: number), one of them")
        return self


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
    model: ModelConfig
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
    """Goes into the exported ``judge.json`` as it is."""

    @model_validator(mode="after")
    def _stages_differ(self) -> TrainConfig:
        if not self.stages:
            raise ValueError("stages holds none; write one item for each stage, or leave it out")
        if not self.output.name:
            raise ValueError("output is no folder of its own; give one, for example runs/mine")
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
    import yaml

    path = Path(path)
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give a YAML config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}: is no YAML ({said}); mend it") from None
    if not isinstance(body, dict):
        raise InputError(f"{path}: holds no mapping; write key: value lines")
    try:
        return parse_config(body, overrides)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_config(body: dict[str, Any], overrides: Sequence[str] = ()) -> TrainConfig:
    """The config of a mapping (see :func:`load_config`)."""
    body = dict(body)
    settings = body.pop("settings", None) or {}
    if not isinstance(settings, dict):
        raise InputError("settings: must be an object of named settings; write name: {key: value}")
    pairs: list[tuple[str, Any]] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"override {text!r} is no key=value; write for example seed=1")
        if key == "setting":
            if value not in settings:
                known = ", ".join(settings) or "none"
                raise InputError(f"setting {value!r} is not in the file; it has {known}")
            if not isinstance(settings[value], dict):
                raise InputError(f"settings.{value}: must be an object {{...}} of overrides")
            pairs += [(str(name), given) for name, given in settings[value].items()]
        else:
            pairs.append((key, _value(text, value)))
    for key, value in pairs:
        body = _put(body, key.split("."), value, key)
    try:
        config = validate(TrainConfig, _staged(body))
    except InputError as error:
        # What was written at the top is called what it is called there.
        said = str(error) if "stages" in body else str(error).removeprefix("stages[0].")
        raise InputError(said) from None
    for stage in config.stages:
        _check_data(stage, f"stages.{stage.name}.data" if "stages" in body else "data")
    return config


def _check_data(stage: StageConfig, name: str) -> None:
    from unireward.training.data_config import DataConfig

    if "factory" in stage.data:
        return
    try:
        validate(DataConfig, dict(stage.data))
    except InputError as error:
        raise InputError(f"{name}.{error}") from None


def _value(text: str, value: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"override {text!r}: its value is no YAML; mend it") from None


def _put(body: Any, keys: list[str], value: Any, whole: str) -> Any:
    """``body`` with the value at the dotted place, copied where it changes."""
    if not keys:
        return value
    first, rest = keys[0], keys[1:]
    if isinstance(body, list):
        if not first.isdigit() or int(first) >= len(body):
            raise InputError(f"override {whole}: {first!r} is no place of a list of {len(body)}")
        at = int(first)
        return [*body[:at], _put(body[at], rest, value, whole), *body[at + 1 :]]
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InputError(f"override {whole}: there is nothing below {first!r}; shorten the key")
    return {**body, first: _put(body.get(first), rest, value, whole)}


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
