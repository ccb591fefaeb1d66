"""AnswersSubject: a model that answers prompts as they stand, and is no judge.

It is asked in training as :class:`~unireward.policies.answers.AnswerPolicy` asks it, and exported
as a plain folder of transformers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.validate import validate
from unireward.training.candidate_maker import CandidateMaker, answer_of
from unireward.training.candidates_config import AnswersData
from unireward.training.collate import Collator
from unireward.training.config import AnswersConfig, StageConfig, TrainConfig
from unireward.training.share import Share
from unireward.training.steps import assembled, objective_kind
from unireward.training.subjects.language import LanguageSubject


class AnswersSubject(LanguageSubject[AnswersConfig]):
    terms = frozenset({"sft", "dpo"})

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, AnswersConfig)
        self.model = config.model

    def own_data(self, spec: dict[str, Any], stage: StageConfig, share: Share) -> Any:
        try:
            config = validate(AnswersData, spec)
        except InputError as error:
            raise InputError(f"data.{error}") from None
        maker = CandidateMaker(config, objective_kind(stage.objective), answer_of)
        collator = Collator(self.processor, self.model.answers, config)
        return assembled(config, maker, collator, share, group=config.group_by_length)

    def policy(self, **settings: Any) -> Any:
        """``settings`` are those of :class:`~unireward.policies.answers.Answering`."""
        from unireward.engines.transformers import TransformersEngine
        from unireward.policies.answers import AnswerPolicy

        engine = TransformersEngine.of(self.trainee.model, self.processor, name=self.config.name)
        shown = self.model.answers.model_dump(exclude_defaults=True)
        return AnswerPolicy(engine, **{**shown, **settings})

    def export(self, seconds: float, to: Path) -> Path:
        from unireward.training.export import export_language

        return export_language(self.merged(), self.parts, self.config, seconds, to)
