"""ModelConfig and its kin: what is trained, as a config's ``model`` says it.

::

    model: {path: Qwen/Qwen3-VL-8B-Instruct, family: unifiedreward-2}    # a judge
    model: {path: runs/t2i, generator: {height: 32}, lora: {r: 16}}      # a diffusers generator
    model: {path: Qwen/Qwen3-VL-8B-Instruct, answers: true}              # a model that answers

Which of the three it is, is told by which of ``family``, ``generator`` and ``answers`` is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from unireward.media import FrameRule
from unireward.policies.asking import Showing
from unireward.record import Row
from unireward.training.candidates_config import AnswersData, PicturesData
from unireward.training.data_config import DataConfig, RecordsConfig


def _by_default(value: Any) -> Any:
    """``true``, or nothing, is what a config's part has by default."""
    return {} if value is True or value is None else value


class LoraConfig(Row):
    """peft's LoRA. ``targets`` are peft's target_modules (None: all linear layers of the language
    model; a generator's attention and feed-forward layers)."""

    r: PositiveInt = 16
    alpha: FiniteFloat = 32.0
    dropout: FiniteFloat = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | str | None = None


class OriginConfig(Row):
    """Where the weights come from: ``path`` (a folder or hub id), or ``factory`` (``module:name``,
    called with the seed). ``init`` is the folder of an earlier run's weights (a stage's ``final``,
    or a checkpoint of it) of the same config to begin with."""

    path: str | None = None
    factory: str | None = None
    init: str | None = None
    lora: LoraConfig | None = None
    gradient_checkpointing: bool = False

    said_by: ClassVar[str]
    """The field that tells this kind from the others."""
    result: ClassVar[str]
    """What the trained thing is called, and its folder in the output."""
    data: ClassVar[type[RecordsConfig]]
    """What a stage's ``data`` are."""

    @model_validator(mode="after")
    def _one_origin(self) -> OriginConfig:
        if (self.path is None) == (self.factory is None):
            raise ValueError("give path (a checkpoint) or factory (module:name), one of them")
        return self


class LanguageConfig(OriginConfig):
    """A model of transformers; its factory gives :class:`~unireward.training.parts.Parts`.

    ``freeze`` names parts: ``vision``, ``projector``, ``language``. ``attention`` is transformers'
    ``attn_implementation``, ``dtype`` that of the stored weights.
    """

    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    attention: str | None = None
    freeze: tuple[Literal["vision", "projector", "language"], ...] = ()


class ModelConfig(LanguageConfig):
    """A judge: ``family`` says how it is asked. ``head`` is a reward head's config
    (:mod:`unireward.rewards.heads`), ``auxiliary`` training-only linear layers by name with their
    widths."""

    family: str
    head: dict[str, Any] | None = None
    auxiliary: dict[str, PositiveInt] = Field(default_factory=dict)

    said_by: ClassVar[str] = "family"
    result: ClassVar[str] = "judge"
    data: ClassVar[type[RecordsConfig]] = DataConfig


class AnswersConfig(LanguageConfig):
    """A model that answers prompts as they stand. ``answers`` is how it is shown them (a
    :class:`~unireward.policies.asking.Showing`; true for its defaults)."""

    answers: Annotated[Showing, BeforeValidator(_by_default)]

    said_by: ClassVar[str] = "answers"
    result: ClassVar[str] = "policy"
    data: ClassVar[type[RecordsConfig]] = AnswersData


class DrawingConfig(Row):
    """What a generator is trained to draw. Sizes None are the pipeline's own; ``frames`` of clips
    is a rule with a number (``linspace:8``).

    Of the noise path: ``shift`` and ``logit_normal`` (mean, deviation) of a flow's training times
    (None: the scheduler's shift, uniform), or ``times``, the only ones that are trained (of a
    few-step model: ``[249, 499, 749, 999]``). ``freeze`` names what does not learn of what could
    (``denoiser``, ``words``). ``export`` of adapters: ``merged`` into the pipeline's weights,
    ``beside`` the pipeline in ``lora/``, or the ``adapters`` alone.
    """

    height: PositiveInt | None = None
    width: PositiveInt | None = None
    frames: str | None = None
    shift: FiniteFloat | None = Field(default=None, gt=0)
    logit_normal: tuple[FiniteFloat, FiniteFloat] | None = None
    times: tuple[FiniteFloat, ...] | None = Field(default=None, min_length=1)
    freeze: tuple[str, ...] = ()
    export: Literal["merged", "beside", "adapters"] = "merged"

    @field_validator("frames")
    @classmethod
    def _so_many(cls, value: str | None) -> str | None:
        if value is not None and FrameRule.parse(value).kind not in ("linspace", "uniform"):
            raise ValueError(f"{value!r} takes no fixed number of frames; write linspace:8")
        return value

    @field_validator("logit_normal")
    @classmethod
    def _spread(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[1] <= 0:
            raise ValueError(f"has the deviation {value[1]:g}; give one above 0")
        return value


class GeneratorConfig(OriginConfig):
    """A diffusers pipeline; its factory gives a pipeline, or a
    :class:`~unireward.policies.pipelines.base.PipelineAdapter`. ``dtype`` is that of the stored
    weights, the VAE's but float32."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    generator: Annotated[DrawingConfig, BeforeValidator(_by_default)]

    said_by: ClassVar[str] = "generator"
    result: ClassVar[str] = "generator"
    data: ClassVar[type[RecordsConfig]] = PicturesData

    @model_validator(mode="after")
    def _adapters_to_export(self) -> GeneratorConfig:
        if self.lora is None and self.generator.export != "merged":
            raise ValueError(
                f"generator.export is {self.generator.export} and there are no adapters; add "
                "lora: {}, or leave it out"
            )
        return self


KINDS: tuple[type[OriginConfig], ...] = (ModelConfig, GeneratorConfig, AnswersConfig)
RESULTS = tuple(kind.result for kind in KINDS)


def of_kind(value: Any) -> Any:
    """``value`` as the one of ``KINDS`` that it is."""
    if isinstance(value, KINDS):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("must be an object {...}")
    told = [kind for kind in KINDS if value.get(kind.said_by) not in (None, False)]
    if len(told) != 1:
        what = "says " + " and ".join(kind.said_by for kind in told) if told else "says neither"
        raise ValueError(f"{what}; give one of family (a judge), generator, answers")
    return told[0].model_validate(dict(value))


AnyModel = Annotated[ModelConfig | GeneratorConfig | AnswersConfig, BeforeValidator(of_kind)]
