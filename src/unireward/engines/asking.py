"""Asker: asks as requests to one chat endpoint, sent again as the server wants them.

What a server refuses by name it is asked for in another way (:class:`Dialect`); a medium that
it has seen under its ``uuid`` may be named without its data, and is sent whole where that fails.
The ask is never lost by either. Pictures are encoded in threads beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from unireward.ask import Ask, Reply
from unireward.engines.dialect import Dialect
from unireward.engines.encoding import MediaEncoder, media_uuid
from unireward.engines.endpoint import KEYS, Answer, Endpoint, EndpointError, phrase
from unireward.engines.wire import Heard, heard_of_response, message_of, request_body
from unireward.errors import EngineError, EngineUnavailableError

REFUSALS = (401, 403, 404)
_MENDS = 6
_SEEN = 4096
_MEDIA_OPTIONS = frozenset({"mm_processor_kwargs", "media_io_kwargs"})


class Prepared(NamedTuple):
    """A request's body; ``bare`` where its media are named only, ``edition`` of the dialect."""

    data: bytes
    edition: int
    bare: bool = False


class Seen:
    """The media a server was sent under their ``uuid``: which may be named without data."""

    def __init__(self) -> None:
        self._uuids: OrderedDict[str, None] = OrderedDict()
        self.trusted = True
        self._proven = False

    def all_of(self, uuids: list[str]) -> bool:
        return self.trusted and bool(uuids) and all(uuid in self._uuids for uuid in uuids)

    def keep(self, uuids: list[str], *, bare: bool) -> None:
        self._proven = self._proven or bare
        for uuid in uuids:
            self._uuids[uuid] = None
            self._uuids.move_to_end(uuid)
        while len(self._uuids) > _SEEN:
            self._uuids.popitem(last=False)

    def forget(self, uuids: list[str]) -> None:
        """After a request that named them failed. A server that never took one is not asked so
        again; one that did has let go of these."""
        self.trusted = self._proven
        for uuid in uuids:
            self._uuids.pop(uuid, None)


class Asker:
    """``hear`` sends an ask and says what came back; ``tell`` is any other route of the server.

    ``bare`` allows media to be named without their data once the server has them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        pool: ThreadPoolExecutor,
        encoder: MediaEncoder,
        dialect: Dialect,
        model: str,
        *,
        bare: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.encoder = encoder
        self.dialect = dialect
        self.model = model
        self.bare = bare
        self.seen = Seen()
        self.proven = False
        self._pool = pool

    async def prepared(self, ask: Ask, **options: Any) -> Prepared:
        """The request's body; ``options`` are those of :func:`request_body`."""
        if ask.media:
            # Reading and encoding pictures takes long, and lets other threads run meanwhile.
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: self._prepare(ask, options))
        return self._prepare(ask, options)

    def _prepare(self, ask: Ask, options: Mapping[str, Any], *, whole: bool = False) -> Prepared:
        dialect, part_of = self.dialect, self.encoder.part
        edition = dialect.edition
        bare = not whole and self._bare(ask)
        if self._named(ask):
            part_of = self.encoder.bare if bare else self.encoder.named
        options = {"logprobs": bool(ask.choices) and dialect.logprobs, **options}
        top, field = dialect.top_for(ask), dialect.tokens_field
        body = request_body(
            ask, self.model, part_of, top=top, tokens_field=field,
            keeps_stop=dialect.keeps_stop, **options,
        )  # fmt: skip
        return Prepared(body, edition, bare)

    def _named(self, ask: Ask) -> bool:
        # How media are processed is not in their uuid, so one that is processed in a way of its
        # own goes without.
        return self.dialect.uuid and bool(ask.media) and not _MEDIA_OPTIONS & dict(ask.extra).keys()

    def _bare(self, ask: Ask) -> bool:
        return self.bare and self._named(ask) and self.seen.all_of(_uuids(ask))

    async def hear(
        self, ask: Ask, prepared: Prepared | None = None, *, mend: bool = True, **options: Any
    ) -> Heard | Answer:
        """What the server said to ``ask``, or its answer where that is no 200.

        Raises :class:`EngineError` where there is no answer, or no sense in it. ``mend`` False
        leaves the dialect as it is: an extra field was tried, and its refusal is the caller's.
        """
        if (
            prepared is None
            or prepared.edition != self.dialect.edition
            or prepared.bare != self._bare(ask)
        ):
            # While this one waited the server refused something to another, or got its media.
            prepared = await self.prepared(ask, **options)
        retries = 0
        for _ in range(_MENDS):
            answer = await self._post(ask, prepared, options)
            retries += answer.retries
            if answer.status == 200 or not mend:
                break
            changed = prepared.edition != self.dialect.edition
            if not (changed or self.dialect.mend(ask, answer.status, message_of(answer.body))):
                break
            prepared = await self.prepared(ask, **options)
        answer = answer._replace(retries=retries)
        if answer.status != 200:
            return answer
        try:
            heard = heard_of_response(answer.body, answer.content_type)
        except EngineError as error:
            raise EndpointError(self.cleaned(error), unreached=False, retries=retries) from None
        return heard._replace(reply=replace(heard.reply, retries=retries))

    async def _post(self, ask: Ask, prepared: Prepared, options: Mapping[str, Any]) -> Answer:
        uuids = _uuids(ask) if self._named(ask) else []
        if prepared.bare:
            try:
                answer = await self.post("/chat/completions", prepared.data, retries=0)
            except EndpointError:
                answer = None
            if answer is not None and answer.status == 200:
                self.seen.keep(uuids, bare=True)
                return answer
            self.seen.forget(uuids)
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(
                self._pool, lambda: self._prepare(ask, options, whole=True)
            )
        answer = await self.post("/chat/completions", prepared.data)
        if answer.status == 200:
            self.seen.keep(uuids, bare=False)
        return answer

    async def post(
        self, path: str, body: bytes, *, at_root: bool = False, retries: int | None = None
    ) -> Answer:
        """``POST path``. Refused or unreachable before anything was ever answered: the whole
        engine is unavailable."""
        try:
            answer = await self.endpoint.request(
                "POST", path, body, at_root=at_root, retries=retries
            )
        except EndpointError as error:
            if error.unreached and not self.proven:
                raise EngineUnavailableError(
                    f"{error}; start the server, or mend the address"
                ) from None
            raise
        if at_root or path != "/chat/completions":
            return answer
        if answer.status in REFUSALS and not self.proven:
            raise refused(self.endpoint, "POST /chat/completions", answer)
        self.proven = True
        return answer

    def failed(self, answer: Answer) -> Reply:
        """The reply that says what the server answered instead of a 200."""
        said = self.endpoint.said(answer.body)
        error = f"the server answered {phrase(answer.status)}{said}"
        return Reply(error=error, retries=answer.retries)

    def cleaned(self, error: EngineError) -> str:
        return self.endpoint.clean(str(error))


def refused(endpoint: Endpoint, what: str, answer: Answer) -> EngineUnavailableError:
    """The engine as a whole is of no use: the server does not let us in, or has no such model."""
    mend = (
        "end the address in /v1, or set model (--model) to one that is served"
        if answer.status == 404
        else f"set {KEYS[0]} to a key that it accepts"
    )
    return EngineUnavailableError(
        f"{endpoint.base_url} answered {what} with {phrase(answer.status)}"
        f"{endpoint.said(answer.body)}; {mend}"
    )


def _uuids(ask: Ask) -> list[str]:
    return [media_uuid(part) for part in ask.media]
