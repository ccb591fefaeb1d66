"""Export: what was trained as a folder that others load, and how it was trained beside it.

Generative judges keep transformers' own class names; adapters are merged into the weights.
Beside them stands ``judge.json`` with the family, and how the judge was trained in its ``meta``.
A model that is no judge has this in ``training.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unireward.families.judge_json import family_named
from unireward.training.config import ModelConfig, TrainConfig
from unireward.training.parts import Parts
from unireward.training.trainee import Trainee

TRAINING = "training.json"


def export(trainee: Trainee, parts: Parts, config: TrainConfig, seconds: float, to: Path) -> Path:
    """Write the judge to ``to``, whole or not at all."""
    from unireward.rewards.reward_folder import replaced

    assert isinstance(config.model, ModelConfig)
    model = trainee.model
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    meta = {"training": facts(config, seconds)}
    family = family_named(config.model.family)
    if trainee.head is not None:
        from unireward.rewards.reward_model import RewardModel

        source = config.output / "processor"
        reward = RewardModel(model, trainee.head, source=source)
        return reward.save(to, family=family, judge=config.name, meta=meta)
    from unireward.families.judge_json import save_judge_json

    with replaced(to) as draft:
        _write(model, parts, draft)
        save_judge_json(draft, family, judge=config.name, meta=meta)
    return to


def export_language(
    model: Any, parts: Parts, config: TrainConfig, seconds: float, to: Path
) -> Path:
    """Write a model that is no judge to ``to``, whole or not at all."""
    from unireward.rewards.reward_folder import replaced

    with replaced(to) as draft:
        _write(model, parts, draft)
        write_facts(config, seconds, draft)
    return to


def _write(model: Any, parts: Parts, folder: Path) -> None:
    from unireward.engines.checkpoint import quiet_if_small

    with quiet_if_small(sum(weight.nbytes for weight in model.parameters())):
        model.save_pretrained(folder)
    parts.save_processor(folder)


def write_facts(config: TrainConfig, seconds: float, folder: Path) -> None:
    """``training.json``: its name and how it was trained."""
    body = {"name": config.name, **facts(config, seconds)}
    text = json.dumps(body, indent=1, ensure_ascii=False)
    (folder / TRAINING).write_text(text + "\n", encoding="utf-8")


def facts(config: TrainConfig, seconds: float) -> dict[str, Any]:
    """How something was trained."""
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
