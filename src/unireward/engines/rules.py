"""Rule: one line of a scripted engine's table, which asks it answers and with what.

A table is JSON Lines; the first rule whose conditions all hold answers, and a rule without
conditions answers everything::

    {"contains": "two red circles", "images": 2, "reply": "Image 1 is better"}
    {"regex": "Question: .*colour", "choices": {"Answer 1 is better": -0.1, "Answer 2 ...": -2.4}}
    {"media": "9f86d0...", "reply": "Final Score: 4"}
    {"reply": "Both images are equally good.", "finish_reason": "stop"}

``media`` is a content digest, or a list of them in the order they must be shown; ``choices``
are natural log-probabilities of whole answers, each at most 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, FiniteFloat, ValidationError, field_validator

from unireward.ask import Ask, Reply
from unireward.errors import InputError
from unireward.record import Row

_DIGEST = re.compile(r"[0-9a-f]{64}")
Answer = str | Reply | Mapping[str, float]
"""What a script may say: a text, a whole Reply, or log-probabilities of the choices."""
Script = (
    str
    | Mapping[Any, Answer]
    | Sequence["Rule | Mapping[str, Any] | tuple[Any, Answer]"]
    | Callable[[Ask], Answer | None]
)


class Rule(Row):
    """Conditions on an ask (all must hold) and the reply to it."""

    contains: str | None = None
    regex: str | None = None
    media: str | tuple[str, ...] | None = None
    images: int | None = Field(default=None, ge=0)
    """Number of media shown, of whatever kind."""
    reply: str | None = None
    choices: dict[str, FiniteFloat] | None = None
    finish_reason: str = "stop"
    error: str | None = None
    tokens: int | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"is no regular expression: {error}") from None
        return value

    @field_validator("choices")
    @classmethod
    def _log_probabilities(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and (not value or max(value.values()) > 0):
            raise ValueError("needs natural log-probabilities, each at most 0")
        return value

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return None if self.regex is None else re.compile(self.regex)

    def matches(self, ask: Ask) -> bool:
        if self.images is not None and len(ask.media) != self.images:
            return False
        if self.contains is not None and self.contains not in ask.text:
            return False
        if self._pattern is not None and not self._pattern.search(ask.text):
            return False
        return self.media is None or self._shows(ask)

    def _shows(self, ask: Ask) -> bool:
        digests = [_digest_of(part) for part in ask.media]
        if isinstance(self.media, str):
            return self.media in digests
        return digests == list(self.media or ())

    def answer(self) -> Reply:
        text = self.reply
        if text is None and self.choices:
            text = max(self.choices, key=self.choices.__getitem__)
        if text is None and self.error is None:
            text = ""
        return Reply(
            text=text if self.error is None else None,
            finish_reason=self.finish_reason if self.error is None else None,
            choices=dict(self.choices) if self.choices and self.error is None else None,
            error=self.error,
            tokens=self.tokens if self.tokens is not None else len((text or "").split()),
        )


def _digest_of(part: Any) -> str:
    return part.image.digest if hasattr(part, "image") else part.video.digest


def rules_of(script: Mapping[Any, Answer] | Sequence[Any]) -> list[tuple[Rule, Reply]]:
    """Rules and their replies, in order, from a mapping or a list.

    A mapping's key (or the first of a pair) is a media digest (64 hex digits), a compiled
    pattern, or else a substring of the ask's text; the empty string answers everything.
    """
    pairs = script.items() if isinstance(script, Mapping) else script
    rules: list[tuple[Rule, Reply]] = []
    for number, entry in enumerate(pairs, start=1):
        if isinstance(entry, Rule):
            rules.append((entry, entry.answer()))
        elif isinstance(entry, Mapping):
            rule = _validated(entry, f"rule {number}")
            rules.append((rule, rule.answer()))
        else:
            key, answer = entry
            rules.append((_rule_of_key(key), reply_of(answer)))
    return rules


def _rule_of_key(key: Any) -> Rule:
    if isinstance(key, re.Pattern):
        flags = "".join(f for f, bit in (("i", re.I), ("s", re.S), ("m", re.M)) if key.flags & bit)
        return Rule(regex=f"(?{flags}){key.pattern}" if flags else key.pattern)
    if _DIGEST.fullmatch(key):
        return Rule(media=key)
    return Rule(contains=key)


def reply_of(answer: Answer) -> Reply:
    """The Reply that a text, a mapping of log-probabilities, or a Reply stands for."""
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, str):
        return Rule(reply=answer).answer()
    return _validated({"choices": dict(answer)}, "choices").answer()


def fitted(reply: Reply, ask: Ask, *, choose: bool) -> Reply:
    """``reply`` as this ask gets it: log-probabilities of exactly its own choices, or none."""
    given = reply.choices
    if given is None:
        return reply
    if not choose or not ask.choices or not set(ask.choices) <= set(given):
        return replace(reply, choices=None)
    return replace(reply, choices={choice: given[choice] for choice in ask.choices})


def read_table(path: str | Path) -> list[Rule]:
    """The rules of a JSON Lines file; raises :class:`InputError` naming file, line and field."""
    path = Path(path)
    try:
        lines: Iterable[str] = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(f"{path}: {reason}; give a JSON Lines file of rules") from None
    rules: list[Rule] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: no JSON ({error.msg}); mend the line") from None
        rules.append(_validated(entry, f"{path}:{number}"))
    if not rules:
        raise InputError(f'{path}: no rules; add a line such as {{"reply": "Image 1 is better"}}')
    return rules


def _validated(entry: Any, where: str) -> Rule:
    try:
        return Rule.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "rule"
        raise InputError(
            f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}"
        ) from None
