"""Run: a config, stage by stage, into what it trains: a judge, a generator, a model that answers.

::

    runs/mine/
      config.yaml               what was run, defaults included
      log.jsonl                 every line of metrics, stage named
      processor/                tokenizer and processor, as they will be exported
      stages/1-train/           checkpoint-500/ ..., tensorboard/, final/ (weights), done.json
      judge/                    the result, with judge.json (or generator/, policy/)

The same command goes on where a run was cut: a stage that is done is not redone, one that is
not goes on from its last whole checkpoint, to the weights an uncut run would have had.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from unireward.engines.checkpoint import best_device
from unireward.errors import InputError
from unireward.files.lock import locked
from unireward.training.average import Average
from unireward.training.claim import DONE, LOG, claim
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.metrics import Metrics
from unireward.training.objectives import Objective
from unireward.training.reference import reference_for
from unireward.training.sharding import sharding
from unireward.training.share import Share
from unireward.training.storage import finishing, last_complete, load_weights, write_weights
from unireward.training.subjects import Subject, subject_of
from unireward.training.trainer import RewardTrainer


@dataclass
class Result:
    """What a run ends with: the exported folder, seconds of training, last metrics, and ``what``
    lies in the folder (``judge``, ``generator``, ``policy``)."""

    folder: Path
    seconds: float
    metrics: dict[str, float]
    what: str = "judge"

    @property
    def judge(self) -> Path:
        """The folder, by its name where a judge was trained."""
        return self.folder


def train(config: TrainConfig, say: Callable[[str], None] | None = None) -> Result:
    """Run (or go on with) ``config``. Raises InputError for what cannot be trained as it stands,
    NonFiniteLossError and SaveError as they say."""
    from unireward.training.preflight import preflight

    preflight(config)
    what = config.model.result
    with locked(config.output, "training", first=os.environ.get("RANK", "0") == "0"):
        run = Run(config, say or (lambda line: None))
        seconds, metrics = 0.0, {}
        for number, stage in enumerate(config.stages, start=1):
            done = run.stage(number, stage)
            seconds += done["seconds"]
            metrics = done["metrics"]
        if run.first:
            with finishing(config.output / what, "the trained weights are kept"):
                run.whole().export(seconds, config.output / what)
    return Result(config.output / what, seconds, metrics, what)


class Run:
    """The subject of a config and the folder it is trained in."""

    def __init__(self, config: TrainConfig, say: Callable[[str], None]) -> None:
        self.config, self.say = config, say
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.first = self.rank == 0
        self.out = config.output
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        if self.first:
            self.out.mkdir(parents=True, exist_ok=True)
            claim(config)
        self.subject: Subject = subject_of(config)
        self.subject.build(self.first)
        if config.model.init is not None:
            load_weights(Path(config.model.init), self.trainee)

    @property
    def trainee(self) -> Any:
        """What the optimiser sees."""
        return self.subject.trainee

    def whole(self) -> Subject:
        """What was trained, with all its weights in this process: as it is or, where it was
        sharded, made again from the last stage's weights."""
        if sharding(self.config.trainer) is None:
            return self.subject
        again = subject_of(self.config)
        again.build(self.first)
        last = self.config.stages[-1]
        again.trainee.objective = again.objective(last)
        load_weights(self._folder(len(self.config.stages), last) / "final", again.trainee)
        return again

    def _objective(self, stage: StageConfig) -> Objective:
        return self.subject.objective(stage)

    # One stage --------------------------------------------------------------------------------

    def _folder(self, number: int, stage: StageConfig) -> Path:
        return self.out / "stages" / f"{number}-{stage.name}"

    def stage(self, number: int, stage: StageConfig) -> dict[str, Any]:
        """Train one stage, or take its result where it is done."""
        folder = self._folder(number, stage)
        self.trainee.objective = self._objective(stage)  # what its terms learn is trained too
        done = folder / DONE
        if done.is_file():
            load_weights(folder / "final", self.trainee)
            self.say(f"stage {stage.name}: done before")
            return json.loads(done.read_text(encoding="utf-8"))
        folder.mkdir(parents=True, exist_ok=True)
        before = last_complete(folder)
        said = f"from step {before.name.rsplit('-', 1)[1]}" if before else "from its first step"
        self.say(f"stage {stage.name}: {stage.steps:,} steps, {said}")
        trainer, metrics = self._trainer(number, stage, folder)
        trainer.train(resume_from_checkpoint=str(before) if before else None)
        best = stage.evaluation is not None and stage.evaluation.keep == "best"
        if best and trainer.state.best_model_checkpoint:
            trainer._load_best_model()
        if trainer.average is not None:
            trainer.average.settle()
        told = {"seconds": round(metrics.seconds, 1), "metrics": metrics.last}
        state = trainer.whole_state()
        if self.first:
            with finishing(folder / "final"):
                write_weights(folder / "final", self.trainee, state)
            draft = done.with_suffix(".draft")
            draft.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            draft.replace(done)
        return told

    def _trainer(
        self, number: int, stage: StageConfig, folder: Path
    ) -> tuple[RewardTrainer, Metrics]:
        self._check_sharded(stage)
        objective = self.trainee.objective
        assert objective is not None
        share = Share(
            steps=stage.steps,
            size=stage.batch.size,
            seed=self.config.seed * 1000 + number,
            rank=self.rank,
            world=self.world,
            accumulation=stage.batch.accumulation,
        )
        metrics = Metrics(self.out / LOG, stage.name, self.say)
        data = self._data(stage, share)
        if self.first and getattr(data, "counts", None):
            metrics.left_out(data.counts)
        trainer = RewardTrainer(
            self.trainee,
            objective,
            self._arguments(stage, folder),
            stage,
            data,
            callbacks=[metrics],
            evaluator=self.subject.evaluator(stage),
            average=Average(self.trainee, stage.average) if stage.average else None,
            reference=reference_for(
                objective, self.trainee, sharded=sharding(self.config.trainer) is not None
            ),
        )
        return trainer, metrics

    def _data(self, stage: StageConfig, share: Share) -> Any:
        return self.subject.data(stage, share)

    def _check_sharded(self, stage: StageConfig) -> None:
        """InputError for what does not go with sharded weights."""
        if sharding(self.config.trainer) is None:
            return
        name = f"stages.{stage.name}"
        if stage.average is not None:
            raise InputError(
                f"{name}.average: weights that are sharded are not averaged; leave average out"
            )
        if stage.optimiser.name == "muon":
            raise InputError(
                f"{name}.optimiser.name: muon moves whole matrices and the weights are sharded; "
                "use adamw"
            )
        self.subject.check_sharded()

    def _arguments(self, stage: StageConfig, folder: Path) -> TrainingArguments:
        config, judged = self.config, stage.evaluation
        on_cpu = config.device == "cpu" or best_device() == "cpu"
        settings: dict[str, Any] = {
            "output_dir": str(folder),
            "max_steps": stage.steps,
            "per_device_train_batch_size": max(
                1, stage.batch.size // (self.world * stage.batch.accumulation)
            ),
            "gradient_accumulation_steps": stage.batch.accumulation,
            "max_grad_norm": stage.optimiser.max_grad_norm or float("inf"),
            "learning_rate": stage.optimiser.lr,
            "logging_strategy": "steps",
            "logging_steps": config.log_every,
            "logging_nan_inf_filter": False,
            "save_strategy": "steps",
            "save_steps": min(config.save.every, stage.steps),
            "save_total_limit": config.save.limit,
            "eval_strategy": "steps" if judged else "no",
            "eval_steps": judged.every if judged else None,
            "metric_for_best_model": judged.decides if judged and judged.keep == "best" else None,
            "greater_is_better": True,
            "load_best_model_at_end": False,
            "bf16": config.precision == "bfloat16",
            "use_cpu": on_cpu,
            "seed": config.seed,
            "data_seed": config.seed,
            "dataloader_num_workers": config.workers,
            "remove_unused_columns": False,
            "disable_tqdm": True,
            "report_to": [],
            "log_level": "error",
            "ddp_find_unused_parameters": not self.subject.uses_all,
            "ddp_backend": "gloo" if on_cpu and self.world > 1 else None,
            "average_tokens_across_devices": False,
        }
        if config.tensorboard and _has_tensorboard():
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
            settings["report_to"] = ["tensorboard"]
        try:
            return TrainingArguments(**{**settings, **config.trainer})
        except (TypeError, ValueError) as error:
            raise InputError(f"trainer: {' '.join(str(error).split())}") from None


def _has_tensorboard() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorboard") is not None
