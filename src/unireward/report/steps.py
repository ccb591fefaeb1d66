"""Steps: how something moved over a job, a line of means with the interval of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

from unireward.report import svg
from unireward.report.charts import percent
from unireward.stats.intervals import Estimate

WIDTH, HEIGHT = 400.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, WIDTH - 14, 12.0, HEIGHT - 34


@dataclass(frozen=True)
class Point:
    """Where it was at ``at``; ``marked`` where something is to be seen (an alarm, what is kept)."""

    at: float
    estimate: Estimate
    marked: bool = False


def steps_chart(
    points: Sequence[Point],
    title: str,
    unit: str,
    *,
    told: Callable[[float], str] = percent,
    line: float | None = None,
) -> str:
    """Means joined by a line, a whisker each; ``unit`` is what is counted below, ``line`` a level
    to compare with. ``points`` holds at least one."""
    assert points, "a chart of nothing"
    low, high = _range(points, line)
    first, last = points[0].at, points[-1].at

    def x(at: float) -> float:
        return _LEFT + (at - first) / ((last - first) or 1) * (_RIGHT - _LEFT)

    def y(value: float) -> float:
        return _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    marks = []
    for value in _ticks(low, high):
        marks.append(svg.line(_LEFT, y(value), _RIGHT, y(value), "line"))
        marks.append(svg.text(_LEFT - 6, y(value) + 3.5, told(value), "muted", "end", 9.5))
    if line is not None:
        marks.append(
            svg.line(_LEFT, y(line), _RIGHT, y(line), "muted", 1.2, stroke_dasharray="4 4")
        )
    marks.append(svg.polyline([(x(p.at), y(p.estimate.value)) for p in points], "accent"))
    for point in points:
        across, got = x(point.at), point.estimate
        marks.append(svg.line(across, y(got.low), across, y(got.high), "accent", 1.5))
        ring = {"stroke": svg.colour("accent"), "stroke_width": "1.5"}
        marks.append(
            svg.circle(across, y(got.value), 4.5, "paper", **ring)
            if point.marked
            else svg.circle(across, y(got.value), 3, "accent")
        )
    marks += [
        svg.text(x(first), HEIGHT - 16, f"{first:g}", "muted", "middle", 9.5),
        svg.text(x(last), HEIGHT - 16, f"{last:g}", "muted", "middle", 9.5),
        svg.text((_LEFT + _RIGHT) / 2, HEIGHT - 3, unit, "muted", "middle", 10),
    ]
    words = "; ".join(
        f"{unit} {p.at:g}: {told(p.estimate.value)} ({told(p.estimate.low)} to "
        f"{told(p.estimate.high)}){', marked' if p.marked else ''}"
        for p in points
    )
    return svg.drawing(WIDTH, HEIGHT, title, words, marks)


def _range(points: Sequence[Point], line: float | None) -> tuple[float, float]:
    values = [v for p in points for v in (p.estimate.low, p.estimate.high)]
    values += [line] if line is not None else []
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers within."""
    raw = (high - low) / 4
    step = 10 ** floor(log10(raw))
    step *= next(times for times in (1, 2, 5, 10) if times * step >= raw)
    count = floor(high / step) - floor(low / step) + 1
    values = [(floor(low / step) + k) * step for k in range(count)]
    return [value for value in values if low <= value <= high]
