"""Plan: what judging costs, counted before it is spent.

Calls are exact, and the most there may be where votes are taken or expected scores. Images and
tokens are exact counts of what is shown and estimates of what a model makes of it (a token for 28
by 28 pixels, as the Qwen-VL encoders do, and one for four bytes of text), measured on the first
asks and scaled where there are many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unireward.ask import Ask, ImageContent, TextContent
from unireward.errors import InputError, UnirewardError, UsageError
from unireward.jobs.progress import spoken
from unireward.record import Record
from unireward.rewards.flow import mode_of
from unireward.rewards.handles import with_handles
from unireward.rewards.question import count_questions, questions_of
from unireward.stats.winrate import comparisons_of

if TYPE_CHECKING:
    from unireward.rewards.face import Face

MEASURED = 64
"""Asks that are built and measured; beyond them their mean stands for the rest."""
PIXELS_A_TOKEN = 28 * 28
BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Plan:
    """``images`` counts every showing of every image or frame; ``reply_tokens`` is the most that
    may be generated; ``seconds`` is None where nothing was timed; ``faulty`` counts records that
    cannot be asked (media are looked at only while asks are measured). ``at_most``: what is asked
    depends on the replies, and will mostly be less."""

    records: int
    comparisons: int
    calls: int
    images: int
    prompt_tokens: int
    reply_tokens: int
    faulty: int = 0
    seconds: float | None = None
    at_most: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For a person to read."""
        time = "not measured" if self.seconds is None else f"about {spoken(self.seconds)}"
        most = "at most " * self.at_most
        return [
            f"records      {self.records:,}" + (f" ({self.faulty:,} faulty)" * bool(self.faulty)),
            f"comparisons  {most}{self.comparisons:,}",
            f"calls        {most}{self.calls:,}",
            f"images       {most}{self.images:,}",
            f"tokens       about {self.prompt_tokens:,} in, at most {self.reply_tokens:,} out",
            f"time         {most}{time}",
        ]


def plan_of(
    judge: Face, records: Iterable[Record], mode: str | None, *, time_one: bool = False
) -> Plan:
    """Count what ``judge(records, mode)`` would ask. Only ``time_one`` spends a call."""
    number = comparisons = calls = faulty = 0
    measured: list[tuple[int, int, int]] = []
    first: Ask | None = None
    at_most = False
    for record in records:
        number += 1
        chosen = mode_of(record, mode)
        try:
            forms = judge.forms(record, chosen)
            asked = count_questions(len(record.candidates), forms, judge.both_orders)
            pairs, number_of = judge.pairs, len(record.candidates)
            if chosen != "score" and judge.both_orders:
                at_most |= pairs.chooses(number_of, len(forms))
                asked = min(asked, pairs.most(number_of, len(forms)))
            asked = asked * sum(map(judge.most_asks, forms)) // len(forms)
            asks = _asks(judge, record, forms, MEASURED - len(measured))
            sizes = [_measure(ask) for ask in asks]
        except UsageError:
            raise  # a plan over the limit is what a plan is made to find
        except (InputError, OSError):
            faulty += 1
            continue
        calls += asked
        comparisons += 0 if chosen == "score" else min(comparisons_of(number_of), asked)
        measured += sizes
        first = first or next(iter(asks), None)
    images, prompt, reply = (
        (_scaled(column, calls) for column in zip(*measured)) if measured else (0, 0, 0)
    )
    seconds = _seconds(judge, first, calls) if time_one and first is not None else None
    return Plan(number, comparisons, calls, images, prompt, reply, faulty, seconds, at_most)


def _asks(judge: Face, record: Record, forms: list[Any], most: int) -> list[Ask]:
    if most <= 0:
        return []
    record = with_handles(record)
    questions = questions_of(record, forms, judge.both_orders)
    return [judge.ask(record, question) for _, question in zip(range(most), questions)]


def _measure(ask: Ask) -> tuple[int, int, int]:
    """(images, prompt tokens, most reply tokens) of one ask."""
    images, tokens = 0, 0
    for message in ask.messages:
        for part in message.content:
            if isinstance(part, TextContent):
                tokens += -(-len(part.text.encode("utf-8", "replace")) // BYTES_A_TOKEN)
                continue
            if isinstance(part, ImageContent):
                sizes = [part.image.size]
            else:
                sizes = [frame.size for frame in part.video.frames(part.rule).images]
            images += len(sizes)
            bound = part.max_pixels or 1 << 62
            tokens += sum(-(-min(w * h, bound) // PIXELS_A_TOKEN) for w, h in sizes)
    return images, tokens, 1 if ask.choices else ask.sampling.max_tokens


def _scaled(column: tuple[int, ...], calls: int) -> int:
    return round(sum(column) * calls / len(column))


def _seconds(judge: Face, ask: Ask, calls: int) -> float | None:
    """From one timed call, cache aside; None where the engine does not answer it."""
    import time

    engine = getattr(judge.engine, "engine", judge.engine)
    start = time.perf_counter()
    try:
        replies = list(engine.stream([ask]))
    except UnirewardError:
        return None
    if not replies or replies[0][1].error is not None:
        return None
    each = time.perf_counter() - start
    return each * calls / max(1, getattr(engine, "concurrency", 1))
