"""Asked: the options by which a verb that judges is told its judge, written once.

::

    @asked("seed", "form", "aspect")            # besides those that every such verb has
    def score(prompt: ..., told: Told, json: o.Json = False) -> None:
        with told.judge() as judge:
            ...

On the command line the options stand where ``told`` stands in the function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from unireward.cli import options as o

if TYPE_CHECKING:
    from unireward.rewards.face import Face

SHARED: dict[str, tuple[Any, Any]] = {
    "judge": (o.JudgeName, "tiny"),
    "family": (o.FamilyName, None),
    "model": (o.ModelName, None),
    "device": (o.Device, None),
    "dtype": (o.Dtype, "auto"),
    "quantise": (o.Quantise, None),
    "compile": (o.Compile, False),
    "seed": (o.Seed, 0),
    "form": (o.FormName, None),
    "aspect": (o.Aspect, None),
    "votes": (o.VoteCount, 1),
    "vote_confidence": (o.VoteConfidence, None),
    "temperature": (o.Temperature, None),
    "expected": (o.Expected, False),
    "pairing": (o.Pairing, None),
    "budget": (o.Budget, None),
    "confidence": (o.Settled, None),
    "no_cache": (o.NoCache, False),
    "cache_salt": (o.CacheSalt, ""),
    "one_order": (o.OneOrder, False),
    "concurrency": (o.Concurrency, 32),
    "max_comparisons": (o.MaxComparisons, 5_000),
}
"""Option -> its annotation and default, in the order in which help lists them."""
ALWAYS = frozenset(
    ("judge", "family", "model", "device", "dtype", "quantise", "compile", "votes",
     "vote_confidence", "temperature", "no_cache", "cache_salt", "concurrency")
)  # fmt: skip


class Told:
    """What was said of the judge; an option that the verb does not have is at its default."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: default for name, (_, default) in SHARED.items()} | dict(given)

    def __getitem__(self, option: str) -> Any:
        return self._given[option]

    def judge(self, *, on_failure: str = "keep", **instead: Any) -> Face:
        """The judge that the options describe; ``instead`` replaces some of them."""
        from unireward.rewards.load import load
        from unireward.rewards.pairing import Pairs

        told = self._given | instead
        pairs = {"scheme": told["pairing"], "budget": told["budget"],
                 "confidence": told["confidence"]}  # fmt: skip
        same = ("family", "model", "device", "dtype", "quantise", "compile", "seed", "form",
                "aspect", "temperature", "expected", "cache_salt", "concurrency",
                "max_comparisons")  # fmt: skip
        return load(
            told["judge"],
            cache=not told["no_cache"],
            both_orders=not told["one_order"],
            policy=on_failure,
            votes=_votes(told["votes"], told["vote_confidence"]),
            pairs=Pairs(**{name: value for name, value in pairs.items() if value is not None}),
            **{name: told[name] for name in same},
        )


def _votes(votes: int, confidence: float | None) -> Any:
    from unireward.errors import UsageError

    if confidence is None:
        return votes
    if votes == 1:
        raise UsageError("--vote-confidence ends votes early; add --votes, such as --votes 16")
    from unireward.rewards.vote import Votes

    return Votes(votes, confidence=confidence)


def asked(*more: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the shared options, :data:`ALWAYS` and ``more``, as its ``told``."""
    names = [name for name in SHARED if name in ALWAYS or name in more]
    assert set(more) <= SHARED.keys() - ALWAYS, "another option, or one that is always there"

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def verb(**given: Any) -> None:
            told = Told({name: given.pop(name) for name in names})
            command(told=told, **given)

        listed = []
        for own in inspect.signature(command, eval_str=True).parameters.values():
            if own.name == "told":
                listed += [_option(name) for name in names]
            else:
                listed.append(own.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        verb.__name__, verb.__doc__ = command.__name__, command.__doc__
        verb.__module__ = command.__module__
        verb.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
        verb.__annotations__ = {one.name: one.annotation for one in listed}
        return verb

    return decorate


def _option(name: str) -> inspect.Parameter:
    annotation, default = SHARED[name]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
