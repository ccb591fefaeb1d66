"""The arms: alignments that begin with the same generator, as configs of ``unireward align``.

==============  ================================================================  =============
arm             learns                                                            objective
==============  ================================================================  =============
``online``      pairs chosen by the judge, anew each round: the recipe itself     the recipe's
``random``      the same rounds, pairs of the same candidates by lot              the recipe's
``offline``     as many candidates, all first; of the ranked pairs the surest     the recipe's
``rejection``   the winners of the offline pairs                                  ``denoise``
``supervised``  the world's right pictures of the same captions                   ``denoise``
``best-of-n``   nothing: the judge picks among as many as a prompt is drawn
                in a round, at every use
==============  ================================================================  =============

All that train take the same number of steps with the same number of rows (a pair has two), their
rate falls over the same last share of them, and no arm learns on a caption that is looked at.
``online``, ``random`` and ``offline`` draw equally many candidates; ``rejection`` takes what
``offline`` drew.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recipes.unifiedreward_dpo.right import right_file
from recipes.unifiedreward_dpo.study import ONLINE, Plan
from unireward.alignment.config import AlignConfig, parse_config
from unireward.alignment.rounds import folder_of
from unireward.curation.run import RECORDS

OFFLINE = "offline"
AFTER = {"rejection": OFFLINE}
"""Arm -> the arm whose pairs it learns from, which comes first."""
DROP_CAPTION = 0.1
"""Of single pictures: as the generator was first trained, which its guidance needs."""


@dataclass(frozen=True)
class Budget:
    """What ``online`` spends in all, and a training of one piece of it."""

    captions: int
    rounds: int
    prompts: int
    candidates: int
    steps: int

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Budget:
        online = settings["method"]["online"]
        return cls(
            settings["limit"], online["rounds"], online["prompts"], settings["candidates"],
            settings["training"]["steps"],
        )  # fmt: skip

    @property
    def candidates_each(self) -> int:
        """Of every caption at once, an even number, so that all of them find a partner."""
        return max(2, 2 * round(self.pairs * self.candidates / self.captions / 2))

    @property
    def pairs_each(self) -> int:
        return max(1, round(self.pairs / self.captions))

    @property
    def pairs(self) -> int:
        return self.rounds * self.prompts

    @property
    def all_steps(self) -> int:
        return self.rounds * self.steps


@dataclass(frozen=True)
class Arm:
    """One alignment: its name and its seed."""

    name: str
    seed: int

    @property
    def folder(self) -> str:
        return f"seed-{self.seed}/{self.name}"

    def config(self, plan: Plan) -> AlignConfig:
        """The arm's config. What is looked at is drawn from noise of the seed, the same for all
        arms. For ``supervised`` the right pictures are drawn first, unless they are there."""
        settings = plan.settings()
        body = {
            **settings,
            "output": str(plan.out / self.folder),
            "seed": self.seed,
            **_OWN[self.name](settings, plan, self.seed),
        }
        body["evaluation"] = {**body["evaluation"], "seed": self.seed}
        return parse_config(body)


def _online(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    """Looked at along the way too: its curve is told where the endpoint is not reached."""
    return {"evaluation": {**settings["evaluation"], "every": plan.every}}


def _random(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    return {"curation": ["random_pairs"]}


def _offline(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    spent = Budget.of(settings)
    return {
        "method": "dpo",
        "candidates": spent.candidates_each,
        "curation": ["pair_rank", {"prompt_quota": {"n": spent.pairs_each}}],
        "training": _at_once(settings, plan, OFFLINE),
    }


def _rejection(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    pairs = folder_of(plan.out / Arm(OFFLINE, seed).folder, 1) / "curation" / RECORDS
    return {
        "method": {"sft": {"records": str(pairs)}},
        "training": _alone(settings, plan, "rejection"),
    }


def _supervised(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    number = 2 * Budget.of(settings).pairs
    file = right_file(plan.out / f"seed-{seed}", settings, number, seed)
    return {
        "method": {"sft": {"records": str(file)}},
        "training": _alone(settings, plan, "supervised"),
    }


def _best_of_n(settings: dict[str, Any], plan: Plan, seed: int) -> dict[str, Any]:
    return {"method": {"best-of-n": {"n": settings["candidates"]}}}


_OWN = {
    ONLINE: _online, "random": _random, OFFLINE: _offline, "rejection": _rejection,
    "supervised": _supervised, "best-of-n": _best_of_n,
}  # fmt: skip
NAMES = tuple(_OWN)


def _at_once(settings: dict[str, Any], plan: Plan, name: str) -> dict[str, Any]:
    """The steps of all rounds in one training."""
    told = settings["training"]
    return {
        **told,
        "optimiser": {**told["optimiser"], "lr": asdict(plan.rates)[name]},
        "schedule": {"warmup": 0.0, "decay": settings["method"]["online"].get("decay", 0.0)},
        "steps": Budget.of(settings).all_steps,
    }


def _alone(settings: dict[str, Any], plan: Plan, name: str) -> dict[str, Any]:
    """Of single pictures, as many in a step as pairs have sides."""
    told = _at_once(settings, plan, name)
    return {
        **told,
        "objective": {"denoise": {}},
        "data": {"drop_caption": DROP_CAPTION},
        "batch": {**told["batch"], "size": 2 * told["batch"]["size"]},
    }
