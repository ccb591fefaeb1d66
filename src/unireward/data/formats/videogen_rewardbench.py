"""VideoGen-RewardBench of the VideoReward project: pairs of videos, judged on three dimensions.

Shape as the data set's own card shows it (a CSV): ``path_A``, ``path_B``, ``A_model``,
``B_model``, ``prompt``, and ``VQ``, ``MQ``, ``TA``, ``Overall``, each ``A``, ``B`` or ``same``;
``fps_A``, ``num_frames_A`` and the like describe the files.

``Overall`` is the ranking. The dimensions, of which only the better side is known, become
``scores`` from 0 to 1: 1 for the better video, 0 for the other, 0.5 each for ``same``
(``visual_quality``, ``motion_quality``, ``text_alignment``). A row without ``Overall`` keeps the
dimensions it has and no ranking; one without any judgment is refused.
"""

from __future__ import annotations

from typing import Any

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    build,
    candidate,
    choice,
    own_id,
    pair,
    require,
    text,
    video,
)
from unireward.record import Record

DIMENSIONS = {"VQ": "visual_quality", "MQ": "motion_quality", "TA": "text_alignment"}
_SHARES = {"A": (1.0, 0.0), "B": (0.0, 1.0), "same": (0.5, 0.5)}
_WINNERS = {"A": "a", "B": "b", "same": "tie"}


def read(row: Row, source: Source) -> Record:
    label: dict[str, Any] = {}
    known = [column for column in DIMENSIONS if row.get(column) not in (None, "")]
    if row.get("Overall") not in (None, ""):
        label = pair(choice(row, "Overall", _WINNERS)).model_dump(exclude_none=True)
    elif not known:
        raise RowError("Overall, VQ, MQ and TA are all missing; give A, B or same")
    if known:
        shares = {DIMENSIONS[column]: choice(row, column, _SHARES) for column in known}
        label["scores"] = {
            "a": {name: a for name, (a, _) in shares.items()},
            "b": {name: b for name, (_, b) in shares.items()},
        }
        label["scales"] = dict.fromkeys(shares, (0.0, 1.0))
    return build(
        "video_generation",
        [text(row, "prompt")],
        [candidate("a", video(require(row, "path_A"), "path_A", source)),
         candidate("b", video(require(row, "path_B"), "path_B", source))],
        label,
        id=own_id(row),
        meta={"source": "videogen-rewardbench", **facts(row, model_a="A_model", model_b="B_model")},
    )  # fmt: skip


register(
    Format(
        "videogen-rewardbench",
        "VideoGen-RewardBench: path_A, path_B with VQ, MQ, TA and Overall (A, B, same)",
        read,
        container="csv",
        fits=lambda row: (
            {"path_A", "path_B", "prompt"} <= row.keys()
            and bool({"Overall", *DIMENSIONS} & row.keys())
        ),
    )
)
