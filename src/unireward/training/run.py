"""Run: a config, stage by stage, into a checkpoint that ``unireward.load`` takes.

::

    runs/mine/
      config.yaml               what was run, defaults included
      log.jsonl                 every line of metrics, stage named
      processor/                tokenizer and processor, as they will be exported
      stages/1-train/           checkpoint-500/ ..., tensorboard/, final/ (weights), done.json
      judge/                    the result, with judge.json

The same command goes on where a run was cut: a stage that is done is not redone, one that is
not goes on from its last whole checkpoint, to the weights an uncut run would have had.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import TrainingArguments

from unireward.engines.checkpoint import best_device
from unireward.errors import InputError
from unireward.training.average import Average
from unireward.training.claim import DONE, LOG, claim, locked
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.metrics import Metrics
from unireward.training.objectives import Objective, make_objective
from unireward.training.parts import Parts, build
from unireward.training.reference import reference_for
from unireward.training.sharding import sharding
from unireward.training.share import Share
from unireward.training.storage import finishing, last_complete, load_weights, write_weights
from unireward.training.trainee import Trainee
from unireward.training.trainer import RewardTrainer


@dataclass
class Result:
    """What a run ends with: the exported judge's folder, seconds of training, last metrics."""

    judge: Path
    seconds: float
    metrics: dict[str, float]


def train(config: TrainConfig, say: Callable[[str], None] | None = None) -> Result:
    """Run (or go on with) ``config``. Raises InputError for what cannot be trained as it stands,
    NonFiniteLossError and SaveError as they say."""
    from unireward.training.export import export
    from unireward.training.preflight import preflight

    preflight(config)
    with locked(config.output, os.environ.get("RANK", "0") == "0"):
        run = Run(config, say or (lambda line: None))
        seconds, metrics = 0.0, {}
        for number, stage in enumerate(config.stages, start=1):
            done = run.stage(number, stage)
            seconds += done["seconds"]
            metrics = done["metrics"]
        if run.first:
            trainee, parts = run.whole()
            with finishing(config.output / "judge", "the trained weights are kept"):
                export(trainee, parts, config, seconds, config.output / "judge")
    return Result(config.output / "judge", seconds, metrics)


class Run:
    """The model of a config and the folder it is trained in."""

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
        self.parts: Parts = build(config.model, config.seed)
        self.processor = self._processor()
        self.trainee = self._trainee(self.parts)
        if config.model.init is not None:
            load_weights(Path(config.model.init), self.trainee)

    def _trainee(self, parts: Parts) -> Trainee:
        torch.manual_seed(self.config.seed)
        return Trainee(
            parts.model,
            reward=self._reward(parts.model),
            auxiliary=self.config.model.auxiliary,
            states=parts.states,
        )

    def whole(self) -> tuple[Trainee, Parts]:
        """What was trained, with all its weights in this process: as it is or, where it was
        sharded, made again from the last stage's weights."""
        if sharding(self.config.trainer) is None:
            return self.trainee, self.parts
        parts = build(self.config.model, self.config.seed)
        trainee = self._trainee(parts)
        last = self.config.stages[-1]
        trainee.objective = self._objective(last)
        load_weights(self._folder(len(self.config.stages), last) / "final", trainee)
        return trainee, parts

    def _processor(self) -> Any:
        from unireward.engines.processor import load_processor

        folder = self.out / "processor"
        if not self.first:  # the same files, in a folder of its own: nobody waits for another
            with TemporaryDirectory() as own:
                self._save_processor(Path(own))
                return load_processor(own)
        if not folder.is_dir():
            draft = self.out / ".processor"
            self._save_processor(draft)
            draft.replace(folder)
        return load_processor(str(folder))

    def _save_processor(self, folder: Path) -> None:
        self.parts.save_processor(folder)
        self.parts.model.config.save_pretrained(folder)

    def _reward(self, model: Any) -> Any:
        """The reward model that is trained, where the config has a head."""
        head = self.config.model.head
        if head is None:
            return None
        from unireward.rewards.heads import make_head
        from unireward.rewards.reward_model import RewardModel, hidden_size_of

        made = make_head(with_marks(head, self.processor.tokenizer), hidden_size_of(
            model.config))  # fmt: skip
        return RewardModel(model, made, source=self.out / "processor")

    def _objective(self, stage: StageConfig) -> Objective:
        try:
            return make_objective(stage.objective, self._token_id)
        except InputError as error:
            raise InputError(f"stages.{stage.name}.objective: {error}") from None

    def _token_id(self, text: str) -> int:
        tokenizer = self.processor.tokenizer
        ids = tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise InputError(f"{text!r} is {len(ids)} tokens here; give a word that is one")
        return ids[0]

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
            evaluator=self._evaluator(stage),
            average=Average(self.trainee, stage.average) if stage.average else None,
            reference=reference_for(objective, self.trainee),
        )
        return trainer, metrics

    def _data(self, stage: StageConfig, share: Share) -> Any:
        spec = dict(stage.data)
        factory = spec.pop("factory", None)
        if factory is not None:
            from unireward.training.dotted import resolve

            return resolve(factory, f"stages.{stage.name}.data.factory")(spec, share)
        from unireward.training.steps import steps_of

        return steps_of(spec, share, family=self.config.model.family, processor=self.processor,
                        objective=stage.objective)  # fmt: skip

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
        if self.parts.states is not None:
            raise InputError(
                "model.factory: its states go past the layers that sharding gathers; train it "
                "without"
            )

    def _evaluator(self, stage: StageConfig) -> Any:
        if stage.evaluation is None:
            return None
        from unireward.training.evaluation import Evaluator

        return Evaluator(stage.evaluation, self.config, self.out / "processor")

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
            "metric_for_best_model": "accuracy" if judged and judged.keep == "best" else None,
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
            # A head leaves the output layer unused, a batch without pictures the vision part.
            "ddp_find_unused_parameters": self.parts.states is None,
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


def with_marks(head: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """A head's config with the ids of its marks. InputError for one the tokenizer lacks."""
    marks = {
        text: token if token is not None else tokenizer.convert_tokens_to_ids(text)
        for text, token in (head.get("marks") or {}).items()
    }
    for text, token in marks.items():
        if token is None or token == tokenizer.unk_token_id:
            raise InputError(
                f"model.head.marks: the tokenizer has no {text!r}; start from a checkpoint made "
                "by RewardModel.start, which adds it"
            )
    return {**head, "marks": marks} if marks else dict(head)
