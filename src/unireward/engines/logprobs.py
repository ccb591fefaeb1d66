"""Log-probabilities of whole answers, read off the tokens a server generated.

An OpenAI-compatible server says, for each token it generated, that token's log-probability and
those of the likeliest alternatives at its place (20 at most). From that path the probability of
each of a few short answers follows where it is determinable, never by the first token when two
answers share it::

    Image | 1 | is better        at " 1" the alternative " 2" is the other answer's whole mass

The rule. Walking the generated path, the text so far leaves some answers *open*. At each place
every listed token is put to it: one answer left open gets that token's mass (what follows is
taken as certain: past the branching there is nothing else to say); none left open is mass of
other texts and counts for nobody; where the text so far *is* an answer and others go on from it
("yes", "yes and no"), whatever does not go on is that answer's. The walk ends where the
generated token leaves one answer open. A text that leaves two or more open, beside the path or
at its end, is a *node*: its mass waits until a path that starts there is walked too
(:meth:`Tally.hear`), which a server that continues a text can be asked for. It is undetermined,
with the reason, where

- the generated text is not one of the answers (a preamble, a longer sentence),
- nodes with more than 1 % of the mass seen are left,
- an answer was seen nowhere and its bound exceeds 1 % of the mass seen. Under that it gets its
  bound: at each place it could have branched off, the lesser of the mass not listed and the
  least listed alternative (a token left out is no likelier than that, where the likeliest are
  listed).

So numbers are within 1 % of the mass seen where the answers are all a model says and all it
says is listed. White space around an answer and a full stop after it change nothing. Answers
that begin alike and end in a number each ("Alignment: 3", "Alignment: 4") are places in a longer
reply, which may go on after them. The caller renormalises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

NEGLIGIBLE = 0.01
"""Share of the mass seen under which what is not known does not matter."""
_LEAST = 1e-12
_FARTHEST = 16
_NUMBER = re.compile(r"\s*\d+(\.\d+)?")


class Token(NamedTuple):
    """One generated token: its text, natural log-probability, and alternatives at its place."""

    text: str
    logprob: float
    alternatives: Mapping[str, float]


class Node(NamedTuple):
    """A text that leaves several answers open: its mass, and the tokens it is made of."""

    text: str
    mass: float
    tokens: int


ROOT = Node("", 1.0, 0)


class Undetermined(Exception):  # noqa: N818 (a finding, not a fault: it never leaves the engine)
    """Why the log-probabilities of the answers do not follow from what was heard."""


class OtherWords(Undetermined):
    """The reply is none of the answers: it is for the family's reader."""


class Unlisted(Undetermined):
    """Some answers were listed nowhere."""


def choice_logprobs(
    tokens: Iterable[Token | tuple[str, float, Mapping[str, float]]],
    choices: Sequence[str],
    *,
    text: str | None = None,
) -> dict[str, float] | None:
    """Natural log-probability of each of ``choices`` as a whole sequence, or None.

    ``tokens`` is the generated path. ``text`` is the reply's text where the tokens hold more
    than it (an end-of-turn token); without it the tokens' texts are joined.
    """
    try:
        tally = Tally(choices)
        tally.hear_reply(tokens, text=text)
        return tally.result()
    except Undetermined:
        return None


class Tally:
    """What each answer has gathered over the paths heard so far.

    Raises :class:`Undetermined` for answers that no path can tell apart: fewer than two, or two
    that differ in the white space around them alone.
    """

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)
        self.answers = tuple(choice.strip() for choice in choices)
        if len(self.answers) < 2:
            raise Undetermined("one answer alone has nothing to part from")
        if len(set(self.answers)) != len(self.answers) or not all(self.answers):
            raise Undetermined("two answers differ in white space alone")
        self.gathered = dict.fromkeys(self.answers, 0.0)
        self.bound = dict.fromkeys(self.answers, 0.0)
        self.nodes: list[Node] = []

    def hear_reply(
        self,
        tokens: Iterable[Token | tuple[str, float, Mapping[str, float]]],
        *,
        text: str | None = None,
        ranked: bool = True,
    ) -> None:
        """Walk a whole reply from the start; :class:`OtherWords` where it is no answer."""
        path = [Token(*token) for token in tokens]
        said = "".join(token.text for token in path) if text is None else text
        if not is_answer(said, self.answers):
            raise OtherWords("the reply is none of them")
        decided = self.hear(path, ranked=ranked)
        if decided is not None and not is_answer(said, self.answers, decided):
            raise OtherWords("the reply's tokens do not spell it")

    def hear(self, path: Sequence[Token], node: Node = ROOT, *, ranked: bool = True) -> str | None:
        """Walk ``path`` from ``node``; the answer it comes to, None where it leaves several open.

        ``ranked`` says that the alternatives listed are the likeliest ones. Raises
        :class:`OtherWords` where the path leads to none of the answers.
        """
        text, mass, count = node
        for token in path:
            self._beside(text, mass, count, token)
            self._bound(text, mass, token, ranked=ranked)
            heirs = self._heirs(text, token.text)
            mass *= math.exp(token.logprob)
            text, count = text + token.text, count + 1
            if not heirs:
                raise OtherWords("the reply's tokens spell none of them")
            if len(heirs) == 1:
                self.gathered[heirs[0]] += mass
                return heirs[0]
        self.nodes.append(Node(text, mass, count))
        return None

    def _beside(self, text: str, mass: float, count: int, token: Token) -> None:
        """Give each token listed beside the generated one to whom it leaves open."""
        for other, logprob in token.alternatives.items():
            if other == token.text:
                continue
            heirs, share = self._heirs(text, other), mass * math.exp(logprob)
            if len(heirs) == 1:
                self.gathered[heirs[0]] += share
            elif heirs:
                self.nodes.append(Node(text + other, share, count + 1))

    def _bound(self, text: str, mass: float, token: Token, *, ranked: bool) -> None:
        listed = [math.exp(p) for p in ({**token.alternatives, token.text: token.logprob}).values()]
        unseen = max(0.0, 1.0 - math.fsum(listed))
        if ranked and len(listed) > 1:
            unseen = min(unseen, *listed)
        for answer in self.open(text):
            self.bound[answer] += mass * unseen

    def open(self, text: str) -> tuple[str, ...]:
        """The answers that ``text`` may still become, or already is."""
        text = text.lstrip()
        further = tuple(a for a in self.answers if len(a) > len(text) and a.startswith(text))
        reached = max((a for a in self.answers if text.startswith(a)), key=len, default=None)
        if reached is None or (further and reached != text):
            return further
        return (*further, reached)

    def _heirs(self, text: str, token: str) -> tuple[str, ...]:
        # An empty token (an end-of-turn token whose text is hidden) ends the text here.
        goes_on = self.open(text + token) if token else ()
        ended = text.lstrip()
        if ended in self.answers:
            goes_on = tuple(answer for answer in goes_on if answer != ended)
            return goes_on or (ended,)
        return goes_on

    def next_node(self) -> Node | None:
        """Take the heaviest node that must be heard from; None where the rest is negligible."""
        waiting = math.fsum(node.mass for node in self.nodes)
        if waiting <= NEGLIGIBLE * math.fsum(self.gathered.values()):
            return None
        node = max(self.nodes, key=lambda node: node.mass)
        self.nodes.remove(node)
        return node

    def reach(self, node: Node) -> int:
        """Tokens that a path from ``node`` needs at most to part its answers (16 at most)."""
        here = node.text.lstrip()
        answers = self.open(node.text)
        deepest = max(
            (_shared(a, b) for a in answers for b in answers if a != b), default=len(here)
        )
        return min(max(deepest - len(here), 0) + 1, _FARTHEST)

    def result(self) -> dict[str, float]:
        """Natural log-probability of each choice; raises :class:`Undetermined` with the reason."""
        limit = NEGLIGIBLE * math.fsum(self.gathered.values())
        left = math.fsum(node.mass for node in self.nodes)
        if left > limit:
            raise Undetermined("two or more of them are left open by what it says")
        masses = dict(self.gathered)
        for answer, mass in masses.items():
            if mass > 0.0:
                continue
            bound = self.bound[answer] + left
            if bound > limit:
                raise Unlisted("one of them is not among the alternatives listed")
            masses[answer] = bound
        # Rounding may carry a sum of probabilities a hair above 1.
        return {
            choice: math.log(min(max(masses[answer], _LEAST), 1.0))
            for choice, answer in zip(self.choices, self.answers)
        }


def spaces_lost(tokens: Sequence[Token], text: str) -> bool:
    """Do the tokens spell ``text`` but for its spaces?

    A tokenizer that marks the beginning of a word (SentencePiece) loses the mark where a server
    decodes each token alone.
    """
    spelt = "".join(token.text for token in tokens)
    blank = any(token.text and not token.text.strip() for token in tokens)
    return not blank and not spelt.startswith(text) and squeezed(spelt).startswith(squeezed(text))


def squeezed(text: str) -> str:
    """``text`` without any white space."""
    return "".join(text.split())


def without_spaces(tokens: Sequence[Token]) -> list[Token]:
    """The path and what is listed beside it, spelt without white space."""
    found = []
    for token in tokens:
        beside: dict[str, float] = {}
        for text, logprob in token.alternatives.items():
            short = squeezed(text)
            if not short and text:
                continue  # White space alone; no text of its own here.
            known = beside.get(short)
            beside[short] = logprob if known is None else _added(known, logprob)
        found.append(Token(squeezed(token.text), token.logprob, beside))
    return found


def _added(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high + math.log1p(math.exp(low - high)) if math.isfinite(low) else high


def respaced(beginning: str, answer: str) -> str:
    """The beginning of ``answer`` that is ``beginning`` once squeezed, without spaces after it."""
    count, end = len(beginning), 0
    for end, char in enumerate(answer, start=1):  # noqa: B007 (its last value is what counts)
        count -= not char.isspace()
        if not count:
            break
    return answer[:end]


def is_answer(text: str, answers: Sequence[str], one: str | None = None) -> bool:
    """Is ``text`` one of ``answers`` (``one`` of them where given), or, where they are numbers at
    one place of a longer reply, does it begin with it?"""
    wanted = [bare(answer) for answer in (answers if one is None else (one,))]
    said = bare(text)
    return said in wanted or (_are_places(answers) and said.startswith(tuple(wanted)))


def _are_places(answers: Sequence[str]) -> bool:
    """Do the answers begin alike and end in a number each?"""
    stripped = [answer.strip() for answer in answers]
    # What the first and the last in order share, all between them share.
    alike = min(stripped)[: _shared(min(stripped), max(stripped))].rstrip("0123456789.")
    return bool(alike.strip()) and all(_NUMBER.fullmatch(one[len(alike) :]) for one in stripped)


def begins_another(choices: Sequence[str]) -> bool:
    """Is one of the choices how another begins?"""
    return any(a != b and b.startswith(a) for a in choices for b in choices)


def bare(text: str) -> str:
    """``text`` without white space around it and a full stop after it."""
    return text.strip().removesuffix(".").rstrip()


def _shared(a: str, b: str) -> int:
    """Length of the longest common beginning."""
    return next((k for k, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
