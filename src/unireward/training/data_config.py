"""DataConfig: which examples a stage is trained on, as the config's ``data`` says it.

::

    data:
      sources:
        - {records: pairs.jsonl, weight: 3}
        - {world: image_generation/pair, seed: 1, quotas: {}}
      modes: {rank: 1, score: 0.5}
      orders: both
      media: skip
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, FiniteFloat, PositiveInt, field_validator, model_validator

from unireward.record import MODES, Row

Policy = Literal["stop", "skip"]


class SourceConfig(Row):
    """Where records come from: ``records`` or ``world``.

    ``records`` is a file (JSON Lines, Parquet), a folder of such files, or a pattern such as
    ``shards/*.jsonl``. ``world`` is ``TASK/one``, ``TASK/pair`` or ``TASK/N``, drawn anew for
    every example from the training split; ``all/pair`` draws every task in turn, ``items`` ends
    it (and starts it over). ``TASK/right`` is a clean candidate of which all that is asked holds.
    """

    records: str | None = None
    world: str | None = None
    weight: FiniteFloat = Field(1.0, gt=0)
    """Its share of the examples, against the other sources' weights."""
    quotas: dict[str, FiniteFloat] | None = None
    """Task -> its share of this source's examples; None: as many as there are. A task that is
    not named is left out."""
    tasks: tuple[str, ...] | None = None
    """Only records of these tasks."""
    where: dict[str, Any] = Field(default_factory=dict)
    """Only records whose field (``meta.split``, ``label.tie``) is this value, or one of a list."""
    limit: PositiveInt | None = None
    """Only the first so many records that pass."""
    seed: int | None = Field(None, ge=0)
    """Of the world; None is the training's own."""
    items: PositiveInt | None = None
    level: Literal[1, 2, 3, 4] | None = None
    track: str | None = None
    size: PositiveInt | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> SourceConfig:
        if (self.records is None) == (self.world is None):
            raise ValueError("give records (a file) or world (TASK/pair), one of them")
        drawn = {name for name in ("seed", "items", "level", "track", "size")
                 if getattr(self, name) is not None}  # fmt: skip
        if self.records is not None and drawn:
            raise ValueError(f"{min(drawn)} belongs to a world; leave it out for records")
        if self.quotas is not None and (not self.quotas or min(self.quotas.values()) <= 0):
            raise ValueError("quotas must be task: share above 0; leave it out for no quotas")
        return self

    @property
    def name(self) -> str:
        """What messages and counts call it."""
        return self.records if self.records is not None else f"world {self.world}"


class CaptionConfig(Row):
    """Caption examples beside the others: one candidate's media are shown (before ``ask``, or
    where it says ``<1>``), and the reply is the candidate's own caption (``meta.captions``), or
    the prompt of the record for the best candidate of a generation task. ``ask`` may name tasks:
    others then have none."""

    ask: str | dict[str, str] = "Describe what is shown."
    weight: FiniteFloat = Field(1.0, gt=0)


class RecordsConfig(Row):
    """What any data say: where records come from, which pairs of a record count, and what is
    done about records that are of no use. The options' meanings are below them."""

    sources: tuple[SourceConfig, ...]
    pairs: Literal["all", "adjacent", "best-worst"] = "all"
    """Which pairs a record of more than two gives: all, those of neighbouring tiers, or one of
    its best and its worst."""
    ties: Literal["keep", "skip"] = "keep"
    task_weights: dict[str, FiniteFloat] = Field(default_factory=dict)
    """Weight of a task's examples in the loss, 1 where not named."""
    margin: Literal["none", "scores", "strength"] = "scores"
    """A pair's margin: the difference of its overall scores as shares of their scale, or the
    label's strength."""
    media: Policy = "stop"
    """Of a record whose media are missing or unreadable."""
    unusable: Policy = "stop"
    """Of a record that gives no example: no label for what is asked, no reply to be written."""
    check_media: bool = True
    """Look whether every local file exists before the first step."""

    @field_validator("sources")
    @classmethod
    def _any_source(cls, value: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
        if not value:
            raise ValueError("must hold at least one; write {records: FILE}")
        return value

    @field_validator("task_weights")
    @classmethod
    def _not_negative(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if weight < 0:
                raise ValueError(f"{name} has weight {weight:g}; give 0 or more")
        return value


class SequencesConfig(RecordsConfig):
    """What data of tokens say besides."""

    fixed_weight: FiniteFloat = Field(1.0, ge=0, le=1)
    """Weight of a written reply's fixed words (labels, end of turn) against what is judged."""
    max_tokens: PositiveInt | None = None
    """Longest sequence, media included; never cut."""
    too_long: Policy = "stop"
    part_tokens: PositiveInt | None = None
    """A micro-batch goes through the model in parts of at most so many padded tokens; None: at
    once. Sharded training needs it at once, since its processes wait for each other's parts."""
    group_by_length: int = Field(0, ge=0)
    """Steps whose examples are dealt together by length, so that a batch pads little; 0: none."""


class DataConfig(SequencesConfig):
    """A judge's data. See the module docstring; every option's meaning is below it."""

    pairs: Literal["all", "adjacent", "best-worst", "group"] = "all"  # pyright: ignore[reportIncompatibleVariableOverride]
    """As of all data; ``group`` keeps a record of more than two whole, for a listwise loss."""
    modes: dict[str, FiniteFloat] = Field(default_factory=lambda: {"rank": 1.0})
    """Of ``sft``: what is asked, with the weight of its examples in the loss: ``rank``,
    ``score``, ``pair-score``, or one form or aspect of it (``rank/trace``, ``score//quality``).
    What the family cannot ask of a record's task is left out."""
    orders: Literal["both", "random", "given"] = "both"
    """Of pairs that are shown together: two examples, one in an order drawn anew in every
    epoch, or one as the record has it."""
    reply: Literal["either", "data", "written"] = "either"
    """The reply of ``sft``: the data's own (``meta.reply``) where there is one and else written
    from the label, only the data's own, or always written."""
    caption: CaptionConfig | None = None
    dimensions: tuple[str, ...] = ("overall",)
    """Of ``point``: the head's dimensions, in its order."""
    score_unit: Literal["unit", "raw"] = "unit"
    """Scores as shares of their scale, 0 to 1, or as the data have them."""
    threshold: FiniteFloat | None = None
    """Of ``yes-no`` and ``absolute``: a score (as a share of its scale) from here is a yes, below
    it a no; None: the share itself is the probability of a yes."""
    dpo: Literal["answers", "verdicts"] = "answers"
    """What ``dpo`` prefers: the better answer in words, as the prompt's reply, or the judge's
    right verdict over the opposite one."""

    @field_validator("modes")
    @classmethod
    def _known_modes(cls, value: dict[str, float]) -> dict[str, float]:
        if not value:
            raise ValueError("names no mode; write for example {rank: 1}, or leave it out")
        for name, weight in value.items():
            if name.split("/")[0] not in MODES:
                raise ValueError(f"{name!r} is no mode; use {', '.join(MODES)}")
            if weight <= 0:
                raise ValueError(f"{name} has weight {weight:g}; give one above 0, or leave it out")
        return value

    @field_validator("dimensions")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("must be one name or more, each once")
        return value
