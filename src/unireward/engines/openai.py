"""OpenAIEngine: a model behind an OpenAI-compatible endpoint (vLLM, SGLang, any other).

::

    with OpenAIEngine("http://127.0.0.1:8000/v1", model="UnifiedReward") as engine:
        for index, reply in engine.stream(asks):        # as each is done; asks pulled lazily
            ...

Nothing is sent before ``name``, ``identity`` or ``stream`` is used. The first contact asks for
the list of models; an endpoint that cannot be reached, or that answers it or the first question
with 401, 403 or 404, raises :class:`EngineUnavailableError` before any reply. From then on
whatever happens is one ask's: its reply has an ``error`` that says what the server did.

``choose`` takes what the server gives (:mod:`unireward.engines.verdicts`): the log-probabilities
of the reply's tokens, of texts it continues, of its prompt, or its scoring routes.

Replies come back as they are done and the next ask takes the place at once. Requests run in an
event loop of a thread of their own; images are encoded in threads beside it, a little ahead.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

from unireward.ask import Ask, Reply
from unireward.engines.asking import Asker, Prepared, refused
from unireward.engines.base import CHOOSE, GENERATE, IMAGE, VIDEO, BaseEngine
from unireward.engines.dialect import KEEPS_STOP, Dialect
from unireward.engines.encoding import MediaEncoder
from unireward.engines.endpoint import Endpoint, EndpointError, api_key, checked_url
from unireward.engines.flight import Flight
from unireward.engines.loop import LoopThread
from unireward.engines.retry import Clock, Retry
from unireward.engines.routes import SERVERS, VLLM, Routes
from unireward.engines.scoring import Scorer, load_tokenizer
from unireward.engines.verdicts import Verdicts
from unireward.engines.wire import models_of, owner_of
from unireward.errors import EngineUnavailableError, UnirewardError, UsageError

_PROBE_SECONDS = 30.0
MediaUuid = bool | Literal["bare"] | None


class OpenAIEngine(BaseEngine):
    """``base_url`` ends in ``/v1`` most often; ``model`` may be None where only one is served.

    At most ``concurrency`` requests are under way; ``retry`` says how often and how long one
    ask is tried (:class:`Retry`). ``salt`` goes into ``identity`` (``--cache-salt``), for a
    server whose weights changed under the same name. ``video`` says that the server takes
    native video parts. The key comes from ``UNIREWARD_API_KEY`` or ``OPENAI_API_KEY``.

    ``server`` is ``vllm`` or ``sglang`` where the server's list of models does not say so (behind
    a proxy). ``media_uuid`` names each medium by its content's digest, for a server that then
    caches it by that: None where the server is vLLM, True or False as said, ``"bare"`` leaves out
    the data of media already sent (they are sent again where the server has let go of them).
    ``score_first`` prefers the routes that score asks without media after the prompt alone;
    ``tokenizer`` (a folder, a hub id, or a tokenizer) lays out their prompts for SGLang.
    """

    kind = "openai"

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None = None,
        concurrency: int = 32,
        retry: Retry | None = None,
        salt: str = "",
        video: bool = False,
        media_bytes: int = 256 << 20,
        server: str | None = None,
        media_uuid: MediaUuid = None,
        score_first: bool = False,
        tokenizer: Any = None,
        clock: Clock | None = None,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; set it to 1 or more")
        if server is not None and server not in SERVERS:
            raise UsageError(f"server is {server!r}; set it to one of {', '.join(SERVERS)}")
        if media_uuid not in (None, True, False, "bare"):
            raise UsageError(f"media_uuid is {media_uuid!r}; set it to True, False or 'bare'")
        self.base_url = checked_url(base_url)
        self.concurrency = concurrency
        self.retry = retry or Retry()
        self.salt = salt
        self.encoder = MediaEncoder(max_bytes=media_bytes, video=video)
        self._given = frozenset({GENERATE, CHOOSE, IMAGE} | ({VIDEO} if video else set()))
        self._clock = clock or Clock()
        self._model = model
        self._root: str | None = None
        self._server = server
        self._media_uuid: MediaUuid = media_uuid
        self._score_first = score_first
        self._tokenizer = load_tokenizer(tokenizer)
        self.dialect = Dialect(uuid=bool(media_uuid))
        self.routes = Routes(self.base_url)
        self._lock = threading.Lock()
        self._running: _Running | None = None
        api_key()  # An unusable key is said now rather than at the first contact.

    @property
    def name(self) -> str:  # type: ignore[override]
        """The served model's name; asks the server where it was not given."""
        if self._model is None:
            self.connect()
        assert self._model is not None
        return self._model

    @property
    def identity(self) -> str:  # type: ignore[override]
        """Base URL, model, its root as the server says it, and the salt (contacts the server)."""
        self.connect()
        return json.dumps(["openai", self.base_url, self._model, self._root, self.salt])

    @property
    def capabilities(self) -> frozenset[str]:  # type: ignore[override]
        """Without ``choose`` once the server has refused log-probabilities."""
        return self._given if self.dialect.logprobs else self._given - {CHOOSE}

    def connect(self) -> None:
        """Make the first contact, once.

        Raises :class:`EngineUnavailableError` (naming the address and the mend), and
        :class:`UsageError` where several models are served and none was named.
        """
        if self._root is None:
            self._running_now().thread.submit(self._contact()).result()

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        self.connect()
        flight = Flight(self, asks)
        try:
            while flight.refill():
                yield flight.landed(flight.done.get())
        finally:
            flight.cancel()

    async def astream(self, asks: Iterable[Ask]) -> AsyncIterator[tuple[int, Reply]]:
        """``stream`` for code that runs in an event loop itself, which is never blocked."""
        if self._root is None:
            await asyncio.wrap_future(self._running_now().thread.submit(self._contact()))
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        flight = Flight(self, asks, lambda: loop.call_soon_threadsafe(ready.set))
        try:
            while flight.refill():
                while flight.done.empty():
                    ready.clear()
                    if flight.done.empty():
                        await ready.wait()
                yield flight.landed(flight.done.get_nowait())
        finally:
            flight.cancel()

    def submit(self, ask: Ask) -> Future[Reply]:
        """One ask on its way. Its future holds the Reply, or the engine's unavailability."""
        return self._running_now().thread.submit(self._answer(ask))

    def close(self) -> None:
        """Abandon what is in flight and close the connections; used again, it opens anew."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __repr__(self) -> str:
        return f"<OpenAIEngine {self._model or '?'} at {self.base_url}>"

    # In the loop's thread ---------------------------------------------------------------------

    def _running_now(self) -> _Running:
        with self._lock:
            if self._running is None:
                self._running = _Running(self.base_url, self.retry, self._clock, self.concurrency)
            return self._running

    def _verdicts(self, running: _Running) -> Verdicts:
        """What asks this server, made at the first ask of an open engine."""
        if running.verdicts is None:
            assert self._model is not None
            asker = Asker(
                running.endpoint,
                running.pool,
                self.encoder,
                self.dialect,
                self._model,
                bare=self._media_uuid == "bare",
            )
            scorer = Scorer(asker, self.routes, self._tokenizer)
            running.verdicts = Verdicts(asker, self.routes, scorer, score_first=self._score_first)
        return running.verdicts

    async def _contact(self) -> None:
        running = self._running_now()
        async with running.contact:
            if self._root is None:
                models = await self._models(running.endpoint)
                self._model, self._root = self._chosen(models)

    async def _models(self, endpoint: Endpoint) -> list[tuple[str, str]] | None:
        """What the server lists; None where it has no list (the first question then decides)."""
        try:
            seconds = min(self.retry.deadline, _PROBE_SECONDS)
            answer = await endpoint.request("GET", "/models", deadline=seconds, patient=False)
        except EndpointError as error:
            raise EngineUnavailableError(
                f"{error}; start the server, or mend the address {self.base_url}"
            ) from None
        if answer.status in (401, 403):
            raise refused(endpoint, "GET /models", answer)
        listed = answer.status == 200
        server = self._server or (owner_of(answer.body) if listed else "")
        self.routes.meet(server)
        self.dialect.keeps_stop = KEEPS_STOP.get(server, "")
        if self._media_uuid is None:
            self.dialect.uuid = server == VLLM
        return models_of(answer.body) if listed else None

    def _chosen(self, models: list[tuple[str, str]] | None) -> tuple[str, str]:
        if self._model is not None:
            return self._model, dict(models or ()).get(self._model, "")
        if not models:
            raise EngineUnavailableError(
                f"{self.base_url} lists no models; end the address in /v1, or set model (--model)"
            )
        if len(models) > 1:
            listed = ", ".join(name for name, _ in models[:10]) + ("…" if models[10:] else "")
            raise UsageError(
                f"{self.base_url} serves {len(models)} models; set model (--model) to one of: "
                f"{listed}"
            )
        return models[0]

    async def _answer(self, ask: Ask) -> Reply:
        running = self._running_now()
        verdicts = self._verdicts(running)
        started = self._clock.monotonic()
        try:
            # Encoded while it waits for its place, so that the place is never held for that.
            prepared: Prepared = await verdicts.asker.prepared(ask)
            async with running.slots:
                started = self._clock.monotonic()
                reply = await verdicts.answer(ask, prepared)
        except EngineUnavailableError:
            raise
        except EndpointError as error:
            reply = Reply(error=str(error), retries=error.retries)
        except UnirewardError as error:
            reply = Reply(error=running.endpoint.clean(str(error)))
        return replace(reply, seconds=max(0.0, self._clock.monotonic() - started))


class _Running:
    """What an open engine holds: the loop's thread, the connections, the encoding threads."""

    def __init__(self, base_url: str, retry: Retry, clock: Clock, concurrency: int) -> None:
        self.thread = LoopThread("unireward-endpoint")
        self.pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "unireward-encode")
        self.endpoint = Endpoint(base_url, api_key(), retry, clock, concurrency)
        self.slots = asyncio.Semaphore(concurrency)
        self.contact = asyncio.Lock()
        self.verdicts: Verdicts | None = None

    def stop(self) -> None:
        self.thread.stop(self.endpoint.close())
        self.pool.shutdown(wait=True, cancel_futures=True)
