"""Verdicts through servers: every route's numbers against the script's, and its requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.ask import Ask, ImageContent, Message, Reply, Sampling, TextContent
from unireward.engines.encoding import media_uuid
from unireward.engines.logprobs import NEGLIGIBLE
from unireward.engines.openai import OpenAIEngine
from unireward.engines.retry import Retry
from unireward.engines.scripted import ScriptedEngine
from unireward.engines.scripted_model import END, Manner, WordModel, pieces
from unireward.engines.serve_scripted import ScriptedServer
from unireward.engines.wire import NO_LOGPROBS, UNDETERMINED
from unireward.errors import UsageError
from unireward.media import Image
from unireward.record import Candidate, Part, Record
from unireward.rewards.judge import Judge

ONE, TWO, BOTH = "Image 1 is better", "Image 2 is better", "Both images are equally good"
VERDICTS = (ONE, TWO, BOTH)
OPEN = {ONE: 0.2, TWO: 0.1, BOTH: 0.7}
"""Shares with which the reply leaves both images open beside its path."""
CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch) -> None:
    for name in ("UNIREWARD_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def logs(shares: dict[str, float]) -> dict[str, float]:
    return {choice: math.log(share) for choice, share in shares.items()}


def ask(*choices: str, image: Image | None = None, text: str = "Which?", **sampling: Any) -> Ask:
    media = () if image is None else (ImageContent(image),)
    content = (*media, TextContent(text))
    return Ask((Message("user", content),), choices=choices, sampling=Sampling(**sampling))


def picture(seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8))


@contextmanager
def served(
    shares: dict[str, float] | Any, manner: Manner | None = None, **options: Any
) -> Iterator[tuple[ScriptedServer, OpenAIEngine]]:
    script = ScriptedEngine((lambda a: logs(shares)) if isinstance(shares, dict) else shares)
    options.setdefault("concurrency", 1)
    options.setdefault("retry", Retry(retries=0))
    with (
        ScriptedServer(script, manner=manner or Manner()) as server,
        OpenAIEngine(server.url, **options) as engine,
    ):
        yield server, engine


def close_to(reply: Reply, shares: dict[str, float]) -> bool:
    assert reply.choices is not None, (reply.notes, reply.error)
    return reply.choices == pytest.approx(logs(shares), abs=1e-9)


# The script as a model --------------------------------------------------------------------------


def test_the_word_model_has_the_scripts_probabilities() -> None:
    model = WordModel(Reply(choices=logs({ONE: 0.5, TWO: 0.3, BOTH: 0.15})))
    assert pieces(ONE) == ["Image", " ", "1", " is", " better"]
    assert model.next([])["Image"] == pytest.approx(0.8)
    assert model.next(["Image", " "]) == pytest.approx({"1": 0.625, "2": 0.375})
    path = [token for token, _ in model.generate([], 99)]
    assert path == [*pieces(ONE), END]


# One request, two, three ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "requests"),
    [
        ({"yes": 0.6, "no": 0.3}, 1),
        ({ONE: 0.55, TWO: 0.44}, 1),
        ({ONE: 0.5, TWO: 0.3, BOTH: 0.2}, 1),
        (OPEN, 2),
        ({"a c": 0.1, "a d": 0.12, "b c": 0.13, "b d": 0.15, "e": 0.5}, 3),
        ({"a b c": 0.1, "a b d": 0.1, "a e c": 0.12, "a e d": 0.13, "z": 0.55}, 3),
    ],
)
@pytest.mark.parametrize("server", ["vllm", "sglang", "another"])
def test_requests_a_verdict_and_its_numbers(shares, requests, server) -> None:
    with served(shares, Manner(server=server)) as (scripted, engine):
        (reply,) = engine.choose([ask(*shares)])
        assert close_to(reply, shares)
        assert reply.notes == ()
        assert reply.text == max(shares, key=shares.__getitem__)
        assert scripted.paths == {CHAT: requests}


def test_what_is_continued_is_a_few_tokens_from_the_text_left_open() -> None:
    with served(OPEN) as (server, engine):
        engine.choose([ask(*VERDICTS, max_tokens=500)])
        first, second = server.bodies
    assert first["max_tokens"] == 500
    assert "continue_final_message" not in first
    # "Image" is open; a space and a digit part it.
    assert second["messages"][-1] == {"role": "assistant", "content": "Image"}
    assert second["messages"][:-1] == first["messages"]
    assert (second["continue_final_message"], second["add_generation_prompt"]) == (True, False)
    assert second["max_tokens"] == 2
    assert second["top_logprobs"] == 20


def test_the_cost_of_all_requests_is_in_the_reply() -> None:
    with served(OPEN) as (_, engine):
        (reply,) = engine.choose([ask(*VERDICTS)])
    # A turn opens and closes with five tokens, and three open the next; "Which" "?" is two.
    prompt = 5 + 2 + 3
    assert reply.prompt_tokens == prompt + (prompt + 1)
    assert reply.tokens == len(pieces(BOTH)) + 1 + 2


def test_a_branch_that_weighs_nothing_is_not_asked_about() -> None:
    shares = {ONE: 0.004, TWO: 0.003, BOTH: 0.993}
    with served(shares) as (server, engine):
        (reply,) = engine.choose([ask(*VERDICTS)])
        assert server.paths == {CHAT: 1}
    assert reply.choices is not None
    for choice, share in shares.items():
        assert math.exp(reply.choices[choice]) == pytest.approx(share, abs=NEGLIGIBLE)


SHAPED = st.dictionaries(
    st.lists(st.sampled_from(["a", "b", "c", "1", "22"]), min_size=1, max_size=4).map(" ".join),
    st.floats(0.02, 1.0),
    min_size=2,
    max_size=6,
)


def test_any_set_of_answers_is_exact_or_said_to_be_undetermined() -> None:
    shares: dict[str, float] = {}
    with served(lambda a: logs(shares)) as (server, engine):

        @settings(max_examples=60, deadline=None)
        @given(SHAPED, st.floats(0.5, 1.0))
        def check(drawn: dict[str, float], mass: float) -> None:
            shares.clear()
            total = math.fsum(drawn.values())
            shares.update({choice: mass * w / total for choice, w in drawn.items()})
            before = server.requests
            (reply,) = engine.choose([ask(*shares)])
            assert server.requests - before <= 1 + 6 + len(shares)
            if reply.choices is None:
                assert reply.notes[0].startswith(UNDETERMINED)
                assert reply.text not in shares or server.requests - before > 1
                return
            for choice, share in shares.items():
                slack = NEGLIGIBLE * 1.0001
                assert math.exp(reply.choices[choice]) == pytest.approx(share, abs=slack)

        check()


@pytest.mark.parametrize("best", ["yes", "yes and no"])
def test_one_that_begins_another_counts_the_end_of_its_turn(best) -> None:
    shares = {"yes": 0.3, "yes and no": 0.2, "no": 0.1} | {best: 0.5}
    with served(shares) as (server, engine):
        (reply,) = engine.choose([ask(*shares)])
        assert close_to(reply, shares)
        assert server.paths == {CHAT: 1}


def test_other_words_stay_with_the_reader_and_cost_nothing_more(capsys) -> None:
    script = {"I would rather not say": 0.9, "yes": 0.1}
    with served(script) as (server, engine):
        (reply,) = engine.choose([ask("yes", "no")])
        assert server.paths == {CHAT: 1}
    assert (reply.text, reply.choices) == ("I would rather not say", None)
    assert reply.notes == (f"{UNDETERMINED}: the reply is none of them",)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("shares", "requests"), [({ONE: 0.5, TWO: 0.4}, 1), (OPEN, 2)])
def test_tokens_spelt_without_their_spaces_are_known_again(shares, requests) -> None:
    with served(shares, Manner(spaces=False)) as (server, engine):
        (reply,) = engine.choose([ask(*shares)])
        assert close_to(reply, shares)
        assert server.paths == {CHAT: requests}
        assert server.bodies[-1]["messages"][-1]["content"] in ("Which?", "Image")


def test_whole_answers_are_known_again_without_their_spaces_too() -> None:
    shares = {f"mark {letter} of seven": 1 / 8 for letter in "ABCDEFG"}
    manner = Manner(top=3, token_ids="refused", spaces=False)
    with served(shares, manner) as (_, engine):
        (reply,) = engine.choose([ask(*shares)])
        assert close_to(reply, shares)


# Answers beyond the alternatives ----------------------------------------------------------------

MARKS = {str(n): share for n, share in enumerate((0.3, 0.2, 0.15, 0.12, 0.1, 0.07, 0.04), start=1)}


@pytest.mark.parametrize("over_top", ["cut", "refuse"])
def test_answers_beyond_the_alternatives_are_asked_for_by_their_tokens(over_top) -> None:
    with served(MARKS, Manner(top=4, over_top=over_top)) as (server, engine):
        for reply in engine.choose([ask(*MARKS), ask(*MARKS, text="And here?")]):
            assert close_to(reply, MARKS)
            assert reply.notes == ()
        refused = int(over_top == "refuse")
        # The refusal is paid for once, and so are the tokens of the answers.
        assert server.paths == {CHAT: 4 + refused, "/tokenize": len(MARKS)}
        if refused:
            assert [body["top_logprobs"] for body in server.bodies] == [20, 4, 4, 4, 4]


def test_more_answers_than_alternatives_ask_for_more_of_them() -> None:
    shares = {f"mark {n}": 1 / 26 for n in range(10)} | {
        f"grade {c}": 1 / 26 for c in "abcdefghijklmnop"
    }
    with served(shares, Manner(top=100)) as (server, engine):
        (reply,) = engine.choose([ask(*shares)])
        assert close_to(reply, shares)
        assert {body["top_logprobs"] for body in server.bodies} == {30}


@pytest.mark.parametrize("token_ids", ["ignored", "refused"])
def test_else_each_answer_is_the_prompts_end(token_ids) -> None:
    with served(MARKS, Manner(top=4, token_ids=token_ids)) as (server, engine):
        asks = [ask(*MARKS, image=picture(), text=text) for text in ("Which?", "And here?")]
        assert all(close_to(reply, MARKS) for reply in engine.choose(asks))
        # The reply, its tokens by id (once), and one for each answer.
        assert server.requests == (2 + len(MARKS)) + (1 + len(MARKS))
        assert server.bodies[-1]["prompt_logprobs"] == 0


def test_an_answer_that_begins_another_ends_where_it_does_at_the_prompts_end_too() -> None:
    shares = {"yes": 0.36, "yes and no": 0.24, "no": 0.2, "maybe": 0.1, "never": 0.06}
    manner = Manner(top=3, token_ids="refused")
    with served(shares, manner) as (server, engine):
        (reply,) = engine.choose([ask(*shares, image=picture())])
        assert close_to(reply, shares)
        assert server.requests == 2 + len(shares)


# Servers that have less, or say so and have not ---------------------------------------------------


def test_a_server_that_opens_another_turn_is_seen_and_not_believed(capsys) -> None:
    with served(OPEN, Manner(server="another", continues="ignored")) as (server, engine):
        replies = engine.choose([ask(*VERDICTS), ask(*VERDICTS, text="And here?")])
        assert server.requests == 2 + 1
    assert {(reply.text, reply.choices, reply.error) for reply in replies} == {(BOTH, None, None)}
    first, second = (reply.notes[0] for reply in replies)
    # Beside the text itself: the end of its turn, a line, and the three that open another.
    reason = "the server did not continue the text (its prompt grew by 6 tokens, the text has 1)"
    assert first == f"{UNDETERMINED}: {reason}"
    assert second.endswith(f"two or more of them are left open by what it says, and {reason}")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"unireward: {server.url}: {UNDETERMINED}")


def test_a_server_that_refuses_to_continue_is_asked_once() -> None:
    with served(OPEN, Manner(continues="refused")) as (server, engine):
        replies = engine.choose([ask(*VERDICTS), ask(*VERDICTS, text="And here?")])
        assert server.requests == 2 + 1
    for reply in replies:
        assert (reply.text, reply.choices, reply.error) == (BOTH, None, None)
        assert "asked for it by continue the server answered 400" in reply.notes[0]


def test_without_counts_no_continuation_is_believed() -> None:
    with served(OPEN, Manner(server="another", counts=False)) as (_, engine):
        (reply,) = engine.choose([ask(*VERDICTS)])
    assert reply.choices is None
    assert "counts no prompt tokens" in reply.notes[0]


def test_the_text_said_again_before_its_continuation_changes_nothing() -> None:
    with served(OPEN, Manner(echo=True)) as (_, engine):
        (reply,) = engine.choose([ask(*VERDICTS)])
        assert close_to(reply, OPEN)
        assert reply.text == BOTH


@pytest.mark.parametrize("prompt", ["ignored", "refused"])
def test_the_last_route_failing_leaves_the_text_with_all_reasons(prompt, capsys) -> None:
    manner = Manner(top=4, token_ids="refused", prompt_logprobs=prompt, score="refused")
    with served(MARKS, manner) as (server, engine):
        first, second = engine.choose([ask(*MARKS), ask(*MARKS, text="And here?")])
        assert server.requests == 3 + 1
    for reply in (first, second):
        assert (reply.text, reply.choices, reply.error) == ("1", None, None)
        assert "not among the alternatives listed" in reply.notes[0]
        assert len(reply.notes) == 1
        assert "\n" not in reply.notes[0]
    assert capsys.readouterr().err.count("unireward: ") == 1


def test_a_fault_in_a_further_request_costs_the_numbers_and_not_the_ask() -> None:
    script = ScriptedEngine(lambda a: logs(OPEN))
    with (
        ScriptedServer(script, manner=Manner("sglang"), faults={1: 500, 3: "html"}) as server,
        OpenAIEngine(server.url, concurrency=1, retry=Retry(retries=0)) as engine,
    ):
        broken, garbled, whole = engine.choose([ask(*VERDICTS, text=str(n)) for n in range(3)])
        for reply in (broken, garbled):
            assert (reply.text, reply.choices, reply.error) == (BOTH, None, None)
            assert reply.notes[0].startswith(UNDETERMINED)
        # Neither was a refusal, so the route is still there.
        assert close_to(whole, OPEN)


def test_the_bound_on_new_tokens_is_called_as_the_server_calls_it() -> None:
    with served(OPEN, Manner(tokens_field="max_completion_tokens")) as (server, engine):
        replies = engine.choose([ask(*VERDICTS, max_tokens=40), ask(*VERDICTS, text="And here?")])
        assert all(close_to(reply, OPEN) for reply in replies)
        assert server.requests == 1 + 2 + 2
        assert [body.get("max_completion_tokens") for body in server.bodies][:3] == [None, 40, 2]
        assert ["max_tokens" in body for body in server.bodies] == [True] + [False] * 4


@pytest.mark.parametrize(
    "manner", [Manner("another", top=0), Manner("another", tokens_field="max_completion_tokens")]
)
def test_what_is_refused_to_many_at_once_is_mended_for_each(manner) -> None:
    script = ScriptedEngine(lambda a: logs({"yes": 0.6, "no": 0.4}))
    with (
        # Nothing is answered before eight are under way, so all are refused before any is mended.
        ScriptedServer(script, manner=manner, gather=8) as server,
        OpenAIEngine(server.url, concurrency=8) as engine,
    ):
        replies = engine.choose([ask("yes", "no", text=str(n)) for n in range(8)])
    assert [(reply.text, reply.error) for reply in replies] == [("yes", None)] * 8


def test_equal_choices_are_refused_where_they_are_written() -> None:
    with pytest.raises(UsageError, match="choices 1 and 3 are both 'yes'; leave one of them out"):
        ask("yes", "no", "yes")
    with pytest.raises(UsageError, match="choice 2 is ' '; give each choice some words"):
        ask("yes", " ")


def test_answers_that_a_server_cannot_tell_apart_are_undetermined() -> None:
    with served({"yes": 0.5, "no": 0.5}) as (_, engine):
        for choices, reason in (
            (("yes", "yes "), "two answers differ in white space alone"),
            (("yes",), "one answer alone has nothing to part from"),
        ):
            (reply,) = engine.choose([ask(*choices)])
            assert reply.choices is None or len(choices) == 1
            assert reply.choices is not None or reason in reply.notes[0]


# Scoring --------------------------------------------------------------------------------------

LETTERS = {"A": 0.5, "B": 0.3, "C": 0.15}


def test_without_logprobs_answers_of_one_token_are_scored_by_vllm() -> None:
    with served(LETTERS, Manner(top=0)) as (server, engine):
        first, second = engine.choose([ask(*LETTERS), ask(*LETTERS, text="And here?")])
        assert close_to(first, LETTERS)
        assert close_to(second, LETTERS)
        assert second.text == "A"
        # One refused, one without; then the ids once, and for each ask its prompt and its answers.
        assert server.paths == {CHAT: 2, "/tokenize": 3 + 2, "/generative_scoring": 6}


class Template:
    """A tokenizer at hand, in the ids of the server's own."""

    def __init__(self, server: ScriptedServer) -> None:
        assert server.model is not None
        self.model = server.model

    def apply_chat_template(self, messages: list, **options: Any) -> str:
        assert options == {"add_generation_prompt": True, "tokenize": False}
        return "".join(message["content"] for message in messages)

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": self.model.vocabulary.ids(pieces(text))}


def test_sglang_scores_all_answers_in_one_request() -> None:
    script = ScriptedEngine(lambda a: logs(LETTERS if "Which" in a.text else {"B": 0.9}))
    with ScriptedServer(script, manner=Manner(server="sglang")) as server:
        options = {"score_first": True, "tokenizer": Template(server)}
        with OpenAIEngine(server.url, **options) as engine:
            (reply,) = engine.choose([ask(*LETTERS)])
            assert close_to(reply, LETTERS)
            assert server.paths == {"/tokenize": 3, "/v1/score": 1}
            assert engine.generate([ask(*LETTERS)])[0].text == "A"


def test_media_are_never_scored_and_long_answers_neither() -> None:
    with served(LETTERS, Manner(top=0)) as (server, engine):
        (reply,) = engine.choose([ask(*LETTERS, image=picture())])
        assert reply.text == "A"
        assert reply.choices is None or close_to(reply, LETTERS)
        assert "/generative_scoring" not in server.paths
    with served(OPEN, Manner(top=0, prompt_logprobs="refused")) as (server, engine):
        (reply,) = engine.choose([ask(*VERDICTS)])
        assert (reply.text, reply.choices) == (BOTH, None)
        assert reply.notes[0].startswith(NO_LOGPROBS)
        assert "not single tokens" in reply.notes[0]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Manner(top=0, score="wrong", prompt_logprobs="refused"), "no probabilities"),
        (Manner(top=0, score="refused", prompt_logprobs="refused"), "answered 404 (Not Found)"),
        (Manner(top=0, tokenize="refused", prompt_logprobs="refused"), "/tokenize answered 404"),
    ],
)
def test_scoring_that_fails_is_left_at_once(manner, reason) -> None:
    with served(LETTERS, manner) as (server, engine):
        first, second = engine.choose([ask(*LETTERS), ask(*LETTERS, text="And here?")])
        scored = server.paths["/generative_scoring"]
        assert scored <= 3
        assert (first.text, first.choices, second.text) == ("A", None, "A")
        assert reason in first.notes[0]
        engine.close()
        assert server.paths["/generative_scoring"] == scored


# Media named by their content -------------------------------------------------------------------


def parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in body["messages"][0]["content"] if part["type"] != "text"]


def pair(first: Image, second: Image, text: str = "Which?") -> Ask:
    return Ask(
        (Message("user", (ImageContent(first), ImageContent(second, 100), TextContent(text))),),
        choices=VERDICTS,
    )


def test_vllm_is_told_each_mediums_digest_and_sent_the_same_bytes() -> None:
    a, b = picture(1), picture(2)
    with served(OPEN) as (server, engine):
        replies = engine.choose([pair(a, b), pair(b, a), pair(a, b, "Now?")])
        assert all(close_to(reply, OPEN) for reply in replies)
        sent = [parts(body) for body in server.bodies]
    assert len(sent) == 6
    names = {media_uuid(ImageContent(image, bound)) for image in (a, b) for bound in (None, 100)}
    assert names == {a.digest, b.digest, f"{a.digest}-100", f"{b.digest}-100"}
    urls: dict[str, set[str]] = {}
    for body in sent:
        for part in body:
            urls.setdefault(part["uuid"], set()).add(part["image_url"]["url"])
    assert urls.keys() == names
    assert all(len(same) == 1 for same in urls.values())
    # The family's order: what is continued shows the media as the question did.
    # Asks go out together, so the bodies of the three, two of each, come in any order.
    orders = Counter(tuple(part["uuid"] for part in body) for body in sent)
    assert orders == {(a.digest, f"{b.digest}-100"): 4, (b.digest, f"{a.digest}-100"): 2}
    whole = {order: [body for body in sent if body[0]["uuid"] == order[0]] for order in orders}
    assert all(body == same[0] for same in whole.values() for body in same)


def test_a_judge_asks_both_orders_of_a_pair_side_by_side(tmp_path) -> None:
    candidates = []
    for name in "abc":
        path = tmp_path / f"{name}.png"
        picture(ord(name)).load().save(path)
        candidates.append(Candidate(id=name, content=(Part.of_media(path),)))
    prompt = (Part.of_text("two red circles"),)
    record = Record(id="r", task="image_generation", prompt=prompt, candidates=tuple(candidates))
    with served({ONE: 0.6, TWO: 0.4}) as (server, engine):
        (judgment,) = Judge(engine, "unifiedreward-2")([record], "rank")
        shown = [tuple(part["uuid"] for part in parts(body)) for body in server.bodies]
    assert judgment.calls == len(shown) == 6
    assert [set(one) for one in shown[::2]] == [set(one) for one in shown[1::2]]
    assert all(one == other[::-1] for one, other in zip(shown[::2], shown[1::2]))


@pytest.mark.parametrize("options", [{"media_uuid": False}, {"server": "sglang"}])
def test_other_servers_are_told_nothing(options) -> None:
    with served({ONE: 0.6, TWO: 0.4}, **options) as (server, engine):
        engine.choose([pair(picture(1), picture(2))])
        assert all("uuid" not in part for part in parts(server.bodies[0]))


def test_media_processed_in_a_way_of_their_own_go_unnamed() -> None:
    one = ask("yes", "no", image=picture())
    own = Ask(one.messages, extra=(("mm_processor_kwargs", {"max_pixels": 999}),))
    with served({"yes": 0.6, "no": 0.4}) as (server, engine):
        engine.generate([own])
        assert "uuid" not in parts(server.bodies[0])[0]


def test_media_sent_once_are_only_named_from_then_on() -> None:
    a, b = picture(1), picture(2)
    with served(OPEN, media_uuid="bare") as (server, engine):
        replies = engine.choose([pair(a, b), pair(a, b, "Now?")])
        assert all(close_to(reply, OPEN) for reply in replies)
        shown = [[part["image_url"] for part in parts(body)] for body in server.bodies]
    assert all("url" in url for url in shown[0])
    assert shown[1:] == [[{}, {}]] * 3


def test_media_that_the_server_let_go_of_are_sent_again() -> None:
    a, b = picture(1), picture(2)
    with served(OPEN, media_uuid="bare") as (server, engine):
        engine.choose([pair(a, b)])
        assert server.model is not None
        server.model.media.clear()
        (reply,) = engine.choose([pair(a, b, "Now?")])
        assert close_to(reply, OPEN)
        # Named (refused), whole, and then the text left open, named again.
        kinds = ["url" in parts(body)[0]["image_url"] for body in list(server.bodies)[2:]]
        assert kinds == [False, True, False]
        assert server.paths == {CHAT: 2 + 3}


@pytest.mark.parametrize("manner", [Manner(uuid="ignored"), Manner(forgets=True)])
def test_a_server_that_never_keeps_media_is_sent_them_whole(manner) -> None:
    with served({ONE: 0.6, TWO: 0.4}, manner, media_uuid="bare") as (server, engine):
        asks = [pair(picture(1), picture(2), str(n)) for n in range(4)]
        for reply in engine.choose(asks):
            assert close_to(reply, {ONE: 0.6, TWO: 0.4, BOTH: 1e-12})
        # The second was tried by name once; nobody is asked so again.
        assert server.requests == 4 + 1


def test_a_server_that_refuses_the_name_gets_the_media_without() -> None:
    manner = Manner(uuid="refused")
    with served({ONE: 0.6, TWO: 0.4}, manner) as (server, engine):
        asks = [pair(picture(1), picture(2), str(n)) for n in range(3)]
        assert [reply.text for reply in engine.choose(asks)] == [ONE] * 3
        assert server.requests == 3 + 1


@pytest.mark.parametrize(
    "options", [{"server": "tgi"}, {"media_uuid": "sometimes"}, {"tokenizer": "/no/such/folder"}]
)
def test_options_that_will_not_do(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        OpenAIEngine("http://host/v1", **options)
