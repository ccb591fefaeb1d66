"""JudgeSubject: a judge by its family, with a reward head where the config has one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.families.family import Family
from unireward.families.judge_json import family_named
from unireward.training.config import ModelConfig, StageConfig, TrainConfig
from unireward.training.objectives import KINDS
from unireward.training.parts import Parts
from unireward.training.share import Share
from unireward.training.subjects.language import LanguageSubject
from unireward.training.trainee import Trainee

_SIGMA = ("gaussian-pair", "fidelity")
_REWARDS = (*_SIGMA, "bradley-terry", "plackett-luce", "regression", "absolute")
_OF_GENERATORS = ("denoise", "diffusion-dpo")


class JudgeSubject(LanguageSubject[ModelConfig]):
    terms = frozenset(KINDS) - {*_OF_GENERATORS}

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, ModelConfig)
        self.model = config.model
        try:
            self.family: Family = family_named(self.model.family)
        except InputError as error:
            raise InputError(f"model.family: {error}") from None
        self.asked = self.family.name

    # Before anything is loaded ----------------------------------------------------------------

    def preflight(self, kinds: Mapping[str, set[str]]) -> None:
        super().preflight(kinds)
        for stage, own in kinds.items():
            self._head_fits(stage, own)
        if self.model.head is not None and not any(own & {*_REWARDS} for own in kinds.values()):
            raise InputError(
                "model.head: no loss trains it; add one (bradley-terry, regression ...) to "
                "objective, or leave the head out"
            )

    def _head_fits(self, stage: str, kinds: set[str]) -> None:
        head, wanting = self.model.head, sorted(kinds & {*_REWARDS})
        if head is None:
            if wanting:
                raise InputError(
                    f"stages.{stage}.objective: {wanting[0]} trains a head; give the model one, "
                    "for example model.head={kind: linear}"
                )
            return
        if head.get("kind") == "ridge":
            raise InputError(
                "model.head.kind: a ridge head is fitted in closed form, not trained; see "
                "docs/heads.md, or set it to linear"
            )
        if (kinds & {*_SIGMA}) and head.get("kind") != "gaussian":
            raise InputError(
                f"stages.{stage}.objective: {min(kinds & {*_SIGMA})} needs a sigma; set "
                "model.head.kind to gaussian"
            )

    def check_evaluation(self, stage: StageConfig) -> None:
        assert stage.evaluation is not None
        if stage.evaluation.evaluator is not None:
            super().check_evaluation(stage)
        else:
            from unireward.training.evaluation import held_out

            held_out(stage.evaluation, self.family)

    # Trained ----------------------------------------------------------------------------------

    def trainee_of(self, parts: Parts) -> Trainee:
        return Trainee(
            parts.model,
            reward=self._reward(parts.model),
            auxiliary=self.model.auxiliary,
            states=parts.states,
        )

    def _reward(self, model: Any) -> Any:
        """The reward model that is trained, where the config has a head."""
        head = self.model.head
        if head is None:
            return None
        from unireward.rewards.heads import make_head
        from unireward.rewards.reward_model import RewardModel, hidden_size_of

        if self.processor is not None:
            head = with_marks(head, self.processor.tokenizer)
        made = make_head(head, hidden_size_of(model.config))
        return RewardModel(model, made, source=self.folder)

    def own_data(self, spec: dict[str, Any], stage: StageConfig, share: Share) -> Any:
        from unireward.training.steps import steps_of

        return steps_of(spec, share, family=self.model.family, processor=self.processor,
                        objective=stage.objective)  # fmt: skip

    def evaluator(self, stage: StageConfig) -> Any:
        if stage.evaluation is None or stage.evaluation.evaluator is not None:
            return super().evaluator(stage)
        from unireward.training.evaluation import Evaluator

        return Evaluator(stage.evaluation, self.config, self.folder)

    def export(self, seconds: float, to: Path) -> Path:
        from unireward.training.export import export

        return export(self.trainee, self.parts, self.config, seconds, to)


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
