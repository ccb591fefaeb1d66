"""ImageRewardDB: groups of images for one prompt, ranked and rated by people.

Shapes as the data set's loading script and the ImageReward project's training code show them:

- one image a row, as published (``prompt_id``, ``prompt``, ``classification``, ``image_path`` or
  ``image``, ``image_amount_in_total``, ``rank``, ``overall_rating``,
  ``image_text_alignment_rating``, ``fidelity_rating``): rows that follow one another with the same
  ``prompt_id`` become one group, which must have as many images as it says;
- a group a row (the same fields as lists, ``image`` a list);
- a pair a row (``img_better``, ``img_worse``);
- the project's JSON (``prompt``, ``generations``, ``ranking``).

**The lowest rank is the best**; equal ranks share a tier. Ratings become ``scores``
(``overall``, ``alignment``, ``fidelity``) on 1 to 7, the scale of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unireward.data.converter import Format, Row, Rows, Source, register, rows_of
from unireward.data.facts import facts
from unireward.data.fields import (
    UNNAMED,
    as_number,
    build,
    candidate,
    first_of,
    image,
    listed,
    own_id,
    pair,
    require,
    text,
)
from unireward.data.ranks import names_of, side_by_side, tiers
from unireward.files.lines import LineError, Place
from unireward.record import Record

RATINGS = {
    "overall_rating": "overall",
    "image_text_alignment_rating": "alignment",
    "fidelity_rating": "fidelity",
}
LOW, HIGH = 1.0, 7.0
_GROUPED = ("image_path", "image", "rank", *RATINGS)


def read(row: Row, source: Source) -> Record:
    if "img_better" in row:
        return _pair(row, source)
    field = first_of(row, ("generations", "image", "image_path"))
    ranks = "ranking" if field == "generations" else "rank"
    if not isinstance(row[field], list | tuple):  # one image alone: rated, ranked against none
        row = {**row, **{name: [row[name]] for name in _GROUPED if row.get(name) is not None}}
    lists = {name: listed(row, name) for name in (field, ranks, *RATINGS)
             if row.get(name) is not None or name == ranks}  # fmt: skip
    names = names_of(side_by_side(lists))
    numbers = {
        name: as_number(rank, f"{ranks}[{i}]", 0)
        for i, (name, rank) in enumerate(zip(names, lists[ranks], strict=True))
    }
    label: dict[str, Any] = {"ranking": tiers(numbers, best="lowest")} if len(names) > 1 else {}
    rated = [name for name in RATINGS if name in lists]
    if rated:
        label["scores"] = {
            name: {RATINGS[r]: as_number(lists[r][i], f"{r}[{i}]", LOW, HIGH) for r in rated}
            for i, name in enumerate(names)
        }
        label["scales"] = {RATINGS[r]: (LOW, HIGH) for r in rated}
    return build(
        "image_generation",
        [text(row, "prompt")],
        [candidate(name, image(value, f"{field}[{i}]", source))
         for i, (name, value) in enumerate(zip(names, lists[field], strict=True))],
        label,
        id=_id(row),
        meta={"source": "image-reward-db", **facts(row, "classification")},
    )  # fmt: skip


def _pair(row: Row, source: Source) -> Record:
    sides = {"a": "img_better", "b": "img_worse"}
    return build(
        "image_generation",
        [text(row, "prompt")],
        [candidate(name, image(require(row, field), field, source))
         for name, field in sides.items()],
        pair("a"),
        id=_id(row),
        meta={"source": "image-reward-db", **facts(row, "classification")},
    )  # fmt: skip


def _id(row: Row) -> str:
    name = own_id(row, "prompt_id")
    return own_id(row) if name == UNNAMED else name


def grouped(path: Path) -> Rows:
    """The file's rows, single images gathered into groups; constant memory."""
    group: list[Row] = []
    at: Place | None = None
    for place, row in rows_of(path):
        alone = isinstance(row, dict) and row.get("image_amount_in_total") is not None
        if group and not (alone and _same(group[0], row)):
            yield from _gather(group, at)
            group = []
        if not alone:
            yield place, row
            continue
        assert isinstance(row, dict)
        at = at if group else place
        group.append(row)
        if len(group) == row["image_amount_in_total"]:
            yield from _gather(group, at)
            group = []
    if group:
        yield from _gather(group, at)


def _same(first: Row, row: Row | LineError) -> bool:
    return isinstance(row, dict) and row.get("prompt_id") == first.get("prompt_id")


def _gather(group: list[Row], at: Place | None) -> Iterator[tuple[Place, Row | LineError]]:
    assert at is not None
    name, wanted = group[0].get("prompt_id"), group[0]["image_amount_in_total"]
    if len(group) != wanted:
        told = f"prompt_id {name} has {len(group)} of {wanted} images in a row"
        yield at, LineError(at, f"{told}; sort the file by prompt_id, or get it whole")
        return
    whole = {field: [row.get(field) for row in group] for field in _GROUPED
             if any(row.get(field) is not None for row in group)}  # fmt: skip
    if len({str(row.get("prompt")) for row in group}) > 1:
        yield at, LineError(at, f"prompt_id {name} has two prompts; mend the file")
        return
    yield at, {**group[0], **whole}


register(
    Format(
        "image-reward-db",
        "ImageRewardDB: groups of images with ranks (lowest is best) and ratings",
        read,
        rows=grouped,
        fits=lambda row: (
            {"prompt", "generations", "ranking"} <= row.keys()
            or {"prompt", "img_better", "img_worse"} <= row.keys()
            or {"prompt", "rank", "fidelity_rating"} <= row.keys()
        ),
    )
)
