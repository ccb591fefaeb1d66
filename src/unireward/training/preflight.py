"""Preflight: what would stop a training, a stage hours away included, said before the first step
and before any weights are loaded.

What needs the model (its tokens, its width) is checked where it is built; what a dry run can
measure besides is in :mod:`unireward.training.checks`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from unireward.errors import InputError
from unireward.training.config import StageConfig, TrainConfig

_OWNED = {
    "output_dir": "output",
    "max_steps": "steps",
    "num_train_epochs": "steps",
    "per_device_train_batch_size": "batch.size",
    "gradient_accumulation_steps": "batch.accumulation",
    "learning_rate": "optimiser.lr",
    "weight_decay": "optimiser.weight_decay",
    "max_grad_norm": "optimiser.max_grad_norm",
    "optim": "optimiser.name",
    "lr_scheduler_type": "schedule.kind",
    "warmup_steps": "schedule.warmup",
    "warmup_ratio": "schedule.warmup",
    "save_strategy": "save.every",
    "save_steps": "save.every",
    "save_total_limit": "save.limit",
    "eval_strategy": "evaluation",
    "eval_steps": "evaluation.every",
    "metric_for_best_model": "evaluation.keep",
    "load_best_model_at_end": "evaluation.keep",
    "logging_steps": "log_every",
    "seed": "seed",
    "data_seed": "seed",
    "bf16": "precision",
    "fp16": "precision",
    "use_cpu": "device",
    "dataloader_num_workers": "workers",
}
"""Fields of TrainingArguments that the config says itself, where said twice is said wrongly."""


def preflight(config: TrainConfig) -> None:
    """Raises InputError naming the field and the mend."""
    from unireward.training.subjects import subject_of

    for name in config.trainer:
        if name in _OWNED:
            raise InputError(f"trainer.{name}: is set by {_OWNED[name]}; set that, leave this out")
    subject = subject_of(config)
    subject.preflight({stage.name: _kinds(stage) for stage in config.stages})
    for stage in config.stages:
        _batch_fits(stage)
        _data_there(stage)
    for stage in config.stages:
        if stage.evaluation is not None:
            try:
                subject.check_evaluation(stage)
            except InputError as error:
                raise InputError(f"{_name(config, stage)}evaluation: {error}") from None


def _name(config: TrainConfig, stage: StageConfig) -> str:
    return f"stages.{stage.name}." if len(config.stages) > 1 else ""


def _kinds(stage: StageConfig) -> set[str]:
    """The kinds of a stage's terms, their options checked (their tokens are not known yet)."""
    from unireward.training.objectives import make_objective
    from unireward.training.steps import objective_kind

    number = iter(range(1 << 30))
    try:
        objective = make_objective(stage.objective, lambda text: next(number))
        if "factory" not in stage.data:
            objective_kind(stage.objective)
    except InputError as error:
        raise InputError(f"stages.{stage.name}.objective: {error}") from None
    return {str(getattr(term, "kind", "")) for term in objective.terms}


def _batch_fits(stage: StageConfig) -> None:
    """With several processes each has an example in every micro-batch: the others wait for it."""
    processes, batch = int(os.environ.get("WORLD_SIZE", "1")), stage.batch
    if processes > 1 and batch.size < processes * batch.accumulation:
        raise InputError(
            f"stages.{stage.name}.batch: {batch.size} examples for {processes} processes x "
            f"{batch.accumulation} micro-batches leave some empty; raise size to "
            f"{processes * batch.accumulation} or lower accumulation"
        )


def _data_there(stage: StageConfig) -> None:
    """The files of a stage's sources exist; what is in them is read when it begins."""
    from unireward.training.row_files import files_of

    for source in stage.data.get("sources") or () if "factory" not in stage.data else ():
        pattern = source.get("records") if isinstance(source, Mapping) else None
        for file in files_of(pattern) if isinstance(pattern, str) else ():
            if not file.exists():
                raise InputError(f"{file}: no such file; check the path")
