"""Cards: kept and dropped pairs as a page shows them, winner marked, with what was said of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unireward.curation.dropped import DroppedRow
from unireward.curation.kept import META
from unireward.record import Part, Record
from unireward.report import Card, Media, Score, Shown, Verdict

MOST_SHOWN = 4
"""Candidates of a prompt that was dropped whole, and frames of a clip kept as such."""


def kept_card(record: Record, folder: Path) -> Card:
    """A kept pair; whether it is rightly so where the truth is known."""
    assert record.label is not None
    winner = record.label.winner()
    said = record.meta.get(META, {})
    truth: Mapping[str, float] = said.get("truth", {})
    numbers = _numbers(said)
    shown = [
        Shown(
            candidate.id,
            _media(candidate.content, folder, f"candidate {candidate.id} for: {record.text}"),
            candidate.text,
            _scores((record.label.scores or {}).get(candidate.id, {}), truth.get(candidate.id)),
            best=candidate.id == winner,
        )
        for candidate in record.candidates
    ]
    return Card(
        prompt=record.text,
        kicker=record.id,
        candidates=shown,
        verdict=_verdict(f"Kept: {winner} is better", numbers, winner, truth),
        about=_about(record.prompt, record.text, folder),
    )


def dropped_card(row: DroppedRow, folder: Path) -> Card:
    """A dropped pair, or the candidates of a prompt that was dropped whole."""
    winner = row.pair.get("winner") if row.pair is not None else None
    out = row.left_out
    shown = [
        Shown(
            f"{candidate.id} ({out[candidate.id]})" if candidate.id in out else candidate.id,
            _media(candidate.content, folder, f"candidate {candidate.id} for: {row.text}"),
            candidate.text,
            _scores({"score": row.scores[candidate.id]}) if candidate.id in row.scores else [],
            best=candidate.id == winner,
        )
        for candidate in row.candidates[:MOST_SHOWN]
    ]
    told = f"{row.reason} ({row.detail})" if row.detail else row.reason
    missing = [f"{n}: {why}" for n, why in out.items() if row.pair is None]
    return Card(
        prompt=row.text,
        kicker=row.id,
        candidates=shown,
        verdict=Verdict(f"Dropped by {row.step}: {told}", "open", "; ".join(missing)),
        about=_about(row.prompt, row.text, folder),
    )


def _verdict(text: str, detail: str, winner: str | None, truth: Mapping[str, float]) -> Verdict:
    others = [value for name, value in truth.items() if name != winner]
    if winner is None or winner not in truth or not others:
        return Verdict(text, "open", detail)
    if truth[winner] > max(others):
        return Verdict(f"{text}, rightly", "right", detail)
    if truth[winner] == max(others):
        return Verdict(f"{text}; in truth they are equal", "open", detail)
    return Verdict(f"{text}; in truth it is worse", "wrong", detail)


def _numbers(said: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {said[name]:.2f}"
        for name in ("margin", "confidence")
        if isinstance(said.get(name), int | float)
    ]
    if isinstance(said.get("agreement"), bool):
        parts.append("both orders agree" if said["agreement"] else "the two orders disagree")
    parts.append(f"paired by {said.get('paired_by', 'nobody')}")
    return ", ".join(parts)


def _scores(judged: Mapping[str, float], truth: float | None = None) -> list[Score]:
    rows = [Score(name.replace("_", " "), f"{value:.2f}") for name, value in judged.items()]
    if truth is not None:
        rows.append(Score("checker", "", f"{truth:.2f}"))
    return rows


def _about(parts: Sequence[Part], text: str, folder: Path) -> list[Media]:
    shown = [part for part in parts if part.type != "text"]
    return _media(shown, folder, f"what is asked about: {text}")


def _media(parts: Sequence[Part], folder: Path, alt: str) -> list[Media]:
    """The parts' files as the page names them; what is not there cannot be shown."""
    found: list[Media] = []
    for part in parts:
        kind = "video" if part.type == "video" and part.path is not None else "image"
        files = part.frames[:MOST_SHOWN] if part.frames else (part.path,)
        found += [
            Media(kind, Path(os.path.relpath(file, folder)).as_posix(), alt)
            for file in files
            if file is not None and Path(file).is_file()
        ]
    return found
