"""ScriptedServer: the scripted engine over HTTP, in the shape of an OpenAI-compatible server.

For tests and measurements of whatever talks to such a server, on loopback and with no model::

    with ScriptedServer(ScriptedEngine("Image 1 is better"), faults={1: 503, 4: "hang"}) as server:
        engine = OpenAIEngine(server.url)

or ``python -m unireward.engines.serve_scripted TABLE.jsonl --port 8000``.

An ask is rebuilt from the request: its text is the text that was sent, its images are those of
the data URLs (so their digests are the sent JPEG's, not the original's: match on text, number
and order). The choices of an ask do not travel; where log-probabilities are asked for, a reply
that has choices is sent as one token with the other choices as alternatives, which a client
reads back exactly. With a :class:`~unireward.engines.scripted_model.Manner` replies are said
token by token instead, by a model of words, and the routes of vLLM or SGLang are there too. A
scripted ``error`` is a 400, ``drop`` a closed connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from unireward.ask import Ask
from unireward.engines.base import CHOOSE
from unireward.engines.loop import LoopThread
from unireward.engines.scripted import ScriptedEngine
from unireward.engines.scripted_model import Manner, ModelServer, Refusal
from unireward.engines.scripted_wire import ask_of_request, completion
from unireward.errors import EngineUnavailableError, UnirewardError

FaultKind = Literal["html", "garbage", "empty", "null", "huge", "hang", "reset", "close", "half"]
_REMEMBERED = 256
_HTML = b"<!doctype html><html><body><h1>Welcome</h1></body></html>"


@dataclass(frozen=True)
class Status:
    """A fault: this status instead of an answer."""

    code: int
    retry_after: str | None = None
    message: str = "planned fault"


HttpFault = FaultKind | int | Status
"""``html`` and ``garbage`` are a 200 with that body; ``empty`` has no choices, ``null`` no content,
``huge`` 33 MB; ``hang`` never answers; ``reset``, ``close`` and ``half`` lose the connection
(reset, closed before, and within the answer). A number is a status."""
FaultOf = Callable[[int, Ask], HttpFault | None]
HttpFaults = Mapping[int, HttpFault] | FaultOf


class ScriptedServer:
    """Serves ``engine`` while entered; ``url`` is its base URL, ending in ``/v1``.

    ``models`` are the ``(id, root)`` that ``GET /v1/models`` lists, None for a server without
    that list; ``models_fault`` befalls it. ``faults`` number questions from 0 as they arrive.
    ``key`` is required of every request where given. ``gather`` questions must be under way
    before the first is answered. ``bodies`` and ``headers`` are the last ones received,
    ``requests`` the number of questions, ``paths`` that of requests by path, ``peak`` the most
    questions that were under way at once. ``manner`` makes it a server of a model of words.
    """

    def __init__(
        self,
        engine: ScriptedEngine,
        *,
        faults: HttpFaults | None = None,
        models: Sequence[tuple[str, str]] | None = (("scripted", "scripted"),),
        models_fault: HttpFault | None = None,
        key: str | None = None,
        gather: int = 0,
        manner: Manner | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.engine = engine
        self.models = models
        self.models_fault: HttpFault | None = models_fault
        self.requests = self.model_requests = self.under_way = self.peak = 0
        self.bodies: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self.headers: deque[dict[str, str]] = deque(maxlen=_REMEMBERED)
        plan: HttpFaults = faults if faults is not None else {}
        self._fault_of: FaultOf = plan if callable(plan) else _looked_up(plan)
        self.paths: Counter[str] = Counter()
        self.model = ModelServer(manner, engine.said, ask_of_request) if manner else None
        self._key = key
        self._gather = gather
        self._gathered = asyncio.Event()
        self._address = (host, port)
        self._thread: LoopThread | None = None
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        host, port = self._address
        return f"http://{host}:{port}/v1"

    def __enter__(self) -> Self:
        self._thread = LoopThread("scripted-server")
        self._thread.submit(self._listen()).result()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.stop(self._shut())
            self._thread = None

    async def _listen(self) -> None:
        host, port = self._address
        self._server = await asyncio.start_server(self._serve, host, port, limit=1 << 20)
        self._address = self._server.sockets[0].getsockname()[:2]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, headers = _head(head)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = await self._answer(method, path, headers, body)
                if not await _write(writer, answer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> _Answer:
        if self._key is not None and headers.get("authorization") != f"Bearer {self._key}":
            given = headers.get("authorization", "none")
            return _error(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}")
        if (method, path) == ("GET", "/v1/models"):
            self.model_requests += 1
            return await self._befallen(self._listed(), self.models_fault)
        self.paths[path] += 1
        if (method, path) == ("POST", "/v1/chat/completions"):
            return await self._question(headers, body)
        if method == "POST" and self.model is not None:
            return self._routed(self.model, path, body)
        return _error(404, f"no {method} {path} here")

    def _listed(self) -> _Answer:
        if self.models is None:
            return _error(404, "Not Found")
        owner = {"owned_by": self.model.manner.server} if self.model else {}
        data = [
            {"id": name, "object": "model", "root": root, **owner} for name, root in self.models
        ]
        return _ok({"object": "list", "data": data})

    async def _question(self, headers: dict[str, str], body: bytes) -> _Answer:
        number = self.requests
        self.requests += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        if self.under_way >= self._gather:
            self._gathered.set()
        try:
            await self._gathered.wait()
            given = json.loads(body)
            self.bodies.append(given)
            self.headers.append(headers)
            if self.model is not None:
                given = self.model.checked(given)
            ask = self.model.ask(given) if self.model else ask_of_request(given)
            answer = await self._said(ask, given)
            return await self._befallen(answer, self._fault_of(number, ask))
        except Refusal as refusal:
            return _error(refusal.status, str(refusal))
        except Exception as error:
            # Whatever it is, a malformed body or a script that fails, the client is told.
            return _error(400, f"bad request: {type(error).__name__}: {error}")
        finally:
            self.under_way -= 1

    @staticmethod
    def _routed(model: ModelServer, path: str, body: bytes) -> _Answer:
        try:
            return _ok(model.route(path, json.loads(body)))
        except Refusal as refusal:
            return _error(refusal.status, str(refusal))
        except Exception as error:
            return _error(400, f"bad request: {type(error).__name__}: {error}")

    async def _said(self, ask: Ask, given: Mapping[str, Any]) -> _Answer:
        served = self.models is None or given["model"] in dict(self.models)
        if not served:
            return _error(404, f"The model `{given['model']}` does not exist.")
        if given.get("logprobs") and CHOOSE not in self.engine.capabilities:
            return _error(400, "logprobs are not supported by this server")
        try:
            fault = self.engine.take(ask)
        except EngineUnavailableError as error:
            return _error(403, str(error))
        await asyncio.sleep(self.engine.delay_of(ask))
        if fault == "drop":
            return _Answer(lost="close")
        reply = self.engine.faulty(self.engine.said(ask), fault)
        if reply.error is not None:
            return _error(400, reply.error)
        if self.model is not None:
            return _ok(self.model.completion(given, reply))
        return _ok(completion(reply, str(given["model"]), logprobs=bool(given.get("logprobs"))))

    async def _befallen(self, answer: _Answer, fault: HttpFault | None) -> _Answer:
        if fault is None:
            return answer
        if isinstance(fault, int):
            fault = Status(fault)
        if isinstance(fault, Status):
            extra = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return _error(fault.code, fault.message, extra)
        if fault == "hang":
            await asyncio.Event().wait()
        if fault in ("reset", "close", "half"):
            return _Answer(body=answer.body, lost=fault)
        bodies = {
            "html": (_HTML, "text/html; charset=utf-8"),
            "garbage": (b'{"choices": [{"mess', "application/json"),
            "empty": (b'{"object": "chat.completion", "choices": []}', "application/json"),
            "huge": (b" " * (33 << 20), "application/json"),
            "null": (_null(), "application/json"),
        }
        body, kind = bodies[fault]
        return _Answer(body=body, content_type=kind)


@dataclass(frozen=True)
class _Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    lost: str | None = None


def _looked_up(plan: Mapping[int, HttpFault]) -> FaultOf:
    return lambda number, ask: plan.get(number)


def _ok(value: Any) -> _Answer:
    return _Answer(body=json.dumps(value).encode())


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> _Answer:
    body = json.dumps({"error": {"message": message, "type": "error", "code": status}}).encode()
    return _Answer(status, body, headers=tuple((headers or {}).items()))


def _null() -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None},
        "finish_reason": "stop",
    }
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _write(writer: asyncio.StreamWriter, answer: _Answer) -> bool:
    """Send ``answer``; False where the connection is over."""
    if answer.lost == "reset":
        sock = writer.get_extra_info("socket")
        # Closing with a linger of 0 seconds sends a reset instead of a farewell.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False
    if answer.lost == "close":
        return False
    body = answer.body[: len(answer.body) // 2] if answer.lost == "half" else answer.body
    lines = [
        f"HTTP/1.1 {answer.status} X",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
    await writer.drain()
    return answer.lost is None


def main(argv: Sequence[str] | None = None) -> None:
    """Serve a table until interrupted, its base URL being the first line on stdout."""
    parser = argparse.ArgumentParser(prog="serve_scripted", description=main.__doc__)
    parser.add_argument("table", type=Path, help="JSON Lines of rules")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--model", default="scripted", help="name of the model served")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args(argv)
    try:
        engine = ScriptedEngine.from_file(options.table, delay=options.delay)
    except UnirewardError as error:
        sys.exit(str(error))
    models = ((options.model, str(options.table)),)
    with ScriptedServer(engine, models=models, host=options.host, port=options.port) as server:
        print(server.url, flush=True)
        try:
            # Ends with whoever started it, as when its standard input is a pipe.
            while sys.stdin.buffer.read(1):
                pass
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
