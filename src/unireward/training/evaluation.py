"""Evaluation in the loop: held-out records, judged by the real judge around the model in training.

What is measured is what users will get: the family's prompt, both orders, the reader of its
replies. ``accuracy`` is over records whose truth is no tie; an unread reply or a judged tie is
wrong. Each process judges its share of the records.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.families.family import Family
from unireward.families.judge_json import family_named
from unireward.files.places import is_address
from unireward.judgment import Judgment
from unireward.record import Record
from unireward.stats.metrics import accuracy, position_agreement, spearman
from unireward.training.config import EvaluationConfig, ModelConfig, TrainConfig
from unireward.training.sharding import sharding
from unireward.training.sources import paths_of

if TYPE_CHECKING:
    from unireward.training.trainer import RewardTrainer

OVERALL = "overall"


class Evaluator:
    """``evaluator(trainer)`` gives ``accuracy`` and its kin, the averaged weights in place."""

    def __init__(self, config: EvaluationConfig, train: TrainConfig, processor: Path) -> None:
        from unireward.engines.processor import load_processor

        assert isinstance(train.model, ModelConfig)
        self.config = config
        self.family = family_named(train.model.family)
        self.processor = load_processor(str(processor))
        self.name = train.name
        self.records = held_out(config, self.family)
        if sharding(train.trainer) is not None:
            raise InputError(
                "evaluation: weights that are sharded are not judged in the loop; set "
                "evaluation to null, and judge the checkpoints with `unireward bench`"
            )

    def __call__(self, trainer: RewardTrainer) -> dict[str, float]:
        from accelerate.utils import gather_object

        trainee: Any = trainer.accelerator.unwrap_model(trainer.model)
        place, places = trainer.args.process_index, trainer.args.world_size
        mine = self.records[place::places]
        learning = trainee.training
        trainee.eval()
        average = trainer.average
        try:
            with average.in_place() if average is not None else nullcontext():
                judged = self._judge(trainee)(mine)
        finally:
            trainee.train(learning)
        rows = [_row(record, judgment) for record, judgment in zip(mine, judged)]
        return _figures(gather_object(rows))

    def _judge(self, trainee: Any) -> Any:
        if trainee.head is not None:
            from unireward.rewards.head_reward import HeadReward
            from unireward.rewards.reward_model import RewardModel

            model = RewardModel(trainee.model, trainee.head)
            return HeadReward(model, self.processor, self.family, name=self.name)
        from unireward.engines.transformers import TransformersEngine
        from unireward.rewards.judge import Judge

        engine = TransformersEngine.of(trainee.model, self.processor, name=self.name)
        return Judge(engine, self.family, both_orders=self.config.both_orders)


def _records(config: EvaluationConfig) -> list[Record]:
    if config.world is not None:
        from unireward.world.sample import iter_items

        return [
            item.record
            for task, number in config.world.items()
            for item in iter_items(task, number, config.seed, split="train")
        ]
    from unireward.files import read_records

    records = list(islice(read_records(str(config.records)), config.limit))
    if not any(record.label is not None for record in records):
        raise InputError(f"{config.records}: no record has a label; give held-out labelled ones")
    return records


def held_out(config: EvaluationConfig, family: Family) -> list[Record]:
    """The records that are judged in the loop. Raises InputError where one cannot be judged (its
    media are missing, the family lacks its task), or where they can tell no weights from others."""
    records = _records(config)
    for record in records:
        if record.task not in family.tasks:
            raise InputError(
                f"record {record.id}: {family.id} knows no {record.task}, only "
                f"{', '.join(family.tasks)}; leave such records out"
            )
        for where, path in paths_of(record):
            if not is_address(path) and not os.path.exists(path):
                raise InputError(f"record {record.id}: {where}: {path}: no such file; mend it")
    decided = sum(_decided(record) for record in records)
    alone = [_overall(record) for record in records]
    scores = {score for score in alone if score is not None}
    if config.keep == "best" and not decided and not (len(scores) > 1 and len(alone) > 2):
        raise InputError(
            f"{config.records or 'world'}: has no pair with a winner and no three scored "
            "candidates, so that no accuracy can be measured; give such records, or set keep to "
            "last"
        )
    return records


def _decided(record: Record) -> bool:
    label = record.label
    winner = label.winner() if label is not None and len(record.candidates) > 1 else None
    return winner is not None and winner != "tie"


def _row(record: Record, judgment: Judgment) -> dict[str, Any]:
    label = record.label
    told = _overall(record)
    return {
        "task": record.task,
        "truth": label.winner() if label is not None and len(record.candidates) > 1 else None,
        "winner": judgment.winner if judgment.ok else None,
        "agreement": judgment.agreement,
        "read": judgment.ok,
        "score": judgment.score if told is not None else None,
        "told": told,
    }


def _overall(record: Record) -> float | None:
    """A single candidate's known overall score, or the mean of those known."""
    if len(record.candidates) != 1 or record.label is None or not record.label.scores:
        return None
    scores = record.label.scores.get(record.candidates[0].id) or {}
    return scores.get(OVERALL, sum(scores.values()) / len(scores) if scores else None)


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """``accuracy``, by task where there are several, ``agreement``, ``unread``, ``spearman``."""
    found: dict[str, float] = {}
    tasks = sorted({row["task"] for row in rows})
    for task in ["", *tasks] if len(tasks) > 1 else [""]:
        part = [row for row in rows if row["truth"] is not None and task in ("", row["task"])]
        value = accuracy(
            [row["winner"] for row in part],
            [row["truth"] for row in part],
            ties="without",
            unread="wrong",
        )
        if value is not None:
            found["accuracy" + (f"/{task}" if task else "")] = value.value
    agreed = position_agreement([row["agreement"] for row in rows])
    if agreed is not None:
        found["agreement"] = agreed.value
    alone = [row for row in rows if row["score"] is not None and row["told"] is not None]
    if len(alone) > 2:
        rank = spearman([row["score"] for row in alone], [row["told"] for row in alone])
        if rank is not None:
            found["spearman"] = rank.value
            found.setdefault("accuracy", rank.value)
    found["unread"] = sum(not row["read"] for row in rows) / max(1, len(rows))
    return found
