"""The official texts: recognised in a user's own checkout and written as that user's judge.json.

This library asks in its own words; the published checkpoints were trained on others. Whoever has
the public repositories gets their exact texts from there::

    report = import_official("UnifiedReward")       # a checkout; read with ast, never run
    print("\\n".join(report.lines()))
    imported_specs()["unifiedreward-think/qwen3"]   # used from now on for its checkpoints

A template counts as found only if its fingerprint is one of the known ones, so a text that
somebody edited is told apart (``changed``) and never mistaken for the official one. Expressions
become our placeholders (``{prompt}`` is ``{P}``); image tokens at the start go, since the layout
puts them back. A form whose official text was not found keeps our own words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from string import Formatter

from unireward.errors import InputError
from unireward.families.family import Family
from unireward.families.fingerprints import TEMPLATES, Home, Known
from unireward.families.harvest import Segment, Text, fingerprint, harvest
from unireward.families.import_report import Changed, Found, ImportReport, Unconverted
from unireward.families.judge_json import NAME, load_judge_json, save_judge_json
from unireward.families.registry import list_families
from unireward.families.spec import FamilySpec, Form

PLACEHOLDERS = {
    "prompt": "P", "caption": "P", "text_prompt": "P",
    "Query": "Q", "query": "Q", "question": "Q",
    "R1": "A1", "answer1": "A1", "R2": "A2", "answer2": "A2",
    "Response": "R", "response": "R", "R": "R",
    "instruction": "I",
}  # fmt: skip
"""An official template's expression -> our placeholder."""

_MEDIA_EXPRESSION = re.compile(r"""['"]<image>\\n['"] \* [\w.()]+""")
_MEDIA_TOKENS = re.compile(r"(?:[ \t]*<image>\n)+")
_NEAR = 0.03  # share of its length by which an unplaced text may differ and still be "changed"
_PLAUSIBLE = 0.5  # the same for a text in the very file of a known template
_MIN_CHANGED = 300


# The one call -------------------------------------------------------------------------------


def import_official(
    path: str | Path, out: str | Path | None = None, known: Sequence[Known] | None = None
) -> ImportReport:
    """Find the official templates below ``path`` and write a ``judge.json`` for each family.

    ``out`` is the folder they go to (one folder each, ``<family>-<variant>/judge.json``); without
    it they go where :func:`imported_specs` finds them. A second import (of the other repository)
    adds to the first. ``known`` replaces the table of known templates. Raises InputError where
    ``path`` is no folder.
    """
    root = Path(path).expanduser()
    texts, passed, files = harvest(root)
    table = tuple(known) if known is not None else known_templates()
    found, best = _recognise(texts, table)
    changed = _changed(texts, table, found)
    templates, unconverted = _converted(best, found)
    folder = Path(out).expanduser() if out is not None else imported_folder()
    forms, written = _write(templates, folder)
    seen = {f.known.fingerprint for f in found} | {c.known.fingerprint for c in changed}
    missing = [one for one in table if one.fingerprint not in seen]
    return ImportReport(
        root=root,
        files=files,
        found=tuple(found),
        changed=tuple(changed),
        missing=tuple(missing),
        covered=tuple(one for one in missing if not one.homes or set(one.homes) <= set(forms)),
        unconverted=tuple(unconverted),
        passed=tuple(passed),
        forms=tuple(forms),
        written=tuple(written),
    )


def known_templates() -> tuple[Known, ...]:
    """The table of published templates, each with the forms that name its fingerprint."""
    homes: dict[str, list[Home]] = {}
    for family in list_families():
        for form in family.spec.forms:
            for digest in form.fingerprints:
                homes.setdefault(digest, []).append(_home(family.spec, form))
    return tuple(replace(one, homes=tuple(homes.get(one.fingerprint, ()))) for one in TEMPLATES)


def _home(spec: FamilySpec, form: Form) -> Home:
    return Home(spec.name, spec.variant, form.task, form.mode, form.name, form.aspect)


# Recognising --------------------------------------------------------------------------------


def _recognise(
    texts: Iterable[Text], table: Sequence[Known]
) -> tuple[list[Found], dict[str, Text]]:
    """Which known templates there are, and the text of each at its chief place."""
    by_digest = {one.fingerprint: one for one in table}
    places: dict[str, list[Text]] = {}
    for text in texts:
        digest = fingerprint(text.value)
        if digest in by_digest:
            places.setdefault(digest, []).append(text)
    found, best = [], {}
    for one in table:
        held = places.get(one.fingerprint)
        if not held:
            continue
        chief = min(held, key=lambda text: (_rank(text.path, one), text.path, text.line))
        best[one.fingerprint] = chief
        found.append(Found(one, chief.path, chief.line, len(held)))
    return found, best


def _rank(path: str, known: Known) -> int:
    """0 for the chief path of a template, more for its others, most for any other file."""
    for at, tail in enumerate(known.paths):
        if path == tail or path.endswith("/" + tail):
            return at
    return len(known.paths)


def _changed(
    texts: Sequence[Text], table: Sequence[Known], found: Sequence[Found]
) -> list[Changed]:
    """Known templates that were edited: nearest in length in their own file, or a close twin.

    A twin elsewhere must have the placeholders of the form and nearly the same length. Each text
    stands for one template only.
    """
    have = {f.known.fingerprint for f in found}
    free = _unplaced(texts, {one.fingerprint for one in table})
    offers = []
    for one in table:
        if one.fingerprint in have:
            continue
        for text in free:
            apart = abs(len(text.value) - one.chars) / max(one.chars, 1)
            at_home = _rank(text.path, one) < len(one.paths)
            if at_home and apart <= _PLAUSIBLE:
                offers.append((0, apart, one, text))
            elif apart <= _NEAR and _same_words(text, one):
                offers.append((1, apart, one, text))
    offers.sort(key=lambda offer: (offer[0], offer[1], offer[2].fingerprint, offer[3].path))
    taken: set[int] = set()
    changed: dict[str, Changed] = {}
    for _, _, one, text in offers:
        if one.fingerprint not in changed and id(text) not in taken:
            taken.add(id(text))
            value = text.value
            changed[one.fingerprint] = Changed(
                one, text.path, text.line, len(value), fingerprint(value)
            )
    return list(changed.values())


def _unplaced(texts: Sequence[Text], digests: set[str]) -> list[Text]:
    """The long texts that are no known template, nor a part of one in the same file."""
    known: dict[str, list[str]] = {}
    rest = []
    for text in texts:
        value = text.value
        if fingerprint(value) in digests:
            known.setdefault(text.path, []).append(value)
        elif len(value) >= _MIN_CHANGED:
            rest.append((text, value))
    return [
        text
        for text, value in rest
        if not any(value in whole for whole in known.get(text.path, ()))
    ]


_TASK_WORDS = {"image_editing": {"I"}, "image_understanding": {"Q"}, "video_understanding": {"Q"}}


def _same_words(text: Text, known: Known) -> bool:
    """Does the text ask with the words that the template's forms need?"""
    words = {PLACEHOLDERS.get(expression, "") for expression in text.expressions}
    return bool(known.homes) and all(
        _TASK_WORDS.get(home.task, {"P"}) <= words for home in known.homes
    )


# Converting ---------------------------------------------------------------------------------


class _UnknownExpressionError(ValueError):
    """No placeholder of ours stands for this expression."""


def _converted(
    best: dict[str, Text], found: Sequence[Found]
) -> tuple[dict[Home, tuple[str, str]], list[Unconverted]]:
    """``(template, fingerprint)`` for each form; of several, the one its form names first."""
    wishes = _wishes()
    templates: dict[Home, tuple[str, str]] = {}
    unconverted = []
    for one in found:
        digest = one.known.fingerprint
        try:
            template = convert(best[digest], escaped=one.known.escaped)
        except _UnknownExpressionError as error:
            unconverted.append(Unconverted(one.known, one.path, str(error)))
            continue
        for home in one.known.homes:
            wish = wishes.get(home, ())
            held = templates.get(home)
            if held is None or (digest in wish and _earlier_in(wish, digest, held[1])):
                templates[home] = (template, digest)
    return templates, unconverted


def _wishes() -> dict[Home, tuple[str, ...]]:
    """The fingerprints that each form names, the best first."""
    return {
        _home(family.spec, form): form.fingerprints
        for family in list_families()
        for form in family.spec.forms
    }


def _earlier_in(wish: tuple[str, ...], digest: str, held: str) -> bool:
    return held not in wish or wish.index(digest) < wish.index(held)


def convert(text: Text, escaped: bool = False) -> str:
    """A harvested text with our placeholders, without the image tokens at its start.

    ``escaped`` texts are ``str.format`` templates. Raises ValueError naming an expression that
    has no placeholder.
    """
    segments = _fields(text.value) if escaped else list(text.segments)
    if not any(segment.is_expression for segment in segments):
        segments = _plain_fields(text.value)
    pieces = []
    for at, segment in enumerate(segments):
        if not segment.is_expression:
            pieces.append(segment.text)
        elif segment.text in PLACEHOLDERS:
            pieces.append("{" + PLACEHOLDERS[segment.text] + "}")
        elif at == 0 and _MEDIA_EXPRESSION.fullmatch(segment.text):
            continue
        else:
            raise _UnknownExpressionError(segment.text)
    template = "".join(pieces)
    media = _MEDIA_TOKENS.match(template)
    return template[media.end() :] if media is not None else template


def _fields(value: str) -> list[Segment]:
    """A ``str.format`` template: ``{{`` is a brace, ``{name}`` a field."""
    segments = []
    try:
        for literal, name, _, _ in Formatter().parse(value):
            segments.append(Segment(literal))
            if name is not None:
                segments.append(Segment(name, is_expression=True))
    except ValueError as error:
        raise _UnknownExpressionError(f"a stray brace ({error})") from None
    return segments


_PLAIN_FIELD = re.compile(r"\{(" + "|".join(map(re.escape, PLACEHOLDERS)) + r")\}")


def _plain_fields(value: str) -> list[Segment]:
    """A constant that is filled by ``str.replace``: known names in braces are its fields."""
    parts = _PLAIN_FIELD.split(value)
    return [Segment(part, is_expression=bool(at % 2)) for at, part in enumerate(parts)]


# Writing and finding again ------------------------------------------------------------------


def _write(templates: dict[Home, tuple[str, str]], folder: Path) -> tuple[list[Home], list[Path]]:
    """Write the families that have an official text now; earlier imports in ``folder`` stay."""
    done: list[Home] = []
    written: list[Path] = []
    for family in list_families():
        spec = family.spec
        homes = {_home(spec, form): form for form in spec.forms}
        target = folder / family.id.replace("/", "-") / NAME
        earlier = {home: text for home, text in _earlier(target).items() if home in homes}
        new = {home: text for home, text in templates.items() if home in homes}
        texts = {**earlier, **new}
        done += [home for home in homes if home in texts]
        if not new:
            continue
        forms = [
            _official(form, texts[home][0]) if home in texts else form
            for home, form in homes.items()
        ]
        filled = Family(spec.model_copy(update={"forms": tuple(forms)}), family.readers)
        official = {str(home): digest for home, (_, digest) in texts.items()}
        written.append(save_judge_json(target, filled, meta={"official": official}))
    return done, written


def _official(form: Form, template: str) -> Form:
    return form.model_copy(
        update={"template": template, "origin": "official", "media_place": "before"}
    )


def _earlier(target: Path) -> dict[Home, tuple[str, str]]:
    """The official texts of an earlier import; an unreadable file is simply written anew."""
    try:
        held = load_judge_json(target) if target.is_file() else None
    except InputError:
        held = None
    if held is None or held.spec is None:
        return {}
    digests = held.meta.get("official")
    digests = digests if isinstance(digests, dict) else {}
    found = {}
    for form in held.spec.forms:
        home = _home(held.spec, form)
        if form.origin == "official":
            found[home] = (form.template, str(digests.get(str(home), "")))
    return found


def imported_folder() -> Path:
    """Where imported texts are kept: the platform's configuration folder, or UNIREWARD_CACHE."""
    moved = os.environ.get("UNIREWARD_CACHE")
    if moved:
        return Path(moved).expanduser() / "families"
    from platformdirs import user_config_path

    return user_config_path("unireward") / "families"


def imported_specs() -> dict[str, FamilySpec]:
    """Every imported family by its id (``unifiedreward-think/qwen3``); empty without an import.

    Raises InputError naming the file that cannot be read.
    """
    paths = sorted(imported_folder().glob(f"*/{NAME}"))
    families = [load_judge_json(path).to_family() for path in paths]
    return {family.id: family.spec for family in families}
