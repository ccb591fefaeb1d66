"""Result: what the arms of a study came to over several seeds, for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recipes.comparisons import compared, is_above
from recipes.tables import listed, row, spread
from recipes.unifiedreward_dpo.arms import Arm
from recipes.unifiedreward_dpo.found import Found
from recipes.unifiedreward_dpo.prompts import is_never_trained
from recipes.unifiedreward_dpo.study import BASE, ONLINE, Study

GROUPS: dict[str, Callable[[str], bool]] = {
    "all": lambda caption: True,
    "trained": lambda caption: not is_never_trained(caption),
    "never trained": is_never_trained,
}
"""Captions looked at: those of combinations that the generator was trained on, and the others."""


@dataclass(frozen=True)
class Result:
    """``share``: measure -> group -> arm -> share of each seed. ``gain``: measure -> group -> arm
    -> difference to the base. ``against``: control -> the endpoint of ``online`` less the
    control's. ``diversity``, ``left_out`` and ``seconds``: arm -> each seed's. ``curve``: the
    endpoint of ``online`` by round, of each seed. ``captions`` is how many a group has,
    ``stopped`` which arms ended early and why."""

    study: Study
    seeds: int
    scale: float
    captions: dict[str, int]
    share: dict[str, dict[str, dict[str, list[float]]]]
    gain: dict[str, dict[str, dict[str, dict[str, Any]]]]
    against: dict[str, dict[str, Any]]
    diversity: dict[str, list[float | None]]
    left_out: dict[str, list[int]]
    seconds: dict[str, list[float]]
    curve: list[dict[int, float]]
    stopped: dict[str, str]

    @property
    def reached(self) -> bool:
        """Whether the primary endpoint is (see the part's module)."""
        found = self.gain[self.study.endpoint]["all"][ONLINE]
        return found["value"] >= self.study.asked and is_above(found)

    def to_dict(self) -> dict[str, Any]:
        import unireward

        return {
            "reproduction": f"unifiedreward-dpo-{self.study.part}",
            "unireward": unireward.__version__,
            "reached": self.reached,
            **asdict(self),
        }

    def lines(self) -> list[str]:
        study, endpoint = self.study, self.study.endpoint
        said = [f"{study.what} in %, mean of {self.seeds} seeds (lowest to highest)"]
        said += self._shares("captions", endpoint)
        for other in study.measures[1:]:
            said += self._shares(other, other)
        for group, found in self.gain[endpoint].items():
            if group != "trained":
                title = f"gain over the base, {group} captions, points with 95 % interval"
                said += listed(title, found)
        if self.against:
            said += listed("online less the control, points with 95 % interval", self.against)
        said += [*self._beside(), *self._curve()]
        verdict = "reached" if self.reached else "not reached"
        return [*said, "", f"{study.what}, {_asked(study)} by online: {verdict}"]

    def _shares(self, head: str, measure: str) -> list[str]:
        share = self.share[measure]
        heads = [f"{group} ({number})" for group, number in self.captions.items()]
        arms = (BASE, *self.study.arms)
        rows = [row(arm, [spread(of[arm]) for of in share.values()]) for arm in arms]
        return ["", row(head, heads), *rows]

    def _beside(self) -> list[str]:
        said = ["", row("", ["diversity", "left out", "seconds"])]
        for arm in self.study.arms:
            known = [one for one in self.diversity[arm] if one is not None]
            cells = [
                f"{np.mean(known):.2f} ({min(known):.2f}-{max(known):.2f})" if known else "-",
                f"{sum(self.left_out[arm])}",
                f"{np.mean(self.seconds[arm]):.0f}",
            ]
            said.append(row(arm, cells))
        return said + [f"{name} stopped: {why}" for name, why in self.stopped.items()]

    def _curve(self) -> list[str]:
        """Of the rounds at which every seed was looked at."""
        rounds = sorted(set.intersection(*({*one} for one in self.curve)))
        shares = [spread([one[at] for one in self.curve]) for at in rounds]
        title = f"{ONLINE} after so many rounds, captions of all groups"
        return ["", title, *(row(f"{at}", [share]) for at, share in zip(rounds, shares))]


def _asked(study: Study) -> str:
    return f"+{100 * study.asked:.0f} points" if study.asked else "a gain"


def collect(study: Study, found: Mapping[Arm, Found], seeds: int, scale: float) -> Result:
    """The comparisons, of every arm and seed."""
    by_arm = {name: [found[Arm(name, seed)] for seed in range(1, seeds + 1)] for name in study.arms}
    captions = by_arm[ONLINE][0].captions
    assert all(one.captions == captions for one in found.values()), "looked at the same captions"
    groups = {name: np.array([of(text) for text in captions]) for name, of in GROUPS.items()}
    groups = {name: chosen for name, chosen in groups.items() if chosen.any()}
    share: dict[str, dict[str, dict[str, list[float]]]] = {}
    gain: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for measure in study.measures:
        before, after = _rows(by_arm, "before", measure), _rows(by_arm, "after", measure)
        ways = {BASE: before[ONLINE], **after}
        share[measure] = {
            group: {way: rows[:, chosen].mean(axis=1).tolist() for way, rows in ways.items()}
            for group, chosen in groups.items()
        }
        gain[measure] = {
            group: {
                arm: compared(after[arm][:, chosen], before[arm][:, chosen]) for arm in study.arms
            }
            for group, chosen in groups.items()
        }
    after = _rows(by_arm, "after", study.endpoint)
    return Result(
        study=study,
        seeds=seeds,
        scale=scale,
        captions={name: int(chosen.sum()) for name, chosen in groups.items()},
        share=share,
        gain=gain,
        against={name: compared(after[ONLINE], after[name]) for name in study.controls},
        diversity={arm: [one.diversity for one in of] for arm, of in by_arm.items()},
        left_out={arm: [one.left_out for one in of] for arm, of in by_arm.items()},
        seconds={arm: [one.seconds for one in of] for arm, of in by_arm.items()},
        curve=[one.curve for one in by_arm[ONLINE]],
        stopped={arm.folder: one.stopped for arm, one in found.items() if one.stopped},
    )


def _rows(by_arm: Mapping[str, Sequence[Found]], when: str, measure: str) -> dict[str, np.ndarray]:
    """Arm -> [seeds, captions]."""
    return {
        arm: np.array([getattr(one, when)[measure] for one in found])
        for arm, found in by_arm.items()
    }
