"""The scripted server as a program, and what it makes of requests that are not ours."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from unireward.ask import Sampling
from unireward.engines.openai import OpenAIEngine
from unireward.engines.scripted import ScriptedEngine
from unireward.engines.serve_scripted import ScriptedServer, ask_of_request


def test_served_from_a_table_by_another_process(tmp_path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text(json.dumps({"contains": "red", "reply": "Image 1 is better"}) + "\n")
    command = [sys.executable, "-m", "unireward.engines.serve_scripted", str(table)]
    server = subprocess.Popen(
        [*command, "--model", "m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        with OpenAIEngine(url) as engine:
            assert engine.name == "m"
            (reply,) = engine.generate([ask_of_request({"messages": [user("a red one")]})])
        assert reply.text == "Image 1 is better"
    finally:
        server.stdin.close()
    assert server.wait() == 0


def test_a_table_that_cannot_be_read_is_one_line(tmp_path) -> None:
    command = [sys.executable, "-m", "unireward.engines.serve_scripted", str(tmp_path / "no")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "No such file or directory; give a JSON Lines file of rules"
    )
    assert done.stderr.count("\n") == 1


def user(content) -> dict:
    return {"role": "user", "content": content}


def test_a_request_becomes_the_ask_it_was_made_of() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, user([{"type": "text", "text": "t"}])],
        "temperature": 0.5,
        "seed": 3,
        "stop": ["x"],
        "logprobs": True,
        "top_logprobs": 20,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    ask = ask_of_request(body)
    assert ask.text == "s\nt"
    assert ask.sampling == Sampling(temperature=0.5, seed=3, stop=("x",))
    assert ask.extra == (("chat_template_kwargs", {"enable_thinking": False}),)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"messages": 3}', 400),
        ("POST", "/v1/chat/completions", b'{"messages": []}', 400),
        (
            "POST",
            "/v1/chat/completions",
            json.dumps(
                {
                    "model": "scripted",
                    "messages": [
                        user(
                            [{"type": "image_url", "image_url": {"url": "http://elsewhere/a.png"}}]
                        )
                    ],
                }
            ).encode(),
            400,
        ),
    ],
)
def test_requests_that_will_not_do(method, path, content, status) -> None:
    with ScriptedServer(ScriptedEngine("x")) as server, httpx.Client(trust_env=False) as client:
        base = server.url.removesuffix("/v1")
        answer = client.request(method, base + path, content=content)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]


def test_connections_are_kept_alive() -> None:
    body = {"model": "scripted", "messages": [user("x")], "max_tokens": 5}
    with ScriptedServer(ScriptedEngine("hello there")) as server:
        address = server.url.removeprefix("http://").removesuffix("/v1")
        with httpx.Client(trust_env=False) as client:
            ports = set()
            for _ in range(3):
                answer = client.post(f"http://{address}/v1/chat/completions", json=body)
                stream = answer.extensions["network_stream"]
                ports.add(stream.get_extra_info("client_addr"))
                assert answer.json()["choices"][0]["message"]["content"] == "hello there"
            assert len(ports) == 1
        assert server.requests == 3
