"""Reads Flex replies: one JSON object with categories, sub-dimensions and winners.

The overall winner decides. Each sub-dimension becomes a dimension ``<letter>_<name>`` (say
``a_subject_fidelity``) and each category its letter (``a``), the mean of its sub-scores per
candidate, in points out of ten. Categories are keyed by their letter, since their wording
varies from reply to reply; one that bears none takes the letter of its place.

Edge rules: code fences (closed or not), thinking before and text after the object change
nothing; a trailing comma is forgiven; the object is found by counting braces outside of strings,
never by a greedy pattern, so a cut-off object is ``unparsed`` and no inner object is mistaken
for it. Numbers out of 0 to 10, booleans, nan, a key given twice with different values, a
sub-dimension without a score or a winner that names both or none: ``unparsed``. Sums other than
ten and category winners against the overall one are notes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from unireward.families.reading import Unread, prepare, verdict_reading
from unireward.families.spec import Form, Reader, Reading

_PLACES = "abcdefghijklmnopqrstuvwxyz"
_MANDATORY = "abc"
_LOW, _HIGH, _SUM = 0.0, 10.0, 10.0
_THINK = re.compile(r"</[ \t]{0,4}think[ \t]{0,4}>", re.IGNORECASE)
_LETTER = re.compile(r"[\W_]*(?:category\s+)?([a-z])(?:[*_\s]*[.:)\]|–—-]|\s*$)", re.IGNORECASE)
_BARE_LETTER = re.compile(r"\W*([A-D])\s+(?=[A-Z])")
_NAME = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))\s*(?:/\s*10)?\s*")
_NAMED = re.compile(r"\b(?:image|video)\s*#?\s*([0-9]+)", re.IGNORECASE)
_DIGIT = re.compile(r"(?<![\w.])([12])(?![\w.]*[0-9])")
_DENIED = re.compile(
    r"\b(?:not|neither|nor|no|never|tie[ds]?|both|equal(?:ly)?|none)\b|n't\b", re.I
)
_BRACES = re.compile(r'[{}"]')
_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def read_tree(reply: str, form: Form, prompt: str) -> Reading:
    """The overall winner, with every category and sub-dimension beside it."""
    tree = _object_of(reply, prompt)
    label = "Video" if form.task.startswith("video") else "Image"
    if "winner" not in tree:
        raise Unread("winner is missing")
    verdict = _winner(tree["winner"], "winner", label)
    notes: list[str] = []
    dimensions = _dimensions(tree.get("categories"), verdict, label, notes)
    reason = tree.get("reason")
    return verdict_reading(
        verdict,
        rationale=reason.strip() if isinstance(reason, str) else None,
        dimensions=dimensions,
        notes=tuple(notes),
    )


READERS: dict[str, Reader] = {"tree": read_tree}


# The object ---------------------------------------------------------------------------------


class _RepeatedError(ValueError):
    """A key stands twice in one object with different values."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise _RepeatedError(f"{key} is given twice with different values")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise _RepeatedError(f"a value is {name}, which is no number")


# strict=False: models write real line ends inside of strings.
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant, strict=False)


def _object_of(reply: str, prompt: str) -> dict[str, Any]:
    """The reply's one object; several are accepted only if they are the same."""
    thinking = list(_THINK.finditer(reply))
    text = (reply[thinking[-1].end() :] if thinking else reply).strip().lstrip("\ufeff")
    whole = prompt.strip()
    if len(whole) > 200:
        text = text.replace("\r\n", "\n").replace(whole, "\n")
    pieces = _balanced(text)
    trees: list[dict[str, Any]] = []
    broken: str | None = None
    for piece in pieces:
        if prompt and _squeezed(piece) in _squeezed_prompt(prompt):
            continue  # the prompt's own skeleton, repeated
        try:
            tree = _decode(piece)
        except (ValueError, RecursionError) as error:
            if "winner" in piece:
                broken = broken or _why(error)
            continue
        if isinstance(tree, dict) and ("winner" in tree or "categories" in tree):
            trees.append(tree)
    if broken is not None:
        raise Unread(broken)
    if not trees:
        raise Unread("no complete JSON object" if "{" in text else "no JSON object")
    if any(tree != trees[0] for tree in trees[1:]):
        raise Unread("two JSON objects that differ")
    return trees[0]


def _balanced(text: str) -> list[str]:
    """The outermost ``{...}`` of the text, strings skipped; one pass."""
    pieces = []
    depth, start, at = 0, 0, 0
    while match := _BRACES.search(text, at):
        at = match.end()
        sign = match.group()
        if sign == '"':
            if depth:  # quotes in the prose before the object mean nothing
                string = _STRING.match(text, at)
                if string is None:
                    break
                at = string.end()
        elif sign == "{":
            if depth == 0:
                start = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                pieces.append(text[start:at])
    return pieces


def _decode(piece: str) -> Any:
    try:
        return _DECODER.decode(piece)
    except _RepeatedError:
        raise
    except ValueError:
        mended = _without_trailing_commas(piece)
        if mended == piece:
            raise
        return _DECODER.decode(mended)


_STRING_OR_COMMA = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|,(?=\s{0,200}[}\]])', re.DOTALL)


def _without_trailing_commas(piece: str) -> str:
    return _STRING_OR_COMMA.sub(lambda m: "" if m.group() == "," else m.group(), piece)


def _squeezed(text: str) -> str:
    return "".join(text.split())


@lru_cache(maxsize=64)
def _squeezed_prompt(prompt: str) -> str:
    return _squeezed(prompt)


def _why(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no valid JSON: {error.msg} in line {error.lineno} of the object"
    if isinstance(error, RecursionError):
        return "the JSON object is nested too deeply"
    return str(error)


# Winners ------------------------------------------------------------------------------------


def _winner(value: Any, where: str, label: str) -> str:
    """``"1"`` or ``"2"``: the only candidate that ``value`` names, and that it does not deny."""
    if not isinstance(value, str):
        raise Unread(f"{where} is {value!r:.24}, not '{label} 1' or '{label} 2'")
    text = prepare(value)
    named = set(_NAMED.findall(text))
    if not named:
        raise Unread(f"{where} names neither {label} 1 nor {label} 2: {text[:40]!r}")
    if not named <= {"1", "2"}:
        raise Unread(f"{where} names a candidate that was not shown: {text[:40]!r}")
    if len(named | set(_DIGIT.findall(text))) > 1:
        raise Unread(f"{where} names both {label} 1 and {label} 2: {text[:40]!r}")
    if _DENIED.search(text):
        raise Unread(f"{where} is no plain verdict: {text[:40]!r}")
    return named.pop()


# Categories ---------------------------------------------------------------------------------


def _dimensions(
    categories: Any, verdict: str, label: str, notes: list[str]
) -> dict[str, dict[str, float]]:
    if categories is None:
        notes.append("no categories: the scores are not known")
        return {}
    if not isinstance(categories, list):
        raise Unread("categories is no list")
    dimensions: dict[str, dict[str, float]] = {}
    letters: list[str] = []
    for place, category in enumerate(categories):
        if not isinstance(category, dict):
            raise Unread(f"category {place + 1} is no object")
        letter = _letter(category.get("name"), place, letters, notes)
        letters.append(letter)
        _add_category(dimensions, letter, category, notes)
        _note_winner(category, letter, verdict, label, notes)
    if missing := [letter.upper() for letter in _MANDATORY if letter not in letters]:
        notes.append(f"mandatory categories that are missing: {', '.join(missing)}")
    return dimensions


def _letter(name: Any, place: int, taken: list[str], notes: list[str]) -> str:
    found = None
    if isinstance(name, str):
        found = _LETTER.match(name) or _BARE_LETTER.match(name)
    if found is not None:
        return found.group(1).lower()
    letter = _PLACES[place] if place < len(_PLACES) else ""
    if not letter or letter in taken:
        raise Unread(f"category {place + 1} bears no letter and its place is taken")
    notes.append(f"category {place + 1} bears no letter: taken as {letter.upper()} by its place")
    return letter


def _add_category(
    dimensions: dict[str, dict[str, float]],
    letter: str,
    category: dict[str, Any],
    notes: list[str],
) -> None:
    dims = category.get("dims")
    if not isinstance(dims, list) or not dims:
        raise Unread(f"category {letter.upper()} has no sub-dimensions (dims)")
    shares: dict[str, dict[str, float]] = {}
    for place, dim in enumerate(dims, 1):
        if not isinstance(dim, dict):
            raise Unread(f"category {letter.upper()}: sub-dimension {place} is no object")
        name = f"{letter}_{_snake(dim.get('name')) or place}"
        share = {key: _score(dim, f"score_{key}", name) for key in ("1", "2")}
        if shares.setdefault(name, share) != share:
            raise Unread(f"{name} is given twice with different scores")
        if abs(sum(share.values()) - _SUM) > 1e-6:
            notes.append(
                f"{name}: {share['1']:g} and {share['2']:g} make {sum(share.values()):g}, not 10"
            )
    means = {key: sum(s[key] for s in shares.values()) / len(shares) for key in ("1", "2")}
    for name, share in {letter: means, **shares}.items():
        if dimensions.setdefault(name, share) != share:
            raise Unread(f"category {letter.upper()} is given twice with different scores")


def _snake(name: Any) -> str:
    return "_".join(_NAME.findall(name.lower())) if isinstance(name, str) else ""


def _score(dim: dict[str, Any], field: str, name: str) -> float:
    if field not in dim:
        raise Unread(f"{name} has no {field}")
    value = dim[field]
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        value = float(match.group(1)) if match else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unread(f"{name}: {field} is no number: {value!r:.24}")
    if not _LOW <= value <= _HIGH:
        raise Unread(f"{name}: {field} is outside 0 to 10: {value!r:.24}")
    return float(value)


def _note_winner(
    category: dict[str, Any], letter: str, verdict: str, label: str, notes: list[str]
) -> None:
    try:
        said = _winner(category.get("cat_winner"), "cat_winner", label)
    except Unread as unread:
        notes.append(f"category {letter.upper()}: {unread.reason}")
        return
    if said != verdict:
        notes.append(
            f"category {letter.upper()} goes to {label} {said}, the whole to {label} {verdict}"
        )
