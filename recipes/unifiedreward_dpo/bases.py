"""Bases: the policies that the parts begin with, the shipped ones unless a folder is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unireward.errors import InputError, UsageError
from unireward.policies.load import shipped_folder

SHIPPED = {"pictures": "tiny-t2i", "answers": "tiny-answerer", "clips": "tiny-t2v"}
SHIPPED_ONES: Mapping[str, str] = {}
"""No base is named: every part begins with its shipped one."""


def base_of(part: str, bases: Mapping[str, str]) -> str:
    """What a part begins with. InputError where it is not shipped and none is named."""
    if part in bases:
        return bases[part]
    try:
        shipped_folder(SHIPPED[part])
    except InputError as error:
        raise InputError(f"{error} (--base {part}=FOLDER)") from None
    return SHIPPED[part]


def check_bases(bases: Mapping[str, str], parts: Iterable[str]) -> None:
    """UsageError for a base of what is none of these parts; InputError for a part without one."""
    known = [part for part in parts if part in SHIPPED]
    if unknown := sorted({*bases} - {*known}):
        mend = f"use {', '.join(known)}" if known else "leave it out"
        raise UsageError(f"--base {unknown[0]}: no part here begins with a policy so named; {mend}")
    for part in known:
        base_of(part, bases)
