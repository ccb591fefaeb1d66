"""``llava``: talks about images or a video, as LLaVA and LLaVA-OneVision train on.

``{"id", "image": path or list | "images": [paths] | "video": path, "conversations": [{"from",
"value"}, ...]}``, seen in LLaVA-NeXT's and UnifiedReward's ``train.py``. More than two
``images`` under a single ``<image>`` token are one video's frames (that loader encodes them so).
The last answer becomes candidate ``a``, all before it the prompt; there is no label. Sets that
train a *judge* in this shape are read by ``unifiedreward``.

A manifest (``.yaml``) joins several files: ``datasets: [{json_path, sampling_strategy,
image_folder}]`` with the strategies ``all``, ``first:N``, ``end:N`` and ``random:N``, N a number
or a share (``20%``, rounded up). Its paths are looked for beside the manifest, then in the
working directory; ``random`` draws with a fixed seed and keeps the file's order.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unireward.data import fields as f
from unireward.data.conversation import (
    Store,
    answer_text,
    check_used,
    prompt_parts,
    said,
    split_last,
    task_of,
    turns_of,
    written_prompt,
)
from unireward.data.converter import Format, Row, RowError, Rows, Source, register, rows_of
from unireward.data.judged import judge_row
from unireward.errors import InputError, MissingExtraError
from unireward.media.source import IMAGE_SUFFIXES, clip, one_line
from unireward.record import Part, Record

_SEED = 0
_FOLDER = "image_folder"
_STRATEGY = re.compile(r"(all)|(first|end|random):(\d+)(%?)")


def read(row: Row, source: Source) -> Record:
    turns = turns_of(f.require(row, "conversations"), "conversations")
    before, last = split_last(turns, "conversations")
    store = store_of(row, source, sum(turn.text.count("<image>") for turn in turns))
    prompt = prompt_parts(before, store, "conversations", [last])
    answer = said(last.text, store, "conversations")
    check_used(store, "conversations")
    return f.build(
        task_of(prompt, answer, source.task),
        prompt,
        [f.candidate("a", *answer)],
        id=f.own_id(row),
        meta={"source": "llava"},
    )


def store_of(row: Row, source: Source, tokens: int) -> Store:
    """The media of a row; an ``<image>`` may stand for a video, as LLaVA's loader has it."""
    media = media_of_row(row, source)
    if media and all(part.type == "image" for part in media) and len(media) > 2 and tokens == 1:
        frames = tuple(str(part.path) for part in media)
        return Store(images=[Part(type="video", frames=frames)])
    images = [part for part in media if part.type == "image"]
    videos = [part for part in media if part.type == "video"]
    if videos and tokens == len(media):
        return Store(images=media)
    return Store(images, videos)


def media_of_row(row: Row, source: Source) -> list[Part]:
    """``image``, ``images``, ``video`` or ``videos`` of a row as parts, in order."""
    if _FOLDER in row:
        source = Source(source.path, Path(row[_FOLDER]), source.task)
    given = [name for name in ("image", "images", "video", "videos") if row.get(name)]
    if len(given) > 1 and {"image", "images"} <= set(given):
        raise RowError("image and images are both given; give one")
    parts: list[Part] = []
    for name in given:
        if name in ("image", "images"):
            parts += f.images(row[name], name, source)
        elif _is_frames(row[name]):
            parts.append(f.video(row[name], name, source))
        else:
            parts += f.videos(row[name], name, source)
    return parts


def _is_frames(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, str) and Path(one).suffix.lower() in IMAGE_SUFFIXES for one in value
    )


def write(record: Record) -> Row:
    """A talk whose last turn is the one candidate; a judge's training sample as it was."""
    if "reply" in record.meta:
        return judge_row(record)
    if len(record.candidates) != 1:
        raise RowError(
            f"has {len(record.candidates)} candidates, a talk one answer; "
            "write dpo, llama-factory, ms-swift or trl"
        )
    written = written_prompt(record)
    if written.images and written.videos:
        raise RowError("shows images and a video, LLaVA's loader reads one kind of the two")
    if len(written.videos) > 1:
        raise RowError("shows several videos, LLaVA has place for one")
    tags = {"system": "system", "user": "human", "assistant": "gpt"}
    talk = [{"from": tags[role], "value": text.replace("<video>", "<image>")}
            for role, text in written.turns]  # fmt: skip
    answer = {"from": "gpt", "value": answer_text(record.candidates[0])}
    row: Row = {"id": record.id}
    if written.videos:
        frames = isinstance(written.videos[0], list)
        row["images" if frames else "video"] = written.videos[0]
        if frames and len(written.videos[0]) <= 2:
            raise RowError("shows a video of two frames or fewer, which LLaVA takes for images")
    elif written.images:
        row["image"] = written.images[0] if len(written.images) == 1 else written.images
    return {**row, "conversations": [*talk, answer]}


# Manifests ----------------------------------------------------------------------------------


def rows(path: Path) -> Rows:
    """The rows of a file, or of all files of a manifest with their ``image_folder``."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        yield from rows_of(path)
        return
    for at, entry in enumerate(_entries(path)):
        where = f"{path}: datasets[{at}]"
        file = _found(path, entry.get("json_path"), f"{where}.json_path")
        folder = entry.get(_FOLDER)
        home = file.parent if folder is None else _found(path, folder, f"{where}.{_FOLDER}")
        strategy = entry.get("sampling_strategy", "all")
        for place, row in _sampled(file, strategy, f"{where}.sampling_strategy"):
            yield place, {**row, _FOLDER: str(home)} if isinstance(row, dict) else row


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("reading a manifest needs PyYAML; pip install pyyaml") from None
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is no YAML we can read ({one_line(error)}); mend it") from None
    entries = value.get("datasets") if isinstance(value, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: has no list of datasets; write datasets: [{{json_path: ...}}]")
    return entries


def _found(manifest: Path, name: Any, field: str) -> Path:
    if not isinstance(name, str) or not name:
        raise InputError(f"{field} is {clip(repr(name), 40)}; give a path")
    for folder in (manifest.absolute().parent, Path.cwd()):
        if (folder / name).exists():
            return folder / name
    raise InputError(f"{field}: {name}: not beside the manifest nor in {Path.cwd()}")


def _sampled(file: Path, strategy: Any, field: str) -> Rows:
    match = _STRATEGY.fullmatch(strategy.strip()) if isinstance(strategy, str) else None
    if match is None:
        raise InputError(
            f"{field} is {clip(repr(strategy), 40)}; use all, first:N, end:N or random:N, N a "
            "number or a share like 20%"
        )
    if match[1]:
        return rows_of(file)
    return _some(file, match[2], int(match[3]), bool(match[4]))


def _some(file: Path, kind: str, amount: int, is_share: bool) -> Iterator[Any]:
    # A first pass counts, so that a gigabyte need not be held to take its end.
    total = 0
    if is_share or kind != "first":
        total = sum(1 for _ in rows_of(file))
        amount = math.ceil(amount * total / 100) if is_share else amount
    if kind == "random":
        drawn = set(random.Random(_SEED).sample(range(total), min(amount, total)))
    for at, pair in enumerate(rows_of(file)):
        if kind == "first" and at >= amount:
            return
        if kind == "end" and at < total - amount:
            continue
        if kind == "random" and at not in drawn:
            continue
        yield pair


def fits(row: Row) -> bool:
    from unireward.data.formats import think, unifiedreward

    if not isinstance(row.get("conversations"), list):
        return False
    if unifiedreward.fits(row) or think.fits(row):
        return False
    first = row["conversations"][0] if row["conversations"] else {}
    others = {"chosen", "rejected", "rejected_conversations", "messages"}
    return isinstance(first, dict) and "from" in first and not others & set(row)


register(
    Format(
        name="llava",
        summary="talks about images or a video, and YAML manifests of files (LLaVA, ShareGPT)",
        read=read,
        write=write,
        rows=rows,
        fits=fits,
    )
)
