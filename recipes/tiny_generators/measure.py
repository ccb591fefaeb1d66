"""How often the tiny generators draw what they are asked for, by the world's own checker.

    python -m recipes.tiny_generators.measure runs/tiny_t2i/generator --n 600
    python -m recipes.tiny_generators.measure runs/tiny_t2v/generator --n 600

Captions are those of evaluation at the first level: all combinations of colour and shape, the
ones that training never shows among them, which are told apart. Every caption is drawn once,
from a seed of its own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from recipes.command import run
from unireward.media import Video
from unireward.policies import load_policy
from unireward.prompt import Prompt
from unireward.record import Part
from unireward.stats.intervals import wilson
from unireward.world.checker import check, check_clip
from unireward.world.clips import sample_clip_spec
from unireward.world.facts import caption
from unireward.world.scene import sample_spec
from unireward.world.things import Spec
from unireward.world.words import HELD_OUT

CAPTIONS = {"image_generation": sample_spec, "video_generation": sample_clip_spec}


def specs(task: str, number: int, seed: int) -> list[Spec]:
    """``number`` captions of evaluation at level 1; caption k is the same however many are."""
    return [CAPTIONS[task](np.random.default_rng([seed, k]), 1, "eval") for k in range(number)]


def drawn(policy: Any, asked: Sequence[Spec], seed: int) -> Iterator[np.ndarray | None]:
    """The pixels of each caption's picture or clip, None where it was left out."""
    task = policy.adapter.task
    prompts = [
        Prompt(id=f"{k}", task=task, prompt=(Part.of_text(caption(spec)),))
        for k, spec in enumerate(asked)
    ]
    for sampled in policy.sample(prompts, 1, seed):
        if not sampled.candidates:
            yield None
            continue
        media = sampled.candidates[0].content[0].load()
        if isinstance(media, Video):
            yield media.frames("all").pixels()
        else:
            yield np.asarray(media.load())


def facts_held(pixels: np.ndarray | None, spec: Spec) -> dict[str, bool]:
    """Which of the caption's facts hold, ``exact`` among them; none of what was not drawn."""
    kinds = ("count", "colour", "shape", *(["motion"] if spec.things[0].motion else []))
    if pixels is None:
        return dict.fromkeys((*kinds, "exact"), False)
    checked = check(pixels, spec) if pixels.ndim == 3 else check_clip(pixels, spec)
    return {kind: checked.holds(kind) for kind in kinds} | {"exact": checked.exact}


def measured(policy: Any, number: int, seed: int) -> dict[str, Any]:
    """Shares with their 95 % intervals, of all captions and of the combinations held out."""
    asked = specs(policy.adapter.task, number, seed)
    rows = [facts_held(pixels, spec) for pixels, spec in zip(drawn(policy, asked, seed), asked)]
    unseen = [(spec.things[0].colour, spec.things[0].shape) in HELD_OUT for spec in asked]
    found: dict[str, Any] = {}
    for name, chosen in {
        "all": rows,
        "seen": [row for row, new in zip(rows, unseen) if not new],
        "held out": [row for row, new in zip(rows, unseen) if new],
    }.items():
        found[name] = {
            kind: wilson(sum(row[kind] for row in chosen), len(chosen)).to_dict()
            for kind in (rows[0] if chosen else ())
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("policy", help="a generator's folder")
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--guidance", type=float, help="the generator's own unless given")
    given = parser.parse_args()
    options = {} if given.guidance is None else {"guidance_scale": given.guidance}
    policy = load_policy(given.policy, **options)
    body = {"task": policy.adapter.task, "n": given.n, "seed": given.seed, **options}
    print(json.dumps({**body, "shares": measured(policy, given.n, given.seed)}, indent=1))


if __name__ == "__main__":
    run(main)
