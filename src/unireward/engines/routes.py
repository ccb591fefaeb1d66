"""Routes: the ways to the log-probabilities of given answers that one endpoint still has.

Cheapest first, in requests a verdict:

==============  ========================================  ===========================  ==========
route           what it needs                             requests                     servers
==============  ========================================  ===========================  ==========
(the reply)     ``logprobs`` of the generated tokens      1                            any
``continue``    ``continue_final_message``                one more for each text that  vLLM,
                                                          leaves several answers open  SGLang
``token_ids``   ``logprob_token_ids``, ``/tokenize``      1 more (the ids once)        vLLM
``score``       ``/generative_scoring`` or ``/v1/score``, 1 + answers (vLLM), 1        vLLM,
                no media, answers of one token            (SGLang)                     SGLang
``prompt``      ``prompt_logprobs``                       answers, past the prefix     vLLM
                                                          cache
==============  ========================================  ===========================  ==========

A route is closed for good, with the reason, once the server refuses it, or claims it and does
something else; the ask that found out goes on by the next one.
"""

from __future__ import annotations

import sys

CONTINUE, TOKEN_IDS, SCORE, PROMPT = "continue", "token_ids", "score", "prompt"
VLLM, SGLANG = "vllm", "sglang"
SERVERS = (VLLM, SGLANG)
_GIVEN = {
    VLLM: (CONTINUE, TOKEN_IDS, SCORE, PROMPT),
    SGLANG: (CONTINUE, SCORE),
}
REFUSED = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses by which a server says that it has no such thing."""


class Routes:
    """The open routes of the endpoint at ``base_url``. ``meet`` says what serves there."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.server = ""
        self._open: set[str] = {CONTINUE}
        self._reasons: dict[str, str] = {}
        self._told = False

    def meet(self, server: str) -> None:
        """Open what ``server`` (``vllm``, ``sglang``, any other name) is known to have.

        Any server may continue a text: whether it did is seen from the tokens it counts.
        """
        self.server = server
        self._open = set(_GIVEN.get(server, (CONTINUE,))) - self._reasons.keys()

    def has(self, route: str) -> bool:
        return route in self._open

    def close(self, route: str, reason: str) -> None:
        """Never take ``route`` again."""
        self._open.discard(route)
        self._reasons.setdefault(route, reason)

    def reason(self, route: str) -> str:
        """Why ``route`` was closed, or that this server was never known to have it."""
        return self._reasons.get(route, f"the server has no {route} route")

    def tell(self, reason: str) -> None:
        """Say once, on stderr, that verdicts here are read from the reply's text alone."""
        if not self._told:
            self._told = True
            print(
                f"unireward: {self.base_url}: {reason}; such verdicts are read from the reply's "
                "text, without probabilities",
                file=sys.stderr,
                flush=True,
            )
