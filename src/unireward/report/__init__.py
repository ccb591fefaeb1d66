"""Figures and pages from plain result objects: what goes in is numbers, words and file names.

::

    page = Page(title="Audit", lead=["..."], sections=[Section("Accuracy", [Figure(svg, "...")])])
    write_page(page, "audit/index.html")

Pages stand alone: styles and charts are inline, nothing is fetched, media are files beside the
page. They follow the reader's light or dark setting and fit a phone.
"""

from __future__ import annotations

from unireward.report.blocks import (
    Card,
    Cards,
    Columns,
    Figure,
    Media,
    Points,
    Prose,
    Score,
    Shown,
    Table,
    Tile,
    Tiles,
    Verdict,
)
from unireward.report.charts import Bar, BarGroup, accuracy_bars, reliability_curve
from unireward.report.page import Page, Section, render_page, write_page

__all__ = [
    "Bar",
    "BarGroup",
    "Card",
    "Cards",
    "Columns",
    "Figure",
    "Media",
    "Page",
    "Points",
    "Prose",
    "Score",
    "Section",
    "Shown",
    "Table",
    "Tile",
    "Tiles",
    "Verdict",
    "accuracy_bars",
    "reliability_curve",
    "render_page",
    "write_page",
]
