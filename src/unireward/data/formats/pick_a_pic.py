"""Pick-a-Pic v1 and v2: pairs of images as users of an application chose them.

Shape as the data sets' own cards give it (Parquet): ``caption``, ``jpg_0``, ``jpg_1`` (bytes),
``label_0``, ``label_1`` (1 and 0, or 0.5 each for no preference), ``image_0_uid``,
``image_1_uid``, ``best_image_uid``, ``has_label``, ``are_different``, ``model_0``, ``model_1``,
``ranking_id``, ``user_id``.

- ``a`` is image 0, ``b`` image 1; ``preference`` is the two labels as they are;
- a row with ``has_label`` false becomes a record without a label;
- ``best_image_uid``, where it names one of the two, may not contradict the labels;
- the user is the record's ``context.user``; models, ``ranking_id``, ``are_different`` are ``meta``.
- without ``jpg_0`` (the versions without images) the file ``<uid>.jpg`` of the media folder.
"""

from __future__ import annotations

from unireward.data.converter import UNNAMED, Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import build, candidate, image, number, own_id, pair, present, text
from unireward.record import Context, Label, Part, Record, User

_SUM = 1e-6


def read(row: Row, source: Source) -> Record:
    user = own_id(row, "user_id")
    return build(
        "image_generation",
        [text(row, "caption")],
        [candidate(name, _picture(row, side, source)) for name, side in (("a", 0), ("b", 1))],
        None if row.get("has_label") is False else _label(row),
        context=None if user == UNNAMED else Context(user=User(id=user)),
        meta={
            "source": "pick-a-pic",
            **facts(row, "ranking_id", "are_different", "image_0_uid", "image_1_uid",
                    model_a="model_0", model_b="model_1"),
        },
    )  # fmt: skip


def _picture(row: Row, side: int, source: Source) -> Part:
    if present(row, f"jpg_{side}"):
        return image(row[f"jpg_{side}"], f"jpg_{side}", source)
    return image(f"{text(row, f'image_{side}_uid')}.jpg", f"image_{side}_uid", source)


def _label(row: Row) -> Label:
    shares = {"a": number(row, "label_0", 0, 1), "b": number(row, "label_1", 0, 1)}
    if abs(sum(shares.values()) - 1) > _SUM:
        raise RowError(
            f"label_0 {shares['a']:g} and label_1 {shares['b']:g} do not add to 1; mend the row"
        )
    winner = "tie" if shares["a"] == shares["b"] else max(shares, key=lambda name: shares[name])
    sides = {own_id(row, "image_1_uid"): "b", own_id(row, "image_0_uid"): "a", UNNAMED: None}
    best = sides.get(own_id(row, "best_image_uid"))
    if best is not None and winner not in ("tie", best):
        raise RowError(
            f"best_image_uid names candidate {best}, the labels {winner}; mend or leave out the row"
        )
    return pair(winner, preference=shares)


register(
    Format(
        "pick-a-pic",
        "Pick-a-Pic v1 and v2: caption, jpg_0, jpg_1 with label_0, label_1 (0, 0.5, 1)",
        read,
        container="parquet",
        fits=lambda row: {"caption", "label_0", "label_1", "image_0_uid"} <= row.keys(),
    )
)
