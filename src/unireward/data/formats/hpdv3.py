"""HPDv3 (``train.json``, ``test.json``) and HPDv2: pairs and groups of images.

Shape of HPDv3 as the HPSv3 project's README and the data handlers of LightRFT show it: a JSON
list of ``prompt``, ``path1``, ``path2``, and where known ``choice_dist`` (votes for each),
``confidence`` (0 to 1), ``model1``, ``model2``. **path1 is always the preferred image.**
Shape of HPDv2 from programs that load it: ``prompt``, ``image_path`` (a list), and either
``rank`` (lowest is best) or, for pairs, ``human_preference`` (1 at the preferred one). That last
name is as we remember the project's card, which could not be read.

- ``a`` is path1, ``b`` path2; ``preference`` the shares of ``choice_dist``, where there are votes.
  As in the project's own training, the larger count is path1's, in whichever order they stand;
- ``confidence`` and the models' names stay in ``meta``.

Since ``a`` always wins, train in both orders, or with the order drawn at random.
"""

from __future__ import annotations

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    as_number,
    build,
    candidate,
    image,
    listed,
    number,
    own_id,
    pair,
    present,
    require,
    text,
)
from unireward.data.ranks import names_of, side_by_side, tiers
from unireward.record import Label, Record


def read(row: Row, source: Source) -> Record:
    if "image_path" in row:
        return _ranked(row, source)
    shares = _shares(row) if present(row, "choice_dist") else None
    confidence = number(row, "confidence", 0, 1) if present(row, "confidence") else None
    return build(
        "image_generation",
        [text(row, "prompt")],
        [candidate("a", image(require(row, "path1"), "path1", source)),
         candidate("b", image(require(row, "path2"), "path2", source))],
        pair("a", preference=shares),
        id=own_id(row),
        meta={"source": "hpdv3", "confidence": confidence,
              **facts(row, model_a="model1", model_b="model2")},
    )  # fmt: skip


def _shares(row: Row) -> dict[str, float]:
    votes = [as_number(v, f"choice_dist[{i}]", 0) for i, v in enumerate(listed(row, "choice_dist"))]
    if len(votes) != 2 or sum(votes) == 0:
        raise RowError(f"choice_dist is {votes}; give the votes for the two images")
    return {"a": max(votes) / sum(votes), "b": min(votes) / sum(votes)}


def _ranked(row: Row, source: Source) -> Record:
    paths = listed(row, "image_path")
    field = "human_preference" if present(row, "human_preference") else "rank"
    given = listed(row, field)
    names = names_of(side_by_side({"image_path": paths, field: given}))
    low, high = (0, 1) if field == "human_preference" else (0, len(paths))
    values = {
        name: as_number(value, f"{field}[{i}]", low, high)
        for i, (name, value) in enumerate(zip(names, given, strict=True))
    }
    best = "highest" if field == "human_preference" else "lowest"
    return build(
        "image_generation",
        [text(row, "prompt")],
        [candidate(name, image(path, f"image_path[{i}]", source))
         for i, (name, path) in enumerate(zip(names, paths, strict=True))],
        Label.model_validate({"ranking": tiers(values, best=best)}),
        id=own_id(row),
        meta={"source": "hpdv2", **facts(row, "user_hash")},
    )  # fmt: skip


register(
    Format(
        "hpdv3",
        "HPDv3 (prompt, path1 preferred over path2) and HPDv2 (image_path with rank)",
        read,
        fits=lambda row: (
            ({"prompt", "path1", "path2"} <= row.keys() and "path_src" not in row)
            or (
                {"prompt", "image_path"} <= row.keys()
                and "prompt_id" not in row
                and bool({"rank", "human_preference"} & row.keys())
            )
        ),
    )
)
