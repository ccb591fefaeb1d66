"""VideoFeedback of the VideoScore project: one video, five ratings from 1 to 4.

Shape as programs that load ``data_annotated.json`` and the Parquet version show it: ``id``, the
ratings under ``visual quality``, ``temporal consistency``, ``dynamic degree``,
``text-to-video alignment``, ``factual consistency``, the prompt under ``text prompt``,
``video link``; and as the training files for a judge give it: ``images`` (file names of the
frames) and ``conversations``, where the question quotes the prompt and the answer holds one line
for each rating. The names of the frame files could not be seen, their list could.

- ``scores`` under snake_case names, ``scales`` 1 to 4; ratings given twice must agree;
- the video is ``<id>.mp4`` of the media folder where that lies there, else the frames of
  ``images``. Its authors sampled the videos to 8 frames a second, which ``fps`` says of frames;
- a conversation's question and answer stay in ``meta`` as ``asked`` and ``reply``.
"""

from __future__ import annotations

import re

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import as_number, build, candidate, own_id, present, text, video
from unireward.media.source import clip
from unireward.record import Part, Record

DIMENSIONS = {
    "visual quality": "visual_quality",
    "temporal consistency": "temporal_consistency",
    "dynamic degree": "dynamic_degree",
    "text-to-video alignment": "text_to_video_alignment",
    "factual consistency": "factual_consistency",
}
FPS = 8.0
"""Frames a second of the published frames."""
LOW, HIGH = 1.0, 4.0
_QUOTED = re.compile(r'the text prompt is "(.*)",\s*all the frames', re.DOTALL)
_LINE = re.compile(r"^\s*([a-z -]+?)\s*:\s*(\S+?)[,;.]?\s*$", re.MULTILINE | re.IGNORECASE)


def read(row: Row, source: Source) -> Record:
    asked, reply = _turns(row)
    scores = _ratings(row, reply)
    return build(
        "video_generation",
        [_prompt(row, asked)],
        [candidate("a", _clip(row, source))],
        {
            "scores": {"a": {DIMENSIONS[name]: value for name, value in scores.items()}},
            "scales": {DIMENSIONS[name]: (LOW, HIGH) for name in scores},
        },
        id=own_id(row),
        meta={
            "source": "videofeedback",
            "asked": asked,
            "reply": reply,
            **facts(row, video_link="video link"),
        },
    )


def _turns(row: Row) -> tuple[str | None, str | None]:
    if not present(row, "conversations"):
        return None, None
    turns = row["conversations"]
    if not isinstance(turns, list) or len(turns) != 2:
        raise RowError("conversations must hold one question and one answer")
    said = [turn.get("value") if isinstance(turn, dict) else None for turn in turns]
    if not all(isinstance(words, str) for words in said):
        raise RowError("conversations hold a turn without text as value; mend the row")
    return said[0], said[1]


def _prompt(row: Row, asked: str | None) -> str:
    if present(row, "text prompt"):
        return text(row, "text prompt")
    quoted = _QUOTED.search(asked or "")
    if quoted is None:
        raise RowError("text prompt is missing and the question quotes none; add text prompt")
    return quoted.group(1)


def _ratings(row: Row, reply: str | None) -> dict[str, float]:
    said = dict.fromkeys(DIMENSIONS, "") if reply is None else _said(reply)
    found = {}
    for name in DIMENSIONS:
        values = {as_number(v, name, LOW, HIGH) for v in (row.get(name), said[name])
                  if v not in (None, "")}  # fmt: skip
        if not values:
            raise RowError(f"{name} is missing; give a rating from 1 to 4")
        if len(values) > 1:
            raise RowError(f"{name} is {row[name]}, but its conversation says {said[name]}")
        found[name] = values.pop()
    return found


def _said(reply: str) -> dict[str, str]:
    said = dict.fromkeys(DIMENSIONS, "")
    for match in _LINE.finditer(reply):
        name = match.group(1).lower()
        if name in said and said[name] not in ("", match.group(2)):
            raise RowError(f"the answer gives {name} twice: {clip(repr(reply), 60)}")
        if name in said:
            said[name] = match.group(2)
    return said


def _clip(row: Row, source: Source) -> Part:
    frames = row.get("images")
    if not frames:
        return video(row.get("video") or f"{text(row, 'id')}.mp4", "video", source)
    if present(row, "id") and (source.media / f"{row['id']}.mp4").is_file():
        return video(f"{row['id']}.mp4", "id", source)
    return video(frames, "images", source).model_copy(update={"fps": FPS})


register(
    Format(
        "videofeedback",
        "VideoFeedback (VideoScore): one video with five ratings from 1 to 4",
        read,
        fits=lambda row: (
            set(DIMENSIONS) <= row.keys()
            or ("images" in row and "factual consistency" in str(row.get("conversations")))
        ),
    )
)
