"""Sampled: the candidates that a policy made for one prompt, and how.

::

    sampled = policy.sample([prompt], n=4, seed=0)[0]
    sampled.record()              # a Record of its candidates, their making in meta["sampled"]
    sampled.left_out              # {"c": "not finite"}: what was not made, and why
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unireward.errors import InputError
from unireward.prompt import Prompt
from unireward.record import Candidate, Record


@dataclass(frozen=True)
class Sampled:
    """Candidate k of a prompt is called by its index (``candidate_name(k)``), so that a failed
    one leaves a gap.

    ``seeds`` are each candidate's own (the failed ones' too), ``settings`` what the policy
    sampled with (temperature, guidance scale, steps ...), ``left_out`` the reason of each that
    has no candidate.
    """

    prompt: Prompt
    policy: str
    candidates: tuple[Candidate, ...]
    seeds: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def record(self) -> Record:
        """Raises :class:`InputError` where no candidate was made."""
        if not self.candidates:
            reasons = ", ".join(sorted(set(self.left_out.values()))) or "none was asked for"
            raise InputError(f"prompt {self.prompt.id}: has no candidate ({reasons})")
        how: dict[str, Any] = {"policy": self.policy, "seeds": self.seeds}
        if self.settings:
            how["settings"] = self.settings
        if self.left_out:
            how["left_out"] = self.left_out
        return self.prompt.with_candidates(self.candidates, meta={"sampled": how})


def candidate_name(index: int) -> str:
    """a, b, ..., z, then c27, c28, ..."""
    return chr(97 + index) if index < 26 else f"c{index + 1}"
