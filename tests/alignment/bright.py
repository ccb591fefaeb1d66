"""Small things that an alignment needs: a generator, judges of brightness, a truth that disagrees.

The generator is the pixel pipeline of one layer on 16 x 16 pixels, of random weights. To the judge
brighter is better; ``darkness`` is a truth by which darker is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unireward.judgment import Judgment
from unireward.media import Image
from unireward.record import Candidate, Record

SIZE = 16
CAPTIONS = [
    f"{count} {colour} {shape}"
    for count, form in (("one", ""), ("two", "s"))
    for colour in ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "black")
    for shape in (f"circle{form}", f"square{form}", f"triangle{form}")
]


def save_generator(folder: Path, seed: int = 0) -> Path:
    from unireward.policies.pipelines.tiny import TinyPipeline

    TinyPipeline.build(
        "image", seed, size=SIZE, width=24, layers=1, heads=1, steps=2, guidance_scale=1.0
    ).save_pretrained(folder)
    return folder


def level(candidate: Candidate) -> float:
    """Mean brightness, 0 to 1."""
    media = candidate.content[0].load()
    assert isinstance(media, Image)
    return float(np.asarray(media.load()).mean()) / 255


class Bright:
    """The brighter, the better; ``sign`` -1 turns that round. ``broken`` says of which records it
    has nothing to say."""

    capabilities = frozenset({"scorer"})

    def __init__(self, sign: int = 1, broken: Any = lambda record: False) -> None:
        self.sign, self.broken = sign, broken
        self.name = f"bright{sign:+d}"
        self.identity = {"judge": self.name}
        self.asked = 0

    def __call__(self, records: Iterable[Record]) -> list[Judgment]:
        return list(self.stream(records))

    def stream(self, records: Iterable[Record], mode: str | None = None) -> Iterator[Judgment]:
        for record in records:
            self.asked += 1
            yield self._of(record, mode or "score")

    def _of(self, record: Record, mode: str) -> Judgment:
        levels = {c.id: level(c) for c in record.candidates}
        scores = {name: v if self.sign > 0 else 1 - v for name, v in levels.items()}
        return self.said(record, mode, scores)

    def said(self, record: Record, mode: str, scores: dict[str, float]) -> Judgment:
        head: dict[str, Any] = {
            "record": record.id, "judge": self.name, "family": "rule", "prompt": "own:0",
            "task": record.task, "mode": mode, "calls": 1,
        }  # fmt: skip
        if self.broken(record):
            return Judgment(**head, status="unparsed", reason="says nothing")
        best = max(scores, key=lambda name: scores[name])
        tie = len(set(scores.values())) == 1
        winner = None if len(scores) == 1 else "tie" if tie else best
        return Judgment(**head, status="ok", scores=scores, winner=winner)


JUDGES: dict[str, Any] = {}


def lend_judge(config: Any) -> Any:
    """What ``JudgeConfig.load`` is in these tests: the judge of that name."""
    return JUDGES[config.path]


def darkness(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Right is what is darker than the middle."""
    return darker_than(0.5, records)


def dimness(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Right is all that the generator draws before it is trained."""
    return darker_than(0.58, records)


def darker_than(most: float, records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {
            candidate.id: {
                "right": level(candidate) < most,
                "dark": 1 - level(candidate),
                "open": {"side": _side(candidate)},
            }
            for candidate in record.candidates
        }
        for record in records
    ]


def _side(candidate: Candidate) -> str:
    media = candidate.content[0].load()
    assert isinstance(media, Image)
    pixels = np.asarray(media.load()).astype(float)
    return "left" if pixels[:, : SIZE // 2].mean() > pixels[:, SIZE // 2 :].mean() else "right"


def write_captions(path: Path, captions: Sequence[str]) -> Path:
    path.write_text("".join(f"{caption}\n" for caption in captions), encoding="utf-8")
    return path


class Wordy(Bright):
    """Of answers: the more words, the better."""

    def _of(self, record: Record, mode: str) -> Judgment:
        scores = {c.id: min(1.0, len(c.text.split()) / 10) for c in record.candidates}
        return self.said(record, mode, scores)
