"""How judgments look on a terminal, at eighty columns, and in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from unireward.judgment import Judgment
    from unireward.rewards.ranking import Ranking

RATIONALE_CHARS = 600
PIPED_WIDTH = 100
LABEL_CHARS = 60


def print_json(value: Any) -> None:
    """One JSON document on stdout, UTF-8 whatever the locale says."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        sys.stdout.write(text + "\n")
    except UnicodeEncodeError:
        sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")


def tell(found: Any, *, json: bool) -> None:
    """What was found, as JSON or in lines for people, on stdout."""
    if json:
        print_json(found.to_dict())
    else:
        print("\n".join(found.lines()))


def console() -> Console:
    """Stdout; plain text and a fixed width where it is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(width=width, highlight=False, soft_wrap=False)


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table: the first columns stay whole, the last one folds."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns, start=1):
        table.add_column(column, no_wrap=number < len(columns), overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def show_judgment(judgment: Judgment, prompt: str, labels: Mapping[str, str] | None = None) -> None:
    """One judgment: a row a candidate, then the verdict, why, and what it cost.

    ``labels`` says what stands behind a candidate's name (``a`` is ``a.png``).
    """
    out = console()
    _heading(out, judgment, prompt)
    best = _best(judgment)
    rows = []
    for name in _names(judgment):
        mark = "▸ " if name in best else "  "
        behind = " ".join((labels or {}).get(name, "").split())
        label = f"{mark}{name}" + (f"  {behind[:LABEL_CHARS]}" if behind else "")
        rows.append((label, _number(judgment.scores.get(name), 3), name))
    _table(out, judgment, rows)
    _verdict(out, judgment)
    _rationale(out, judgment)
    _cost(out, judgment)


def show_ranking(ranking: Ranking, prompt: str) -> None:
    """Candidates from best to worst, each with its interval, and what it cost."""
    from rich.text import Text

    out = console()
    judgment = ranking.judgment
    _heading(out, judgment, prompt)
    rows = []
    place = 1
    for tier in ranking.order:
        for name in tier:
            score = ranking.scores[name]
            text = f"{score.value:.3f}  [{score.low:.2f}, {score.high:.2f}]"
            rows.append((f"{place}. {name}", text, name))
        place += len(tier)
    _table(out, judgment, rows, score="score  [95 %]")
    pairs = "1 comparison" if ranking.comparisons == 1 else f"{ranking.comparisons:,} comparisons"
    if judgment.ok:
        agreement = _agreement(judgment.agreement)
        out.print(f"{pairs}{f', {agreement}' if agreement else ''}")
    else:
        _verdict(out, judgment)
        out.print(f"{pairs} read")
    if ranking.saved:
        calls = "1 call" if ranking.calls == 1 else f"{ranking.calls:,} calls"
        out.print(f"{calls} spent, {ranking.saved:,} saved of all pairs in both orders")
    if ranking.unsettled:
        out.print(Text(f"not settled: {', '.join(ranking.unsettled)}", style="yellow"))
    _cost(out, judgment)


def _heading(out: Console, judgment: Judgment, prompt: str) -> None:
    from rich.text import Text

    line = " ".join(prompt.split())
    out.print(Text(line if len(line) <= 200 else line[:199] + "…", style="bold"))
    about = (judgment.judge, judgment.family, judgment.task, judgment.mode)
    out.print(Text(" · ".join(about), style="dim"))


def _names(judgment: Judgment) -> list[str]:
    """Candidates in the order they were given, read or not."""
    return list(dict.fromkeys(name for ask in judgment.asks for name in ask.candidates))


def _best(judgment: Judgment) -> set[str]:
    if judgment.winner is None or judgment.winner == "tie":
        return set()
    return {judgment.winner}


def _table(
    out: Console, judgment: Judgment, rows: list[tuple[str, str, str]], score: str = "score"
) -> None:
    """One row a candidate and a column a dimension, turned where that does not fit."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    best = _best(judgment)
    dimensions = judgment.dimensions
    wide = sum(len(name) + 2 for name in dimensions) + 40 <= out.width
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("candidate", overflow="fold", min_width=12)
    table.add_column(score, justify="right", no_wrap=True)
    if wide:
        for name in dimensions:
            table.add_column(name, justify="right", no_wrap=True)
    elif dimensions:
        table.add_column("dimensions", overflow="fold")
    for label, number, name in rows:
        values = {dim: _number(row.get(name), 2) for dim, row in dimensions.items()}
        more = list(values.values())
        if not wide and values:
            more = ["\n".join(f"{dim} {value}" for dim, value in values.items())]
        style = "bold green" if name in best else ""
        table.add_row(Text(label, style=style), Text(number, style=style), *more)
    out.print(table)


def _verdict(out: Console, judgment: Judgment) -> None:
    from rich.text import Text

    if not judgment.ok:
        out.print(Text(f"{judgment.status}: {judgment.reason}", style="bold red"))
        for ask in judgment.asks:
            if ask.status != "ok" and ask.reply:
                shown = " ".join(ask.reply.split())[:200]
                out.print(Text(f"  the reply to {', '.join(ask.candidates)}: {shown}", style="dim"))
        return
    if judgment.winner is None:
        return
    parts = [f"winner {judgment.winner}"]
    if judgment.confidence is not None:
        parts.append(f"confidence {judgment.confidence:.2f}{_how_sure(judgment)}")
    if agreement := _agreement(judgment.agreement):
        parts.append(agreement)
    out.print(Text(", ".join(parts), style="bold"))
    if judgment.preference:
        shares = ", ".join(f"{k} {v:.2f}" for k, v in judgment.preference.items())
        out.print(Text(f"preference {shares}", style="dim"))


def _how_sure(judgment: Judgment) -> str:
    """Whether the confidence was held to records of known truth; a scorer's has a scale of its
    own."""
    from unireward.rewards.calibration import NOTE, UNCALIBRATED

    if judgment.raw:
        return ""
    said = any(note.startswith(NOTE) for note in judgment.notes)
    return " (calibrated)" if said else f" ({UNCALIBRATED})"


def _agreement(agreement: bool | float | None) -> str:
    if agreement is None:
        return ""
    if isinstance(agreement, bool):
        return "both orders agree" if agreement else "the orders disagree"
    return f"both orders agree on {agreement:.0%}"


def _rationale(out: Console, judgment: Judgment) -> None:
    from rich.padding import Padding
    from rich.text import Text

    why = (judgment.rationale or "").strip()
    if why:
        shown = why if len(why) <= RATIONALE_CHARS else why[: RATIONALE_CHARS - 1] + "…"
        out.print(Padding(Text(shown), (1, 0, 0, 2)))
    for note in judgment.notes:
        out.print(Text(f"note: {note}", style="yellow"))


def _cost(out: Console, judgment: Judgment) -> None:
    from rich.text import Text

    calls = "1 call" if judgment.calls == 1 else f"{judgment.calls:,} calls"
    line = (
        f"{calls}, {judgment.cached:,} cached, {judgment.tokens:,} tokens, {judgment.seconds:.2f} s"
    )
    out.print(Text(line, style="dim"))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
