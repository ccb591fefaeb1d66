"""LanguageSubject: what a judge and a model that answers have in common: transformers' model,
its processor in files, its tokens."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import torch

from unireward.errors import InputError
from unireward.training.config import TrainConfig
from unireward.training.dry_run import DryRun, language_dry_run
from unireward.training.model_config import LanguageConfig
from unireward.training.parts import Parts, build
from unireward.training.subjects.base import Subject
from unireward.training.trainee import Trainee

M = TypeVar("M", bound=LanguageConfig)


class LanguageSubject(Subject, Generic[M]):
    """``parts`` and ``processor`` are there once it is built."""

    model: M
    parts: Parts
    processor: Any
    """None in a dry run that has no files of it."""
    asked: str | None = None
    """The family that it is asked by."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self.folder = config.output / "processor"

    def dry_run(self, gpus: int) -> DryRun:
        return language_dry_run(self, gpus)

    def build(self, first: bool) -> None:
        self.parts = build(self.model, self.config.seed)
        self.processor = self._processor(first)
        torch.manual_seed(self.config.seed)
        self.trainee = self.trainee_of(self.parts)

    @property
    def uses_all(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        # A head leaves the output layer unused, a batch without pictures the vision part.
        return self.parts.states is not None

    def trainee_of(self, parts: Parts) -> Trainee:
        """What the optimiser sees of ``parts`` (on the meta device in a dry run)."""
        return Trainee(parts.model, states=parts.states)

    def token_id(self, text: str) -> int:
        if self.processor is None:
            return 0
        tokenizer = self.processor.tokenizer
        ids = tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise InputError(f"{text!r} is {len(ids)} tokens here; give a word that is one")
        return ids[0]

    def check_sharded(self) -> None:
        if self.parts.states is not None:
            raise InputError(
                "model.factory: its states go past the layers that sharding gathers; train it "
                "without"
            )

    # Processor --------------------------------------------------------------------------------

    def _processor(self, first: bool) -> Any:
        from unireward.engines.processor import load_processor

        if not first:  # the same files, in a folder of its own: nobody waits for another
            with TemporaryDirectory() as own:
                self._save_processor(Path(own))
                return load_processor(own)
        if not self.folder.is_dir():
            draft = self.folder.with_name(".processor")
            self._save_processor(draft)
            draft.replace(self.folder)
        return load_processor(str(self.folder))

    def _save_processor(self, folder: Path) -> None:
        self.parts.save_processor(folder)
        self.parts.model.config.save_pretrained(folder)

    def merged(self) -> Any:
        """The model with its adapters in its weights, for good."""
        model = self.trainee.model
        return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
