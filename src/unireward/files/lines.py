"""JSON Lines in and out: one object a line, UTF-8, an error always names file and line.

Read with any mixture of a byte order mark, CRLF, blank lines and a last line without newline.
A last line without newline that is no JSON is *torn* (its writer was killed): an error of its
own, or dropped. Written atomically: whole or not at all.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast

from unireward.errors import InputError
from unireward.media.source import clip, one_line

MAX_LINE = 64 << 20
"""Bytes of one line; more is no record but a file of another kind."""
Torn = Literal["error", "drop"]


class Place(NamedTuple):
    """A line of a text file, or a row of a table; both count from 1."""

    path: Path
    line: int
    is_row: bool = False

    def __str__(self) -> str:
        return f"{self.path}: row {self.line}" if self.is_row else f"{self.path}:{self.line}"


class LineError(InputError):
    """A line or row that cannot be used, and where it is."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message

    @property
    def line(self) -> int:
        return self.place.line

    def __reduce__(self) -> tuple[Any, ...]:
        return LineError, (self.place, self.message)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A file's bytes, ``.gz`` unpacked; :class:`InputError` where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            yield cast(BufferedReader, stream)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; give a file in it") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)})") from None


def read_lines(
    path: Path, torn: Torn = "error"
) -> Iterator[tuple[Place, dict[str, Any] | LineError]]:
    """The place and object of each line that is not blank, streaming.

    A bad line is yielded as its :class:`LineError`, so that the caller may go on with the next.
    """
    for place, raw in _raw_lines(path):
        try:
            value = _object(raw)
        except InputError as error:
            whole = raw.endswith(b"\n")
            if not whole and torn == "drop":
                return
            cut = "the last line is cut short (its writer was stopped); delete it"
            yield place, LineError(place, str(error) if whole else cut)
        else:
            yield place, value


def read_texts(path: Path) -> Iterator[tuple[Place, str | LineError]]:
    """The place and words of each line of plain text that is not blank, streaming, without the
    white space around them; one that is not UTF-8 is yielded as its :class:`LineError`."""
    for place, raw in _raw_lines(path):
        try:
            text = _text(raw).strip()
        except InputError as error:
            yield place, LineError(place, str(error))
        else:
            if text:
                yield place, text


def _raw_lines(path: Path) -> Iterator[tuple[Place, bytes]]:
    """The lines that are not blank, with their ends, without a byte order mark."""
    with opened(path) as stream:
        number = 0
        while raw := stream.readline(MAX_LINE + 1):
            number += 1
            place = Place(path, number)
            if len(raw) > MAX_LINE:
                raise LineError(place, f"has over {MAX_LINE >> 20} MiB; is this a file of lines?")
            if number == 1:
                raw = _without_mark(raw, place)
            if raw.strip():
                yield place, raw


def _without_mark(raw: bytes, place: Place) -> bytes:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LineError(place, "the file is UTF-16; save it as UTF-8")
    return raw.removeprefix(b"\xef\xbb\xbf")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start + 1} is not UTF-8; save it as UTF-8") from None


def _object(raw: bytes) -> dict[str, Any]:
    value = loads(_text(raw))
    if not isinstance(value, dict):
        raise InputError(f"is no JSON object but {clip(repr(value), 40)}; give {{...}}")
    return value


def loads(text: str) -> Any:
    """JSON without NaN or infinity (``1e999`` is one too); :class:`InputError` for no JSON."""
    try:
        return json.loads(text, **STRICT_NUMBERS)
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, column {error.colno}"
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
    raise InputError(f"is no JSON we can read ({reason}); mend it")


def _no_number(name: str) -> Any:
    raise InputError(f"holds {name}, which is no number; write null or leave it out")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise InputError(
            f"holds {clip(digits, 30)}, which is too large; write null or leave it out"
        )
    return value


STRICT_NUMBERS: dict[str, Any] = {"parse_constant": _no_number, "parse_float": _finite}
"""For ``json.loads`` and its decoder: NaN and infinity are refused by :class:`InputError`."""


def dumps(value: Any) -> str:
    """One line of JSON, floats as they read back exactly; no NaN.

    :class:`InputError` for what JSON has no form for.
    """
    try:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
        line.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8 but has a JSON escape.
        return json.dumps(value, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be written as JSON ({one_line(error)})") from None
    return line


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` last through a power cut (where the system can)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _umask() -> int:
    # The process's mask cannot be asked without being set; /proc has it where there is one.
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    return 0o022
