"""Store: media that were made, written once each, named by prompt and candidate.

``OUTPUT/media/<prompt>/<candidate>.png``, lossless; clips as MP4 (near lossless H.264, one file
that every tool plays) or as their frames, ``<candidate>/000.png`` ... Files appear whole or not
at all, so that whatever is named in a journal is there. Candidates that lie on disk already stay
where they are.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from unireward.errors import UsageError
from unireward.files.lines import replacing
from unireward.media import Image, Video
from unireward.media.mp4 import mp4
from unireward.media.source import HEAD, sniff
from unireward.record import Candidate, Part

FOLDER = "media"
FPS = 8.0
"""Frames a second of a clip that does not say."""
_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,79}")
_SUFFIX = {"jpeg": "jpg", "jpeg2000": "jp2", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg"}


class Store:
    """Keeps below ``folder``. ``clips`` is ``mp4`` or ``frames``; a clip of odd width or height
    has no MP4 and is kept as frames. UsageError for another word."""

    def __init__(self, folder: str | Path, clips: str = "mp4") -> None:
        if clips not in ("mp4", "frames"):
            raise UsageError(f"clips is {clips!r}; use mp4 or frames")
        self.folder, self.clips = Path(folder), clips

    def kept(self, case: str, candidate: Candidate) -> Candidate:
        """The candidate with its media on disk; one that holds none as it is."""
        parts = []
        for at, part in enumerate(candidate.content):
            name = candidate.id if at == 0 else f"{candidate.id}-{at + 1}"
            parts.append(self._kept(case, name, part))
        return candidate.model_copy(update={"content": tuple(parts)})

    def _kept(self, case: str, name: str, part: Part) -> Part:
        if part.type == "text" or part.path is not None or part.frames is not None:
            return part
        media = part.load()
        if media.path is not None:
            return part
        home = self.folder / FOLDER / folder_name(case)
        name = folder_name(name)
        if media.data is not None:
            kind = sniff(media.data[:HEAD]) or "bin"
            path = _written(home / f"{name}.{_SUFFIX.get(kind, kind)}", media.data)
            return part.model_copy(update={"media": None, "bytes": None, "path": path})
        if isinstance(media, Image):
            path = _written(home / f"{name}.png", media.png())
            return part.model_copy(update={"media": None, "path": path})
        return self._clip(home, name, part, media)

    def _clip(self, home: Path, name: str, part: Part, video: Video) -> Part:
        frames = video.frames("all")
        width, height = frames.images[0].size
        rate = video.fps or part.fps or FPS
        gone = {"media": None, "start": None, "end": None}
        if self.clips == "mp4" and width % 2 == 0 and height % 2 == 0:
            path = _written(home / f"{name}.mp4", mp4(frames.pixels(), rate))
            return part.model_copy(update={**gone, "fps": None, "path": path})
        paths = tuple(
            _written(home / name / f"{at:03}.png", frame.png()) for at, frame in enumerate(frames)
        )
        return part.model_copy(update={**gone, "fps": rate, "frames": paths})


def folder_name(name: str) -> str:
    """``name`` where it is plain, else what is plain of it and a digest of the whole."""
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}-{digest}" if plain else digest


def _written(path: Path, data: bytes) -> str:
    with replacing(path) as stream:
        stream.write(data)
    return str(path.absolute())
