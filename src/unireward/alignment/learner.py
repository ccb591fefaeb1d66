"""Learner: a policy that can be trained, and the training of one round.

What a policy is (a diffusers generator, a model that answers) is read off its folder, and is told
to the trainer by the config's ``model``; everything else of a round's training is the same. The
reference of a preference loss is the policy as the round found it, so every round has a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unireward.alignment.config import AlignConfig
from unireward.alignment.policy_ref import PolicyRef
from unireward.errors import InputError
from unireward.policies.asking import Showing
from unireward.training.config import ScheduleConfig

if TYPE_CHECKING:
    from unireward.training.config import TrainConfig

Kind = Literal["generator", "answers"]
STAGE = "train"
_PREFERENCE = {"generator": "diffusion-dpo", "answers": "dpo"}
_IMITATION = {"generator": "denoise", "answers": "sft"}
_SIZES = ("height", "width")
_LOADED = ("device", "dtype", "name", "lora", "max_sequence_length", "quantise", "compile")
"""Options of a policy that are of its loading and not of its sampling."""


class Learner:
    """Of a config. Raises InputError for a policy that cannot be trained."""

    def __init__(self, config: AlignConfig) -> None:
        self.config = config
        self.kind: Kind = kind_of(config)

    def config_of(
        self,
        ref: PolicyRef,
        sources: list[dict[str, Any]],
        output: Path,
        *,
        number: int = 1,
        evaluation: Mapping[str, Any] | None = None,
    ) -> TrainConfig:
        """The training of round ``number`` from ``ref`` on ``sources``."""
        from unireward.training.config import parse_config

        told = self.config.training
        rate = self.config.way.rate(number)
        optimiser = told.optimiser.model_dump(mode="json")
        optimiser["lr"] *= rate
        if optimiser["adam_lr"] is not None:
            optimiser["adam_lr"] *= rate
        every = evaluation["every"] if evaluation is not None else told.save_every
        body = {
            "name": f"{self.config.output.name}-{number}",
            "output": str(output),
            "seed": self.config.seed * 1000 + number,
            "model": self._model(ref),
            "objective": self._objective(),
            "data": {"sources": sources, **self._learned(), **told.data},
            "optimiser": optimiser,
            "schedule": (told.schedule or self._schedule()).model_dump(),
            "batch": told.batch.model_dump(),
            "steps": told.steps,
            "average": told.average,
            "save": {"every": every, "limit": 2},
            "evaluation": dict(evaluation) if evaluation is not None else None,
            **{
                name: getattr(told, name)
                for name in ("precision", "device", "workers", "threads", "trainer")
            },
            "log_every": min(told.log_every, told.steps),
            "tensorboard": False,
        }
        try:
            return parse_config(body)
        except InputError as error:
            raise InputError(f"training.{error}") from None

    def _model(self, ref: PolicyRef) -> dict[str, Any]:
        given = dict(self.config.training.model)
        own = given.pop(self.kind, None)
        own = dict(own) if isinstance(own, Mapping) else {}
        options = ref.options
        if self.kind == "generator":
            sizes = {name: options[name] for name in _SIZES if options.get(name) is not None}
            if options.get("frames") is not None:
                sizes["frames"] = f"linspace:{options['frames']}"
            own = {**sizes, **own}
        else:
            own = {**{n: options[n] for n in Showing.model_fields if n in options}, **own}
        return {"path": folder_of(ref), self.kind: own or True, **given}

    def _schedule(self) -> ScheduleConfig:
        if self.config.way.counted_in == "rounds":
            return ScheduleConfig(warmup=0.0, decay=0.0)
        return ScheduleConfig()

    def _objective(self) -> dict[str, Any]:
        if self.config.training.objective is not None:
            return self.config.training.objective
        terms = _PREFERENCE if self.config.way.learns == "pairs" else _IMITATION
        return {terms[self.kind]: {}}

    def _learned(self) -> dict[str, Any]:
        return {"learn": "best"} if self.config.way.learns == "best" else {}

    def sampling(self, ref: PolicyRef) -> dict[str, Any]:
        """The options that a subject in training samples by, as ``ref`` does."""
        return {name: value for name, value in ref.options.items() if name not in _LOADED}

    def check(self, ref: PolicyRef, config: TrainConfig) -> Any:
        """The training without its data, on weights that take no memory: adapters fit, losses are
        the model's, memory is known. Gives its DryRun; raises InputError."""
        from unireward.training.dry_run import dry_run

        found = dry_run(config)
        # The data of a round are not there yet.
        problems = [p for p in found.problems if not p.text.startswith(f"stages.{STAGE}: ")]
        for problem in problems:
            if problem.fatal:
                raise InputError(f"training: {problem.text}")
        return found

    def trained(
        self, ref: PolicyRef, config: TrainConfig, say: Callable[[str], None]
    ) -> tuple[PolicyRef, float, dict[str, float]]:
        """What the training (or what is left of it) ends with, its seconds and last metrics."""
        from unireward.training.run import train

        result = train(config, say)
        return self.ref_of(ref, config, result.folder), result.seconds, result.metrics

    def at_checkpoint(self, ref: PolicyRef, config: TrainConfig, step: int) -> PolicyRef:
        """What a training was at a step whose checkpoint is there, written out whole."""
        from unireward.training.average import Average
        from unireward.training.storage import load_weights
        from unireward.training.subjects import subject_of

        to = config.output / config.model.result
        stage = config.stages[0]
        folder = config.output / "stages" / f"1-{stage.name}" / f"checkpoint-{step}"
        subject = subject_of(config)
        subject.build(True)
        subject.trainee.objective = subject.objective(stage)
        load_weights(folder, subject.trainee)
        if stage.average is not None:
            average = Average(subject.trainee, stage.average)
            average.read(folder)
            average.settle()
        subject.export(0.0, to)
        return self.ref_of(ref, config, to)

    def ref_of(self, ref: PolicyRef, config: TrainConfig, folder: Path) -> PolicyRef:
        """How what lies in ``folder`` is loaded."""
        model: Any = config.model
        export = model.generator.export if self.kind == "generator" else "merged"
        if export == "merged":
            return ref.at(str(folder))
        adapters = folder if export == "adapters" else folder / "lora"
        base = ref if export == "adapters" else ref.at(str(folder))
        return base.model_copy(update={"options": {**base.options, "lora": str(adapters)}})


def kind_of(config: AlignConfig) -> Kind:
    """What the policy of a config is; InputError for one that cannot be trained."""
    path = config.policy.path
    told: list[Kind] = [
        kind for kind in ("generator", "answers") if config.training.model.get(kind) is not None
    ]
    if len(told) == 1:
        return told[0]
    folder = Path(folder_of(PolicyRef.of(config.policy)))
    if (folder / "model_index.json").is_file():
        return "generator"
    if (folder / "config.json").is_file():
        return "answers"
    mend = "give a folder of weights"
    if not folder.is_dir() and "/" in path and ":" not in path:
        mend = "write training: {model: {generator: true}}, or answers, for one on the hub"
    raise InputError(
        f"policy: {path} is no folder of a generator or a model that answers, which "
        f"{config.way.kind} could train; {mend}, or use method best-of-n"
    )


def folder_of(ref: PolicyRef) -> str:
    """Where the weights lie: a shipped policy's folder, or the path as it is."""
    from unireward.policies.load import SHIPPED, shipped_folder

    return str(shipped_folder(ref.path)) if ref.path in SHIPPED else ref.path


def merged_start(config: AlignConfig, output: Path) -> PolicyRef:
    """The policy that the chain begins with; where it comes with adapters, they go into its
    weights first, since what is trained are whole weights or adapters of its own.

    Raises InputError for adapters that do not fit.
    """
    ref = PolicyRef.of(config.policy)
    if "lora" not in ref.options:
        return ref
    folder = output / "start"
    if not (folder / "model_index.json").is_file():
        from unireward.policies.lora import merge_lora
        from unireward.rewards.reward_folder import replaced

        policy: Any = ref.load()
        merge_lora(policy.adapter)
        with replaced(folder) as draft:
            policy.adapter.save(draft)
    return ref.at(str(folder))
