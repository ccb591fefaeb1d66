"""Checks: what of a config would stop its training, or is hardly meant, said before the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.training.blank import Weight
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.sampled import Sampled
from unireward.training.sharding import sharding


@dataclass(frozen=True)
class Problem:
    """``fatal``: the training stops there; else it runs, and this should be known."""

    text: str
    fatal: bool = True


def of_config(config: TrainConfig) -> Iterator[Problem]:
    """What the config alone shows."""
    from unireward.training.claim import taken

    yield from _trainer_fields(config)
    if found := taken(config):
        yield Problem(found)
    if config.model.init is not None and not Path(config.model.init).is_dir():
        yield Problem(f"model.init: {config.model.init}: no such folder; give an earlier run's")
    yield from _bfloat16(config)


def _trainer_fields(config: TrainConfig) -> Iterator[Problem]:
    from dataclasses import fields

    from transformers import TrainingArguments

    known = {field.name for field in fields(TrainingArguments)}
    for name in config.trainer:
        if name not in known:
            yield Problem(f"trainer.{name}: is no field of transformers.TrainingArguments")


def _bfloat16(config: TrainConfig) -> Iterator[Problem]:
    import torch

    if config.precision != "bfloat16":
        return
    on_cpu = config.device == "cpu" or not torch.cuda.is_available()
    if not on_cpu and not torch.cuda.is_bf16_supported():
        yield Problem("precision: this GPU has no bfloat16; set precision to float32")
    if config.device == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        yield Problem(
            "precision: this CPU has no bfloat16 of its own, it is emulated and slow; set "
            "precision to float32",
            fatal=False,
        )


def of_weights(
    config: TrainConfig, stage: StageConfig, weights: Sequence[Weight]
) -> Iterator[Problem]:
    """What the model shows: whether anything learns, and whether its optimiser can move it."""
    import torch

    trained = [weight for weight in weights if weight.trained]
    if not trained:
        yield Problem("model.freeze: nothing is left to train; freeze fewer parts")
        return
    shards = sharding(config.trainer)
    if stage.optimiser.name == "muon":
        if not hasattr(torch.optim, "Muon"):
            yield Problem("optimiser.name: muon needs PyTorch 2.9 or newer; use adamw")
        if not any(weight.matrix for weight in trained):
            yield Problem(
                "optimiser.name: muon finds no hidden matrix that learns (it leaves adapters and "
                "heads alone), so all is AdamW at adam_lr",
                fatal=False,
            )
        if shards is not None:
            yield Problem(
                "optimiser.name: muon moves whole matrices and the weights are sharded; use adamw"
            )
    if any(weight.width == 2 for weight in trained) and shards is None:
        yield Problem(
            "model.dtype: weights that learn are bfloat16 with no float32 master: a step under "
            "1/256 of a weight is lost; set dtype to float32 and precision to bfloat16, or use "
            "lora",
            fatal=False,
        )


def of_stage(config: TrainConfig, stage: StageConfig, gpus: int) -> Iterator[Problem]:
    """What batch, evaluation and sharding make of each other."""
    name, batch = f"stages.{stage.name}", stage.batch
    shares = gpus * batch.accumulation
    if batch.size < shares:
        told = f"batch: {batch.size} examples for {gpus} devices x {batch.accumulation} micro-"
        yield Problem(
            f"{name}.{told}batches leave some empty; raise size to {shares} or lower accumulation",
            fatal=gpus > 1,
        )
    elif batch.size % shares:
        yield Problem(
            f"{name}.batch: {batch.size} examples do not divide by {gpus} devices x "
            f"{batch.accumulation} micro-batches, so some have one more; the loss is as it should "
            "be, some devices wait",
            fatal=False,
        )
    shards = sharding(config.trainer)
    if shards is not None and stage.evaluation is not None:
        yield Problem(
            f"{name}.evaluation: weights that are sharded are not judged in the loop; set "
            "evaluation to null, and judge the checkpoints with `unireward bench`"
        )
    if shards is not None and stage.average is not None:
        yield Problem(
            f"{name}.average: weights that are sharded are not averaged; leave average out"
        )
    if shards is not None and stage.data.get("part_tokens"):
        yield Problem(
            f"{name}.data.part_tokens: sharded processes wait for each other's parts; leave it "
            "out and raise accumulation"
        )
    judged = stage.evaluation
    if judged is not None and judged.records is not None and judged.evaluator is None:
        yield from _held_out(name, judged.records)
    if stage.evaluation is not None and stage.evaluation.every > stage.steps:
        yield Problem(
            f"{name}.evaluation.every: {stage.evaluation.every} steps are more than the stage's "
            f"{stage.steps}, so nothing is judged",
            fatal=False,
        )


def _held_out(name: str, records: str) -> Iterator[Problem]:
    from unireward.files import read_records

    try:
        if next(iter(read_records(records)), None) is None:
            yield Problem(f"{name}.evaluation: {records}: holds no record; give held-out ones")
    except InputError as error:
        yield Problem(f"{name}.evaluation: {error}")


def of_tokens(stage: StageConfig, found: Sampled, model: Any) -> Iterator[Problem]:
    """What the measured lengths show."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(most, int) and found.tokens.max > most:
        yield Problem(
            f"stages.{stage.name}.data: a sequence has {found.tokens.max:,} tokens, the model "
            f"knows {most:,} places (max_position_embeddings); lower the family's pixels or frames"
        )
    limit = stage.data.get("max_tokens")
    if isinstance(most, int) and isinstance(limit, int) and limit > most:
        yield Problem(
            f"stages.{stage.name}.data.max_tokens: {limit:,} are more than the model's {most:,} "
            "places (max_position_embeddings); lower it",
            fatal=False,
        )
    if found.skipped:
        told = ", ".join(f"{reason}: {number:,}" for reason, number in found.skipped.items())
        yield Problem(f"stages.{stage.name}.data: left out of the first ones: {told}", fatal=False)
