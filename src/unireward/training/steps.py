"""StepDataset: micro-batch by micro-batch, what a training is fed.

::

    steps = build_steps(config, family=family, processor=processor, objective_kind="sft",
                        batch_size=32, steps=2000, seed=0, rank=0, world=1, accumulation=4)
    steps[i]       # micro-batch i % 4 of step i // 4: {"parts": [...], "record_ids", "skipped"}

Item i is a function of the config, the seed and i: workers, processes, accumulation and being
killed and taken up again change no step's global batch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from unireward.errors import InputError
from unireward.families.family import Family
from unireward.files.validate import validate
from unireward.training.collate import Collator
from unireward.training.data_config import DataConfig, RecordsConfig
from unireward.training.examples import Example
from unireward.training.maker import Maker
from unireward.training.plan import Draw, Plan
from unireward.training.record_maker import Objective, RecordMaker
from unireward.training.share import Share
from unireward.training.sources import RecordsSource, Source
from unireward.training.world_source import WorldSource

_PAIRS = {"bradley-terry", "plackett-luce", "gaussian-pair", "fidelity"}
_POINTS = {"regression", "absolute"}


class Collates(Protocol):
    """Examples to batches: none where all examples are left out, whose reasons are counted."""

    def parts(self, examples: Sequence[Example]) -> tuple[list[dict[str, Any]], dict[str, int]]: ...


class StepDataset:
    """Map-style. ``counts`` are the examples left out so far, by reason: at the start by the
    files, later by this process's own items (those of workers come with their batches, in
    ``skipped``)."""

    def __init__(
        self, sources: Sequence[Source], plan: Plan, collator: Collates, share: Share
    ) -> None:
        self.sources = list(sources)
        self.plan = plan
        self.collator = collator
        self.share = share
        self.counts: Counter[str] = Counter()
        for source in self.sources:
            self.counts.update(source.left_out)
        self._homes = [(source, k) for source in self.sources for k in range(len(source.strata))]

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, item: int) -> dict[str, Any]:
        """Raises :class:`LineError` (:class:`InputError` where no file is behind it) naming file
        and row where the config says ``stop``."""
        step, micro = self.share.place(item)
        examples: list[Example] = []
        skipped: Counter[str] = Counter()
        for draw in self.share.of(self.plan[step], micro):
            source, stratum = self._homes[draw.stratum]
            turn = self._turn(draw)
            example, reason = source.example(stratum, draw.index, turn)
            if example is None:
                skipped[reason] += 1
            else:
                examples.append(replace(example, turn=turn))
        parts, refused = self.collator.parts(examples)
        skipped.update(refused)
        self.counts.update(skipped)
        return {
            "parts": parts,
            "record_ids": [name for part in parts for name in part["record_ids"]],
            "skipped": dict(skipped),
        }

    def _turn(self, draw: Draw) -> int:
        """A number of 63 bits of this use of an example."""
        text = f"{self.plan.seed} {draw.stratum} {draw.index} {draw.epoch}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def build_steps(
    config: DataConfig,
    *,
    family: Family,
    processor: Any,
    objective_kind: Objective,
    batch_size: int,
    steps: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
    accumulation: int = 1,
    end_token: int | None = None,
) -> StepDataset:
    """The data set of process ``rank`` of ``world``. Raises :class:`InputError` for whatever of
    the data cannot be used, before the first step."""
    return assembled(
        config,
        Maker(config, family, objective_kind),
        Collator(processor, family, config, end_token=end_token),
        Share(steps, batch_size, seed, rank, world, accumulation),
        group=config.group_by_length,
    )


def assembled(
    config: RecordsConfig,
    maker: RecordMaker[Any],
    collator: Collates,
    share: Share,
    *,
    group: int = 0,
) -> StepDataset:
    """The data set of a config's sources, whatever is made of their records; ``group`` steps are
    dealt together by length."""
    sources: list[Source] = [
        RecordsSource(source, config, maker)
        if source.records is not None
        else WorldSource(source, maker, share.seed)
        for source in config.sources
    ]
    strata = [stratum for source in sources for stratum in source.strata]
    plan = Plan(strata, batch=share.size, seed=share.seed, group=group)
    return StepDataset(sources, plan, collator, share)


def steps_of(
    spec: Mapping[str, Any],
    share: Share,
    *,
    family: str | Family,
    processor: Any,
    objective: Mapping[str, Any],
    end_token: int | None = None,
) -> StepDataset:
    """The data set of a stage, from its ``data`` and ``objective`` as the config file has them.
    ``family`` may be a name or a ``judge.json``."""
    from unireward.families.judge_json import family_named

    try:
        config = validate(DataConfig, dict(spec))
    except InputError as error:
        raise InputError(f"data.{error}") from None
    return build_steps(
        config,
        family=family_named(family) if isinstance(family, str) else family,
        processor=processor,
        objective_kind=objective_kind(objective),
        batch_size=share.size,
        steps=share.steps,
        seed=share.seed,
        rank=share.rank,
        world=share.world,
        accumulation=share.accumulation,
        end_token=end_token,
    )


def objective_kind(objective: Mapping[str, Any]) -> Objective:
    """What kind of examples the terms of an objective need. Raises :class:`InputError` for terms
    that no one kind serves."""
    kinds = {
        str((body or {}).get("type") or (body or {}).get("kind") or name).replace("_", "-")
        for name, body in objective.items()
    }
    wanted: list[Objective] = []
    if kinds & {"dpo", "diffusion-dpo"}:
        wanted.append("dpo")
    if kinds & _PAIRS:
        wanted.append("pair")
    if "yes-no" in kinds:
        wanted.append("yes-no")
    if len(wanted) > 1:
        raise InputError(
            f"objective needs {' and '.join(wanted)} examples at once; train them in two stages"
        )
    if wanted:
        return wanted[0]
    return "point" if kinds & _POINTS else "sft"
