"""PolicyRef: which policy a stage of the chain ended with, as a line of JSON has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from unireward.curation.config import PolicyConfig
from unireward.protocols import Policy
from unireward.record import Row


class PolicyRef(Row):
    """``path`` and ``options`` as of :func:`unireward.policies.load.load_policy`; ``best_of`` is
    N where the judge picks among so many."""

    path: str
    options: dict[str, Any] = Field(default_factory=dict)
    best_of: int | None = None

    @classmethod
    def of(cls, config: PolicyConfig) -> PolicyRef:
        return cls(path=config.path, options=config.options)

    def load(self, **others: Any) -> Policy:
        """The policy, ``others`` in place of options; raises what ``load_policy`` raises."""
        from unireward.policies.load import load_policy

        return load_policy(self.path, **{**self.options, **others})

    @contextmanager
    def opened(self, **others: Any) -> Iterator[Policy]:
        """The policy as :meth:`load` gives it, closed at the end where it can be."""
        policy = self.load(**others)
        try:
            yield policy
        finally:
            close: Any = getattr(policy, "close", None)
            if close is not None:
                close()

    def at(self, folder: str) -> PolicyRef:
        """Other weights sampled in the same way."""
        kept = {name: value for name, value in self.options.items() if name != "lora"}
        return PolicyRef(path=folder, options=kept)

    def to_config(self) -> dict[str, Any]:
        return {"path": self.path, "options": self.options}
