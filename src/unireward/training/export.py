"""Export: the trained judge as a folder that ``unireward.load`` takes.

Generative judges keep transformers' own class names; adapters are merged into the weights.
Beside them stands ``judge.json`` with the family, and how the judge was trained in its ``meta``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from unireward.training.config import TrainConfig
from unireward.training.parts import Parts
from unireward.training.trainee import Trainee


def family_of(name: str) -> Any:
    """The family of a config: by its name, or of a ``judge.json``."""
    from unireward.families import get_family
    from unireward.families.judge_json import load_judge_json

    return load_judge_json(name).to_family() if name.endswith(".json") else get_family(name)


def export(trainee: Trainee, parts: Parts, config: TrainConfig, seconds: float, to: Path) -> Path:
    """Write the judge to ``to``, whole or not at all."""
    import transformers

    import unireward
    from unireward.engines.checkpoint import quiet_if_small
    from unireward.families.judge_json import save_judge_json

    draft = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    meta = {
        "seed": config.seed,
        "seconds": round(seconds),
        "stages": [{"name": stage.name, "steps": stage.steps} for stage in config.stages],
        "unireward": unireward.__version__,
        "transformers": transformers.__version__,
        **config.meta,
    }
    try:
        model = trainee.model
        if hasattr(model, "merge_and_unload"):
            model = model.merge_and_unload()
        with quiet_if_small(sum(w.nbytes for w in model.parameters())):
            model.save_pretrained(draft)
        parts.save_processor(draft)
        save_judge_json(
            draft, family_of(config.model.family), judge=config.name, meta={"training": meta}
        )
        shutil.rmtree(to, ignore_errors=True)
        os.replace(draft, to)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return to
