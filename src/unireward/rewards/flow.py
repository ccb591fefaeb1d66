"""Flow: records in, judgments out, in input order, with one engine stream running between.

Records are pulled only as the engine asks for more, and let go of as soon as their judgment is
given, so memory does not grow with their number. A reply that is late holds back the judgments
behind it; when :data:`WINDOW` records wait, the stream is let run dry before more are pulled.

Edge rules: what is wrong with one record (its media, its prompt, a task the family cannot do)
becomes that record's judgment, unless ``strict``; what is wrong with the *source* of records is
raised after everything pulled before it has been judged and given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unireward.ask import Ask, Reply
from unireward.errors import EngineError, InputError, UsageError
from unireward.judgment import Judgment
from unireward.record import Record
from unireward.rewards.assembly import Assembly, Header, failed
from unireward.rewards.handles import with_handles
from unireward.rewards.policy import StoppedError, asked_again
from unireward.rewards.question import Question
from unireward.rewards.reading import Heard, unasked
from unireward.rewards.shown import Shown, shown_media

if TYPE_CHECKING:
    from unireward.rewards.face import Face

WINDOW = 1024
_RECORD_ERRORS = (InputError, UsageError, OSError)
"""What may be wrong with one record and not with the job."""


@dataclass
class _Open:
    """A record whose questions are being asked, then its judgment.

    Once that is there the record's media are let go of: behind a late reply a thousand records
    may wait, and their pictures must not.
    """

    assembly: Assembly | None
    shown: Shown
    judgment: Judgment | None = None

    def add(self, heard: Heard) -> list[Question]:
        """Take a reply; the questions that follow from it, asked before others are."""
        assembly = self.assembly
        assert assembly is not None, "a record was judged while a question was open"
        more = assembly.add(heard)
        if assembly.whole:
            self.judgment = assembly.judgment()
            self.assembly, self.shown = None, Shown()
        return more


@dataclass
class _Put:
    """A question on its way: the ask as it was sent, and what its earlier attempts gave."""

    of: _Open
    question: Question
    ask: Ask
    attempt: int = 0
    earlier: Heard | None = None


def mode_of(record: Record, mode: str | None) -> str:
    """``mode``, or score for one candidate and rank for more."""
    return mode or ("score" if len(record.candidates) == 1 else "rank")


class Flow:
    """One run over ``records``. Iterate it once."""

    def __init__(
        self, judge: Face, records: Iterable[Record], mode: str | None, *, strict: bool = False
    ) -> None:
        self._judge = judge
        self._records = iter(records)
        self._mode = mode
        self._strict = strict
        self._pending: deque[_Open | Judgment] = deque()
        self._inflight: dict[int, _Put] = {}
        self._again: deque[_Put | tuple[_Open, Question]] = deque()
        """What is asked next: failed asks once more, and questions that followed from replies."""
        self._current: tuple[_Open, Iterator[Question]] | None = None
        self._headers: dict[str, Header] = {}
        self._exhausted = False
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[Judgment]:
        while not self._finished:
            stream: Any = self._judge.engine.stream(self._feed())
            with closing(stream):
                for index, reply in stream:
                    self._take(self._inflight.pop(index), reply)
                    yield from self._ready()
            if self._inflight:
                raise EngineError(f"engine {self._judge.name} left asks unanswered")
            yield from self._ready()
        if self._failure is not None:
            raise self._failure

    @property
    def _finished(self) -> bool:
        if self._failure is not None:
            return not self._again
        return self._exhausted and self._current is None and not self._again

    # Out to the engine ------------------------------------------------------------------------

    def _feed(self) -> Iterator[Ask]:
        """Asks as the engine pulls them, possibly from a thread of its own."""
        index = 0
        while True:
            try:
                put = self._next()
            except BaseException as error:  # given on once everything before it is judged
                self._failure = error
                self._current = None
                return
            if put is None:
                return
            self._inflight[index] = put
            yield put.ask
            index += 1

    def _next(self) -> _Put | None:
        while True:
            if self._again:
                again = self._again.popleft()
                put = again if isinstance(again, _Put) else self._put(*again)
                if put is not None:
                    return put
                continue
            if self._failure is not None:
                return None
            if self._current is None:
                if not self._advance():
                    return None
                continue
            opened, questions = self._current
            for question in questions:
                put = self._put(opened, question)
                if put is not None:
                    return put
            self._current = None

    def _advance(self) -> bool:
        """Open the next record; False at the end, or while too many wait."""
        if self._exhausted or len(self._pending) >= WINDOW:
            return False
        record = next(self._records, None)
        if record is None:
            self._exhausted = True
            return False
        opened = self._open(record)
        self._pending.append(opened)
        if isinstance(opened, _Open) and opened.assembly is not None:
            self._current = (opened, opened.assembly.questions())
        return True

    def _open(self, record: Record) -> _Open | Judgment:
        judge = self._judge
        judge.notice(record)
        mode = mode_of(record, self._mode)
        header = self._headers.setdefault(mode, self._headers.get(mode) or judge.header(mode))
        try:
            forms = judge.forms(record, header.mode)
            record = with_handles(record)
            shown = shown_media(record, judge.family, forms[0], strict=self._strict)
        except _RECORD_ERRORS as error:
            if self._strict:
                raise
            return failed(record, header, "error", str(error))
        return _Open(judge.assemble(record, forms, header, shown.media), shown)

    def _put(self, opened: _Open, question: Question) -> _Put | None:
        """The question as it is sent, or None where it cannot be (and that is its answer)."""
        assert opened.assembly is not None
        reason = opened.shown.problem(question.order)
        if reason is None:
            try:
                ask = self._judge.ask(opened.assembly.record, question)
                return _Put(opened, question, ask)
            except _RECORD_ERRORS as error:
                if self._strict:
                    raise
                reason = str(error)
        self._heard(opened, unasked(question, reason))
        return None

    # Back from the engine ---------------------------------------------------------------------

    def _take(self, put: _Put, reply: Reply) -> None:
        heard = self._judge.hear(put.question, put.ask, reply)
        if put.earlier is not None:
            heard = heard.after(put.earlier)
        status = heard.reading.status
        if status == "ok" or put.attempt >= self._judge.policy.retries:
            self._heard(put.of, heard)
            return
        ask = asked_again(put.ask, status, put.attempt + 1)
        self._again.append(_Put(put.of, put.question, ask, put.attempt + 1, heard))

    def _heard(self, opened: _Open, heard: Heard) -> None:
        self._again.extend((opened, question) for question in opened.add(heard))

    def _ready(self) -> Iterator[Judgment]:
        """The judgments that are whole, in input order, after the caller's policy."""
        while self._pending:
            first = self._pending[0]
            if isinstance(first, _Open):
                if first.judgment is None:
                    return
                first = first.judgment
            self._pending.popleft()
            kind = self._judge.policy.kind
            if first.ok or kind not in ("drop", "stop"):
                yield first
            elif kind == "stop":
                raise StoppedError(
                    f"record {first.record} is {first.status}: {first.reason}; mend it, or use "
                    "another --on-failure than stop"
                )


def header_of(judge: Face, mode: str) -> Header:
    return Header(
        judge=judge.name,
        family=judge.family.id,
        prompt=judge.family.prompt_id,
        mode=mode,
        half=judge.policy.kind == "half",
    )
