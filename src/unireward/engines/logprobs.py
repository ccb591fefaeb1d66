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
generated token leaves one answer open. It is None, "not determinable", where

- the generated text is not one of the answers (a preamble, a longer sentence),
- tokens beside the path leave two or more answers open with more than 1 % of the mass seen
  (they would have to be asked for again),
- an answer was seen nowhere and its bound exceeds 1 % of the mass seen. Under that it gets its
  bound: at each place it could have branched off, the lesser of the mass not listed and the
  least listed alternative (a token left out is no likelier than that).

So numbers are within 1 % of the mass seen where the answers are all a model says and all it
says is listed. White space around an answer and a full stop after it change nothing. A path
that ends while several answers are open ("yes", without the token that ends the turn) is not
determinable either. The caller renormalises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

NEGLIGIBLE = 0.01
"""Share of the mass seen under which what is not known does not matter."""
_LEAST = 1e-12


class Token(NamedTuple):
    """One generated token: its text, natural log-probability, and alternatives at its place."""

    text: str
    logprob: float
    alternatives: Mapping[str, float]


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
    path = [Token(*token) for token in tokens]
    said = _bare("".join(token.text for token in path) if text is None else text)
    answers = tuple(choice.strip() for choice in choices)
    if len(answers) < 2 or len(set(answers)) != len(answers) or not all(answers):
        return None
    if said not in {_bare(answer) for answer in answers}:
        return None
    walk = _Walk(answers)
    for token in path:
        if walk.step(token):
            break
    if walk.decided is None or _bare(walk.decided) != said:
        return None
    found = walk.result()
    return found and {choice: found[choice.strip()] for choice in choices}


def _bare(text: str) -> str:
    return text.strip().removesuffix(".").rstrip()


class _Walk:
    """The state of one walk: text so far, its mass, and what each answer has gathered."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices
        self.text = ""
        self.mass = 1.0
        self.gathered = dict.fromkeys(choices, 0.0)
        self.bound = dict.fromkeys(choices, 0.0)
        self.left_open = 0.0
        self.decided: str | None = None

    def open(self, text: str) -> tuple[str, ...]:
        """The answers that ``text`` may still become, or already is."""
        text = text.lstrip()
        further = tuple(c for c in self.choices if len(c) > len(text) and c.startswith(text))
        reached = max((c for c in self.choices if text.startswith(c)), key=len, default=None)
        if reached is None or (further and reached != text):
            return further
        return (*further, reached)

    def step(self, token: Token) -> bool:
        """Take one place of the path; True where the walk is over."""
        listed = {**token.alternatives, token.text: token.logprob}
        here = self.open(self.text)
        ended = self.text.lstrip() if self.text.lstrip() in self.choices else None
        for text, logprob in listed.items():
            if text == token.text:
                continue
            self._give(self._heirs(text, ended), self.mass * math.exp(logprob))
        self._bound(listed.values(), here)
        heirs = self._heirs(token.text, ended)
        self.mass *= math.exp(token.logprob)
        self.text += token.text
        if len(heirs) <= 1:
            self._give(heirs, self.mass)
            self.decided = heirs[0] if heirs else None
            return True
        return False

    def _heirs(self, token: str, ended: str | None) -> tuple[str, ...]:
        # An empty token (an end-of-turn token whose text is hidden) ends the text here.
        goes_on = self.open(self.text + token) if token else ()
        if ended is not None:
            goes_on = tuple(c for c in goes_on if c != ended)
            return goes_on or (ended,)
        return goes_on

    def _give(self, heirs: tuple[str, ...], mass: float) -> None:
        if len(heirs) == 1:
            self.gathered[heirs[0]] += mass
        elif heirs:
            self.left_open += mass

    def _bound(self, logprobs: Iterable[float], here: tuple[str, ...]) -> None:
        listed = [math.exp(logprob) for logprob in logprobs]
        unseen = max(0.0, 1.0 - math.fsum(listed))
        if len(listed) > 1:
            unseen = min(unseen, *listed)
        for choice in here:
            self.bound[choice] += self.mass * unseen

    def result(self) -> dict[str, float] | None:
        limit = NEGLIGIBLE * math.fsum(self.gathered.values())
        if self.left_open > limit:
            return None
        masses = dict(self.gathered)
        for choice, mass in masses.items():
            if mass > 0.0:
                continue
            bound = self.bound[choice] + self.left_open
            if bound > limit:
                return None
            masses[choice] = bound
        # Rounding may carry a sum of probabilities a hair above 1.
        return {c: math.log(min(max(mass, _LEAST), 1.0)) for c, mass in masses.items()}
