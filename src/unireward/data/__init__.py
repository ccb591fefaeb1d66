"""Data sets in and out: converters of other projects' formats (``data/formats``).

::

    from unireward.data import convert, export
    records = convert("hpd.json", "unifiedreward", media="images")
"""

from __future__ import annotations

from unireward.data.converter import (
    Format,
    RowError,
    Source,
    convert,
    export,
    get_format,
    guess_format,
    list_formats,
    register,
)

__all__ = [
    "Format",
    "RowError",
    "Source",
    "convert",
    "export",
    "get_format",
    "guess_format",
    "list_formats",
    "register",
]
