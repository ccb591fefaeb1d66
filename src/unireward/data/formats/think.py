"""``think``: what UnifiedReward-Think was trained on, written thoughts and bare verdicts.

Two shapes: SFT (ImageGen-CoT-Reward-5K and the rejection-sampled sets), ``{images, conversations:
[human, gpt]}`` whose target is ``<think>...</think><answer>...</answer>``, seen in LightRFT's
reader of that set; and GRPO, ``{problem, solution, images | image}``, the solution a bare
verdict, seen in the project's ``train_grpo.py``. Scores of the thoughts become scores out of
ten with their names, the verdict the ranking. A bare ``solution`` is a label and no target: the
record keeps it in ``meta.solution``, and has no ``meta.reply``.
"""

from __future__ import annotations

from unireward.data import fields as f
from unireward.data.conversation import split_last, turns_of
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.formats.llava import media_of_row, rows
from unireward.data.judged import follow_swaps, judged
from unireward.record import Record


def read(row: Row, source: Source) -> Record:
    media = media_of_row(row, source)
    if "problem" in row:
        solution = f.text(row, "solution")
        record = judged(
            f.text(row, "problem"), solution, media, source,
            id=f.own_id(row), name="think", keep_reply=False,
        )  # fmt: skip
        return record.model_copy(update={"meta": {**record.meta, "solution": solution}})
    turns = turns_of(f.require(row, "conversations"), "conversations")
    before, last = split_last(turns, "conversations")
    asked = [turn for turn in before if turn.role != "system"]
    if len(asked) != 1:
        raise RowError("conversations has several questions; a judge is asked once")
    if "<think>" not in last.text:
        raise RowError("the answer has no <think>; read the file with --from unifiedreward")
    return judged(asked[0].text, last.text, media, source, id=f.own_id(row), name="think")


def fits(row: Row) -> bool:
    if {"problem", "solution"} <= set(row):
        return bool({"image", "images", "video"} & set(row))
    talk = row.get("conversations")
    last = talk[-1] if isinstance(talk, list) and talk else None
    said = last.get("value", last.get("content")) if isinstance(last, dict) else None
    return isinstance(said, str) and "<think>" in said and "<answer>" in said


register(
    Format(
        name="think",
        summary="UnifiedReward-Think's samples: written thoughts (SFT) and problems (GRPO)",
        read=read,
        rows=rows,
        fits=fits,
        follow=follow_swaps,
    )
)
