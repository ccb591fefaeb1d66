"""Dialect: how one endpoint wants to be asked, learnt from what it refuses.

OpenAI-compatible servers differ in a few names and bounds. Each starts with the common form; a
400 or 422 that speaks of one of them changes it for good and the ask is sent again, so that no
ask is lost and none pays twice for what is known:

- ``max_tokens`` refused for ``max_completion_tokens`` (OpenAI's newer models),
- fewer alternatives a token than asked for (vLLM's ``--max-logprobs``, OpenAI's 20), or none,
- a media part's ``uuid`` refused by a server that checks its fields,
- the switch that leaves a stop string in the reply's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unireward.ask import Ask
from unireward.engines.wire import TOP_LOGPROBS

TOKENS, COMPLETION_TOKENS = "max_tokens", "max_completion_tokens"
KEEPS_STOP = {"vllm": "include_stop_str_in_output", "sglang": "no_stop_trim"}
"""The field of each server's chat protocol under which a stop string stays in the text."""
_UNKNOWN = re.compile(r"unsupported|not supported|unknown|unrecogni|not permitted|unexpected")
_BOUND = re.compile(r"\b(max|maximum|most|less|than|between|range|limit|exceeds?|allowed)\b")
_TOO_LARGE = re.compile(r"too large|context length|maximum context")


@dataclass
class Dialect:
    """``top`` alternatives at most at each token (0: no log-probabilities), None while the server
    has refused no number; ``edition`` grows with each change."""

    top: int | None = None
    tokens_field: str = TOKENS
    uuid: bool = False
    keeps_stop: str = ""
    edition: int = 0

    @property
    def logprobs(self) -> bool:
        return self.top != 0

    def top_for(self, ask: Ask) -> int:
        """Alternatives to ask for: what every server gives, more only for more choices."""
        wanted = max(TOP_LOGPROBS, len(ask.choices) + 4) if ask.choices else 0
        return wanted if self.top is None else min(wanted, self.top)

    def mend(self, ask: Ask, status: int, message: str) -> bool:
        """Change what a refusal speaks of; False where it speaks of nothing known here."""
        if status not in (400, 422):
            return False
        said = message.lower()
        mends = self._fewer, self._unnamed, self._trimmed
        changed = self._renamed(said) or any(mend(ask, said) for mend in mends)
        self.edition += changed
        return changed

    def _renamed(self, said: str) -> bool:
        if self.tokens_field != TOKENS or TOKENS not in said or _TOO_LARGE.search(said):
            return False
        if COMPLETION_TOKENS not in said and not _UNKNOWN.search(said):
            return False
        self.tokens_field = COMPLETION_TOKENS
        return True

    def _fewer(self, ask: Ask, said: str) -> bool:
        asked = self.top_for(ask)
        if not asked or "logprob" not in said:
            return False
        fewer = [n for n in map(int, re.findall(r"\d{1,4}", said)) if 0 < n < asked]
        self.top = max(fewer) if fewer and _BOUND.search(said) else 0
        return True

    def _trimmed(self, ask: Ask, said: str) -> bool:
        if not self.keeps_stop or not ask.sampling.stop_after or self.keeps_stop not in said:
            return False
        self.keeps_stop = ""
        return True

    def _unnamed(self, ask: Ask, said: str) -> bool:
        if not self.uuid or not ask.media or "uuid" not in said:
            return False
        self.uuid = False
        return True
