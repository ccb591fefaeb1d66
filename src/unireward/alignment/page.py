"""Page: what an alignment came to, with pictures: ``index.html`` of an output.

Made from the files of the output alone, so that it can be made again. The same seeds are shown
before and after, whatever became of them: the first prompts of the file, none of them chosen.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unireward.alignment.config import AlignConfig
from unireward.alignment.evaluation import FOLDER as EVALUATIONS
from unireward.alignment.looked import Looked
from unireward.alignment.result import Result
from unireward.alignment.rounds import Done, folder_of
from unireward.alignment.rows import PromptRow, SampleRow, read_rows
from unireward.errors import MissingExtraError
from unireward.record import Candidate
from unireward.report import (
    Card,
    Cards,
    Columns,
    Figure,
    Media,
    Page,
    Score,
    Section,
    Shown,
    Table,
    Tile,
    Tiles,
    Verdict,
    write_page,
)
from unireward.report.steps import Point, steps_chart
from unireward.stats.intervals import Estimate

_FRAMES = 4
"""Of a clip that are shown."""
_MOST_REASONS = 30


def write_align_page(
    result: Result, config: AlignConfig, say: Callable[[str], None] = lambda line: None
) -> Path | None:
    """``index.html``; None, and a line that says why, without jinja2: the result is there all the
    same."""
    page = Page(
        title=f"{config.output.name}: {result.method}",
        lead=[_lead(result)],
        sections=[
            Section("In numbers", [_tiles(result), *_moved(result)]),
            *_curves(result),
            *_pictures(result, config),
            *_curation(result),
            Section("Costs", [_costs(result)]),
            Section("Config", [_config(config)]),
        ],
        footer=[
            f"Policy {config.policy.path}, judge {config.judge.path}, seed {config.seed}; looked "
            f"at on {config.evaluation.prompts}, seed {config.evaluation.seed}.",
            ", ".join(f"{name} {version}" for name, version in result.versions.items()) + ".",
        ],
    )
    try:
        return write_page(page, config.output / "index.html")
    except MissingExtraError as error:
        say(f"no page: {error}")
        return None


def _lead(result: Result) -> str:
    figures, gap = result.end.figures, result.end.figures.differences
    parts = [f"{figures.prompts:,} held-out prompts, the same noise before and after."]
    if result.kept == result.start.record:
        parts.append("What is kept is the policy as it was.")
    for name, label in (
        ("reward", "The judge's score moved by"),
        ("right", "Right candidates moved by"),
    ):
        if name in gap:
            parts.append(f"{label} {_signed(gap[name], 100 if name == 'right' else 1)}.")
    if result.stopped:
        parts.append(f"It was stopped: {result.stopped}.")
    return " ".join(parts)


# Numbers --------------------------------------------------------------------------------------


def _tiles(result: Result) -> Tiles:
    figures = result.end.figures
    tiles = []
    if figures.right is not None:
        tiles.append(
            Tile(_share(figures.right.value), "right in truth", _range(figures.right, 100))
        )
    for name, label in (("reward", "judge's score"), ("second", "second judge's score")):
        found = getattr(figures, name)
        if found is not None:
            tiles.append(Tile(f"{found.value:.3f}", label, _range(found)))
    if figures.win is not None:
        tiles.append(Tile(_share(figures.win.value), "won against the start",
                          f"{_range(figures.win, 100)}, a tie is half"))  # fmt: skip
    if figures.spread is not None:
        tiles.append(Tile(f"{figures.spread.value:.2f}", "diversity, start = 1",
                          _range(figures.spread)))  # fmt: skip
    out = figures.asked - figures.made
    tiles.append(Tile(f"{out:,}", "left out", f"of {figures.asked:,} candidates"))
    return Tiles(tiles)


def _moved(result: Result) -> list[Any]:
    """Every paired difference to the start."""
    figures = result.end.figures
    names = {"reward": "judge", "second": "second judge", "right": "right in truth"}
    rows = [
        (names.get(name, name), _signed(gap), f"{gap.n:,}")
        for name, gap in figures.differences.items()
    ]
    tables: list[Any] = []
    if rows:
        head = ("measure", "after less before (95 % interval)", "prompts")
        tables.append(Table(head, rows, "Paired differences to the start", (1, 2)))
    before = result.start.figures.diversity
    open_ = [
        (name, f"{before.get(name, 0.0):.2f}", f"{bits:.2f}")
        for name, bits in figures.diversity.items()
    ]
    if open_:
        head = ("left open", "before, bits", "after, bits")
        tables.append(Table(head, open_, "What right candidates chose", (1, 2)))
    return tables


def _curves(result: Result) -> list[Section]:
    if len(result.evaluations) < 2:
        return []
    figures = [
        _curve(result, "Judge's score", lambda looked: looked.figures.reward, _plain),
        _curve(result, "Right in truth", lambda looked: looked.figures.right, _share),
        _curve(result, "Second judge's score", lambda looked: looked.figures.second, _plain),
        _curve(result, "Diversity, start = 1", lambda looked: looked.figures.spread, _plain, 1.0),
        _curve(result, "Won against the start", lambda looked: looked.figures.win, _share, 0.5),
    ]
    found = [figure for figure in figures if figure is not None]
    if not found:
        return []
    intro = "Each on the same prompts and noise, with its 95 % interval; the hollow point is kept."
    return [Section("On the way", [Columns([[one] for one in found])], intro)]


def _curve(
    result: Result,
    title: str,
    of: Callable[[Looked], Estimate | None],
    told: Callable[[float], str],
    line: float | None = None,
) -> Figure | None:
    points = [
        Point(looked.at, found, looked.record == result.kept)
        for looked in result.evaluations
        if (found := of(looked)) is not None
    ]
    if not points:
        return None
    unit = "candidates picked among" if result.method == "best-of-n" else result.counted_in
    return Figure(steps_chart(points, title, unit, told=told, line=line), f"{title}.")


# Pictures -------------------------------------------------------------------------------------


def _pictures(result: Result, config: AlignConfig) -> list[Section]:
    folder = config.output / EVALUATIONS
    last = result.end if result.kept != result.start.record else result.evaluations[-1]
    before = {row.record: row for row in _shown(folder, result.start, config.evaluation.shown)}
    after = _shown(folder, last, config.evaluation.shown)
    cards = [_card(before[row.record], row, config.output) for row in after if row.record in before]
    if not cards or last.record == result.start.record:
        return []
    intro = f"The first {len(cards)} held-out prompts, one seed each: before, and at {last.record}."
    return [Section("Before and after", [Cards(cards)], intro)]


def _shown(folder: Path, looked: Looked, number: int) -> list[PromptRow]:
    rows = read_rows(folder / f"{looked.record}.jsonl")
    return [row for _, row in zip(range(number), rows)]


def _card(before: PromptRow, after: PromptRow, output: Path) -> Card:
    names = [name for name in after.samples if after.candidate(name) is not None]
    name = names[0] if names else next(iter(before.samples), "")
    now, then = after.samples.get(name), before.samples.get(name)
    share = now.share if now is not None else None
    state = _state(then, now)
    return Card(
        prompt=after.text,
        kicker=f"{after.record} {name}",
        candidates=[
            _candidate("before", before.candidate(name), then, before, name, output, share == 0.0),
            _candidate("after", after.candidate(name), now, after, name, output, share == 1.0),
        ],
        verdict=Verdict(_said(now), state, _truth(then, now)),
    )


def _said(now: SampleRow | None) -> str:
    if now is None or (now.share is None and now.share_status is None):
        return "Not compared"
    said = {1.0: "after is better", 0.0: "before is better", 0.5: "a tie"}
    return f"The judge: {said[now.share]}" if now.share in said else "The judge said nothing"


def _state(then: SampleRow | None, now: SampleRow | None) -> Any:
    """Whether the judge's choice is the truth's."""
    if then is None or now is None or now.share is None or None in (then.right, now.right):
        return "open"
    if then.right == now.right:
        return "open"
    return "right" if (now.share == 1.0) == bool(now.right) and now.share != 0.5 else "wrong"


def _truth(then: SampleRow | None, now: SampleRow | None) -> str:
    words = {True: "right", False: "wrong", None: "not known"}
    if then is None or now is None or (then.right is None and now.right is None):
        return ""
    return f"in truth {words[then.right]} before, {words[now.right]} after"


def _candidate(
    label: str,
    candidate: Candidate | None,
    sample: SampleRow | None,
    row: PromptRow,
    name: str,
    output: Path,
    best: bool,
) -> Shown:
    if candidate is None or sample is None:
        return Shown(label, text=f"none: {row.left_out.get(name, 'not kept')}")
    scores = [Score("reward", _maybe(sample.reward), _right(sample.right))]
    if sample.second is not None:
        scores.append(Score("second judge", _maybe(sample.second)))
    scores += [Score(fact, "", f"{value:.2f}") for fact, value in sample.facts.items()]
    alt = f"{label}, for: {row.text}"
    return Shown(label, _media(candidate, output, alt), candidate.text, scores, best)


def _media(candidate: Candidate, output: Path, alt: str) -> list[Media]:
    files = [
        file
        for part in candidate.content
        if part.type != "text"
        for file in (part.frames[:_FRAMES] if part.frames else (part.path,))
    ]
    return [
        Media("image", Path(os.path.relpath(file, output)).as_posix(), alt)
        for file in files
        if file is not None and Path(file).is_file()
    ]


# What was learned from ------------------------------------------------------------------------


def _curation(result: Result) -> list[Section]:
    rounds = [done for done in result.rounds if done.counts]
    if not rounds:
        return []
    head = ("round", "prompts", "candidates", "pairs", "truly better", "")
    rows = [
        (str(done.number), f"{done.counts['prompts']['read']:,}",
         f"{done.counts['candidates']['made']:,}", f"{done.counts['pairs']['kept']:,}",
         _accuracy(done), done.skipped or "")
        for done in rounds
    ]  # fmt: skip
    reasons = Counter[tuple[str, str, str]]()
    for done in rounds:
        for what, by_step in (
            ("prompt", done.counts["prompts"]["dropped"]),
            ("candidate", done.counts["candidates"]["left_out"]),
            ("pair", done.counts["pairs"]["dropped"]),
        ):
            for step, found in by_step.items():
                for reason, number in found.items():
                    reasons[what, step, reason] += number
    why = [(*key, f"{n:,}") for key, n in reasons.most_common(_MOST_REASONS)]
    pages = ", ".join(
        Path(os.path.relpath(folder_of(result.output, d.number), result.output)).as_posix()
        for d in rounds[:1]
    )
    blocks = [
        Table(head, rows, "Rounds", (1, 2, 3, 4)),
        Table(("what", "step", "reason", "number"), why, "What was dropped or left out, and why",
              (3,)),
    ]  # fmt: skip
    intro = f"Each round has a page of its pairs, the first in {pages}/curation."
    return [Section("What it learned from", blocks, intro)]


def _accuracy(done: Done) -> str:
    found = (done.truth or {}).get("accuracy")
    if not found:
        return "–"
    return f"{100 * found['value']:.0f} % of {found['n']:,}"


def _costs(result: Result) -> Table:
    rows = [
        (name.replace("_", " "), f"{value:,.1f}" if name.endswith("seconds") else f"{value:,.0f}")
        for name, value in result.costs.items()
    ]
    return Table(("of this chain", "number"), rows, "", (1,))


def _config(config: AlignConfig) -> Table:
    body = config.model_dump(mode="json", exclude_defaults=True)
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in body.items()
    ]
    return Table(("field", "value"), rows)


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _range(found: Estimate, times: int = 1) -> str:
    places = 1 if times == 100 else 3
    return f"{times * found.low:.{places}f} to {times * found.high:.{places}f}, n = {found.n:,}"


def _signed(gap: Estimate, times: int = 1) -> str:
    places, unit = (1, " points") if times == 100 else (3, "")
    value, low, high = (times * one for one in (gap.value, gap.low, gap.high))
    return f"{value:+z.{places}f}{unit} ({low:+z.{places}f} to {high:+z.{places}f})"


def _maybe(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _right(value: bool | None) -> str:
    return {True: "right", False: "wrong", None: ""}[value]
