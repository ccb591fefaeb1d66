"""Verdicts: ``Image 1 is better``, keyed by the label, said plainly.

A sentence counts as a verdict only if it is nothing but a verdict, with a lead-in of known words
before ("Overall, ...") and a reason after ("... because ..."). Negated, conditional, doubtful
and quoted sentences fail that by themselves, since their words are not among the known ones.
"""

from __future__ import annotations

import re
from functools import lru_cache

from unireward.families.echo import is_echo
from unireward.families.numbers import Unread

_LEAD_WORDS = """
overall therefore thus hence so finally in conclusion summary final verdict judgment judgement
decision answer result based on this the above analysis i think believe conclude that my is and a
these reasons for all considered taken together considering everything after careful comparing
comparison of consideration reviewing weighing evaluating both images videos answers responses
"""
_LEAD = frozenset(_LEAD_WORDS.split())
_LEAD_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_NUMBERING = re.compile(r"[ \t\"'(\[]*(?:[0-9]{1,2}[.)][ \t]+)?")
_TAG = re.compile(r"</?(?:answer|verdict)>")
_SENTENCE = re.compile(r"(?<=[.!?])[ \t]+")
_NEGATION = re.compile(
    r"n't\b|\b(?:not|never|neither|nor|no|false|untrue|incorrect|wrong|deny|doubt|whether|if"
    r"|unless|cannot|hardly)\b"
)
_REASON = re.compile(
    r",?[ \t]*(?:because|since|due to|given|while|whereas|although|though|even though)\b"
    r"|,[ \t]*(?:as|with|which|and its|showing)\b"
    r"|[:;\-–—][ \t]+(?!not\b|no\b|false\b|wrong\b)"
)
_END = re.compile(r"[ \t]*(?:overall)?[ \t]*[.!]*[ \t\"')\]]*[.!]*$")


@lru_cache(maxsize=32)
def _patterns(noun: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    label = noun.replace(" ", r"[ \t]+") + r"[ \t]*#?[ \t]*([12])(?![\w.]*[0-9])"
    core = re.compile(rf"(?<![\w]){label}[ \t]+is[ \t]+better\b")
    plural = noun.replace(" ", r"[ \t]+") + "s"
    tie = re.compile(rf"(?<![\w])both[ \t]+{plural}[ \t]+are[ \t]+equally[ \t]+good\b")
    than = re.compile(rf"[ \t]+than[ \t]+(?:{label}|the[ \t]+other(?:[ \t]+one)?\b)")
    return core, tie, than


def read_verdict(text: str, noun: str, *, tie: bool = False, prompt: str = "") -> str:
    """``"1"``, ``"2"`` or ``"tie"`` from clean text about ``noun`` ("image", "edited image").

    Raises :class:`Unread` where there is no plain verdict, where two differ, or where a tie is
    said and the family has none (``tie=False``).
    """
    low, noun = text.lower(), noun.lower()
    found: dict[str, str] = {}
    spoken = False
    before = ""
    for line in low.split("\n"):
        if "better" in line or "equally" in line:
            for sentence in _SENTENCE.split(line):
                said, plain = _classify(sentence, noun)
                spoken = spoken or said is not None
                if plain and said is not None and not _undone(before, line, sentence):
                    if prompt and _echoed(low, sentence, prompt):
                        continue
                    found.setdefault(said, sentence.strip())
        if line.strip():
            before = line
    return _decide(found, noun, tie, spoken)


def _decide(found: dict[str, str], noun: str, tie: bool, spoken: bool) -> str:
    if len(found) > 1:
        shown = " / ".join(sorted(sentence[:40] for sentence in found.values()))
        raise Unread(f"two verdicts that differ: {shown}")
    if not found:
        if spoken:
            raise Unread("the verdict is negated, conditional or only one of the options repeated")
        raise Unread(f"no verdict such as '{noun.capitalize()} 1 is better'")
    (verdict,) = found
    if verdict == "tie" and not tie:
        raise Unread("a tie is no answer of this form")
    return verdict


def _classify(sentence: str, noun: str) -> tuple[str | None, bool]:
    """What a sentence says (or mentions), and whether it says it plainly."""
    core, tie, than = _patterns(noun)
    sentence = _TAG.sub(" ", sentence)
    cores = list(core.finditer(sentence))
    ties = list(tie.finditer(sentence))
    if not cores and not ties:
        return ("?", False) if "better" in sentence and noun in sentence else (None, False)
    if len(cores) + len(ties) > 1:
        return "?", False
    match = (cores or ties)[0]
    said = match.group(1) if cores else "tie"
    end = match.end()
    if cores:
        other = than.match(sentence, end)
        if other is not None:
            if other.group(1) == said:
                return "?", False
            end = other.end()
    return said, _leads(sentence[: match.start()]) and _trails(sentence[end:])


def _leads(head: str) -> bool:
    head = head[(_NUMBERING.match(head) or head).end() :] if head else head  # type: ignore[union-attr]
    return all(word in _LEAD for word in _LEAD_WORD.findall(head)) and "?" not in head


def _trails(tail: str) -> bool:
    if _END.match(tail):
        return True
    return _REASON.match(tail.lstrip(" \t")) is not None and not tail.rstrip().endswith("?")


def _undone(before: str, line: str, sentence: str) -> bool:
    """Does the line before run on into this one and negate it ("It is not the case that:")?"""
    if not line.startswith(sentence) or not before:
        return False
    last = _SENTENCE.split(before)[-1].rstrip()
    return last[-1:] not in ".!?" and _NEGATION.search(last) is not None


def _echoed(low: str, sentence: str, prompt: str) -> bool:
    start = low.find(sentence)
    return is_echo(low, start, start + len(sentence.rstrip()), prompt)
