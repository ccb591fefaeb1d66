"""MM-RLHF: answers about images and videos, ranked and criticised by people.

Shape of the pairs (``dpo_pairs.jsonl``, and the reward benchmark's file) as the project's own
scripts read them: ``prompt``, ``chosen``, ``rejected``, ``image`` or ``video``, and where given
``chosen_reason``, ``rejected_reason``, ``id``. ``a`` is the chosen answer; the reasons are
``meta["critiques"]``.

The file of all answers (``data.jsonl``) is said to hold three to five answers with scores,
ranks and written reasons; **its field names could not be seen**. What is read here is
``question`` or ``prompt``, ``image`` or ``video``, and ``responses``, a list of objects with
``response`` (or ``text``, ``answer``), ``rank`` (the lowest is best), ``score`` and ``reason``
(or ``critique``). A row of other names is refused and says so.

A video that is a folder becomes the images in it, in order of name. ``<image>`` and ``<video>``
marks at the start of a question are taken off: the media come first.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.facts import facts
from unireward.data.fields import (
    as_number,
    as_text,
    build,
    candidate,
    first_of,
    images,
    listed,
    own_id,
    pair,
    present,
    text,
    video,
)
from unireward.data.ranks import names_of, tiers
from unireward.files.places import absolute
from unireward.media.source import IMAGE_SUFFIXES, clip
from unireward.record import Part, Record

_MARK = re.compile(r"^(?:\s*<(?:image|video)>\s*)+")
_ANSWERS = ("response", "text", "answer")
_REASONS = ("reason", "critique")


def read(row: Row, source: Source) -> Record:
    if present(row, "responses"):
        return _group(row, source)
    task, media = _media(row, source)
    reasons = {"a": row.get("chosen_reason"), "b": row.get("rejected_reason")}
    return build(
        task,
        [*media, _question(row, "prompt")],
        [candidate("a", text(row, "chosen")), candidate("b", text(row, "rejected"))],
        pair("a"),
        id=own_id(row),
        meta={"source": "mm-rlhf", **_critiques(reasons), **facts(row, "data_type")},
    )


def _group(row: Row, source: Source) -> Record:
    answers = listed(row, "responses")
    names = names_of(len(answers))
    said: dict[str, str] = {}
    ranks: dict[str, float] = {}
    scores: dict[str, Any] = {}
    reasons: dict[str, Any] = {}
    for i, (name, answer) in enumerate(zip(names, answers, strict=True)):
        at = f"responses[{i}]"
        if not isinstance(answer, dict):
            raise RowError(f"{at} is {clip(repr(answer), 40)}; give an object with response, rank")
        field = first_of(answer, _ANSWERS)
        said[name] = as_text(answer[field], f"{at}.{field}")
        if present(answer, "rank"):
            ranks[name] = as_number(answer["rank"], f"{at}.rank", 0)
        if present(answer, "score"):
            scores[name] = {"overall": as_number(answer["score"], f"{at}.score")}
        reasons[name] = next((answer[f] for f in _REASONS if present(answer, f)), None)
    if len(ranks) not in (0, len(names)) or not (ranks or scores):
        raise RowError(f"{len(ranks)} of {len(names)} responses have a rank; give one for each")
    task, media = _media(row, source)
    return build(
        task,
        [*media, _question(row, first_of(row, ("question", "prompt")))],
        [candidate(name, words) for name, words in said.items()],
        {
            "ranking": tiers(ranks, best="lowest") if ranks else None,
            "scores": scores or None,
        },
        id=own_id(row),
        meta={"source": "mm-rlhf", **_critiques(reasons), **facts(row, "data_type")},
    )


def _question(row: Row, field: str) -> Part:
    return Part.of_text(as_text(_MARK.sub("", text(row, field)), field))


def _critiques(reasons: dict[str, Any]) -> dict[str, Any]:
    given = {name: words for name, words in reasons.items() if isinstance(words, str) and words}
    return {"critiques": given} if given else {}


def _media(row: Row, source: Source) -> tuple[str, list[Part]]:
    if not present(row, "video"):
        pictures = images(row.get("image"), "image", source)
        return ("image_understanding" if pictures else "text"), pictures
    place = row["video"]
    if isinstance(place, str) and Path(absolute(place, source.media)).is_dir():
        folder = Path(absolute(place, source.media))
        place = sorted(str(f) for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        if not place:
            raise RowError(f"video {folder}: holds no images; give its frames")
    return "video_understanding", [video(place, "video", source)]


register(
    Format(
        "mm-rlhf",
        "MM-RLHF: chosen and rejected answers with reasons, or ranked responses",
        read,
        container="jsonl",
        fits=lambda row: (
            {"prompt", "chosen", "rejected", "chosen_reason"} <= row.keys()
            or ("responses" in row and bool({"image", "video"} & row.keys()))
        ),
    )
)
