"""Verdicts: the log-probabilities of an ask's choices, by whichever route an endpoint has.

The reply itself says most: one request, in which the path walked by :class:`Tally` parts all
answers. Where it leaves two or more open ("Both images ..." was said, "Image" had a tenth), the
server is asked to continue that text, a request for each such text; where an answer is not among
the alternatives listed, for the answers' own tokens; at last for each answer as a whole, by the
log-probabilities of the prompt it ends. Each step is taken only where the one before left
something open, and none of them guesses: that a text was *continued* is seen from the prompt's
tokens, which must grow by exactly those of the text.

Where all fail the reply's text remains, with one note that says why.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from unireward.ask import Ask, Reply
from unireward.engines.asking import Asker, Prepared
from unireward.engines.endpoint import Answer
from unireward.engines.logprobs import (
    Node,
    OtherWords,
    Tally,
    Undetermined,
    Unlisted,
    is_answer,
    respaced,
    spaces_lost,
    squeezed,
    without_spaces,
)
from unireward.engines.routes import CONTINUE, PROMPT, REFUSED, TOKEN_IDS, Routes
from unireward.engines.scoring import Scorer
from unireward.engines.wire import (
    NO_LOGPROBS,
    UNDETERMINED,
    Heard,
    latin,
    message_of,
    one_line,
    unlatin,
)
from unireward.errors import EngineError

_CONTINUED = 6
"""Requests that continue a text, at most, for one ask."""
_MAX_IDS = 128
"""The most token ids that vLLM gives log-probabilities of by name."""
_LEAST = math.log(1e-12)
_Found = Awaitable[dict[str, float]]


class Verdicts:
    """``answer`` asks and reads. ``score_first`` prefers the scoring routes where an ask allows
    them (prefill alone, no token generated), whatever they cost in requests."""

    def __init__(
        self, asker: Asker, routes: Routes, scorer: Scorer, *, score_first: bool = False
    ) -> None:
        self.asker = asker
        self.routes = routes
        self.scorer = scorer
        self.score_first = score_first

    async def answer(self, ask: Ask, prepared: Prepared) -> Reply:
        """The reply to ``ask``; raises :class:`EngineError` where the server gave none."""
        scores = self.score_first or not self.asker.dialect.logprobs
        if ask.choices and scores and self.scorer.may(ask):
            try:
                return await self.scorer.reply(ask)
            except Undetermined:
                pass
        heard = await self.asker.hear(ask, prepared)
        if isinstance(heard, Answer):
            return self.asker.failed(heard)
        return await _Verdict(self, ask, heard).reply() if ask.choices else heard.reply


class _Verdict:
    """One ask's: what it has cost so far, and why the routes tried so far did not do."""

    def __init__(self, owner: Verdicts, ask: Ask, heard: Heard) -> None:
        self.asker = owner.asker
        self.routes = owner.routes
        self.scorer = owner.scorer
        self.ask = ask
        self.heard = heard
        self.cost = heard.reply
        self.unlisted = False

    async def reply(self) -> Reply:
        if not is_answer(self.heard.reply.text or "", self.ask.choices):
            return self._noted(f"{UNDETERMINED}: the reply is none of them", tell=False)
        reasons: list[str] = []
        for applies, way in self._ways():
            if not applies():
                continue
            try:
                found = await way()
            except OtherWords as other:
                return self._noted(f"{UNDETERMINED}: {other}", tell=False)
            except Undetermined as reason:
                self.unlisted = self.unlisted or isinstance(reason, Unlisted)
                reasons += [str(reason)] * (str(reason) not in reasons)
                continue
            return replace(
                self.cost, choices={choice: found[choice] for choice in self.ask.choices}
            )
        if self.heard.tokens:
            return self._noted(f"{UNDETERMINED}: {'; '.join(reasons)}")
        return self._noted("; ".join([NO_LOGPROBS, *reasons]))

    def _ways(self) -> list[tuple[Callable[[], bool], Callable[[], _Found]]]:
        """The routes in order, and whether each applies once those before it have failed."""
        heard, has = bool(self.heard.tokens), self.routes.has
        return [
            (lambda: heard, self._by_reply),
            (lambda: self.unlisted and has(TOKEN_IDS), self._by_ids),
            (lambda: self.scorer.may(self.ask), self._by_score),
            (lambda: has(PROMPT) and has(CONTINUE), self._by_prompt),
        ]

    def _noted(self, note: str, *, tell: bool = True) -> Reply:
        note = one_line(note)
        if tell:
            self.routes.tell(note)
        return replace(self.cost, notes=(*self.cost.notes, note))

    # The routes -------------------------------------------------------------------------------

    async def _by_reply(self) -> dict[str, float]:
        return await self._walked(self.heard, None)

    async def _by_ids(self) -> dict[str, float]:
        """The reply again, with the answers' own tokens for alternatives."""
        ids = sorted({one for text in self.ask.choices for one in await self._ids(text)})
        if len(ids) > _MAX_IDS:
            raise Undetermined(f"they have more than {_MAX_IDS} tokens")
        heard = await self._extra(TOKEN_IDS, more={"logprob_token_ids": ids})
        try:
            return await self._walked(heard, ids)
        except Unlisted:
            if all(len(token.alternatives) >= len(ids) for token in heard.tokens):
                # It lists them, and the answer is written in others than /tokenize gives alone.
                raise
            self.routes.close(TOKEN_IDS, "the server does not list tokens asked for by their ids")
            raise Undetermined(self.routes.reason(TOKEN_IDS)) from None

    async def _ids(self, text: str) -> list[int]:
        return await self.scorer.token_ids(text, TOKEN_IDS)

    async def _by_score(self) -> dict[str, float]:
        found, tokens = await self.scorer.choices(self.ask)
        self.cost = replace(self.cost, prompt_tokens=self.cost.prompt_tokens + tokens)
        return found

    async def _by_prompt(self) -> dict[str, float]:
        """Each answer as the end of the prompt: exact, and past the server's prefix cache."""
        return {choice: await self._at_the_end(choice) for choice in self.ask.choices}

    # Walking ----------------------------------------------------------------------------------

    async def _walked(self, heard: Heard, ids: list[int] | None) -> dict[str, float]:
        """What the reply, and the texts it leaves open, say of the answers."""
        text = latin(heard.reply.text or "")
        short = spaces_lost(heard.tokens, text)
        answers = {choice: latin(choice) for choice in self.ask.choices}
        if short:
            answers = {choice: squeezed(answer) for choice, answer in answers.items()}
            text = squeezed(text)
        tally = Tally(list(answers.values()))
        path = without_spaces(heard.tokens) if short else heard.tokens
        tally.hear_reply(path, text=text, ranked=ids is None)
        for _ in range(_CONTINUED):
            node = tally.next_node()
            if node is None:
                break
            if not self.routes.has(CONTINUE):
                reason = self.routes.reason(CONTINUE)
                raise Undetermined(
                    f"two or more of them are left open by what it says, and {reason}"
                )
            await self._continue(tally, node, ids, short=short)
        found = tally.result()
        return {choice: found[answer] for choice, answer in answers.items()}

    def _prefix(self, tally: Tally, node: Node, *, short: bool) -> str:
        """The text at ``node`` as it is to be continued."""
        begun = node.text
        if short:
            begins = {
                respaced(begun, latin(choice))
                for choice in self.ask.choices
                if squeezed(latin(choice)) in tally.open(begun)
            }
            if len(begins) != 1:
                raise Undetermined("they part at a space, which the server's tokens do not show")
            begun = begins.pop()
        prefix = unlatin(begun)
        if prefix is None:
            raise Undetermined("they part within a character")
        return prefix

    async def _continue(
        self, tally: Tally, node: Node, ids: list[int] | None, *, short: bool
    ) -> None:
        prefix = self._prefix(tally, node, short=short)
        more: dict[str, Any] = {self.asker.dialect.tokens_field: tally.reach(node)}
        if ids is not None:
            more["logprob_token_ids"] = ids
        heard = await self._extra(CONTINUE, prefix=prefix, more={**more, "temperature": 0.0})
        self._check_continued(CONTINUE, heard, node.tokens)
        if not heard.tokens:
            raise Undetermined(NO_LOGPROBS)
        try:
            path = without_spaces(heard.tokens) if short else heard.tokens
            tally.hear(path, node, ranked=ids is None)
        except OtherWords:
            return  # It goes on to something else most often; what it lists beside that counts.

    def _check_continued(self, route: str, heard: Heard, tokens: int) -> None:
        """Raise Undetermined unless the prompt grew by exactly ``tokens``.

        A server that ignores the request to continue closes the assistant's turn and opens
        another, and a template may lay out a turn under way in another way than one that begins:
        both show in the count.
        """
        before, after = self.heard.reply.prompt_tokens, heard.reply.prompt_tokens
        if not before or not after:
            self.routes.close(
                route, "the server counts no prompt tokens, so that it continued is not seen"
            )
            raise Undetermined(self.routes.reason(route))
        if after - before == tokens:
            return
        reason = (
            f"the server did not continue the text (its prompt grew by {after - before} tokens, "
            f"the text has {tokens})"
        )
        if abs(after - before - tokens) > 1:
            # One off may be this text's own: cut into other tokens than the model wrote it in.
            self.routes.close(route, reason)
        raise Undetermined(reason)

    # Whole answers ----------------------------------------------------------------------------

    async def _at_the_end(self, choice: str) -> float:
        """Log-probability of ``choice`` as all that the assistant says.

        ``prompt_logprobs`` 0 is the prompt's own tokens and no alternatives (vLLM's
        ``ChatCompletionResponse.prompt_logprobs``: a list with, for each token, an object of
        ``logprob`` and ``decoded_token`` under the token's id, None for the first).
        """
        field = self.asker.dialect.tokens_field
        heard = await self._extra(PROMPT, prefix=choice, more={field: 1, "prompt_logprobs": 0})
        if heard.prompt is None:
            self.routes.close(PROMPT, "the server gives no log-probabilities of the prompt")
            raise Undetermined(self.routes.reason(PROMPT))
        found = _tail(heard.prompt, latin(choice))
        if found is None:
            self.routes.close(PROMPT, "the prompt's last tokens do not spell the answer")
            raise Undetermined(self.routes.reason(PROMPT))
        logprob, tokens = found
        self._check_continued(PROMPT, heard, tokens)
        longer = [
            other for other in self.ask.choices if other != choice and other.startswith(choice)
        ]
        if longer:
            logprob += self._ends(heard, choice, longer, tokens)
        return min(max(logprob, _LEAST), 0.0)

    @staticmethod
    def _ends(heard: Heard, choice: str, longer: list[str], tokens: int) -> float:
        """Log of the share of ``choice`` that does not go on to one of ``longer``."""
        if not heard.tokens:
            raise Undetermined("one of them begins another, and where it ends is not seen")
        tally = Tally([latin(text) for text in (choice, *longer)])
        tally.hear(heard.tokens[:1], Node(latin(choice), 1.0, tokens))
        share = tally.gathered[latin(choice).strip()]
        return math.log(share) if share > 0.0 else _LEAST

    async def _extra(self, route: str, **options: Any) -> Heard:
        """One request more, by ``route``; a refusal closes it. Costs are counted."""
        try:
            heard = await self.asker.hear(self.ask, mend=False, **options)
        except EngineError as error:
            raise Undetermined(self.asker.cleaned(error)) from None
        if isinstance(heard, Answer):
            said = message_of(heard.body)
            reason = f"asked for it by {route} the server answered {heard.status}"
            reason = self.asker.endpoint.clean(f"{reason} ({said})" if said else reason)
            if heard.status in REFUSED:
                self.routes.close(route, reason)
            raise Undetermined(reason)
        spent, cost = heard.reply, self.cost
        self.cost = replace(
            cost,
            prompt_tokens=cost.prompt_tokens + spent.prompt_tokens,
            tokens=cost.tokens + spent.tokens,
            retries=cost.retries + spent.retries,
        )
        return heard


def _tail(prompt: list[Any], text: str) -> tuple[float, int] | None:
    """Log-probability and number of the last tokens, where they spell ``text`` (as Latin-1) but
    for its spaces, which a server may lose."""
    left, total, count = squeezed(text), 0.0, 0
    for entry in reversed(prompt):
        if not left:
            break
        try:
            given = next(iter(entry.values()))
            piece, logprob = latin(given["decoded_token"]), float(given["logprob"])
            blank, piece = piece.isspace(), squeezed(piece)
        except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
            return None
        if not (piece or blank) or not left.endswith(piece) or math.isnan(logprob):
            return None
        left, total, count = left.removesuffix(piece), total + logprob, count + 1
    return (total, count) if not left else None
