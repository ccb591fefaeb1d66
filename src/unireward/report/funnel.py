"""Funnel: how many are left after each of several steps."""

from __future__ import annotations

from collections.abc import Sequence

from unireward.report import svg

WIDTH = 400.0
_LEFT, _RIGHT, _ROW = 118.0, WIDTH - 52, 24.0


def funnel_bars(rows: Sequence[tuple[str, int]], title: str) -> str:
    """Horizontal bars of counts from the first (the whole) to the last, which is marked.

    ``rows`` holds at least one label and count, none of them larger than the first.
    """
    assert rows, "a funnel of nothing"
    whole = max(1, rows[0][1])
    marks = []
    for at, (label, count) in enumerate(rows):
        top, last = at * _ROW + 4, at == len(rows) - 1
        middle = top + _ROW / 2
        width = (_RIGHT - _LEFT) * count / whole
        tone = "accent" if last else "soft"
        marks += [
            svg.text(_LEFT - 8, middle + 3.5, label, anchor="end", size=10.5, bold=last),
            svg.rect(_LEFT, top + 4, width, _ROW - 8, tone, rx="1.5"),
            svg.text(_RIGHT + 8, middle + 3.5, f"{count:,}", size=10.5, bold=last),
        ]
    told = ", ".join(f"{label} {count:,}" for label, count in rows)
    return svg.drawing(WIDTH, len(rows) * _ROW + 10, title, told, marks)
