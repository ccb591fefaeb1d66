"""ScriptedEngine: a real engine whose replies come from a table or a function.

Every path above it can be walked with no weights and no network, faults included::

    engine = ScriptedEngine({"two red circles": "Image 1 is better", "": "Image 2 is better"})
    engine = ScriptedEngine(lambda ask: {"Image 1 is better": -0.2, "Image 2 is better": -1.7})
    engine = ScriptedEngine(table, faults={3: "error", 5: "truncated"}, window=8)
    engine = ScriptedEngine.from_file("table.jsonl")        # --judge scripted:table.jsonl

Edge rules: an ask that no rule answers is that ask's error and says what to add; ``calls``
counts asks answered, faults included; the order of answers with ``window`` is drawn from
``seed`` and so the same each time; ``faults`` number calls from 0 in the order asks are pulled.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

from unireward.ask import Ask, Reply
from unireward.engines.base import CHOOSE, GENERATE, IMAGE, VIDEO, BaseEngine
from unireward.engines.rules import Script, fitted, read_table, reply_of, rules_of
from unireward.errors import EngineUnavailableError, UsageError

Fault = Literal["error", "unavailable", "truncated", "refused", "drop"]
FAULTS: tuple[str, ...] = get_args(Fault)
Faults = Mapping[int, Fault] | Callable[[int, Ask], "Fault | None"]
_REMEMBERED = 256


class ScriptedEngine(BaseEngine):
    """Answers from ``replies``: a text, a mapping, a list of rules, or ``f(ask)``.

    ``f`` returns a text, a mapping of log-probabilities, a :class:`Reply`, or None for "no
    rule". ``delay`` is seconds before each answer (a number or ``f(ask)``). ``faults`` maps a
    call's number to what goes wrong with it: ``error`` (a Reply with an error), ``drop`` (the
    connection is lost), ``truncated`` (half the text, ``finish_reason`` length), ``refused``
    (no text, content_filter), ``unavailable`` (call 0 only: the engine raises before any
    reply). ``window`` > 1 holds that many asks and answers them in a drawn order. Thread-safe.
    """

    def __init__(
        self,
        replies: Script,
        *,
        name: str = "scripted",
        kind: str = "scripted",
        capabilities: Iterable[str] = (GENERATE, CHOOSE, IMAGE, VIDEO),
        delay: float | Callable[[Ask], float] | None = None,
        faults: Faults | None = None,
        window: int = 1,
        seed: int = 0,
        identity: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if window < 1:
            raise UsageError(f"window is {window}; set it to 1 or more asks")
        self.name = name
        self.kind = kind
        self.capabilities = frozenset(capabilities)
        self.identity = identity or f"scripted:{name}:{_digest(replies, faults)}"
        self.calls = 0
        self.seen: deque[Ask] = deque(maxlen=_REMEMBERED)
        """The last asks answered, oldest first."""
        self._function = replies if callable(replies) else None
        self._rules = [] if callable(replies) else rules_of(_listed(replies))
        self._delay = delay
        self._faults = _checked(faults)
        self._window = window
        self._seed = seed
        self._sleep = sleep
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> ScriptedEngine:
        """An engine from a JSON Lines table (:mod:`unireward.engines.rules`)."""
        path = Path(path)
        options.setdefault("name", f"scripted:{path.stem}")
        return cls(read_table(path), **options)

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        held: list[tuple[int, Ask]] = []
        draw = Random(self._seed)
        for index, ask in enumerate(asks):
            held.append((index, ask))
            if len(held) >= self._window:
                place, one = held.pop(draw.randrange(len(held)))
                yield place, self.answer(one)
        while held:
            place, one = held.pop(draw.randrange(len(held)))
            yield place, self.answer(one)

    def answer(self, ask: Ask) -> Reply:
        """The reply to one ask, its delay and planned fault included."""
        fault = self.take(ask)
        pause = self.delay_of(ask)
        if pause > 0:
            self._sleep(pause)
        return replace(self.faulty(self.reply(ask), fault), seconds=pause)

    def take(self, ask: Ask) -> Fault | None:
        """Count one call and say what is planned to go wrong with it.

        Raises :class:`EngineUnavailableError` where that is ``unavailable``.
        """
        with self._lock:
            number = self.calls
            self.calls += 1
            self.seen.append(ask)
        fault = self._faults(number, ask)
        if fault == "unavailable":
            raise EngineUnavailableError(
                f"engine {self.name} is unavailable (planned fault of call {number}); take the "
                "fault out of its plan"
            )
        return fault

    def delay_of(self, ask: Ask) -> float:
        """Seconds this ask waits for its answer."""
        return float(self._delay(ask) if callable(self._delay) else self._delay or 0.0)

    def reply(self, ask: Ask) -> Reply:
        """What the script says to this ask, with neither count, delay nor fault."""
        return fitted(self.said(ask), ask, choose=CHOOSE in self.capabilities)

    def said(self, ask: Ask) -> Reply:
        """``reply`` with all log-probabilities of the script, whatever was asked for."""
        reply = self._answer(ask)
        if reply is None:
            head = " ".join(ask.text.split())[:60]
            return Reply(error=f"no rule answers the ask {head!r}; add one to the table")
        return replace(reply, prompt_tokens=reply.prompt_tokens or len(ask.text.split()))

    def _answer(self, ask: Ask) -> Reply | None:
        if self._function is not None:
            said = self._function(ask)
            return None if said is None else reply_of(said)
        return next((reply for rule, reply in self._rules if rule.matches(ask)), None)

    @staticmethod
    def faulty(reply: Reply, fault: Fault | None) -> Reply:
        """``reply`` after ``fault`` has befallen it."""
        if fault is None:
            return reply
        bare = replace(reply, choices=None, text=None, finish_reason=None)
        if fault == "truncated":
            text = reply.text or ""
            return replace(bare, text=text[: len(text) // 2], finish_reason="length")
        if fault == "refused":
            return replace(bare, text="", finish_reason="content_filter")
        if fault == "drop":
            return replace(bare, error="connection lost (planned fault)")
        return replace(bare, error="planned fault")


def _listed(replies: Any) -> Any:
    return {"": replies} if isinstance(replies, str) else replies


def _checked(faults: Faults | None) -> Callable[[int, Ask], Fault | None]:
    if faults is None:
        return lambda number, ask: None
    if callable(faults):
        return faults
    plan = dict(faults)
    for number, fault in plan.items():
        if fault not in FAULTS:
            raise UsageError(f"fault of call {number} is {fault!r}; use {', '.join(FAULTS)}")
        if fault == "unavailable" and number != 0:
            raise UsageError(f"fault of call {number}: 'unavailable' is for call 0 only")
    return lambda number, ask: plan.get(number)


def _digest(replies: Any, faults: Faults | None) -> str:
    """A digest of the script, so that two scripts never share a cached reply.

    A function cannot be read, so it gets a name that no other run has.
    """
    if callable(replies) or callable(faults):
        return uuid.uuid4().hex
    body = [
        [rule.model_dump(mode="json"), reply.text, reply.finish_reason, reply.choices, reply.error]
        for rule, reply in rules_of(_listed(replies))
    ]
    text = json.dumps([body, sorted((faults or {}).items())], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
