"""What every engine has from ``stream`` alone."""

from __future__ import annotations

import pytest

from unireward.ask import Ask, Message, Reply, TextContent
from unireward.engines import ScriptedEngine
from unireward.engines.base import BaseEngine


def ask(text: str) -> Ask:
    return Ask((Message("user", (TextContent(text),)),))


class Backwards(BaseEngine):
    name = "backwards"
    closed = 0

    def stream(self, asks):
        for index, one in reversed(list(enumerate(asks))):
            yield index, Reply(text=one.text)

    def close(self) -> None:
        self.closed += 1


def test_replies_are_put_in_the_order_of_the_asks() -> None:
    replies = Backwards().generate([ask(str(n)) for n in range(9)])
    assert [reply.text for reply in replies] == [str(n) for n in range(9)]


def test_an_ask_left_unanswered_or_answered_twice_is_a_fault_of_the_engine() -> None:
    class Short(BaseEngine):
        def stream(self, asks):
            yield 0, Reply(text="x")

    class Double(BaseEngine):
        def stream(self, asks):
            yield 0, Reply(text="x")
            yield 0, Reply(text="y")

    with pytest.raises(AssertionError, match="left unanswered"):
        Short().generate([ask("a"), ask("b")])
    with pytest.raises(AssertionError, match="answered twice"):
        Double().generate([ask("a"), ask("b")])


def test_the_context_manager_closes_whatever_happens() -> None:
    engine = Backwards()
    with engine as entered:
        assert entered is engine
    with pytest.raises(ZeroDivisionError), engine:
        _ = 1 / 0
    assert engine.closed == 2
    assert repr(engine) == "<Backwards backwards>"


def test_the_package_gives_each_engine_by_name_and_says_which_there_are() -> None:
    import unireward.engines as engines

    assert engines.ScriptedEngine is ScriptedEngine
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = engines.Nothing


def test_asking_for_a_script_loads_no_client_and_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from unireward.engines import ScriptedEngine; "
        "print({'torch', 'httpx', 'transformers', 'PIL.Image'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
