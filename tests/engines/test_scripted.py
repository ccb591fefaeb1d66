"""The scripted engine: what its table answers, its faults, its order, its identity."""

from __future__ import annotations

import json
import re
import threading
from itertools import count, islice

import pytest

from unireward.ask import Ask, ImageContent, Message, Reply, TextContent
from unireward.engines.rules import read_table
from unireward.engines.scripted import ScriptedEngine
from unireward.errors import EngineUnavailableError, InputError, UsageError
from unireward.protocols import Engine

YES_NO = ("yes", "no")


class Picture:
    """Stands for an image of which only the digest is looked at."""

    def __init__(self, digest: str) -> None:
        self.digest = digest


def ask(text: str, *digests: str, choices: tuple[str, ...] = ()) -> Ask:
    images = tuple(ImageContent(Picture(digest)) for digest in digests)
    return Ask((Message("user", (*images, TextContent(text))),), choices=choices)


def test_is_an_engine() -> None:
    assert isinstance(ScriptedEngine("hello"), Engine)


def test_first_matching_key_answers_and_the_empty_one_answers_the_rest() -> None:
    engine = ScriptedEngine({"red": "one", re.compile("bl[aeiou]e", re.I): "two", "": "three"})
    replies = engine.generate([ask("a red BLUE"), ask("a BLUE red".upper()), ask("green")])
    assert [reply.text for reply in replies] == ["one", "two", "three"]
    assert engine.calls == 3
    assert [one.text for one in engine.seen] == ["a red BLUE", "A BLUE RED", "green"]


def test_media_rules_match_by_digest_order_and_number() -> None:
    first, second = "a" * 64, "b" * 64
    engine = ScriptedEngine(
        [
            {"media": [first, second], "reply": "in order"},
            {"media": second, "images": 1, "reply": "second alone"},
            (first, "shows the first"),
            {"images": 0, "reply": "no media"},
        ]
    )
    asks = [
        ask("x", first, second),
        ask("x", second, first),
        ask("x", second),
        ask("x"),
        ask("x", second, second),
    ]
    replies = engine.generate(asks)
    texts = [reply.text for reply in replies]
    assert texts == ["in order", "shows the first", "second alone", "no media", None]
    assert replies[4].error == "no rule answers the ask 'x'; add one to the table"


def test_choices_are_exactly_those_asked() -> None:
    engine = ScriptedEngine(lambda a: {"no": -2.0, "yes": -0.25, "perhaps": -3.0})
    chosen, beyond = engine.choose(
        [ask("q", choices=YES_NO), ask("q", choices=("yes", "no", "never"))]
    )
    assert chosen.choices == {"yes": -0.25, "no": -2.0}
    assert list(chosen.choices) == ["yes", "no"]
    assert chosen.text == "yes"
    assert beyond.choices is None
    assert beyond.text == "yes"
    (plain,) = engine.generate([ask("q", choices=YES_NO)])
    assert plain.choices is None


def test_an_engine_that_cannot_choose_gives_text_and_refuses_choose() -> None:
    engine = ScriptedEngine(lambda a: {"yes": -0.1, "no": -3.0}, capabilities=("generate",))
    ((_, reply),) = engine.stream([ask("q", choices=YES_NO)])
    assert (reply.text, reply.choices) == ("yes", None)
    with pytest.raises(UsageError, match="gives no log-probabilities"):
        engine.choose([ask("q", choices=YES_NO)])
    with pytest.raises(UsageError, match="ask 1 has no choices"):
        ScriptedEngine("x").choose([ask("q", choices=YES_NO), ask("q")])


def test_planned_faults_befall_the_calls_they_name() -> None:
    plan = {1: "error", 2: "truncated", 3: "refused", 4: "drop"}
    engine = ScriptedEngine("Image 1 is better", faults=plan)
    replies = engine.generate([ask("x")] * 6)
    assert [reply.error for reply in replies] == [
        None,
        "planned fault",
        None,
        None,
        "connection lost (planned fault)",
        None,
    ]
    assert [reply.text for reply in replies] == [
        "Image 1 is better",
        None,
        "Image 1 ",
        "",
        None,
        "Image 1 is better",
    ]
    assert [reply.finish_reason for reply in replies] == [
        "stop",
        None,
        "length",
        "content_filter",
        None,
        "stop",
    ]


def test_unavailable_raises_before_any_reply() -> None:
    engine = ScriptedEngine("x", faults={0: "unavailable"})
    got: list[tuple[int, Reply]] = []
    with pytest.raises(EngineUnavailableError, match="engine scripted is unavailable"):
        got.extend(engine.stream([ask("x"), ask("y")]))
    assert got == []


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({0: "explode"}, "fault of call 0 is 'explode'"),
        ({2: "unavailable"}, "call 2: 'unavailable' is for call 0 only"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ScriptedEngine("x", faults=plan)


def test_a_window_answers_out_of_order_the_same_each_time() -> None:
    asks = [ask(str(n)) for n in range(40)]

    def order() -> list[int]:
        engine = ScriptedEngine(lambda a: a.text, window=8, seed=5)
        pairs = list(engine.stream(asks))
        assert all(reply.text == str(index) for index, reply in pairs)
        return [index for index, _ in pairs]

    first = order()
    assert first == order()
    assert first != sorted(first)
    assert sorted(first) == list(range(40))
    # An ask may be answered at most window - 1 places before its turn.
    assert max(index - place for place, index in enumerate(first)) <= 7


def test_stream_pulls_lazily_from_an_endless_iterator() -> None:
    pulled: list[int] = []

    def endless():
        for number in count():
            pulled.append(number)
            yield ask(str(number))

    engine = ScriptedEngine("x", window=4)
    assert len(list(islice(engine.stream(endless()), 10))) == 10
    assert len(pulled) == 13


def test_delays_are_slept_through_the_given_sleeper() -> None:
    slept: list[float] = []
    engine = ScriptedEngine("x", delay=lambda a: len(a.text) / 4, sleep=slept.append)
    replies = engine.generate([ask("x"), ask("xx"), ask("")])
    assert slept == [0.25, 0.5]
    assert [reply.seconds for reply in replies] == [0.25, 0.5, 0.0]


def test_calls_are_counted_over_threads() -> None:
    engine = ScriptedEngine("x", faults=lambda number, a: "error" if number % 2 else None)
    errors: list[int] = []

    def run() -> None:
        errors.append(sum(r.error is not None for r in engine.generate([ask("x")] * 500)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.calls == 4000
    assert sum(errors) == 2000


def test_identity_tells_scripts_apart_and_knows_the_same_again() -> None:
    def identity(*args, **kwargs) -> str:
        return ScriptedEngine(*args, **kwargs).identity

    assert identity({"a": "x"}) == identity({"a": "x"})
    assert identity({"a": "x"}) != identity({"a": "y"})
    assert identity({"a": "x"}) != identity({"a": "x"}, faults={1: "truncated"})
    assert identity(lambda a: "x") != identity(lambda a: "x")


def test_a_table_file_answers(tmp_path) -> None:
    path = tmp_path / "table.jsonl"
    lines = [
        {"contains": "short", "choices": {"yes": -0.5, "no": -1.0}, "tokens": 7},
        {"regex": "^cut", "reply": "Image", "finish_reason": "length"},
        {"contains": "broken", "error": "out of memory"},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", encoding="utf-8")
    engine = ScriptedEngine.from_file(path)
    assert engine.name == "scripted:table"
    short, cut, broken = [
        r for _, r in engine.stream([ask("short", choices=YES_NO), ask("cut"), ask("broken")])
    ]
    assert (short.text, short.choices, short.tokens) == ("yes", {"yes": -0.5, "no": -1.0}, 7)
    assert (cut.text, cut.finish_reason) == ("Image", "length")
    assert (broken.text, broken.error, broken.tokens) == (None, "out of memory", 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"reply": "x"}\n{"replies": "y"}', r"table.jsonl:2: replies: Extra inputs"),
        ('{"reply": "x"', r"table.jsonl:1: no JSON"),
        ('{"regex": "("}', r"table.jsonl:1: regex: is no regular expression"),
        ('{"choices": {"yes": 0.7}}', r"table.jsonl:1: choices: needs natural log-probabilities"),
        ("", r"table.jsonl: no rules; add"),
    ],
)
def test_a_table_that_cannot_be_read_names_file_line_and_field(tmp_path, body, message) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_table(path)


def test_a_missing_table_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none.jsonl: No such file"):
        read_table(tmp_path / "none.jsonl")
