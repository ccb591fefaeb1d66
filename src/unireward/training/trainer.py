"""RewardTrainer: transformers' Trainer with an objective's losses, normalised exactly.

A step's loss is each term's sum over all micro-batches and processes, divided by that term's
weight over the same (tokens, pairs, ...). So the gradient is the same however a global batch is
cut into micro-batches, processes, or parts of like length.

A batch is ``{"parts": [part, ...], "record_ids": [...], "skipped": {reason: n}}``; each part goes
through the model by itself, and its gradient is added up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_utils import rotate_checkpoints

from unireward.errors import InputError, UnirewardError
from unireward.training.average import Average
from unireward.training.config import StageConfig
from unireward.training.objectives.base import Objective
from unireward.training.optimiser import make_optimiser, make_schedule
from unireward.training.reference import Reference
from unireward.training.storage import load_weights, saving, write_weights

EMPTY_STEPS = 50
"""So many steps in a row without an example are no training."""


class NonFiniteLossError(UnirewardError, ArithmeticError):
    """The loss or its gradient is not finite; the weights are still those of the step before."""


class RewardTrainer(Trainer):
    """``train_dataset[i]`` is micro-batch ``i`` of this process (accumulation counted in)."""

    def __init__(
        self,
        trainee: nn.Module,
        objective: Objective,
        arguments: TrainingArguments,
        stage: StageConfig,
        dataset: Dataset[Any],
        *,
        callbacks: Sequence[Any] = (),
        evaluator: Any = None,
        average: Average | None = None,
        reference: Reference | None = None,
    ) -> None:
        self.objective = objective
        self.reference = reference
        self.stage = stage
        self.average = average
        self.evaluator = evaluator
        self._names = sorted(objective.weights({}))
        self._empty = 0
        self._meters: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()
        self._skipped: dict[str, int] = {}
        self._suspect: list[str] | None = None
        watching = [*callbacks, average] if average is not None else list(callbacks)
        super().__init__(
            model=trainee,
            args=arguments,
            train_dataset=dataset,
            eval_dataset=evaluator.records if evaluator is not None else None,
            callbacks=watching,
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True

    # Data -------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Any]:
        """In order, one micro-batch an item; skipping to a step costs nothing. Not prepared by
        accelerate, since the data set already gives each process its own share."""
        workers = self.args.dataloader_num_workers
        assert self.train_dataset is not None
        return DataLoader(
            self.train_dataset,  # pyright: ignore[reportArgumentType]
            batch_size=1,
            collate_fn=_only,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            persistent_workers=bool(workers),
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
        )

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        totals: dict[str, Tensor] = {}
        for batch in batches:
            for part in batch["parts"]:
                for name, weight in self.objective.weights(part).items():
                    totals[name] = totals.get(name, torch.zeros(())) + weight.float().cpu()
        # One step's batches may all have been skipped here and not elsewhere: the same names.
        names = self._names = sorted({*self._names, *totals})
        row = torch.stack([totals.get(name, torch.zeros(())) for name in names]).to(device)
        row = self.accelerator.reduce(row, reduction="sum")
        found = dict(zip(names, row.unbind()))  # pyright: ignore[reportAttributeAccessIssue]
        self._counts.update(name for name, total in found.items() if total > 0)
        self._watch(found, batches)
        return batches, found

    def _watch(self, found: Mapping[str, Tensor], batches: Sequence[Any]) -> None:
        """Stops where step after step has nothing to learn from."""
        self._empty = 0 if any(total > 0 for total in found.values()) else self._empty + 1
        last = self.state.global_step + 1 >= self.stage.steps
        if self._empty == EMPTY_STEPS or (last and self._empty == self.stage.steps):
            step = self.state.global_step + 1
            left_out = Counter(self._skipped)
            for batch in batches:
                left_out.update(batch.get("skipped", {}))
            told = ", ".join(f"{reason}: {n:,}" for reason, n in left_out.items())
            raise InputError(
                f"step {step}: nothing was left to learn from in the last {self._empty} steps"
                f"{f' ({told})' if told else ''}; mend the data, what leaves it out, or the "
                "objective"
            )

    # Loss -------------------------------------------------------------------------------------

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Forward and backward of one micro-batch, part by part; returns its share of the loss."""
        model.train()
        for reason, number in inputs.get("skipped", {}).items():
            self._skipped[reason] = self._skipped.get(reason, 0) + number
        parts = inputs["parts"]
        if not parts and self.accelerator.num_processes > 1:
            raise UnirewardError(
                f"step {self.state.global_step + 1}: every example of one process was skipped, "
                "and the others wait for it; mend the data or make batch.size larger"
            )
        # The loss is divided by the step's totals already; DeepSpeed would do so once more.
        whole_loss = {"scale_wrt_gas": False} if self.is_deepspeed_enabled else {}
        whole = torch.zeros((), device=self.args.device)
        for k, part in enumerate(parts):
            part = self._prepare_inputs(part)
            if self.reference is not None:
                part = self.reference.added_to(part)
            last = k == len(parts) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                loss = self.compute_loss(model, part, num_items_in_batch=num_items_in_batch)
                self.accelerator.backward(loss, **whole_loss)
            whole += loss.detach()
        if not torch.isfinite(whole):
            self._suspect = list(inputs.get("record_ids", ()))
        return whole

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """``sum_i c_i sum_i / total_i``; times the number of processes, whose mean is taken."""
        outputs = model(inputs)
        loss, metrics = self.objective(outputs, inputs, num_items_in_batch)
        for name, value in metrics.items():
            self._meters[name] = self._meters.get(name, 0.0) + value.detach()
        loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        """Clips, and stops before the optimiser where the gradient is not finite."""
        norm = super()._clip_grad_norm(model)
        value = norm.item() if isinstance(norm, Tensor) else float(norm or 0.0)
        if value != value or value in (float("inf"), float("-inf")) or self._suspect is not None:
            self._stop_not_finite()
        return norm

    def _stop_not_finite(self) -> None:
        step = self.state.global_step + 1
        path = Path(str(self.args.output_dir)) / f"not_finite_step_{step}.json"
        ids = self._suspect if self._suspect is not None else []
        path.write_text(json.dumps({"step": step, "record_ids": ids}, indent=1) + "\n")
        raise NonFiniteLossError(
            f"step {step}: the loss is not finite; the batch's record ids are in {path}; look at "
            "those records, lower the learning rate, or use float32"
        )

    # Optimiser --------------------------------------------------------------------------------

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            trained: Any = model or self.model
            self.optimizer = make_optimiser(trained, self.stage.optimiser)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        if self.lr_scheduler is None:
            inner = optimizer or self.optimizer
            self.lr_scheduler = make_schedule(
                inner,
                self.stage.schedule,
                num_training_steps,  # pyright: ignore
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    # Said -------------------------------------------------------------------------------------

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the means of every term's metrics since the last time, over all processes."""
        if "loss" in logs:
            names = sorted(
                {name for found in gather_object([list(self._meters)]) for name in found}
            )
            none = torch.zeros(())
            values = torch.stack([self._meters.get(n, none).float().cpu() for n in names])
            values = self.accelerator.reduce(values.to(self.args.device), reduction="sum")
            for name, value in zip(names, values.tolist()):  # pyright: ignore
                # A mean over the steps in which there was something to measure.
                steps = self._counts.get(name) or self._counts[name.partition("/")[0]]
                if steps:
                    logs[name] = value / steps
            self._meters, self._counts = {}, Counter()
            for reason, number in self._skipped.items():
                logs[f"skipped/{reason}"] = number
        super().log(logs, start_time)

    # Judged -----------------------------------------------------------------------------------

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The evaluator's figures; ``eval_accuracy``, or another that the config names, decides
        which weights are best."""
        found = {f"eval_{name}": value for name, value in self.evaluator(self).items()}
        self.log(dict(found))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """No step is the best where nothing could be measured (a judge that says one score)."""
        decides = f"eval_{self.args.metric_for_best_model}"
        return decides in metrics and super()._determine_best_metric(metrics, trial)

    # Kept -------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        with saving(folder, alone=self.is_world_process_zero()):
            # The older ones go only once this one counts.
            limit, self.args.save_total_limit = self.args.save_total_limit, None
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self.args.save_total_limit = limit
            # Whole once every process has written what is its own.
            self.accelerator.wait_for_everyone()
        if self.args.should_save:
            rotate_checkpoints(
                output_dir=str(folder.parent),
                save_total_limit=self.args.save_total_limit,
                best_model_checkpoint=self.state.best_model_checkpoint,
                use_mtime=True,
            )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(str(output_dir))
        if self.args.should_save:
            write_weights(folder, self.model, state_dict)
            if self.average is not None:
                self.average.write(folder)

    def whole_state(self) -> Mapping[str, Tensor] | None:
        """All weights gathered in the first process, asked by every process at once; None where
        they are not sharded, and the model has them itself."""
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            return self.accelerator.get_state_dict(self.model_wrapped)  # pyright: ignore[reportReturnType]
        return None

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            return super()._load_from_checkpoint(resume_from_checkpoint, model)
        return self._take(Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        self._take(Path(str(self.state.best_model_checkpoint)))

    def _take(self, folder: Path) -> None:
        trained: Any = self.model
        load_weights(folder, trained)
        if self.average is not None:
            self.average.read(folder)


def _only(items: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    (item,) = items
    return item
