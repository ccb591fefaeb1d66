"""Where media lie: paths relative to their file on disk, absolute in memory.

Media in memory are written beside the file: ``media/<digest>.png`` and the like, named by their
content, so that writing twice writes once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from unireward.files.lines import replacing
from unireward.media import Image, Video
from unireward.media.source import HEAD, sniff
from unireward.record import Part

MEDIA_FOLDER = "media"
_SUFFIX = {
    "jpeg": "jpg", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg", "ogg": "ogv", "asf": "wmv",
    "jpeg2000": "jp2",
}  # fmt: skip


def is_address(path: str) -> bool:
    """Whether a path is an address of the web, which is kept as it is."""
    return "://" in path[:32]


def absolute(path: str, folder: Path) -> str:
    """``path`` of a file in ``folder`` as it is used in memory (``folder`` is absolute)."""
    if is_address(path) or not path or os.path.isabs(path):
        return path
    parts = PurePosixPath(path).parts if os.sep == "/" else Path(path).parts
    if ".." not in parts:
        return str(folder / path)
    # Leading ".." leave the real folder, not the link that may have led to it.
    root = Path(os.path.realpath(folder))
    while parts and parts[0] == "..":
        root, parts = root.parent, parts[1:]
    return str(root.joinpath(*parts))


def relative(path: str, folder: Path) -> str:
    """``path`` as a file in ``folder`` names it: posix, relative where a way leads there."""
    if is_address(path) or not path:
        return path
    whole = os.path.abspath(path)
    try:
        inside = os.path.relpath(whole, folder)
        if inside.startswith(".."):
            inside = os.path.relpath(whole, os.path.realpath(folder))
    except ValueError:  # another drive
        return whole
    return Path(inside).as_posix()


def make_absolute(row: Any, folder: Path) -> None:
    """Make the media paths of a record's raw object absolute, in place; tolerant of any shape."""
    for part in _raw_parts(row):
        path, frames = part.get("path"), part.get("frames")
        if isinstance(path, str):
            part["path"] = absolute(path, folder)
        if isinstance(frames, list):
            part["frames"] = [absolute(f, folder) if isinstance(f, str) else f for f in frames]


def _raw_parts(row: Any) -> Iterator[dict[str, Any]]:
    lists = [row.get("prompt")]
    candidates = row.get("candidates")
    if isinstance(candidates, list):
        lists += [c.get("content") for c in candidates if isinstance(c, dict)]
    for parts in lists:
        if isinstance(parts, list):
            yield from (part for part in parts if isinstance(part, dict))


def part_row(part: Part, folder: Path, embed: bool) -> dict[str, Any]:
    """A part as it is written: no nulls, paths relative, media of memory saved or embedded.

    ``embed`` keeps bytes in the row (Parquet); a clip made of a list of frames is saved beside
    the file either way, one picture each.
    """
    row = part.model_dump(exclude_none=True, exclude={"media", "bytes", "path", "frames"})
    if part.path is not None:
        row["path"] = relative(part.path, folder)
    elif part.frames is not None:
        row["frames"] = [relative(frame, folder) for frame in part.frames]
    elif part.type != "text":
        _write_media(row, part.load(), folder, embed)
    return row


def _write_media(row: dict[str, Any], media: Image | Video, folder: Path, embed: bool) -> None:
    if isinstance(media, Video):
        row |= {
            name: float(value)
            for name in ("start", "end", "fps")
            if (value := getattr(media, name)) is not None
        }
    if media.path is not None:
        row["path"] = relative(str(media.path), folder)
    elif isinstance(media, Video) and media.images is not None:
        row["frames"] = [
            relative(str(image.path), folder) if image.path else _saved(image, folder)
            for image in media.images
        ]
    elif embed:
        row["bytes"] = _encoded(media)[0]
    else:
        row["path"] = _saved(media, folder)


def _saved(media: Image | Video, folder: Path) -> str:
    """Write media of memory below ``folder``; the relative path."""
    data, digest, suffix = _encoded(media)
    name = f"{MEDIA_FOLDER}/{digest}.{suffix}"
    target = folder / name
    if not target.exists():
        with replacing(target) as stream:
            stream.write(data)
    return name


def _encoded(media: Image | Video) -> tuple[bytes, str, str]:
    """``(bytes, digest of what it is named by, suffix)``: bytes as given, pixels as PNG."""
    if media.data is not None:
        kind = sniff(media.data[:HEAD]) or "bin"
        digest = Image(media.data).digest
        return media.data, digest, _SUFFIX.get(kind, kind)
    assert isinstance(media, Image)
    return media.png(), media.digest, "png"
