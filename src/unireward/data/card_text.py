"""A data card as people read it: lines for a terminal, tables for a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unireward.data.card import DataCard
    from unireward.stats.intervals import Estimate

_WIDTH = 14
_SHOWN = 8


def text(card: DataCard) -> str:
    """About fifteen lines."""
    lines = [f"{card.records:,} records of {card.prompts:,} prompts"]
    if not card.records:
        return lines[0]
    lines += [
        _line("tasks", _shares(card.tasks, card.records)),
        _line("sources", _shares(card.sources, card.records)),
        _line("candidates", _counts({f"{n}": c for n, c in sorted(card.candidates.items())})),
        _line("labels", _shares(card.labels, card.records)),
    ]
    if card.winners:
        lines.append(_line("best stands", _shares(card.winners, card.winners.total())))
    if card.ties:
        lines.append(_line("ties", _counts(card.ties)))
    for name, estimate in (("first wins", card.first_wins), ("longer wins", card.longer_wins)):
        if estimate is not None:
            lines.append(_line(name, _estimate(estimate)))
    for name, found in (("prompt chars", card.prompt_chars), ("answer chars", card.answer_chars)):
        if found.get("n"):
            lines.append(_line(name, _quantiles(found)))
    if card.media:
        lines.append(_line("media", _counts(card.media)))
    for name, spread in card.scores.items():
        lines.append(_line("scores", f"{name}: {_spread(spread)}"))
    return "\n".join([*lines, *(_line(name, value) for name, value in _faults(card))])


def markdown(card: DataCard, title: str) -> str:
    """Headings and tables, in the order of :func:`text`."""
    blocks = [f"# {title}", f"{card.records:,} records of {card.prompts:,} prompts."]
    for heading, counter in (
        ("Tasks", card.tasks), ("Sources", card.sources), ("Modes", card.modes),
        ("Labels", card.labels), ("Where the best candidate stands", card.winners),
        ("Ties", card.ties), ("Media", card.media),
    ):  # fmt: skip
        if counter:
            rows = [(k, f"{n:,}", _percent(n, card.records)) for k, n in counter.most_common()]
            blocks += [f"## {heading}", _table(("", "count", "of records"), rows)]
    lengths = [("prompt", card.prompt_chars), ("answer", card.answer_chars)]
    found = [(name, length) for name, length in lengths if length.get("n")]
    if found:
        keys = [key for key in found[0][1] if key != "n"]
        rows = [(name, *(f"{length[key]:,}" for key in keys)) for name, length in found]
        blocks += ["## Lengths in characters", _table(("", *keys), rows)]
    if card.scores:
        rows = [
            (name, f"{s['n']:,}", f"{s['min']:g}", f"{s['mean']:g}", f"{s['max']:g}", _scales(s))
            for name, s in card.scores.items()
        ]
        columns = ("dimension", "n", "min", "mean", "max", "scale")
        blocks += ["## Scores", _table(columns, rows)]
    biases = [
        (name, f"{e.value:.3f}", f"{e.low:.3f} to {e.high:.3f}", f"{e.n:,}")
        for name, e in (("the first wins", card.first_wins), ("the longer wins", card.longer_wins))
        if e is not None
    ]
    if biases:
        columns = ("of decided pairs", "share", "95 % interval", "pairs")
        blocks += ["## Position and length", _table(columns, biases)]
    blocks += ["## Faults", _table(("", "count"), list(_faults(card)))]
    return "\n\n".join(blocks) + "\n"


def _faults(card: DataCard) -> Iterable[tuple[str, str]]:
    copies = card.duplicates
    near = f", {copies.near:,} near" if card.near else ""
    yield "duplicates", f"{copies.exact:,} exact{near}"
    yield (
        "conflicts",
        f"{copies.conflicts:,} labelled in several ways ({copies.opposite:,} opposite), "
        f"{card.disagreeing_scores:,} candidates scored differently",
    )
    yield "unlabelled", f"{card.labels['none']:,}"
    yield "missing media", f"{card.missing_media:,}"


def _line(name: str, value: str) -> str:
    return f"{name:<{_WIDTH}} {value}"


def _shares(counter: Counter[str], whole: int) -> str:
    shown = [f"{name} {n:,} ({_percent(n, whole)})" for name, n in counter.most_common(_SHOWN)]
    return ", ".join([*shown, *_more(counter)])


def _counts(counter: Mapping[str, int]) -> str:
    shown = [f"{name}: {n:,}" for name, n in list(counter.items())[:_SHOWN]]
    return ", ".join([*shown, *_more(counter)])


def _more(counter: Mapping[str, int]) -> list[str]:
    return [f"{len(counter) - _SHOWN:,} more"] if len(counter) > _SHOWN else []


def _percent(count: int, whole: int) -> str:
    return f"{100 * count / whole:.1f} %"


def _estimate(estimate: Estimate) -> str:
    return (
        f"{100 * estimate.value:.1f} % of {estimate.n:,} decided pairs "
        f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    )


def _quantiles(found: Mapping[str, float | int]) -> str:
    inner = ", ".join(f"{key} {found[key]:,}" for key in ("p5", "p50", "p95", "max"))
    return f"mean {found['mean']:,}, {inner}"


def _spread(found: Mapping[str, Any]) -> str:
    scales = f", scale {_scales(found)}" if found["scales"] else ""
    return f"{found['n']:,} in {found['min']:g} to {found['max']:g}, mean {found['mean']:g}{scales}"


def _scales(found: Mapping[str, Any]) -> str:
    return " and ".join(f"{low:g}-{high:g}" for low, high in found["scales"])


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(columns)
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *map(list, rows)]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """A cell that cannot break its row."""
    return " ".join(text.split()).replace("|", "\\|")
