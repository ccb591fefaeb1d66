"""The demo's pictures: one card a judged record, the truth beside what the judge said."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from unireward.benchmarks.demo import Judged, TaskRun
from unireward.judgment import Judgment
from unireward.record import TIE, Candidate, Part, Record
from unireward.report import Card, Media, Score, Shown, Verdict


def task_name(task: str) -> str:
    return task.replace("_", " ")


def pair_cards(run: TaskRun, out: Path) -> list[Card]:
    """The first pairs of a task: verdict of both orders, and the scores of each one alone."""
    return [
        Card(
            prompt=record.text,
            kicker=record.id,
            candidates=[
                _shown(record, candidate, out, alone.dimensions, verdict.winner)
                for candidate in record.candidates
            ],
            verdict=pair_verdict(record, verdict),
            about=_about(record, out),
            rationale=_written(verdict, alone),
        )
        for record, verdict, alone in zip(
            run.written.records, run.pairs.judgments, run.written.judgments
        )
    ]


def single_card(judged: Judged, out: Path, index: int = 0) -> Card:
    """One candidate scored alone."""
    record, judgment = judged.records[index], judged.judgments[index]
    given = next(iter(judgment.scores.values()), None)
    text = f"Score {given:.2f} of 1" if given is not None else _unread(judgment)
    return Card(
        prompt=record.text,
        kicker=record.id,
        candidates=[_shown(record, record.candidates[0], out, judgment.dimensions, None)],
        verdict=Verdict(text, "open"),
        about=_about(record, out),
        rationale=_written(judgment),
    )


def group_card(judged: Judged, out: Path, index: int = 0) -> Card:
    """A group from best to worst as the judge ranks it, with each one's true place."""
    record, judgment = judged.records[index], judged.judgments[index]
    places = _places(record)
    names = sorted((c.id for c in record.candidates), key=lambda n: -judgment.scores.get(n, 0))
    shown = [
        Shown(
            name,
            _media(record.candidate(name).content, out, f"candidate {name} for: {record.text}"),
            record.candidate(name).text,
            [Score("place", str(rank), places.get(name, "")), *_win_rate(judgment, name)],
            best=name == judgment.winner,
        )
        for rank, name in enumerate(names, 1)
    ]
    return Card(
        prompt=record.text,
        kicker=record.id,
        candidates=shown,
        verdict=pair_verdict(record, judgment),
        about=_about(record, out),
    )


def pair_verdict(record: Record, judgment: Judgment) -> Verdict:
    """The winner in words, held to the truth where that is known."""
    if not judgment.ok:
        return Verdict(_unread(judgment), "open")
    true = record.label.winner() if record.label else None
    tie = judgment.winner == TIE
    said = "The judge calls it a tie" if tie else f"The judge prefers {judgment.winner}"
    detail = []
    if judgment.confidence is not None:
        detail.append(f"confidence {judgment.confidence:.2f}")
    if isinstance(judgment.agreement, bool):
        detail.append("both orders agree" if judgment.agreement else "the two orders disagree")
    elif judgment.agreement is not None:
        detail.append(f"orders agree in {judgment.agreement:.0%} of its pairs")
    if true is None:
        return Verdict(said, "open", ", ".join(detail))
    if judgment.winner == true:
        return Verdict(f"{said}, rightly", "right", ", ".join(detail))
    truth = "a tie" if true == TIE else true
    return Verdict(f"{said}; the truth is {truth}", "wrong", ", ".join(detail))


def _shown(
    record: Record,
    candidate: Candidate,
    out: Path,
    dimensions: dict[str, dict[str, float]],
    winner: str | None,
) -> Shown:
    truths = (record.label.scores or {}).get(candidate.id, {}) if record.label else {}
    scores = [
        Score(task_name(name), f"{values[candidate.id]:.1f}", _number(truths.get(name)))
        for name, values in dimensions.items()
        if candidate.id in values
    ]
    return Shown(
        candidate.id,
        _media(candidate.content, out, f"candidate {candidate.id} for: {record.text}"),
        candidate.text,
        scores,
        best=candidate.id == winner,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _win_rate(judgment: Judgment, name: str) -> list[Score]:
    score = judgment.scores.get(name)
    return [] if score is None else [Score("win rate", f"{score:.2f}")]


def _places(record: Record) -> dict[str, str]:
    """True places from 1; a tier shares the place of its first."""
    tiers = record.label.ranking if record.label else None
    places, place = {}, 1
    for tier in tiers or ():
        places |= dict.fromkeys(tier, str(place))
        place += len(tier)
    return places


def _about(record: Record, out: Path) -> list[Media]:
    """What a question is about, or the picture before an edit."""
    parts = [part for part in record.prompt if part.type != "text"]
    source = any(part.role == "source" for part in parts)
    words = "before the edit" if source else "what is asked about"
    return _media(parts, out, f"{words}: {record.text}", words)


def _media(parts: Sequence[Part], out: Path, alt: str, label: str = "") -> list[Media]:
    return [
        Media(
            "video" if part.type == "video" else "image",
            Path(os.path.relpath(part.path, out)).as_posix(),
            alt,
            label,
        )
        for part in parts
        if part.path is not None
    ]


def _written(*judgments: Judgment) -> str:
    """Every reply as it came, each after the candidates it was shown."""
    lines = [
        f"{' then '.join(ask.candidates)}: {(ask.reply or '').strip()}"
        for judgment in judgments
        for ask in judgment.asks
        if ask.reply
    ]
    return "\n".join(lines)


def _unread(judgment: Judgment) -> str:
    return f"Not read ({judgment.status}): {judgment.reason or 'no reason given'}"
