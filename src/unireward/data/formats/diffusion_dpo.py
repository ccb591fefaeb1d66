"""``diffusion-dpo``: a caption and two images, one of them preferred.

``{id, caption, jpg_0, jpg_1, label_0}``: with ``label_0`` 1 the image ``jpg_0`` is the better
one, with 0 ``jpg_1``, with 0.5 neither. That is the Pick-a-Pic shape that Diffusion-DPO trains
on (bytes in Parquet), and what UnifiedReward's ``DiffusionDPO/sift_dpo_data.py`` writes (file
names, always ``label_0: 1``). ``jpg_0`` becomes candidate ``a``, ``jpg_1`` ``b``.
"""

from __future__ import annotations

from unireward.data import fields as f
from unireward.data.conversation import payload, preferred
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.record import TIE, Candidate, Part, Record

_WINNER = {0: "b", 0.5: TIE, 1: "a"}


def read(row: Row, source: Source) -> Record:
    label = f.number(row, "label_0")
    if label not in _WINNER:
        raise RowError(f"label_0 is {label:g}; use 1 (jpg_0 is better), 0 (jpg_1) or 0.5 (a tie)")
    if f.present(row, "label_1") and f.number(row, "label_1") != 1 - label:
        raise RowError("label_0 and label_1 do not add up to 1; mend the label")
    kept = ("chosen_score", "rejected_score", "model_0", "model_1")
    return f.build(
        source.task or "image_generation",
        [f.text(row, "caption")],
        [
            f.candidate("a", f.image(f.require(row, "jpg_0"), "jpg_0", source)),
            f.candidate("b", f.image(f.require(row, "jpg_1"), "jpg_1", source)),
        ],
        f.pair(_WINNER[label]),
        id=f.own_id(row),
        meta={"source": "diffusion-dpo", **{key: row.get(key) for key in kept}},
    )


def write(record: Record) -> list[Row]:
    """The better image as ``jpg_0`` and ``label_0: 1``, as the trainers expect; ties refused."""
    pairs = preferred(record)
    caption = caption_of(record)
    return [
        {
            "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
            "caption": caption,
            "jpg_0": _image(better),
            "jpg_1": _image(worse),
            "label_0": 1,
        }
        for at, (better, worse) in enumerate(pairs, start=1)
    ]


def caption_of(record: Record) -> str:
    """The prompt of a generation; refused where it shows media."""
    if any(part.type != "text" for part in record.prompt):
        raise RowError("shows media in its prompt, this format has only a caption")
    return record.text


def only_media(candidate: Candidate, kind: str) -> Part:
    """A candidate that is one image or video."""
    if len(candidate.content) != 1 or candidate.content[0].type != kind:
        raise RowError(f"candidate {candidate.id} is not one {kind}, all this format can hold")
    return candidate.content[0]


def _image(candidate: Candidate) -> object:
    part = only_media(candidate, "image")
    return part.bytes if part.bytes is not None else payload(part)


def fits(row: Row) -> bool:
    return {"caption", "jpg_0", "jpg_1", "label_0"} <= set(row) and "best_image_uid" not in row


register(
    Format(
        name="diffusion-dpo",
        summary="caption, two images and which is better (Diffusion-DPO)",
        read=read,
        write=write,
        fits=fits,
    )
)
