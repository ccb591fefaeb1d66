"""Subject: what is trained, and all that differs between a judge, a generator and an answerer.

A :class:`~unireward.training.run.Run` has stages, checkpoints and a folder, whatever its subject
is; it asks the subject for what is of its kind::

    subject = subject_of(config)
    subject.preflight(kinds)             # before anything is loaded
    subject.build(first=True)            # subject.trainee: forward(batch) -> Outputs
    subject.data(stage, share)           # micro-batches
    subject.export(seconds, folder)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.training.config import StageConfig, TrainConfig
from unireward.training.objectives import Objective, make_objective
from unireward.training.share import Share

if TYPE_CHECKING:
    from unireward.training.dry_run import DryRun


class Subject(ABC):
    """See the module docstring. ``trainee`` is there once it is built."""

    terms: ClassVar[frozenset[str]]
    """Kinds of losses that it can be trained by."""
    uses_all: bool = False
    """Whether every weight that learns takes part in every forward (DDP waits for the rest)."""
    trainee: Any

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    # Before anything is loaded ----------------------------------------------------------------

    def preflight(self, kinds: Mapping[str, set[str]]) -> None:
        """InputError for what would stop the training; ``kinds`` are the terms' of each stage."""
        for stage, own in kinds.items():
            self._check_terms(stage, own)

    def _check_terms(self, stage: str, kinds: set[str]) -> None:
        if foreign := sorted(kinds - self.terms):
            raise InputError(
                f"stages.{stage}.objective: {foreign[0]} is nothing that a "
                f"{self.config.model.result} learns by; use one of {', '.join(sorted(self.terms))}"
            )

    def check_evaluation(self, stage: StageConfig) -> None:
        """InputError for an evaluation that cannot be made."""
        from unireward.training.custom_evaluation import check

        assert stage.evaluation is not None
        check(stage.evaluation, self.config.model.result)

    @abstractmethod
    def dry_run(self, gpus: int) -> DryRun:
        """What the config would train, checked without weights."""

    # Trained ----------------------------------------------------------------------------------

    @abstractmethod
    def build(self, first: bool) -> None:
        """Load it, with adapters and whatever else learns. ``first`` is true in the one process
        that writes files."""

    def objective(self, stage: StageConfig) -> Objective:
        try:
            objective = make_objective(stage.objective, self.token_id)
        except InputError as error:
            raise InputError(f"stages.{stage.name}.objective: {error}") from None
        self._check_terms(stage.name, {getattr(term, "kind", "") for term in objective.terms})
        return objective

    def token_id(self, text: str) -> int:
        """The id of the token that a string is. InputError where it is none."""
        raise InputError(f"{text!r} is a word, and a {self.config.model.result} has no tokens here")

    def data(self, stage: StageConfig, share: Share) -> Any:
        """A stage's micro-batches of one process: by the factory of its config, or its own."""
        spec = dict(stage.data)
        factory = spec.pop("factory", None)
        if factory is not None:
            return resolve(factory, f"stages.{stage.name}.data.factory")(spec, share)
        return self.own_data(spec, stage, share)

    @abstractmethod
    def own_data(self, spec: dict[str, Any], stage: StageConfig, share: Share) -> Any:
        """The data set of a stage's sources."""

    def evaluator(self, stage: StageConfig) -> Any:
        """What looks at it in the loop, None where nothing does."""
        if stage.evaluation is None:
            return None
        from unireward.training.custom_evaluation import CustomEvaluator

        return CustomEvaluator(stage.evaluation, self)

    def policy(self, **settings: Any) -> Any:
        """What is trained as a :class:`~unireward.protocols.Policy`, as it stands now. UsageError
        for one that makes no candidates."""
        from unireward.errors import UsageError

        raise UsageError(f"a {self.config.model.result} makes no candidates")

    @abstractmethod
    def check_sharded(self) -> None:
        """InputError where its weights cannot be shared out between processes."""

    @abstractmethod
    def export(self, seconds: float, to: Path) -> Path:
        """Write what was trained to ``to``, whole or not at all. Its last use."""
