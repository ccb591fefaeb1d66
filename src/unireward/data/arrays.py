"""Rows of a ``.json`` file, streamed: an array of objects, or objects one after another.

A data set of a gigabyte is most often one JSON array, which :func:`json.load` turns into five.
Here one object is in memory at a time, whatever the size of the file. A row that is no object,
or holds ``NaN``, is yielded as its :class:`LineError` and reading goes on; after a broken row
nothing more can be told, so a syntax error is raised.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.lines import MAX_LINE, STRICT_NUMBERS, LineError, Place, opened
from unireward.media.source import clip

CHUNK = 1 << 20
"""Bytes read at once."""
_SPACE = " \t\r\n"
_UNSURE = 16
"""A fault this near the end of what was read may be a word cut by it (``tru``, ``1e+``)."""
_STRICT = json.JSONDecoder(**STRICT_NUMBERS)
_LAX = json.JSONDecoder()

Rows = Iterator[tuple[Place, dict[str, Any] | LineError]]


def read_array(path: Path) -> Rows:
    """The place (row numbers from 1) and object of each element of the file's JSON array.

    A file that starts with ``{`` is read as objects one after another: JSON Lines under another
    name. :class:`LineError` is raised for broken JSON, with the row it happened in.
    """
    with opened(path) as stream:
        text = _Text(stream, path)
        first = text.peek()
        if first == "":
            return
        listed = first == "["
        if listed:
            text.skip()
        elif first != "{":
            raise LineError(Place(path, 1, True), "is no JSON array of objects; give [{...}, ...]")
        number = 0
        while (char := text.peek()) not in ("", "]"):
            number += 1
            place = Place(path, number, True)
            yield place, _row(text, place)
            if listed:
                _comma(text, place)
        if listed and char == "":
            raise LineError(
                Place(path, max(number, 1), True), "the array is cut short; get the file again"
            )
        if not listed and char == "]":
            raise LineError(Place(path, number + 1, True), "a ']' that opens nowhere; mend it")
        text.skip()
        if listed and text.peek() != "":
            raise LineError(
                Place(path, max(number, 1), True), "more follows the array; give one array"
            )


def _row(text: _Text, place: Place) -> dict[str, Any] | LineError:
    try:
        value = text.value()
    except json.JSONDecodeError as error:
        mend = "mend it, or get the file again if it was cut short" if text.ended else "mend it"
        raise LineError(place, f"is no JSON we can read ({error.msg}); {mend}") from None
    except (InputError, RecursionError) as error:
        deep = "is nested too deeply to be data; mend it"
        fault = LineError(place, str(error) if isinstance(error, InputError) else deep)
        if text.skip_value():
            return fault
        raise fault from None
    if not isinstance(value, dict):
        return LineError(place, f"is no JSON object but {clip(repr(value), 40)}; give {{...}}")
    return value


def _comma(text: _Text, place: Place) -> None:
    char = text.peek()
    if char == ",":
        text.skip()
        if text.peek() == "]":
            raise LineError(place, "a comma before the closing ']'; delete it")
    elif char not in ("", "]"):
        raise LineError(place, f"is followed by {char!r}; put a comma between rows")


class _Text:
    """The file's text from where reading has come to; what was read is let go."""

    def __init__(self, stream: BufferedReader, path: Path) -> None:
        self._stream, self._path = stream, path
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._buffer, self._at, self._ended, self._read = "", 0, False, 0

    def peek(self) -> str:
        """The next character that is no space, ``""`` at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._more(CHUNK):
                return ""

    def skip(self) -> None:
        self._at += 1

    def value(self) -> Any:
        """The JSON value that starts here."""
        return self._decode(_STRICT)

    def skip_value(self) -> bool:
        """Pass over a value that is JSON but not acceptable; False where that fails too."""
        try:
            self._decode(_LAX)
        except (ValueError, RecursionError):
            return False
        return True

    @property
    def ended(self) -> bool:
        """Whether the file was read to its end."""
        return self._ended

    def _decode(self, decoder: json.JSONDecoder) -> Any:
        while True:
            try:
                value, end = decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._ended or not self._unfinished(error):
                    raise
            else:
                # A number that touches the end of what was read may go on.
                if end < len(self._buffer) or self._ended or isinstance(value, dict):
                    self._at = end
                    return value
            if len(self._buffer) - self._at > MAX_LINE:
                raise InputError(f"has over {MAX_LINE >> 20} MiB; is this a list of rows?")
            # As much again as there is: a long row is tried few times.
            self._more(max(CHUNK, len(self._buffer) - self._at))

    def _unfinished(self, error: json.JSONDecodeError) -> bool:
        cut = error.msg.startswith("Unterminated string")
        return cut or error.pos >= len(self._buffer) - _UNSURE

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        raw = self._stream.read(size)
        if self._read == 0:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(f"{self._path}: the file is UTF-16; save it as UTF-8")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        self._ended = not raw
        try:
            new = self._decoder.decode(raw, final=self._ended)
        except UnicodeDecodeError as error:
            at = self._read + error.start
            raise InputError(f"{self._path}: byte {at} is not UTF-8; save it as UTF-8") from None
        self._read += len(raw)
        self._buffer, self._at = self._buffer[self._at :] + new, 0
        return not self._ended
