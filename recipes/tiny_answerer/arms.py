"""The arms: which trainings go on from the same answerer, on what, and how long.

===============  ==========================================  =====================
arm              data                                        objective
===============  ==========================================  =====================
``dpo``          pairs chosen by the tiny judge              ``dpo``
``random``       pairs of the same answers, by lot           ``dpo``
``rejection``    the winners of the judge's pairs            ``sft``
``supervised``   the world's right answers to the questions  ``sft``
``best-of-n``    nothing: the judge picks among as many      none
                 answers as a question gave, at every use
===============  ==========================================  =====================

All that train take the same number of steps of ``ROWS`` answers. ``CHOSEN`` was settled on the
validation seed by ``recipes.tiny_answerer.choose``: of rates from 1e-4 to 1e-3 the best one of
either objective. Of 600 questions 48.7 % were answered wrongly before, and after ``dpo`` at 1e-4,
3e-4, 6e-4 and RPO's alpha of 1 39.0, 30.5, 26.2 (at 3e-4 and .3 30.8, and worse when greedy).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.tiny_answerer.pairs import Pairs

TRAINED = ("dpo", "random", "rejection", "supervised")
BEST_OF_N = "best-of-n"
NAMES = (*TRAINED, BEST_OF_N)
ROWS = 64


@dataclass(frozen=True)
class Chosen:
    """Learning rates of both objectives; DPO's beta and its weight of the better answer's
    likelihood (RPO's alpha)."""

    dpo_lr: float = 6e-4
    sft_lr: float = 1e-3
    beta: float = 0.1
    rpo_alpha: float = 1.0
    steps: int = 200


CHOSEN = Chosen()


@dataclass(frozen=True)
class Arm:
    """One training: its name and its seed."""

    name: str
    seed: int

    @property
    def folder(self) -> str:
        return f"seed-{self.seed}/{self.name}"

    def config(
        self, out: Path, base: str, pairs: Pairs, scale: float = 1.0, chosen: Chosen = CHOSEN
    ) -> dict[str, Any]:
        """The arm's training config; ``base`` is the folder of the answerer that it begins
        with."""
        by_pairs = self.name in ("dpo", "random")
        dpo = {"beta": chosen.beta, "rpo_alpha": chosen.rpo_alpha}
        file = {"random": pairs.random, "supervised": pairs.right}.get(self.name, pairs.judged)
        return {
            "name": self.name,
            "output": str(out / self.folder),
            "seed": self.seed,
            "model": {"path": base, "answers": True},
            "data": {"sources": [{"records": str(file)}]},
            "objective": {"dpo": dpo} if by_pairs else {"sft": {}},
            "batch": {"size": ROWS // 2 if by_pairs else ROWS},
            "optimiser": {"lr": chosen.dpo_lr if by_pairs else chosen.sft_lr, "betas": [0.9, 0.98]},
            "schedule": {"warmup": 0.05, "decay": 1.0},
            "steps": max(1, round(chosen.steps * scale)),
            "save": {"every": 50, "limit": 1},
            "log_every": 20,
            "device": "cpu",
            "threads": 1,
            "workers": 0,
            "tensorboard": False,
        }
