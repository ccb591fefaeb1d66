"""What a judge was asked, read back from the text of its prompt.

Sets that train a judge hold whole prompts; the caption, question and answers stand inside them.
They are found in two ways:

- by a *template*: the prompt is the text of one of our own families' forms, or of an official
  one that the user imported, with something in place of each placeholder;
- by the *marks* of the published prompts, which differ in wording and agree in their ends:
  ``Text Caption: [..]``, ``Text Prompt: [..]``, ``Question: [..] Response: [..]``,
  ``Question: .. Answer 1: .. Answer 2: ..`` and ``The first response: [..]``, the corner
  brackets of the Think prompts, ``**Prompt:** [..]`` of Flex, ``Text instruction - ..`` of Edit.

A mark that stands there twice, so that the text could be cut in two ways, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from unireward.data.converter import RowError
from unireward.families import list_families

Kind = Literal["caption", "question", "instruction"]


@dataclass(frozen=True)
class Asked:
    """What was asked. ``answers`` are the one or two texts judged, none for made media. ``task``
    is None where the text does not tell images from videos."""

    kind: Kind
    words: str
    answers: tuple[str, ...] = ()
    task: str | None = None
    scale: tuple[float, float] | None = None
    """The range the prompt gives for the final score, where it gives one."""
    instruction: str = ""
    """The prompt without what was filled in, in lower case."""


def recover(prompt: str) -> Asked:
    """``prompt`` (without media tokens) taken apart; :class:`RowError` where that cannot be."""
    for task, pattern in _templates():
        match = pattern.fullmatch(prompt)
        if match:
            return _of_template(task, match, prompt)
    for find in (_corner, _flex, _edit, _answers, _response, _caption):
        found = find(prompt)
        if found is not None:
            return found
    raise RowError(
        "the prompt is none of a judge we know (no 'Text Caption:', 'Question:' or the like); "
        "read the file with --from llava"
    )


# Templates ----------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"\{(P|Q|A1|A2|R|I)\}|<(?:prompt|source|1|2)>")


@cache
def _templates() -> tuple[tuple[str, re.Pattern[str]], ...]:
    from unireward.families.official import imported_specs

    # Other families' templates may be hardly more than a placeholder, which any text would fit.
    ours = [family.spec for family in list_families() if family.name.startswith("unifiedreward")]
    specs = [*ours, *imported_specs().values()]
    forms = {form.template: form.task for spec in specs for form in spec.forms}
    return tuple((task, _pattern(template)) for template, task in forms.items())


def _pattern(template: str) -> re.Pattern[str]:
    pieces, end, seen = [], 0, set()
    for match in _PLACEHOLDER.finditer(template):
        pieces.append(re.escape(template[end : match.start()]))
        name = match.group(1)
        if name is not None:
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>.*?)")
            seen.add(name)
        end = match.end()
    return re.compile("".join([*pieces, re.escape(template[end:])]).rstrip("\\\n ") + r"\s*", re.S)


def _of_template(task: str, match: re.Match[str], prompt: str) -> Asked:
    found = match.groupdict()
    answers = tuple(found[name] for name in ("A1", "A2", "R") if name in found)
    kind: Kind = "question" if "Q" in found else "instruction" if "I" in found else "caption"
    words = found.get("Q") or found.get("I") or found.get("P") or ""
    literal = "".join(
        prompt[a:b] for a, b in _between(sorted(match.span(n) for n in found), len(prompt))
    )
    return _made(kind, words, answers, literal, task)


def _between(spans: list[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    starts = [0, *(span[1] for span in spans)]
    return list(zip(starts, [*(span[0] for span in spans), end]))


# Marks --------------------------------------------------------------------------------------


def _made(
    kind: Kind, words: str, answers: tuple[str, ...], instruction: str, task: str | None = None
) -> Asked:
    low = instruction.lower()
    if not words.strip():
        raise RowError(f"the {kind} in the prompt is empty; leave the row out")
    for at, answer in enumerate(answers, start=1):
        if not answer.strip():
            raise RowError(f"answer {at} in the prompt is empty; leave the row out")
    return Asked(kind, words, answers, task or _task(kind, low), _scale(instruction), low)


def _task(kind: Kind, low: str) -> str | None:
    if kind == "instruction":
        return "image_editing"
    tail = "generation" if kind == "caption" else "understanding"
    video = re.search(r"\bvideos?\b", low)
    image = re.search(r"\b(?:images?|pictures?)\b", low)
    # "consecutive frames of the video": a prompt about videos may speak of images, too.
    if video:
        return f"video_{tail}"
    return f"image_{tail}" if image else None


_RANGE = r"(\d+)\s*(?:to|-|–|and)\s*(\d+)"
_SCALES = (
    re.compile(
        rf"{_RANGE}[^.\n]{{0,60}}Final Score|Final Score[^.\n]{{0,60}}?{_RANGE}", re.IGNORECASE
    ),
    re.compile(rf"\b(?:from|between) {_RANGE}\b[^.\n]{{0,60}}\b(?:rate|scor|grad)", re.IGNORECASE),
)


def _scale(instruction: str) -> tuple[float, float] | None:
    """The range of the final score: the one named beside it, else the only one of a rating."""
    for pattern in _SCALES:
        found = {
            tuple(float(n) for n in match.groups() if n is not None)
            for match in pattern.finditer(instruction)
        }
        if found:
            low, high = found.pop()
            return (low, high) if low < high and not found else None
    return None


def _cut(prompt: str, *marks: str, end: str = "") -> tuple[str, list[str]] | None:
    """``(what stands before, what stands after each of marks)``, up to the next mark or ``end``.

    The marks are regular expressions. None where one is missing; :class:`RowError` where a mark
    after the first stands there twice, or the first one again before the second.
    """
    tail = re.search(rf"{end}\s*\Z", prompt) if end else None
    if end and tail is None:
        return None
    body = prompt[: tail.start()] if tail else prompt
    # The first of several is the prompt's own: a caption may speak of captions.
    head = re.search(marks[0], body)
    if head is None:
        return None
    found = [head.span()]
    for mark in marks[1:]:
        hits = list(re.compile(mark).finditer(body, found[-1][1]))
        if not hits:
            return None
        _only(hits)
        found.append(hits[0].span())
    if len(found) > 1:
        _only([head, *re.compile(marks[0]).finditer(body, head.end(), found[1][0])])
    ends = [*(start for start, _ in found[1:]), len(body)]
    values = [body[start:stop] for (_, start), stop in zip(found, ends)]
    return body[: head.start()], values


def _only(hits: list[re.Match[str]]) -> None:
    if len(hits) > 1:
        mark = hits[0].group().strip()
        raise RowError(
            f"the prompt can be cut in two ways ({mark!r} stands there twice); leave the row out"
        )


_BRACKETED = (
    (r"(?m)^Question: ?\[", r"\]\s*The first response: ?\[", r"\]\s*The second response: ?\["),
    (r"(?m)^Question: ?\[", r"\]\s*Response 1: ?\[", r"\]\s*Response 2: ?\["),
    (r"(?m)^Question: ?\[", r"\]\s*Answer 1: ?\[", r"\]\s*Answer 2: ?\["),
)
_PLAIN = (r"(?m)^Question: ", r"(?m)^Answer 1: ", r"(?m)^Answer 2: ")
_CRITERIA = "\nPlease evaluate both answers based on the following criteria"


def _answers(prompt: str) -> Asked | None:
    for marks in _BRACKETED:
        cut = _cut(prompt, *marks, end=r"\](?:\s*ASSISTANT:)?")
        if cut is not None:
            return _made("question", cut[1][0], tuple(cut[1][1:]), cut[0])
    body, sep, rest = prompt.partition(_CRITERIA)
    cut = _cut(body, *_PLAIN)
    if cut is None:
        return None
    question, one, two = (value.removesuffix("\n") for value in cut[1])
    return _made("question", question, (one, two), cut[0] + sep + rest)


def _response(prompt: str) -> Asked | None:
    cut = _cut(prompt, r"Question: ?\[", r"\]\s*Response: ?\[", end=r"\](?:\s*ASSISTANT:)?")
    return None if cut is None else _made("question", cut[1][0], (cut[1][1],), cut[0])


def _caption(prompt: str) -> Asked | None:
    for mark in (r"(?:^|[\n ])Text Caption: ?\[", r"(?:^|[\n ])Text Prompt: ?\["):
        cut = _cut(prompt, mark, end=r"\]")
        if cut is not None:
            return _made("caption", cut[1][0], (), cut[0])
    return None


def _flex(prompt: str) -> Asked | None:
    match = re.search(r"\*\*Prompt:\*\* \[(.*)\]\s*\n+.*?\[(Image|Video) 1\]", prompt, re.S)
    if match is None:
        return None
    instruction = prompt[: match.start(1)] + prompt[match.end(1) :]
    return _made("caption", match[1], (), instruction, f"{match[2].lower()}_generation")


def _edit(prompt: str) -> Asked | None:
    cut = _cut(prompt, r"(?m)^(?:Text instruction - |Editing instruction: ?)")
    return None if cut is None else _made("instruction", cut[1][0].rstrip("\n"), (), cut[0])


_CORNER = re.compile("「(.*?)」", re.S)


def _corner(prompt: str) -> Asked | None:
    """Think of the Qwen3 generation: texts in corner brackets, or answers on lines of a list."""
    values = _CORNER.findall(prompt)
    if not values:
        return None
    rest = _CORNER.sub("", prompt)
    if "<think>" not in rest:
        return None
    if len(values) == 3:
        return _made("question", values[0], (values[1], values[2]), rest)
    if len(values) != 1:
        raise RowError(f"the prompt has {len(values)} texts in corner brackets; leave the row out")
    cut = re.search(
        r"^ *- Answer 1: (?P<one>.*?)\n *- Answer 2: (?P<two>.*?)\n\s*2\. ", prompt, re.S | re.M
    )
    if cut is not None:
        rest = rest.replace(cut["one"], "").replace(cut["two"], "")
        return _made("question", values[0], (cut["one"], cut["two"]), rest)
    return _made("caption", values[0], (), rest)
