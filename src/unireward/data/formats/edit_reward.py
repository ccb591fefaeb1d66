"""EditReward of TIGER-Lab: pairs of edits, rated by trained people on two dimensions.

Shapes as the project's training guide, the data set's card and its guide for use show them:

- training JSON: ``prompt``, ``path_src``, ``path1``, ``path2``, ``model1``, ``model2``,
  ``model1_dim1_score`` and so on, ``tie_case``. **path1 is always the preferred edit**, unless
  ``tie_case`` says that none is;
- EditReward-Data (Parquet): ``instruction``, ``source_img``, ``left_output_image``,
  ``right_output_image``, ``left_instruction_following_score``, ``left_quality_aesthetic_score``,
  ``left_overall_score`` and the same of the right, ``vote_type`` (``leftvote``, ``rightvote``,
  ``tie``; ``tievote`` too).

``a`` is path1 or left. Scores are ``instruction_following`` and ``quality`` from 1 to 4 and
``overall``, their sum, from 2 to 8. The validation file has no second dimension and an overall
on a scale it does not state: its numbers stay in ``meta``.

EditScore's benchmark has pairs with ``key``, ``instruction``, ``input_image``, ``output_images``,
``dimension``, ``task_type``; which output won is not in what we could read of it, and its rows are
refused.
"""

from __future__ import annotations

from typing import Any

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    build,
    candidate,
    choice,
    image,
    number,
    own_id,
    pair,
    present,
    require,
    text,
)
from unireward.record import Label, Part, Record

SCALES = {"instruction_following": (1.0, 4.0), "quality": (1.0, 4.0), "overall": (2.0, 8.0)}
_VOTES = {"leftvote": "a", "rightvote": "b", "tie": "tie", "tievote": "tie"}
_PATHS = {
    name: (f"model{k}_dim1_score", f"model{k}_dim2_score", f"model{k}_overall_score")
    for name, k in (("a", 1), ("b", 2))
}
_SIDES = {
    name: (
        f"{side}_instruction_following_score",
        f"{side}_quality_aesthetic_score",
        f"{side}_overall_score",
    )
    for name, side in (("a", "left"), ("b", "right"))
}


def read(row: Row, source: Source) -> Record:
    if "output_images" in row:
        raise RowError("output_images: nothing says which edit won; give path1 (the better), path2")
    if "left_output_image" in row:
        return _voted(row, source)
    tied = present(row, "tie_case") and choice(row, "tie_case", {True: True, False: False})
    rated = present(row, "model1_dim2_score")
    kept = () if rated else tuple(field for fields in _PATHS.values() for field in fields)
    return build(
        "image_editing",
        [image(require(row, "path_src"), "path_src", source, "source"),
         Part.of_text(text(row, "prompt"))],
        [candidate("a", image(require(row, "path1"), "path1", source)),
         candidate("b", image(require(row, "path2"), "path2", source))],
        _label(row, "tie" if tied else "a", _PATHS if rated else {}),
        id=own_id(row),
        meta={"source": "edit-reward", **facts(row, *kept, model_a="model1", model_b="model2")},
    )  # fmt: skip


def _voted(row: Row, source: Source) -> Record:
    sides = {"a": "left_output_image", "b": "right_output_image"}
    rated = present(row, "left_quality_aesthetic_score")
    return build(
        "image_editing",
        [image(require(row, "source_img"), "source_img", source, "source"),
         Part.of_text(text(row, "instruction"))],
        [candidate(name, image(require(row, field), field, source))
         for name, field in sides.items()],
        _label(row, choice(row, "vote_type", _VOTES), _SIDES if rated else {}),
        id=own_id(row, "unique_key"),
        meta={"source": "edit-reward",
              **facts(row, "key", model_a="left_model", model_b="right_model")},
    )  # fmt: skip


def _label(row: Row, winner: str, columns: dict[str, tuple[str, str, str]]) -> Label:
    scores: dict[str, Any] = {}
    for name, fields in columns.items():
        scores[name] = {
            dimension: number(row, field, low, high)
            for field, (dimension, (low, high)) in zip(fields, SCALES.items(), strict=True)
        }
    if not scores:
        return pair(winner)
    return pair(winner, scores=scores, scales=SCALES)


register(
    Format(
        "edit-reward",
        "EditReward: two edits of an image, path1 preferred or a vote, with scores",
        read,
        fits=lambda row: (
            {"path_src", "path1", "path2"} <= row.keys()
            or {"source_img", "left_output_image", "vote_type"} <= row.keys()
        ),
    )
)
