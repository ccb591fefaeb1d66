"""``unifiedreward``: the sets that trained UnifiedReward 1.0 and 2.0, judge samples in LLaVA shape.

HPD, OIP, EvalMuse, LLaVA-Critic, VideoDPO, LiFT-HRA, VideoFeedback and ShareGPTVideo as
published under ``CodeGoat24/`` on the Hub: ``{"id", "image" | "images" | "video",
"conversations": [human, gpt]}``, the human turn a whole judge prompt, the gpt turn the verdict or
scores. The fields were seen in the project's ``train.py`` and ``dataset/train_data.yaml``; the
sets' own rows could not be opened here, so prompts are matched by the published templates' marks
(:mod:`data.asked`), and what matches none is refused with its row.

- generation: the caption is the prompt; the images (or the frames of each video in order) are
  candidates ``a`` and ``b``; understanding: the media and the question are the prompt, the
  answers quoted in it the candidates.
- the verdict becomes the ranking, scores become scores with their scale. The range of a ``Final
  Score`` is the one its prompt names.
- ``meta`` keeps ``asked`` and ``reply`` verbatim.

A copy with the pair reversed (the sets' ``*_rev.json`` against position bias) is recognised,
within a file by the pair itself, else by the file's name: ``a`` and ``b`` then mean the same in
both copies, and ``meta.swapped`` is true.
"""

from __future__ import annotations

from unireward.data import fields as f
from unireward.data.asked import recover
from unireward.data.conversation import split_last, turns_of
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.formats.llava import media_of_row, rows
from unireward.data.judged import LEADING, follow_swaps, judged, swapped
from unireward.record import Record


def read(row: Row, source: Source) -> Record:
    before, last = split_last(turns_of(f.require(row, "conversations"), "conversations"),
                              "conversations")  # fmt: skip
    asked = [turn for turn in before if turn.role != "system"]
    if len(asked) != 1:
        raise RowError("conversations has several questions; a judge is asked once")
    record = judged(
        asked[0].text,
        last.text,
        media_of_row(row, source),
        source,
        id=f.own_id(row),
        name="unifiedreward",
    )
    is_copy = source.path.name.partition(".")[0].endswith("_rev") and len(record.candidates) == 2
    return swapped(record) if is_copy else record


def fits(row: Row) -> bool:
    talk = row.get("conversations")
    if not isinstance(talk, list) or len(talk) < 2 or "chosen" in row or "rejected" in row:
        return False
    try:
        turns = turns_of(talk, "conversations")
        recover(LEADING.sub("", next(t.text for t in turns if t.role == "user")))
    except (RowError, StopIteration):
        return False
    return "<think>" not in turns[-1].text


register(
    Format(
        name="unifiedreward",
        summary="judge samples of UnifiedReward's training sets (HPD, OIP, EvalMuse, VideoDPO ...)",
        read=read,
        rows=rows,
        fits=fits,
        follow=follow_swaps,
    )
)
