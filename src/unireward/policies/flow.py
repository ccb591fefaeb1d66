"""Flow: prompts in, their candidates out, in order, with one engine stream running between.

Prompts are pulled only as the engine asks for more, and let go of as soon as their candidates are
given, so memory does not grow with their number. An answer that is late holds back the prompts
behind it; when :data:`WINDOW` candidates wait, the stream is let run dry before more are pulled.

Edge rules: a prompt that cannot be asked (no words, a clip that cannot be read) has all its
candidates left out, with the reason; what is wrong with the *source* of prompts is raised after
everything pulled before it has been given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unireward.ask import Ask, Reply
from unireward.errors import EngineError, InputError
from unireward.policies.asking import plain_ask
from unireward.policies.content import Content, gathered, misfit, text_content
from unireward.policies.seeds import seed_of
from unireward.prompt import Prompt
from unireward.record import MAX_PROMPT_CHARS
from unireward.sampled import Sampled

if TYPE_CHECKING:
    from unireward.policies.answers import AnswerPolicy

WINDOW = 1024


@dataclass
class _Open:
    """A prompt whose candidates are being made: ``ask`` until all were asked for, what each
    place came to, an answer or the reason that there is none."""

    prompt: Prompt
    seeds: list[int]
    ask: Ask | None
    came: dict[int, Content | str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return len(self.came) == len(self.seeds)

    def asks(self) -> Iterator[tuple[int, Ask]]:
        """Each candidate's own ask; they share the pictures that they show."""
        ask, self.ask = self.ask, None
        if ask is not None:
            for place, seed in enumerate(self.seeds):
                yield place, replace(ask, sampling=replace(ask.sampling, seed=seed))


class Flow:
    """One run over ``prompts``. Iterate it once."""

    def __init__(self, policy: AnswerPolicy, prompts: Iterable[Prompt], n: int, seed: int) -> None:
        self._policy = policy
        self._prompts = iter(prompts)
        self._n = n
        self._seed = seed
        self._pending: deque[_Open] = deque()
        self._inflight: dict[int, tuple[_Open, int]] = {}
        self._current: tuple[_Open, Iterator[tuple[int, Ask]]] | None = None
        self._finished = False
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[Sampled]:
        while not self._finished:
            stream: Any = self._policy.engine.stream(self._feed())
            with closing(stream):
                for index, reply in stream:
                    opened, place = self._inflight.pop(index)
                    opened.came[place] = answer_of(reply, opened.prompt.task)
                    yield from self._ready()
            if self._inflight:
                raise EngineError(f"engine {self._policy.name} left asks unanswered")
            yield from self._ready()
        if self._failure is not None:
            raise self._failure

    def _feed(self) -> Iterator[Ask]:
        """Asks as the engine pulls them, possibly from a thread of its own."""
        index = 0
        while self._current is not None or self._advance():
            assert self._current is not None
            opened, asks = self._current
            for place, ask in asks:
                self._inflight[index] = (opened, place)
                yield ask
                index += 1
            self._current = None

    def _advance(self) -> bool:
        """Open the next prompt; False at the end, or while too many wait."""
        if self._finished or len(self._pending) >= max(1, WINDOW // self._n):
            return False
        try:
            prompt = next(self._prompts, None)
        except BaseException as error:  # given on once everything before it is
            prompt, self._failure = None, error
        if prompt is None:
            self._finished = True
            return False
        opened = self._open(prompt)
        self._pending.append(opened)
        self._current = (opened, opened.asks())
        return True

    def _open(self, prompt: Prompt) -> _Open:
        seeds = [seed_of(self._seed, prompt.id, index) for index in range(self._n)]
        options = self._policy.options
        reason = _unaskable(prompt)
        if reason is None:
            try:
                return _Open(prompt, seeds, plain_ask(prompt.prompt, options, options.sampling(0)))
            except (InputError, OSError) as error:
                reason = str(error)
        return _Open(prompt, seeds, None, dict.fromkeys(range(self._n), reason))

    def _ready(self) -> Iterator[Sampled]:
        """What is whole, in the order of the prompts."""
        while self._pending and self._pending[0].whole:
            yield self._sampled(self._pending.popleft())

    def _sampled(self, opened: _Open) -> Sampled:
        came = [opened.came[place] for place in range(self._n)]
        return gathered(
            opened.prompt, self._policy.name, came,
            seeds=opened.seeds, settings=self._policy.settings,
        )  # fmt: skip


def answer_of(reply: Reply, task: str) -> Content | str:
    """The answer that a reply is, or why it is none."""
    if reply.error is not None:
        return reply.error
    if reply.finish_reason == "length":
        return "truncated"
    if reply.finish_reason == "content_filter":
        return "refused"
    return text_content(reply.text or "", task)


def _unaskable(prompt: Prompt) -> str | None:
    words = prompt.text
    if not words.strip():
        return "the prompt is empty"
    if len(words) > MAX_PROMPT_CHARS:
        return f"the prompt is longer than {MAX_PROMPT_CHARS:,} characters"
    return misfit("text", prompt.task)
