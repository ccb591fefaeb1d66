"""A judge's training samples as labelled records: what it was asked, shown and told to say.

The prompt gives caption, question and answers (:mod:`data.asked`), the row's media the
candidates, the target the label, read by the reader of the family it was written for. Target
and prompt are kept verbatim as ``meta["reply"]`` and ``meta["asked"]``, so that the same judge
can be trained on the record again (:func:`judge_row`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from unireward.data import fields as f
from unireward.data.asked import Asked, recover
from unireward.data.conversation import payload
from unireward.data.converter import UNNAMED, Row, RowError, Source
from unireward.errors import FamilyError
from unireward.families import get_family
from unireward.families.spec import Form, Reading, Scale
from unireward.media.source import clip
from unireward.record import TIE, Candidate, Label, Part, Record

LEADING = re.compile(r"\A(?:\s*<(?:image|video)>)*\s*")


def judged(
    asked: str,
    reply: str,
    media: Sequence[Part],
    source: Source,
    *,
    id: str = UNNAMED,
    name: str,
    keep_reply: bool = True,
) -> Record:
    """The record of one sample; :class:`RowError` where prompt, media or target do not fit."""
    found = recover(LEADING.sub("", asked))
    task = source.task or found.task or _by_media(found, media)
    pair = len(found.answers) == 2 if found.answers else _compares(found, reply)
    prompt, candidates = _shown(found, task, pair, list(media))
    label = _label(task, found, reply, pair)
    meta: dict[str, Any] = {"source": name, "asked": asked}
    if keep_reply:
        meta["reply"] = reply
    return f.build(task, prompt, candidates, label, id=id, meta=meta)


def _by_media(found: Asked, media: Sequence[Part]) -> str:
    tail = "generation" if found.kind == "caption" else "understanding"
    if any(part.type == "video" for part in media):
        return f"video_{tail}"
    if len(media) == 1 + (tail == "generation" and "two" in found.instruction):
        return f"image_{tail}"
    raise RowError("the prompt does not say whether it is about images or videos; give --task")


_COMPARED = re.compile(
    r"\b(?:edited )?(?:image|video)s? ?[12] is better|\bare equally good|(?:image|video) 1:"
    r'|"winner"|"score_1"',
    re.IGNORECASE,
)


def _compares(found: Asked, reply: str) -> bool:
    """Whether made media were compared: the target names both, or says which is better."""
    return _COMPARED.search(reply) is not None


# What was shown -----------------------------------------------------------------------------


def _shown(
    found: Asked, task: str, pair: bool, media: list[Part]
) -> tuple[list[Part], list[Candidate]]:
    words = Part.of_text(found.words)
    if found.kind == "question":
        if not media:
            raise RowError("image, images or video is missing: the question is about nothing")
        shown = media
        if task == "video_understanding" and all(part.type == "image" for part in media):
            shown = [_clip(media)]
        answers = [f.candidate(n, text) for n, text in zip(f.LETTERS, found.answers)]
        return [*shown, words], answers
    if found.kind == "instruction":
        count = 2 + pair
        if len(media) == count - 1 and not pair:
            return [words], [f.candidate("a", media[0])]  # a picture's quality, source unseen
        if len(media) != count:
            raise RowError(f"{len(media)} images for the source and {count - 1} edits; mend images")
        edited = [f.candidate(n, part) for n, part in zip(f.LETTERS, media[1:])]
        return [media[0].model_copy(update={"role": "source"}), words], edited
    return [words], _made(task, pair, media)


def _made(task: str, pair: bool, media: list[Part]) -> list[Candidate]:
    """The made images or videos: one each, or for videos the frames of each in order."""
    count = 1 + pair
    if len(media) == count and (task == "image_generation" or media[0].type == "video"):
        shown = media
    elif task == "image_generation":
        raise RowError(f"{len(media)} images for {count} candidates; mend images")
    elif not media or len(media) % count or any(part.type == "video" for part in media):
        raise RowError(f"{len(media)} frames do not make {count} videos of equal length")
    else:
        size = len(media) // count
        shown = [_clip(media[at * size : (at + 1) * size]) for at in range(count)]
    return [f.candidate(name, part) for name, part in zip(f.LETTERS, shown)]


def _clip(frames: Sequence[Part]) -> Part:
    paths = [part.path for part in frames]
    if any(path is None for path in paths):
        raise RowError("frames are given as bytes; save them and give their paths")
    return Part(type="video", frames=tuple(str(path) for path in paths))


# What was said ------------------------------------------------------------------------------


def _label(task: str, found: Asked, reply: str, pair: bool) -> Label:
    family, form = _form(task, found, reply, pair)
    reading = get_family(family).read(form, reply)
    if reading.status != "ok":
        raise RowError(
            f"the target cannot be read: {reading.reason}; it begins {clip(repr(reply), 60)}"
        )
    return label_of(reading, form, pair)


def label_of(reading: Reading, form: Form, pair: bool) -> Label:
    """A family's reading as a label: candidates ``1`` and ``2`` are ``a`` and ``b``."""
    names = {"1": "a", "2": "b", TIE: TIE}
    label: dict[str, Any] = {}
    if pair:
        winner = max(reading.preference, key=lambda who: reading.preference[who])
        label["ranking"] = f.pair(names[winner]).ranking
    scores: dict[str, dict[str, float]] = {}
    for dimension, values in reading.dimensions.items():
        for who, value in values.items():
            scores.setdefault(names[who], {})[dimension] = value
    if scores:
        label["scores"] = scores
        scales = {
            name: (scale.low, scale.high)
            for name, scale in form.scales.items()
            if any(name in of for of in scores.values())
        }
        if scales:
            label["scales"] = scales
    if reading.spans:
        label["spans"] = tuple(
            span.model_copy(update={"candidate": names[span.candidate]}) for span in reading.spans
        )
    return Label(**label)


def _form(task: str, found: Asked, reply: str, pair: bool) -> tuple[str, Form]:
    """The family and form whose reader understands the target, told by its labels."""
    low = reply.lower()
    family, of_task, mode, name = (_pair_form if pair else _point_form)(task, low)
    try:
        form = get_family(family).forms_for(of_task, mode, name)[0]
    except FamilyError as error:
        raise RowError(f"no reader for this target: {error}") from None
    if form.reader == "score_final":
        if found.scale is None:
            raise RowError(
                "the prompt names no range for the Final Score (such as 'from 1 to 5'), so the "
                "target means nothing; leave the row out"
            )
        low_end, high_end = found.scale
        form = form.model_copy(update={"scales": {"overall": Scale(low=low_end, high=high_end)}})
    return family, form


_Choice = tuple[str, str, str, str | None]
"""Family, task, mode and form name."""


def _pair_form(task: str, low: str) -> _Choice:
    if task == "image_editing":
        return "unifiedreward-edit", task, "rank", None
    if "<think>" in low:
        return "unifiedreward-think", task, "rank", None
    if '"categories"' in low:
        return "unifiedreward-flex", task, "rank", None
    if re.search(r"\b(?:image|video) 1: *[-+\d.n]", low):
        return "unifiedreward-2", task, "pair-score", None
    if task.endswith("_understanding") and "overall judg" not in low:
        # Reads "The first response is better" and "Answer 1 is better" alike.
        return "unifiedreward/llava", "image_understanding", "rank", "critic"
    if task == "image_understanding":
        return "unifiedreward", "video_understanding", "rank", None
    return "unifiedreward", task, "rank", None


def _point_form(task: str, low: str) -> _Choice:
    if "word-wise scores" in low:
        return "unifiedreward", task, "score", "words"
    if "physics score" in low:
        return "unifiedreward-2", task, "score", "aps"
    if "alignment score" in low:
        return "unifiedreward-2", task, "score", "acs"
    if task == "video_generation":
        if "visual quality" in low:
            return "unifiedreward", task, "score", "five"
        return "unifiedreward", "image_generation", "score", "final"
    if task == "image_editing":
        return "unifiedreward-edit", task, "score", None
    return "unifiedreward", task, "score", "final" if task == "image_generation" else None


# Swapped copies -----------------------------------------------------------------------------


def follow_swaps() -> Callable[[Record], Record]:
    """A watcher of one file's records that recognises the order-reversed copy of a pair.

    The copy gets the first one's candidate ids (so that ``a`` is the same thing in both),
    ``meta["swapped"]``, and the first one's id with ``-swapped``. 24 bytes for each pair met.
    """
    met: dict[bytes, bytes] = {}

    def watch(record: Record) -> Record:
        if len(record.candidates) != 2:
            return record
        sides = [_digest(list(c.content)) for c in record.candidates]
        if sides[0] == sides[1]:
            return record
        key = _digest([*record.prompt, *sorted(sides)])
        first = met.setdefault(key, sides[0])
        return record if first == sides[0] else swapped(record)

    return watch


def swapped(record: Record) -> Record:
    """The record as the copy that shows ``b`` before ``a``: ids exchanged, label with them."""
    other = {"a": "b", "b": "a"}
    row = record.model_dump(exclude_unset=True, by_alias=True)
    row["candidates"] = tuple(
        Candidate(id=other[c.id], content=c.content) for c in record.candidates
    )
    row["prompt"] = record.prompt
    label = record.label
    if label is not None:
        row["label"] = label.model_copy(update=_renamed(label, other))
    row["meta"] = {**record.meta, "swapped": True}
    if record.id != UNNAMED:
        row["id"] = f"{record.id}-swapped"
    return Record.model_validate(row)


def _renamed(label: Label, other: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if label.ranking is not None:
        # A tie stays ("a", "b"): within a tier the order says nothing.
        found["ranking"] = tuple(tuple(sorted(other[n] for n in tier)) for tier in label.ranking)
    if label.scores is not None:
        found["scores"] = {other[name]: label.scores[name] for name in sorted(label.scores)[::-1]}
    if label.spans:
        found["spans"] = tuple(
            span.model_copy(update={"candidate": other[span.candidate]}) for span in label.spans
        )
    return found


def _digest(parts: Sequence[Part | bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        raw = part if isinstance(part, bytes) else _spelt(part)
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.digest()


def _spelt(part: Part) -> bytes:
    if part.bytes is not None:
        return part.bytes
    return repr((part.type, part.text, part.path, part.frames)).encode("utf-8", "surrogatepass")


# Writing ------------------------------------------------------------------------------------


def judge_row(record: Record) -> Row:
    """The sample again: ``{id, images|videos, conversations}`` with prompt and target verbatim."""
    asked, reply = record.meta.get("asked"), record.meta.get("reply")
    if not isinstance(asked, str) or not isinstance(reply, str):
        raise RowError("has no meta.asked and meta.reply, the prompt and target of a judge")
    shown = [part for part in record.prompt if part.type != "text"]
    shown += [part for c in record.candidates for part in c.content if part.type != "text"]
    images: list[Any] = []
    videos: list[Any] = []
    for part in shown:
        held = payload(part)
        if isinstance(held, list):
            images += held
        else:
            (images if part.type == "image" else videos).append(held)
    row: Row = {"id": record.id}
    row |= {"images": images} if images else {}
    row |= {"videos": videos} if videos else {}
    talk = [{"from": "human", "value": asked}, {"from": "gpt", "value": reply}]
    return {**row, "conversations": talk}
