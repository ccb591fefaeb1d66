"""Which families there are, and which checkpoint belongs to which.

A family is a folder beside this file with ``spec.py`` (``SPECS``: its variants, the first the
default) and ``parse.py`` (``READERS``). Adding a folder adds a family; nothing is listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

from unireward.errors import FamilyError
from unireward.families.family import Family
from unireward.families.spec import FamilySpec, Form, Reader, Reading

_REPOSITORIES: tuple[tuple[str, str], ...] = (
    (r"unifiedreward-7b(-v1\.5)?", "unifiedreward/llava"),
    (r"unifiedreward-qwen-\d+b", "unifiedreward/qwen"),
    (r"unifiedreward-2\.0-qwen3\.?5-[\d.]+b", "unifiedreward-2/qwen3.5"),
    (r"unifiedreward-2\.0-qwen[\w.]*-[\d.]+b", "unifiedreward-2/qwen"),
    (r"unifiedreward-think-7b", "unifiedreward-think/llava"),
    (r"unifiedreward-think-qwen(2\.5)?(vl)?-[\d.]+b", "unifiedreward-think/qwen2.5"),
    (r"unifiedreward-think-qwen3[\w.]*-[\d.]+b", "unifiedreward-think/qwen3"),
    (r"unifiedreward-edit-qwen3\.?5-[\d.]+b", "unifiedreward-edit/qwen3.5"),
    (r"unifiedreward-edit-.+", "unifiedreward-edit/qwen"),
    (r"unifiedreward-flex-.+", "unifiedreward-flex"),
)
"""Last part of a repository id (any case, any suffix such as ``-AWQ``) -> family."""


@cache
def _folders() -> dict[str, str]:
    """Family name -> package name."""
    here = Path(__file__).parent
    return {
        path.parent.name.replace("_", "-"): path.parent.name
        for path in sorted(here.glob("*/spec.py"))
    }


@cache
def _specs(folder: str) -> tuple[FamilySpec, ...]:
    return tuple(import_module(f"unireward.families.{folder}.spec").SPECS)


def readers_of(name: str) -> dict[str, Reader]:
    """The readers of a family, by their names in ``Form.reader``."""
    folder = _folders().get(name)
    if folder is None:
        raise FamilyError(_unknown(name))
    return dict(import_module(f"unireward.families.{folder}.parse").READERS)


def labels_of(name: str) -> Callable[[Form, str], tuple[str, ...]] | None:
    """``(form, dimension) -> labels`` of a family's ``write.py``: how it writes that number; None
    for a family that does not say."""
    folder = _folders().get(name)
    if folder is None or not (Path(__file__).parent / folder / "write.py").is_file():
        return None
    return getattr(import_module(f"unireward.families.{folder}.write"), "LABELS", None)


def _unknown(name: str) -> str:
    return f"unknown family {name!r}; use one of {', '.join(_folders())}"


@cache
def get_family(name: str) -> Family:
    """The family called ``name``, ``name/variant``, or that of a published repository id.

    Raises :class:`FamilyError` that lists what there is.
    """
    wanted = name.strip().lower()
    family, _, variant = wanted.partition("/")
    if family not in _folders():
        known = family_of_repository(name)
        if known is None:
            raise FamilyError(_unknown(name))
        family, _, variant = known.partition("/")
    specs = _specs(_folders()[family])
    for spec in specs:
        if not variant or spec.variant == variant:
            return Family(spec, readers_of(family))
    raise FamilyError(
        f"family {family} has no variant {variant!r}; "
        f"use one of {', '.join(spec.variant for spec in specs if spec.variant) or family}"
    )


def list_families() -> list[Family]:
    """Every family in every variant, the default variant first."""
    return [
        Family(spec, readers_of(name))
        for name, folder in _folders().items()
        for spec in _specs(folder)
    ]


def families_that_can(task: str, mode: str) -> list[str]:
    """Names of the families with a form for this task and mode."""
    return [
        name
        for name, folder in _folders().items()
        if any(f.task == task and f.mode == mode for spec in _specs(folder) for f in spec.forms)
    ]


def family_of_repository(repository: str) -> str | None:
    """The family (with variant) that a published checkpoint belongs to, by its id or folder."""
    last = re.split(r"[/\\]", repository.strip().rstrip("/\\"))[-1].lower()
    for pattern, family in _REPOSITORIES:
        if re.fullmatch(rf"{pattern}([-_.].*)?", last):
            return family
    return None


def parse_reply(
    family_id: str,
    text: str,
    task: str,
    mode: str,
    variant: str | None = None,
    form: str | None = None,
    aspect: str | None = None,
    finish_reason: str = "stop",
    prompt: str = "",
) -> Reading:
    """Read one reply by a family's first variant, form and aspect unless told otherwise."""
    family = get_family(f"{family_id}/{variant}" if variant else family_id)
    chosen: Form = family.forms_for(task, mode, form, aspect)[0]
    return family.read(chosen, text, finish_reason=finish_reason, prompt=prompt)
