"""Finished: candidates that lie on disk, by the id of their prompt.

:class:`Files` are a folder's: ``<id>/<anything>.png`` in a folder of the prompt's own, else
``<id>_<k>.png`` beside one another, in natural order (2 before 10). What else lies there is left
alone: hidden files, and files of another kind than the task's candidates are. :class:`Stored`
are those of a file of records.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Protocol

from unireward.errors import InputError
from unireward.files import read_records
from unireward.files.lines import loads
from unireward.files.places import make_absolute
from unireward.files.validate import validate
from unireward.media import media_of
from unireward.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES, one_line
from unireward.policies.content import WANTED, Content, media_content, text_content, unreadable
from unireward.prompt import Prompt
from unireward.record import Candidate

ANIMATED = frozenset({".gif", ".webp"})
WORDS = frozenset({".txt", ".json"})
SUFFIXES: dict[str, frozenset[str]] = {
    "text": WORDS, "image": IMAGE_SUFFIXES | ANIMATED, "video": VIDEO_SUFFIXES | ANIMATED,
}  # fmt: skip
ALL = frozenset().union(*SUFFIXES.values())
MAX_TEXT_BYTES = 10_000_000
_FLAT = re.compile(r"(.+)_\d+")


class Finished(Protocol):
    """``of`` gives a prompt's first n candidates, or in place of one the reason it is none;
    ``digest`` tells the whole from what it was before."""

    def digest(self) -> str: ...
    def of(self, prompt: Prompt, n: int) -> list[Content | str]: ...


class Files:
    """Candidates in files below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def of(self, prompt: Prompt, n: int) -> list[Content | str]:
        if not _stays_inside(prompt.id):
            return ["the prompt's id leads out of the folder"] * n
        kind = WANTED.get(prompt.task)
        suffixes = ALL if kind is None else SUFFIXES[kind]
        try:
            files = self._files(prompt.id)
        except OSError as error:
            return [f"cannot be looked for ({one_line(error)})"] * n
        fitting = [file for file in files if file.suffix.lower() in suffixes]
        return [content_of(file, prompt.task) for file in fitting[:n]]

    def _files(self, name: str) -> list[Path]:
        own = self.folder / name
        if own.is_dir():
            found = [file for file in own.iterdir() if not file.name.startswith(".")]
        else:
            found = [self.folder / file for file in self._flat.get(name, ())]
        return sorted((file for file in found if file.is_file()), key=_naturally)

    @cached_property
    def _flat(self) -> dict[str, list[str]]:
        """Names of the files beside one another, by prompt."""
        found: dict[str, list[str]] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                match = _FLAT.fullmatch(Path(entry.name).stem)
                if match is not None and not entry.name.startswith("."):
                    found.setdefault(match[1], []).append(entry.name)
        return found

    def digest(self) -> str:
        """sha256 over names and sizes, hidden ones left aside."""
        whole = hashlib.sha256()
        for folder, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in files if not name.startswith(".")):
                file = Path(folder, name)
                line = f"{file.relative_to(self.folder)}:{file.lstat().st_size}\n"
                whole.update(os.fsencode(line))
        return whole.hexdigest()


class Stored:
    """Candidates of the records in ``file``, which are held in memory by their paths. A record of
    the prompt's id must ask the same: pictures of another caption would go unnoticed."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def of(self, prompt: Prompt, n: int) -> list[Content | str]:
        if prompt.id not in self._records:
            return []
        asked, contents = self._records[prompt.id]
        if asked != (prompt.task, prompt.text):
            return [f"{self.file.name} has another prompt of this id"] * n
        return [
            next((why for p in content if p.type != "text" and (why := unreadable(p.load()))), None)
            or content
            for content in contents[:n]
        ]

    @cached_property
    def _records(self) -> dict[str, tuple[tuple[str, str], list[Content]]]:
        return {
            record.id: ((record.task, record.text), [c.content for c in record.candidates])
            for record in read_records(self.file)
        }

    def digest(self) -> str:
        """sha256 of the file."""
        with self.file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def content_of(file: Path, task: str) -> Content | str:
    """What one file holds: a picture, a clip, an answer (``.txt``), or the parts of a candidate
    (``.json``: a list of them, or an object whose ``content`` is one)."""
    try:
        if file.suffix.lower() not in WORDS:
            return media_content(media_of(str(file)), task)
        if file.stat().st_size > MAX_TEXT_BYTES:
            return f"{file}: has over {MAX_TEXT_BYTES:,} bytes, which no answer has"
        text = file.read_text(encoding="utf-8-sig")
        return text_content(text, task) if file.suffix.lower() == ".txt" else _parts(text, file)
    except InputError as error:
        told = str(error)
        return told if str(file) in told else f"{file}: {told}"
    except UnicodeDecodeError:
        return f"{file}: is not UTF-8; save it as UTF-8"
    except OSError as error:
        return f"{file}: cannot be read ({one_line(error)})"


def _parts(text: str, file: Path) -> Content | str:
    found: Any = loads(text)
    content = found.get("content") if isinstance(found, dict) else found
    row = {"candidates": [{"id": "a", "content": content}]}
    make_absolute(row, file.parent)
    parts = validate(Candidate, row["candidates"][0]).content
    media = (part.load() for part in parts if part.type != "text")
    return next((why for one in media if (why := unreadable(one))), None) or parts


def _stays_inside(name: str) -> bool:
    """Whether a path of this name, below a folder, can lead nowhere else."""
    for kind in (PurePath, PurePosixPath):
        path = kind(name)
        if not path.parts or path.anchor or ".." in path.parts or "\0" in name:
            return False
    return True


def _naturally(file: Path) -> tuple[list[str | int], str]:
    pieces: Iterator[tuple[int, str]] = enumerate(re.split(r"(\d+)", file.name.casefold()))
    return [int(piece) if at % 2 else piece for at, piece in pieces], file.name
