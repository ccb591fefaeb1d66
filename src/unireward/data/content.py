"""Content: when two prompts, candidates or records are the same thing.

Texts are compared in two ways. *Exactly*: as written, but for the composition of letters, line
ends and white space at the ends. *Normalised*: NFKC, no case, no punctuation, single spaces,
each Chinese or Japanese character a word of its own, so that "Two red circles." and "two  red
circles" are one prompt. Media are the bytes of their files, whatever they are called.

Keys are 16 bytes of BLAKE2b; a collision among a billion has a chance of about 1e-21.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Sequence

from unireward.errors import InputError
from unireward.files.places import is_address
from unireward.record import Candidate, Part, Record

KEY_BYTES = 16
_KEPT_PATHS = 1 << 16


class _Letters(dict[int, str]):
    """What each character becomes: itself, a space (punctuation), or a word of its own."""

    def __missing__(self, code: int) -> str:
        kind, letter = unicodedata.category(chr(code))[0], chr(code)
        if kind in "PZC":
            became = " "
        elif kind == "S" or _is_word_alone(code):
            became = f" {letter} "
        else:
            became = letter
        self[code] = became
        return became


def _is_word_alone(code: int) -> bool:
    """Kana and Han, which are written without spaces."""
    return (
        0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x323AF
    )


_LETTERS = _Letters()


def words(text: str) -> list[str]:
    """The words of a text, normalised; of a text of punctuation alone, the text itself."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Folding may decompose what NFKC had composed.
    found = unicodedata.normalize("NFKC", plain).translate(_LETTERS).split()
    return found or plain.split()


def normalised(text: str) -> str:
    """A text as it is compared: its :func:`words` with single spaces between."""
    return " ".join(words(text))


def as_written(text: str) -> str:
    """A text as it is compared exactly: NFC, LF line ends, no white space at either end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def digest(kind: str, *fields: str | bytes) -> bytes:
    """A key over fields in order; no two different lists of fields are confounded."""
    content = hashlib.blake2b(digest_size=KEY_BYTES, person=kind.encode()[:16])
    for field in fields:
        data = field.encode("utf-8", "surrogatepass") if isinstance(field, str) else field
        content.update(len(data).to_bytes(8, "little"))
        content.update(data)
    return content.digest()


class Content:
    """Keys of parts, prompts and candidates.

    Media are read once each (the last 65,536 paths are remembered), or never: ``by_path`` takes
    a path for its content, which is fast and misses copies under another name. Addresses of the
    web always go by their text. :class:`~unireward.errors.InputError` names the record whose
    media cannot be read; ``lenient`` takes their paths instead and counts them in ``missing``.
    """

    def __init__(self, by_path: bool = False, lenient: bool = False) -> None:
        self.by_path, self.lenient = by_path, lenient
        self.missing = 0
        self._known: dict[str, bytes] = {}

    def prompt(self, record: Record) -> bytes:
        """The prompt as a question: normalised words, roles, and media in their order."""
        texts = [part for part in record.prompt if part.text is not None]
        said = digest("text", *(f"{p.role or 'user'} {normalised(p.text or '')}" for p in texts))
        media = [
            digest("role", part.role or "user", self.media(part, record.id))
            for part in record.prompt
            if part.text is None
        ]
        return digest("prompt", said, *media)

    def prompt_as_written(self, record: Record) -> bytes:
        """The prompt part by part, texts exactly as written, with roles and turns."""
        return digest("written", *self._parts(record.prompt, record.id))

    def candidate(self, candidate: Candidate, record: Record) -> bytes:
        """A candidate by its content, not its id."""
        return digest("candidate", *self._parts(candidate.content, record.id))

    def record(self, record: Record, prompt: bytes, candidates: Iterable[bytes]) -> bytes:
        """A record: its task, its prompt's key and its candidates' keys in any order."""
        return digest("record", record.task, prompt, *sorted(candidates))

    def text(self, text: str) -> str | bytes:
        """What a text says, exactly."""
        return as_written(text)

    def media(self, part: Part, name: str) -> bytes:
        """What an image or video holds; ``name`` is the record for messages."""
        if part.media is None and part.path is not None:
            cut = f"{part.start} {part.end} {part.fps}" if part.type == "video" else ""
            return digest("media", self._file(part.path, name), cut)
        if part.frames is not None:
            frames = [self._file(frame, name) for frame in part.frames]
            return digest("frames", *frames, f"{part.start} {part.end} {part.fps}")
        try:
            return digest("media", bytes.fromhex(part.load().digest), "")
        except InputError as error:
            raise InputError(f"record {name}: {error}") from None

    def _file(self, path: str, name: str) -> bytes:
        found = self._known.get(path)
        if found is None:
            found = self._of_file(path, name)
            if len(self._known) >= _KEPT_PATHS:
                # The oldest entry: dicts keep the order of insertion.
                del self._known[next(iter(self._known))]
            self._known[path] = found
        return found

    def _of_file(self, path: str, name: str) -> bytes:
        if is_address(path):
            return digest("path", path)
        by_path = digest("path", os.path.normpath(path))
        if self.by_path:
            self.missing += self.lenient and not os.path.exists(path)
            return by_path
        from unireward.media.source import Source

        try:
            return bytes.fromhex(Source(path).digest())
        except InputError as error:
            if self.lenient:
                self.missing += 1
                return by_path
            raise InputError(f"record {name}: {error}") from None

    def _parts(self, parts: Sequence[Part], name: str) -> list[bytes]:
        return [
            digest(
                part.type,
                part.role or "user",
                str(part.turn),
                self.text(part.text) if part.text is not None else self.media(part, name),
            )
            for part in parts
        ]
