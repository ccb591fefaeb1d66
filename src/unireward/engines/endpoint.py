"""Endpoint: requests to one base URL, asked again where that may help, within a deadline.

The one place that knows the key. It goes into the request's header and nowhere else: ``repr``
does not show it, and whatever the server says is cleaned of it before it becomes an error.
"""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus
from ipaddress import ip_address
from itertools import count
from typing import NamedTuple

import httpx

from unireward.engines.retry import Clock, Retry, is_retried, retry_after_seconds
from unireward.engines.wire import message_of, one_line
from unireward.errors import EngineError, UsageError

MAX_BODY = 32 << 20
KEYS = ("UNIREWARD_API_KEY", "OPENAI_API_KEY")
_CONNECT_SECONDS = 10.0


class Answer(NamedTuple):
    """What the server said in the end, and how many extra attempts it took."""

    status: int
    content_type: str
    body: bytes
    retries: int = 0


class Later(NamedTuple):
    """An attempt that may be made again: why, and the least wait that the server asked for."""

    reason: str
    wish: float | None = None
    unreached: bool = False


class Final(NamedTuple):
    """An attempt after which there is no use in another."""

    reason: str


class EndpointError(EngineError):
    """No answer in the end. ``unreached``: nothing was ever heard; ``retries`` so far."""

    def __init__(self, message: str, *, unreached: bool, retries: int) -> None:
        super().__init__(message)
        self.unreached = unreached
        self.retries = retries


class Endpoint:
    """``request`` sends, waits and retries. Made and used inside one event loop."""

    def __init__(self, base_url: str, key: str | None, retry: Retry, clock: Clock, size: int):
        self.base_url = base_url
        self.retry = retry
        self._clock = clock
        self._key = key
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        url = httpx.URL(base_url)
        self._client = httpx.AsyncClient(
            headers=headers,
            # The deadline of the whole ask bounds reading; only connecting has its own.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=size, max_keepalive_connections=size),
            # A proxy that is set for the outside world has no way to this machine's own server.
            trust_env=not is_loopback(url.host),
            # Reading the machine's certificates takes longer than a short job; plain HTTP has no
            # use for them, and no redirect is followed to where they would be needed.
            verify=url.scheme == "https",
        )

    def __repr__(self) -> str:
        return f"<Endpoint {self.base_url}>"

    def clean(self, text: str) -> str:
        """``text`` on one line, without the key."""
        return one_line(text.replace(self._key, "***") if self._key else text)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        deadline: float | None = None,
        patient: bool = True,
        retries: int | None = None,
        at_root: bool = False,
    ) -> Answer:
        """The first answer that is final, or :class:`EndpointError` by the deadline.

        ``deadline`` is seconds from now, else the retry plan's, and so ``retries``. ``patient``
        False does not ask again a server that cannot be connected to. ``at_root`` takes ``path``
        from above the base URL's ``/v1``, where vLLM and SGLang have what is not OpenAI's.
        """
        deadline = self.retry.deadline if deadline is None else deadline
        retries = self.retry.retries if retries is None else retries
        url = (self.base_url.removesuffix("/v1") if at_root else self.base_url) + path
        until = self._clock.monotonic() + deadline
        for attempt in count():
            try:
                left = max(0.0, until - self._clock.monotonic())
                async with asyncio.timeout(left):
                    outcome = await self._attempt(method, url, body)
            except TimeoutError:
                outcome = Final(
                    f"no answer from {self.base_url} within {deadline:g} s; raise the deadline or "
                    "lower the concurrency"
                )
            if isinstance(outcome, Final):
                raise EndpointError(outcome.reason, unreached=False, retries=attempt)
            if isinstance(outcome, Answer):
                return outcome._replace(retries=attempt)
            reason, wish, unreached = outcome
            if unreached and not patient:
                raise EndpointError(reason, unreached=True, retries=attempt)
            if attempt >= retries:
                tries = f" ({attempt + 1} attempts)" if attempt else ""
                raise EndpointError(reason + tries, unreached=unreached, retries=attempt)
            wait = self.retry.wait(attempt, wish)
            if self._clock.monotonic() + wait >= until:
                raise EndpointError(
                    f"{reason}; asking again in {wait:.1f} s would be past the deadline of "
                    f"{deadline:g} s; raise the deadline or lower the concurrency",
                    unreached=unreached,
                    retries=attempt,
                )
            await self._clock.sleep(wait)
        raise AssertionError("unreachable")

    async def _attempt(self, method: str, url: str, body: bytes | None) -> Answer | Later | Final:
        try:
            response, content = await self._send(method, url, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Later(f"cannot reach {self.base_url} ({self._said(error)})", unreached=True)
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.TimeoutException) as error:
            return Later(f"connection to {self.base_url} lost ({self._said(error)})")
        except httpx.HTTPError as error:
            return Final(f"request to {self.base_url} failed ({self._said(error)})")
        except _TooLongError:
            return Final(f"the server's answer exceeds {MAX_BODY >> 20} MB; see the server's log")
        if not is_retried(response.status_code):
            return Answer(response.status_code, response.headers.get("content-type", ""), content)
        return Later(
            f"the server answered {phrase(response.status_code)}{self.said(content)}",
            retry_after_seconds(response.headers.get("retry-after"), self._clock.wall()),
        )

    async def _send(
        self, method: str, url: str, body: bytes | None
    ) -> tuple[httpx.Response, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else None
        async with self._client.stream(method, url, content=body, headers=headers) as response:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > MAX_BODY:
                    raise _TooLongError
                parts.append(part)
        return response, b"".join(parts)

    def said(self, body: bytes) -> str:
        """``: message`` of an error's body, or nothing."""
        # Cleaned before it is cut short, so that no half of a key is left over.
        key = (self._key or "").encode()
        message = self.clean(message_of(body.replace(key, b"***") if key else body))
        return f": {message}" if message else ""

    def _said(self, error: Exception) -> str:
        return self.clean(str(error)) or type(error).__name__

    async def close(self) -> None:
        await self._client.aclose()


class _TooLongError(Exception):
    pass


def phrase(status: int) -> str:
    """``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def api_key() -> str | None:
    """The key of the environment: ``UNIREWARD_API_KEY``, else ``OPENAI_API_KEY``."""
    for name in KEYS:
        key = os.environ.get(name, "").strip()
        if key:
            if not (key.isascii() and key.isprintable()):
                raise UsageError(f"{name} holds characters that no header may carry; set it again")
            return key
    return None


def checked_url(url: str) -> str:
    """``url`` without a trailing slash or ``/chat/completions``.

    Raises :class:`UsageError` where it is none, or carries a secret that would be written down.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(
            f"endpoint address is no URL ({error}); give http://HOST:PORT/v1"
        ) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UsageError(f"endpoint address {url!r} is no URL; give http://HOST:PORT/v1")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise UsageError(
            f"endpoint address at {parsed.host} carries a name, password or query; give it bare "
            "and set UNIREWARD_API_KEY"
        )
    return str(parsed).rstrip("/").removesuffix("/chat/completions").rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
