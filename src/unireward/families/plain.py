"""Plain text of a reply: what changes nothing in its meaning is normalised away.

Markdown emphasis, headings, quotes and bullets; CRLF; full-width and typographic characters;
zero-width characters; odd spaces. Digits of other scripts stay as they are (and are no numbers).
"""

from __future__ import annotations

import re

_TABLE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width ASCII
_TABLE |= dict.fromkeys(range(0x2000, 0x200B), " ")  # typographic spaces
_TABLE |= dict.fromkeys((0x00A0, 0x202F, 0x205F, 0x3000), " ")
_TABLE |= dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD), "")
_TABLE |= dict.fromkeys((0x201C, 0x201D, 0x300C, 0x300D, 0x300E, 0x300F, 0x00AB, 0x00BB), '"')
_TABLE |= dict.fromkeys((0x2018, 0x2019), "'")
_TABLE |= dict.fromkeys((0x2028, 0x2029, 0x0085), "\n")
_TABLE |= {0x3001: ", ", 0x3002: ". ", 0x2212: "-", 0xFE63: "-", 0x3010: "[", 0x3011: "]"}
# The ideographic stop and comma end a phrase: they never join two numbers as a decimal point would.
_TRANSLATION: dict[int, str] = _TABLE

# A run of emphasis marks goes, unless both neighbours are word characters: 4*3 must not become
# 43, nor no_mistakes nomistakes.
_EMPHASIS = re.compile(r"(?<!\w)[*_]+|[*_]+(?!\w)")
_TICKS = re.compile(r"`+")
_LINE_MARKS = re.compile(r"^[ \t]*(?:>[ \t]*)*(?:#{1,6}[ \t]+)?(?:[-+•][ \t]+)?", re.MULTILINE)


def clean(reply: str) -> str:
    """``reply`` as plain text: the same words, case and line structure."""
    text = reply
    if not text.isascii():
        text = text.translate(_TRANSLATION)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub("", text)
    if "`" in text:
        text = _TICKS.sub("", text)
    if "#" in text or ">" in text or "- " in text or "+ " in text or "•" in text:
        text = _LINE_MARKS.sub("", text)
    return text.strip()
