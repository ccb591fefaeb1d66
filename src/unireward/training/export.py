"""Export: the trained judge as a folder that ``unireward.load`` takes.

Generative judges keep transformers' own class names; adapters are merged into the weights.
Beside them stands ``judge.json`` with the family, and how the judge was trained in its ``meta``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unireward.families.judge_json import family_named
from unireward.training.config import TrainConfig
from unireward.training.parts import Parts
from unireward.training.trainee import Trainee


def export(trainee: Trainee, parts: Parts, config: TrainConfig, seconds: float, to: Path) -> Path:
    """Write the judge to ``to``, whole or not at all."""
    from unireward.rewards.reward_folder import replaced

    model = trainee.model
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    meta = {"training": _facts(config, seconds)}
    family = family_named(config.model.family)
    if trainee.head is not None:
        from unireward.rewards.reward_model import RewardModel

        source = config.output / "processor"
        reward = RewardModel(model, trainee.head, source=source)
        return reward.save(to, family=family, judge=config.name, meta=meta)
    from unireward.engines.checkpoint import quiet_if_small
    from unireward.families.judge_json import save_judge_json

    with replaced(to) as draft, quiet_if_small(sum(w.nbytes for w in model.parameters())):
        model.save_pretrained(draft)
        parts.save_processor(draft)
        save_judge_json(draft, family, judge=config.name, meta=meta)
    return to


def _facts(config: TrainConfig, seconds: float) -> dict[str, Any]:
    """How a judge was trained, for its ``judge.json``."""
    import transformers

    import unireward

    return {
        "seed": config.seed,
        "seconds": round(seconds),
        "stages": [{"name": stage.name, "steps": stage.steps} for stage in config.stages],
        "unireward": unireward.__version__,
        "transformers": transformers.__version__,
        **config.meta,
    }
