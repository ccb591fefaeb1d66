"""Charts: accuracies with their intervals, and whether confidence means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unireward.report import svg
from unireward.stats.calibration import Bin
from unireward.stats.intervals import Estimate

WIDTH = 400.0
FULL = 0.02
"""Share of all verdicts from which a bin of the reliability curve is more than chance."""


@dataclass(frozen=True)
class Bar:
    """One bar in [0, 1] with its interval; ``main`` is the one the others are beside."""

    label: str
    estimate: Estimate
    main: bool = False


@dataclass(frozen=True)
class BarGroup:
    label: str
    bars: Sequence[Bar]


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def accuracy_bars(groups: Sequence[BarGroup], title: str) -> str:
    """Horizontal bars of shares, one group a task, each with a whisker of its interval."""
    left, right, row, head = 92.0, WIDTH - 38, 15.0, 20.0
    scale = right - left
    height = sum(head + row * len(group.bars) + 10 for group in groups) + 22
    marks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * scale
        marks.append(svg.line(x, 4, x, height - 20, "line"))
        marks.append(svg.text(x, height - 6, percent(share), "muted", "middle", 9.5))
    y = 4.0
    for group in groups:
        marks.append(svg.rect(0, y, left + scale, head - 3, "paper"))
        marks.append(svg.text(0, y + 13, group.label, bold=True, size=12))
        y += head
        for bar in group.bars:
            marks += _bar(bar, left, y, scale, row)
            y += row
        y += 10
    return svg.drawing(WIDTH, height, title, _in_words(groups), marks)


def _bar(bar: Bar, left: float, y: float, scale: float, row: float) -> list[str]:
    got, middle = bar.estimate, y + row / 2
    low, high = left + got.low * scale, left + got.high * scale
    tone = "accent" if bar.main else "soft"
    return [
        svg.text(left - 6, middle + 3.5, bar.label, "ink" if bar.main else "muted", "end",
                 10.5, bold=bar.main),
        svg.rect(left, y + 2.5, got.value * scale, row - 5, tone, rx="1.5"),
        svg.line(low, middle, high, middle, "ink", 1.3),
        svg.line(low, middle - 3, low, middle + 3, "ink", 1.3),
        svg.line(high, middle - 3, high, middle + 3, "ink", 1.3),
        svg.text(left + scale + 6, middle + 3.5, percent(got.value),
                 "ink" if bar.main else "muted", size=10.5, bold=bar.main),
    ]  # fmt: skip


def _in_words(groups: Sequence[BarGroup]) -> str:
    return ". ".join(
        f"{group.label}: "
        + ", ".join(
            f"{bar.label} {percent(bar.estimate.value)} "
            f"({percent(bar.estimate.low)} to {percent(bar.estimate.high)})"
            for bar in group.bars
        )
        for group in groups
    )


@dataclass(frozen=True)
class _Square:
    """Where shares of [0, 1] x [0, 1] land; below it a shelf shows how full each bin is."""

    left: float = 40.0
    right: float = WIDTH - 18
    top: float = 10.0
    bottom: float = 300.0
    shelf: float = 40.0

    def x(self, share: float) -> float:
        return self.left + share * (self.right - self.left)

    def y(self, share: float) -> float:
        return self.bottom - share * (self.bottom - self.top)


def reliability_curve(bins: Sequence[Bin], title: str) -> str:
    """Accuracy against confidence, each bin with its interval, and how full each bin is.

    The line joins the bins that hold at least :data:`FULL` of the verdicts; emptier ones are
    hollow points, whose place is mostly chance.
    """
    at = _Square()
    marks = _axes(at)
    most = max((b.accuracy.n for b in bins), default=1)
    enough = FULL * sum(b.accuracy.n for b in bins)
    for b in bins:
        tall = at.shelf * b.accuracy.n / most
        width = at.x(b.high) - at.x(b.low) - 2
        marks.append(
            svg.rect(at.x(b.low) + 1, at.bottom + 20 + at.shelf - tall, width, tall, "soft")
        )
        x = at.x(b.confidence)
        marks.append(svg.line(x, at.y(b.accuracy.low), x, at.y(b.accuracy.high), "accent", 1.5))
    points = [(at.x(b.confidence), at.y(b.accuracy.value)) for b in bins]
    full = [b.accuracy.n >= enough for b in bins]
    marks.append(svg.polyline([point for point, kept in zip(points, full) if kept], "accent"))
    for (x, y), kept in zip(points, full):
        ring = {"stroke": svg.colour("accent"), "stroke_width": "1.5"}
        marks.append(
            svg.circle(x, y, 4, "accent") if kept else svg.circle(x, y, 3, "paper", **ring)
        )
    words = "; ".join(
        f"confidence {percent(b.confidence)}: {percent(b.accuracy.value)} right of {b.accuracy.n}"
        for b in bins
    )
    return svg.drawing(WIDTH, at.bottom + at.shelf + 40, title, words, marks)


def _axes(at: _Square) -> list[str]:
    marks = [svg.line(at.x(0), at.y(0), at.x(1), at.y(1), "muted", 1.2, stroke_dasharray="4 4")]
    for share in (0, 0.25, 0.5, 0.75, 1):
        below = at.bottom + at.shelf + 34
        marks += [
            svg.line(at.left, at.y(share), at.right, at.y(share), "line"),
            svg.text(at.left - 6, at.y(share) + 3.5, percent(share), "muted", "end", 9.5),
            svg.text(at.x(share), below, percent(share), "muted", "middle", 9.5),
        ]
    return [
        *marks,
        svg.text(at.left + 4, at.y(0.5) - 5, "right", "muted", size=10.5),
        svg.text(at.right, at.bottom + 13, "confidence", "muted", "end", 10.5),
    ]
