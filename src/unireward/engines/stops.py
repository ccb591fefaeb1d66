"""Stops: the strings at which a reply ends, seen as its tokens come.

transformers' own criterion takes the vocabulary apart, which not every tokenizer bears (one of
whole words does not); this one decodes a reply's last few tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unireward.ask import Sampling


class Stops:
    """The stop strings of one sampling, under one tokenizer."""

    def __init__(self, tokenizer: Any, sampling: Sampling) -> None:
        self.tokenizer = tokenizer
        self.strings = (*sampling.stop, *sampling.stop_after)
        self._reach = max((len(stop.encode()) for stop in self.strings), default=0) + 4
        self._last = {stop[-1] for stop in self.strings if stop}
        self._pieces: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self.strings)

    def completed(self, tokens: Sequence[int]) -> bool:
        """Does the newest of a reply's ``tokens`` complete a stop string?"""
        if not self.strings or not self._may(tokens[-1]):
            return False
        text = self.tokenizer.decode(tokens[-self._reach :], skip_special_tokens=True)
        return any(stop in text for stop in self.strings)

    def _may(self, token: int) -> bool:
        """Could a stop string end in this token? A character of several tokens shows as U+FFFD
        until its last; white space may be what decoding one token alone leaves out."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self.tokenizer.decode([token])
        return "\ufffd" in piece or any(end in piece or end.isspace() for end in self._last)
