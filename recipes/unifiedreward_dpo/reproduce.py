"""``unireward reproduce unifiedreward-dpo``: all parts one after another, and what each found.

Each part is a reproduction of its own too (``unifiedreward-dpo-pairs``, ``-pictures``,
``-answers``, ``-clips``); given this one's folder of it (``--out DIR/pictures``) it does the same
work once. The claim is *reached* where every part's is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.comparisons import check_seeds
from recipes.findings import write_result
from recipes.unifiedreward_dpo import answers, clips, pairs, pictures
from recipes.unifiedreward_dpo.bases import SHIPPED_ONES, check_bases

PARTS: dict[str, Callable[..., Any]] = {
    "pairs": pairs.reproduce,
    "pictures": pictures.reproduce,
    "answers": answers.reproduce,
    "clips": clips.reproduce,
}


@dataclass(frozen=True)
class Result:
    """Each part's own result, by its name."""

    seeds: int
    scale: float
    parts: dict[str, Any]

    @property
    def reached(self) -> bool:
        return all(part.reached for part in self.parts.values())

    def to_dict(self) -> dict[str, Any]:
        return {
            "reproduction": "unifiedreward-dpo",
            "seeds": self.seeds,
            "scale": self.scale,
            "reached": self.reached,
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
        }

    def lines(self) -> list[str]:
        said: list[str] = []
        for name, part in self.parts.items():
            said += [name, "=" * len(name), "", *part.lines(), ""]
        return [*said, f"all parts: {'reached' if self.reached else 'not reached'}"]


def reproduce(
    out: Path,
    seeds: int,
    scale: float,
    workers: int,
    say: Callable[[str], None],
    bases: Mapping[str, str] = SHIPPED_ONES,
) -> Result:
    """Run whatever of it is not done yet. ``bases`` name the folders of policies by part, in place
    of the shipped ones; that all are there is looked at first."""
    check_seeds(seeds)
    check_bases(bases, PARTS)
    found = {}
    for name, run in PARTS.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        own = {part: base for part, base in bases.items() if part == name}
        found[name] = run(
            folder, seeds, scale, workers, lambda line, name=name: say(f"{name}: {line}"), own
        )
    result = Result(seeds, scale, found)
    write_result(out, result)
    return result
