"""Means: what steps are built with: the policy, judges by name, where media go, the seed.

A policy or judge is loaded when the first step asks for it, once, and closed at the end; one
that is loaded already is asked, and stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from unireward.curation.stand_in import Shape
from unireward.curation.store import Store
from unireward.errors import UsageError

if TYPE_CHECKING:
    from unireward.curation.config import CurateConfig
    from unireward.protocols import Policy

FIRST = "judge"
"""The judge of steps that name none."""


class Means:
    """Of a config. ``judges`` are those of its own that are loaded already, by name, ``policy``
    is its own where it is. Use as a context manager."""

    def __init__(
        self,
        config: CurateConfig,
        judges: Mapping[str, Any] | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.config = config
        self.store = Store(config.output, config.clips)
        self.seed, self.n = config.seed, config.candidates
        self._judges = dict(judges or {})
        self._policy = policy
        self._open = ExitStack()

    def __enter__(self) -> Means:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @property
    def policy(self) -> Policy:
        """UsageError where the config has none."""
        if self._policy is None:
            from unireward.policies.load import load_policy

            wanted = self.config.policy
            if wanted is None:
                raise UsageError("steps: sample needs a policy; write policy: PATH")
            self._policy = load_policy(wanted.path, **wanted.options)
            self._closing(self._policy)
        return self._policy

    def judge(self, name: str | None) -> Any:
        """The judge of this name, the first one for None. UsageError where there is none."""
        wanted = self.config.judges
        if not wanted:
            raise UsageError("steps: a judge is asked and there is none; write judge: NAME")
        name = name or (FIRST if FIRST in wanted else next(iter(wanted)))
        if name not in wanted:
            raise UsageError(f"steps: judge {name!r} is not in judges ({', '.join(wanted)})")
        if name not in self._judges:
            self._judges[name] = wanted[name].load()
            self._closing(self._judges[name])
        return self._judges[name]

    @property
    def shape(self) -> Shape:
        """How large a candidate of the policy will be, as far as its settings say."""
        options = self.config.policy.options if self.config.policy is not None else {}
        return shape_of({**getattr(self.policy, "settings", {}), **options})

    def _closing(self, thing: Any) -> None:
        if hasattr(thing, "close"):
            self._open.callback(thing.close)


def shape_of(settings: dict[str, Any]) -> Shape:
    """From a policy's settings: ``width``, ``height``, ``frames``, ``max_tokens`` (of about four
    characters)."""
    told = {
        name: int(settings[name])
        for name in ("width", "height", "frames")
        if isinstance(settings.get(name), int) and settings[name] > 0
    }
    if isinstance(settings.get("max_tokens"), int):
        return Shape(**told, characters=4 * settings["max_tokens"], known=True)
    return Shape(**told, known={"width", "height"} <= set(told))
