"""VL-RewardBench: pairs of answers to a question about an image.

Shape as the data set's own card gives it: ``id``, ``query``, ``image``, ``response`` (two),
``human_ranking`` (``[0, 1]``: the first is preferred, ``[1, 0]``: the second; **lower is
better**), ``models``, ``judge``, ``rationale``, ``query_source``, ``ground_truth``,
``human_error_analysis``.

``a`` is the first response, ``b`` the second; equal ranks are a tie. What the card calls
``meta`` is not kept.
"""

from __future__ import annotations

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    as_number,
    as_text,
    build,
    candidate,
    images,
    listed,
    own_id,
    require,
    text,
)
from unireward.data.ranks import side_by_side, tiers
from unireward.record import Part, Record


def read(row: Row, source: Source) -> Record:
    answers, ranks = listed(row, "response"), listed(row, "human_ranking")
    if side_by_side({"response": answers, "human_ranking": ranks}) != 2:
        raise RowError(f"response holds {len(answers)} answers; give two")
    numbers = {
        name: as_number(rank, f"human_ranking[{i}]", 0)
        for i, (name, rank) in enumerate(zip("ab", ranks, strict=True))
    }
    pictures = images(require(row, "image"), "image", source)
    return build(
        "image_understanding",
        [*pictures, Part.of_text(text(row, "query"))],
        [candidate(name, as_text(answer, f"response[{i}]"))
         for i, (name, answer) in enumerate(zip("ab", answers, strict=True))],
        {"ranking": tiers(numbers, best="lowest")},
        id=own_id(row),
        meta={
            "source": "vl-rewardbench",
            **facts(row, "models", "judge", "rationale", "query_source", "ground_truth",
                    "human_error_analysis"),
        },
    )  # fmt: skip


register(
    Format(
        "vl-rewardbench",
        "VL-RewardBench: two answers about an image with human_ranking (lower is better)",
        read,
        container="parquet",
        fits=lambda row: {"query", "response", "human_ranking"} <= row.keys(),
    )
)
