"""What is true of a candidate, on the scales the judges use.

Alignment is ``1 + 4 x (share of the stated facts that hold)``; coherence, style and physics are
5 less the planted strength. ``overall`` is a fixed weighted mean, and a pair whose overalls
differ by less than ``TIE`` is a tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unireward.record import Label, Span
from unireward.world.facts import held
from unireward.world.things import Scene, Spec

WEIGHTS: dict[str, dict[str, float]] = {
    "image_generation": {"alignment": 0.6, "coherence": 0.2, "style": 0.2},
    "image_editing": {"alignment": 0.6, "coherence": 0.2, "style": 0.2},
    "video_generation": {"alignment": 0.6, "coherence": 0.15, "physics": 0.25},
    "image_understanding": {"alignment": 1.0},
    "video_understanding": {"alignment": 1.0},
}
"""Weights of ``overall`` per task; what a prompt says weighs most."""
TIE = 0.1
"""Overalls closer than this are a tie."""
STRONG = 2.0
"""An overall difference of this many points or more has strength 1."""
SCALE = (1.0, 5.0)


def alignment(shares: Sequence[bool]) -> float:
    """1 to 5 from whether each stated fact holds."""
    return round(1 + 4 * sum(shares) / len(shares), 4)


def overall(task: str, scores: Mapping[str, float]) -> float:
    return round(sum(weight * scores[name] for name, weight in WEIGHTS[task].items()), 4)


def truth(
    candidate: Scene,
    spec: Spec,
    artefact: int = 0,
    style: int = 0,
    task: str = "image_generation",
) -> dict[str, float]:
    """The scores (1 to 5) of a picture of ``candidate`` asked for as ``spec``.

    ``artefact`` and ``style`` are the strengths planted, 0 to 4.
    """
    scores = {
        "alignment": alignment(held(spec, candidate)),
        "coherence": 5.0 - artefact,
        "style": 5.0 - style,
    }
    return {**scores, "overall": overall(task, scores)}


def label_of(truths: Mapping[str, Mapping[str, float]], spans: Sequence[Span] = ()) -> Label:
    """The label of a record whose candidates have these truths, tiers from best to worst."""
    ids = sorted(truths, key=lambda name: -truths[name]["overall"])
    tiers: list[list[str]] = []
    for name in ids:
        if tiers and truths[tiers[-1][0]]["overall"] - truths[name]["overall"] < TIE:
            tiers[-1].append(name)
        else:
            tiers.append([name])
    gap = truths[ids[0]]["overall"] - truths[ids[-1]]["overall"]
    several = len(ids) > 1
    return Label(
        # Within a tier in the candidates' own order: the file tells nothing finer than the tie.
        ranking=tuple(tuple(name for name in truths if name in tier) for tier in tiers)
        if several
        else None,
        strength=round(min(1.0, gap / STRONG), 4) if several else None,
        scores={name: dict(scores) for name, scores in truths.items()},
        scales=dict.fromkeys(next(iter(truths.values())), SCALE),
        spans=tuple(spans),
    )
