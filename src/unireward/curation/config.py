"""CurateConfig: one curation, whole, as a YAML file says it.

::

    output: runs/pairs
    prompts: prompts.jsonl
    policy: {path: runs/tiny_t2i/generator}
    judge: tiny
    candidates: 10
    steps:
      - holdout: {prompts: held_out.jsonl}
      - sample
      - pair_rank
      - point_sift

``steps`` may name a preset (``published``). ``records`` in place of ``prompts`` and ``policy``
gives candidates that are there already. Any value can be given on the command line by its dotted
name (``candidates=4``, ``steps.2.pair_rank.pairs=all``).
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

from unireward.curation.options import CHOOSERS, KINDS, MAKERS, StepOptions
from unireward.curation.presets import PRESETS
from unireward.errors import InputError
from unireward.files.settings import check_output, overridden, read_config
from unireward.files.validate import validate
from unireward.record import Row


class PolicyConfig(Row):
    """``path`` and ``options`` as of :func:`unireward.policies.load.load_policy`."""

    path: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"path": value}
        if isinstance(value, Mapping) and "options" not in value:
            options = {name: given for name, given in value.items() if name != "path"}
            return {"path": value.get("path"), "options": options}
        return value


class JudgeConfig(Row):
    """``path`` and the rest as of :func:`unireward.rewards.load.load`; ``policy`` is what is done
    with replies that are not read (keep, retry:N, stop), ``cache`` whether replies are kept."""

    path: str
    family: str | None = None
    model: str | None = None
    device: str | None = None
    dtype: str = "auto"
    quantise: str | None = None
    policy: str = "keep"
    seed: NonNegativeInt = 0
    votes: PositiveInt = 1
    temperature: FiniteFloat | None = None
    expected: bool = False
    concurrency: PositiveInt = 32
    max_comparisons: PositiveInt = 5_000
    cache: bool = True
    cache_salt: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    def load(self) -> Any:
        from unireward.rewards.load import load

        return load(self.path, **self.model_dump(exclude={"path"}))


class CurateConfig(Row):
    """See the module docstring. ``task`` is that of prompts which name none, ``limit`` the most
    prompts taken, ``candidates`` the number of each, ``clips`` how videos are kept (``mp4``,
    ``frames``); ``judge`` is the one of ``judges`` that steps which name none ask."""

    output: Path
    prompts: Path | None = None
    records: Path | None = None
    task: str | None = None
    limit: PositiveInt | None = None
    seed: NonNegativeInt = 0
    policy: PolicyConfig | None = None
    judges: dict[str, JudgeConfig] = Field(default_factory=dict)
    candidates: int = Field(default=10, ge=2)
    clips: Literal["mp4", "frames"] = "mp4"
    steps: tuple[dict[str, dict[str, Any]], ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_judge(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "judge" not in value:
            return value
        rest = {name: given for name, given in value.items() if name != "judge"}
        others = rest.get("judges") or {}
        if value["judge"] is None or not isinstance(others, Mapping):
            return rest
        if "judge" in others:
            raise ValueError("judge is given twice; leave it out of judges")
        return {**rest, "judges": {"judge": value["judge"], **others}}

    @field_validator("steps", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in PRESETS:
                raise ValueError(f"{value!r} is no preset; use {', '.join(PRESETS)}, or a list")
            return PRESETS[value]
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list of steps, or the name of a preset")
        return [_step(step) for step in value]

    @model_validator(mode="after")
    def _one_origin(self) -> CurateConfig:
        if (self.prompts is None) == (self.records is None):
            raise ValueError(
                "give prompts (and a policy) or records (with candidates), one of them"
            )
        check_output(self.output)
        kinds = [kind for step in self.steps for kind in step]
        if ("sample" in kinds) != (self.prompts is not None):
            raise ValueError(
                "steps: prompts need the step sample, and records, which have candidates, have none"
            )
        _check_order(kinds)
        return self

    @property
    def options(self) -> list[StepOptions]:
        """The steps' options. InputError names the step and the option."""
        found = []
        for at, step in enumerate(self.steps):
            ((kind, given),) = step.items()
            try:
                found.append(validate(KINDS[kind], given))
            except InputError as error:
                raise InputError(f"steps.{at}.{kind}.{error}") from None
        return found


def _check_order(kinds: Sequence[str]) -> None:
    """ValueError for steps that would find nothing to work on."""
    if not set(MAKERS) & set(kinds):
        raise ValueError(f"steps make no pairs; add one of {', '.join(MAKERS)}")
    for at, kind in enumerate(kinds):
        before = kinds[:at]
        if kind == "sample" and set(before) - {"holdout"}:
            raise ValueError("steps: sample comes first, after holdout at most")
        if kind in CHOOSERS and not set(MAKERS) & set(before):
            raise ValueError(
                f"steps: {kind} chooses among pairs; put one of {', '.join(MAKERS)} before it"
            )
        if kind == "pass_band" and not {"verify", "point_sift"} & set(before):
            raise ValueError("steps: pass_band needs verify (or point_sift) before it")


def _step(step: Any) -> dict[str, Any]:
    if isinstance(step, str):
        step = {step: {}}
    if not isinstance(step, Mapping) or len(step) != 1:
        raise ValueError(f"{step!r} is no step; write name, or name: {{option: value}}")
    ((kind, given),) = step.items()
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no step; use {', '.join(KINDS)}")
    return {kind: {} if given is None else given}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> CurateConfig:
    """The config in ``path`` with ``key=value`` overrides. InputError names file and field."""
    return read_config(path, overrides, parse_config)


def parse_config(body: dict[str, Any], overrides: Sequence[str] = ()) -> CurateConfig:
    """The config of a mapping (see :func:`load_config`)."""
    config = validate(CurateConfig, overridden(body, overrides))
    assert config.options
    return config
