"""GenAI-Bench of TIGER-Lab: votes of people on pairs of images, edits and videos.

Shape of both versions of the data (``test_v1`` and ``test``) as programs that load it show it:

- images: ``prompt``, ``left_image``, ``right_image``;
- edits: ``source_prompt``, ``target_prompt``, ``instruct_prompt``, ``source_image``,
  ``left_output_image``, ``right_output_image``;
- videos: ``prompt``, ``left_video``, ``right_video`` (addresses or paths);
- all: ``vote_type`` (``leftvote``, ``rightvote``, ``tievote``, ``bothbad_vote``), ``left_model``,
  ``right_model``.

``a`` is left, ``b`` right. A tie of good ones is ``tie: good``, both bad ``tie: bad``. An edit's
prompt is its source image and instruction; the two captions stay in ``meta``. A video given by
address is looked for by its file name in the media folder, and stays an address otherwise.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from unireward.data.converter import Format, Row, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    build,
    candidate,
    choice,
    first_of,
    image,
    own_id,
    pair,
    require,
    text,
    video,
)
from unireward.files.places import is_address
from unireward.record import Label, Part, Record

VOTES = {
    "leftvote": pair("a"),
    "rightvote": pair("b"),
    "tievote": pair("tie", tie="good"),
    "bothbad_vote": pair("tie", tie="bad"),
}


def read(row: Row, source: Source) -> Record:
    label = choice(row, "vote_type", VOTES)
    side = first_of(row, ("left_image", "left_output_image", "left_video"))
    if side == "left_output_image":
        return _edit(row, source, label)
    kind = side.removeprefix("left_")
    make = image if kind == "image" else video
    sides = {"a": f"left_{kind}", "b": f"right_{kind}"}
    return build(
        f"{kind}_generation",
        [text(row, "prompt")],
        [candidate(name, make(_local(require(row, field), source), field, source))
         for name, field in sides.items()],
        label,
        id=own_id(row),
        meta=_meta(row),
    )  # fmt: skip


def _edit(row: Row, source: Source, label: Label) -> Record:
    sides = {"a": "left_output_image", "b": "right_output_image"}
    prompt = [
        image(require(row, "source_image"), "source_image", source, "source"),
        Part.of_text(text(row, "instruct_prompt")),
    ]
    return build(
        "image_editing",
        prompt,
        [candidate(name, image(require(row, field), field, source))
         for name, field in sides.items()],
        label,
        id=own_id(row),
        meta={**_meta(row), **facts(row, "source_prompt", "target_prompt")},
    )  # fmt: skip


def _meta(row: Row) -> dict[str, Any]:
    return {"source": "genai-bench", **facts(row, model_a="left_model", model_b="right_model")}


def _local(value: Any, source: Source) -> Any:
    """An address as the file of that name in the media folder, where there is one."""
    if isinstance(value, str) and is_address(value):
        name = PurePosixPath(value.partition("?")[0]).name
        if name and (source.media / name).is_file():
            return name
    return value


register(
    Format(
        "genai-bench",
        "GenAI-Bench: votes (left, right, tie, both bad) on images, edits and videos",
        read,
        container="parquet",
        fits=lambda row: (
            {"vote_type", "left_model", "right_model"} <= row.keys()
            and bool({"left_image", "left_video", "instruct_prompt"} & row.keys())
        ),
    )
)
