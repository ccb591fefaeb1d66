"""Pages: what a curation kept and dropped, and why, with pictures.

``index.html`` tells the whole in numbers and shows a few pairs of each; ``review.html`` shows as
many as are asked for. Pages are made from the files of an output alone, so that they can be made
again.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import unireward
from unireward.curation.cards import dropped_card, kept_card
from unireward.curation.config import CurateConfig
from unireward.curation.drawn import Drawn, drawn
from unireward.errors import MissingExtraError
from unireward.files.lines import loads
from unireward.report import Cards, Columns, Figure, Page, Section, Table, Tile, Tiles, write_page
from unireward.report.funnel import funnel_bars

SHOWN = 24
"""Pairs on the first page."""


def write_pages(config: CurateConfig, say: Callable[[str], None]) -> Path | None:
    """``index.html`` of a finished output; None, and a line that says why, without jinja2: the
    pairs are there all the same."""
    folder = config.output.absolute()
    counts = loads((folder / "counts.json").read_text(encoding="utf-8"))
    card = loads((folder / "card.json").read_text(encoding="utf-8"))
    some = drawn(folder, SHOWN, config.seed)
    page = Page(
        title=f"Pairs in {config.output.name}",
        lead=[_lead(counts)],
        sections=[
            Section("In numbers", [_tiles(counts), Columns([[_funnel(config, counts)],
                                                            [_reasons(counts)]])]),
            Section("Who judged", [_judges(counts), _data(card)]),
            *_pairs(some, folder),
        ],
        footer=_footer(config),
    )  # fmt: skip
    try:
        return write_page(page, folder / "index.html")
    except MissingExtraError as error:
        say(f"no page: {error}")
        return None


def write_review(config: CurateConfig, number: int) -> Path:
    """``review.html`` of a finished output: ``number`` pairs by lot, half of them kept.

    Raises MissingExtraError without jinja2.
    """
    folder = config.output.absolute()
    some = drawn(folder, number, config.seed)
    page = Page(
        title=f"Review of {config.output.name}",
        lead=[
            f"{len(some.kept):,} kept and {len(some.dropped):,} dropped pairs, drawn by lot (seed "
            f"{config.seed}); of the dropped ones every reason in turn."
        ],
        sections=_pairs(some, folder),
        footer=_footer(config),
    )
    return write_page(page, folder / "review.html")


def _pairs(some: Drawn, folder: Path) -> list[Section]:
    kept = [kept_card(record, folder) for record in some.kept]
    dropped = [dropped_card(row, folder) for row in some.dropped]
    sections = [
        Section("Kept", [Cards(kept)], "The judge's choice is marked."),
        Section("Dropped", [Cards(dropped)], "With the step that dropped it, and the reason."),
    ]
    return [section for section, cards in zip(sections, (kept, dropped)) if cards]


def _lead(counts: Mapping[str, Any]) -> str:
    prompts, pairs = counts["prompts"], counts["pairs"]
    return (
        f"{pairs['kept']:,} pairs of {prompts['kept']:,} prompts, out of {prompts['read']:,} "
        f"prompts and {counts['candidates']['made']:,} candidates. What is not here was dropped "
        "with a reason, and is counted below."
    )


def _tiles(counts: Mapping[str, Any]) -> Tiles:
    prompts, candidates = counts["prompts"], counts["candidates"]
    left_out = candidates["asked"] - candidates["made"]
    calls = sum(counts["calls"].values())
    tiles = [
        Tile(f"{counts['pairs']['kept']:,}", "pairs kept"),
        Tile(_share(prompts["kept"], prompts["read"]), "of the prompts gave a pair",
             f"{prompts['duplicates']:,} prompts asked again were left out"),
        Tile(f"{candidates['made']:,}", "candidates", f"{left_out:,} could not be made"),
        Tile(f"{calls:,}", "judge calls", f"{counts['cached']:,} of them from the cache"),
    ]  # fmt: skip
    truth = counts.get("truth") or {}
    if truth.get("accuracy"):
        right = truth["accuracy"]
        detail = f"{100 * right['low']:.1f} to {100 * right['high']:.1f}, n = {right['n']:,}"
        tiles.append(Tile(f"{100 * right['value']:.1f} %", "of winners are truly better", detail))
    return Tiles(tiles)


def _funnel(config: CurateConfig, counts: Mapping[str, Any]) -> Figure:
    left = counts["prompts"]["read"]
    rows = [("prompts", left)]
    dropped = counts["prompts"]["dropped"]
    for step in _order(config, counts):
        left -= sum(dropped.get(step, {}).values())
        rows.append((step, left))
    return Figure(
        funnel_bars(rows, "Prompts left after each step"), "Prompts left after each step."
    )


def _order(config: CurateConfig, counts: Mapping[str, Any]) -> list[str]:
    """The steps by name, in order, as the chain named them."""
    names: list[str] = []
    for step in config.steps:
        (kind,) = step
        number = sum(name == kind or name.startswith(f"{kind}-") for name in names)
        names.append(kind if not number else f"{kind}-{number + 1}")
    return names


def _reasons(counts: Mapping[str, Any]) -> Table:
    rows = [
        (what, step, reason, f"{n:,}")
        for what, reasons in (
            ("prompt", counts["prompts"]["dropped"]),
            ("candidate", counts["candidates"]["left_out"]),
            ("pair", counts["pairs"]["dropped"]),
        )
        for step, by_reason in reasons.items()
        for reason, n in by_reason.items()
    ]
    head = ("what", "step", "reason", "number")
    return Table(head, rows, "What was dropped or left out, and why", (3,))


def _judges(counts: Mapping[str, Any]) -> Table:
    rows = [
        (step, ", ".join(f"{name} {n:,}" for name, n in statuses.items()),
         f"{counts['calls'].get(step, 0):,}")
        for step, statuses in counts["judgments"].items()
    ]  # fmt: skip
    return Table(("step", "judgments by state", "calls"), rows, "Judgments", (2,))


def _data(card: Mapping[str, Any]) -> Table:
    rows = []
    for name, key in (("the first shown wins", "first_wins"), ("the longer wins", "longer_wins")):
        found = card.get(key)
        if found:
            share = f"{100 * found['value']:.1f} %"
            rows.append((name, share, f"{100 * found['low']:.1f} to {100 * found['high']:.1f}"))
    return Table(
        ("of the pairs kept", "share", "95 % interval"), rows, "Position and length", (1, 2)
    )


def _footer(config: CurateConfig) -> list[str]:
    policy = config.policy.path if config.policy is not None else "candidates as given"
    judges = ", ".join(f"{name} {judge.path}" for name, judge in config.judges.items())
    return [
        f"Input {config.prompts or config.records}; policy {policy}; judges {judges or 'none'}; "
        f"seed {config.seed}.",
        f"unireward {unireward.__version__}, Python {platform.python_version()}.",
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
