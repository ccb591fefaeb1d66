import asyncio
import json
import math
from dataclasses import replace

import pytest
from PIL import Image as PILImage

from tests.rewards.conftest import READERS, VERDICTS, family_of, record
from unireward.ask import Reply
from unireward.engines.cache import ReplyCache
from unireward.engines.scripted import ScriptedEngine
from unireward.errors import EngineUnavailableError, FamilyError, InputError, MediaError, UsageError
from unireward.judgment import Judgment
from unireward.media import Image
from unireward.protocols import Reward
from unireward.rewards.judge import Judge
from unireward.rewards.policy import FailurePolicy, StoppedError


def by_picture(best, *, template="{verdict}"):
    """A scripted judge of taste: of two pictures it wants the one earlier in ``best``."""
    rank = {Image(path).digest: place for place, path in enumerate(best)}

    def reply(ask):
        one, two = (rank[part.image.digest] for part in ask.media)
        return template.format(verdict="first" if one < two else "second")

    return ScriptedEngine(reply)


def test_a_judge_is_a_reward(family):
    assert isinstance(Judge(ScriptedEngine("first"), family), Reward)


def test_compare_asks_both_orders_and_maps_back(family, pictures):
    a, b = pictures[:2]
    judge = Judge(by_picture([b, a], template="{verdict} q: 3 8"), family)
    out = judge.compare("two red circles", a, b)
    assert (out.status, out.winner, out.agreement, out.confidence) == ("ok", "b", True, 1.0)
    assert out.preference == {"a": 0.0, "b": 1.0, "tie": 0.0}
    assert out.scores == {"a": 0.0, "b": 1.0}
    assert out.dimensions == {"quality": {"a": 5.5, "b": 5.5}}  # 3 and 8 by place, averaged
    assert [ask.candidates for ask in out.asks] == [("a", "b"), ("b", "a")]
    assert out.asks[1].preference == {"b": 1.0, "a": 0.0, "tie": 0.0}
    assert out.asks[1].dimensions == {"quality": {"b": 3.0, "a": 8.0}}
    assert (out.calls, out.cached, out.mode, out.task) == (2, 0, "rank", "image_generation")
    assert out.rationale == "second q: 3 8"
    assert out.media == {"a": {"width": 8, "height": 6}, "b": {"width": 8, "height": 6}}
    assert (out.judge, out.family, out.prompt) == ("scripted", "plain", family.prompt_id)
    assert Judgment.model_validate_json(json.dumps(out.to_dict())) == out


def test_a_judge_that_always_says_first_ties_with_itself(family, pictures):
    out = Judge(ScriptedEngine("first"), family).compare("x", *pictures[:2])
    assert (out.winner, out.agreement, out.confidence) == ("tie", False, 0.0)
    assert out.scores == {"a": 0.5, "b": 0.5}


def test_one_order_has_no_agreement(family, pictures):
    engine = ScriptedEngine("first")
    out = Judge(engine, family, both_orders=False).compare("x", *pictures[:2])
    assert (out.winner, out.agreement, out.calls, engine.calls) == ("a", None, 1, 1)


def test_label_log_probabilities_are_used_where_the_engine_gives_them(choosing, pictures):
    logs = {word: math.log(p) for word, p in zip(VERDICTS, (0.7, 0.2, 0.1))}
    out = Judge(ScriptedEngine(lambda ask: logs), choosing).compare("x", *pictures[:2])
    root = math.sqrt(0.14)
    assert out.preference == pytest.approx(
        {"a": root / (2 * root + 0.1), "b": root / (2 * root + 0.1), "tie": 0.1 / (2 * root + 0.1)}
    )
    assert out.winner == "tie"
    assert out.asks[0].preference == pytest.approx({"a": 0.7, "b": 0.2, "tie": 0.1})


def test_an_engine_that_cannot_choose_is_read_in_words(choosing, pictures):
    engine = ScriptedEngine("second", capabilities={"generate", "image"})
    out = Judge(engine, choosing).compare("x", *pictures[:2])
    assert [ask.preference["tie"] for ask in out.asks] == [0.0, 0.0]
    assert not any(ask.choices for ask in engine.seen)


def test_score_of_several_scores_each_alone(family, pictures):
    want = {Image(path).digest: str(number) for number, path in enumerate(pictures[:3])}
    engine = ScriptedEngine(lambda ask: want[ask.media[0].image.digest])
    out = Judge(engine, family).score("x", *pictures[:3])
    names = [str(path) for path in pictures[:3]]
    assert out.scores == dict(zip(names, (0.0, 0.1, 0.2)))
    assert out.winner == names[2]
    assert out.ranking == ((names[2],), (names[1],), (names[0],))
    assert (out.preference, out.agreement, out.confidence) == ({}, None, None)
    assert [len(ask.media) for ask in engine.seen] == [1, 1, 1]


def test_score_of_one_has_no_winner(family, pictures):
    out = Judge(ScriptedEngine("7"), family).score("x", pictures[0])
    assert (out.winner, out.score) == (None, 0.7)
    assert out.dimensions == {"overall": {str(pictures[0]): 7.0}}


def test_aspects_are_asked_both_and_averaged(family, pictures):
    engine = ScriptedEngine({"kept": "8", "done": "2"})
    out = Judge(engine, family).score("make it red", pictures[1], source=pictures[0])
    name = str(pictures[1])
    assert (out.task, out.scores) == ("image_editing", {name: 0.5})
    assert out.dimensions == {"kept": {name: 8.0}, "done": {name: 2.0}}
    assert [ask.form for ask in out.asks] == ["kept", "done"]
    assert set(out.media) == {"source", name}
    one = Judge(engine, family, aspect="done").score("make it red", pictures[1], source=pictures[0])
    assert (one.scores, one.calls) == ({name: 0.2}, 1)


def test_an_unread_aspect_leaves_no_score_and_keeps_what_was_read(family, pictures):
    engine = ScriptedEngine({"kept": "8", "done": "??"})
    out = Judge(engine, family).score("make it red", pictures[1], source=pictures[0])
    assert (out.status, out.reason, out.scores, out.winner) == ("unparsed", "no number", {}, None)
    assert out.dimensions == {"kept": {str(pictures[1]): 8.0}}


def test_pair_score_means_over_both_orders(family, pictures):
    a, b = pictures[:2]
    good = Image(a).digest
    engine = ScriptedEngine(
        lambda ask: "0.9 0.1" if ask.media[0].image.digest == good else "0.3 0.7"
    )
    out = Judge(engine, family).compare("x", a, b, mode="pair-score")
    assert out.scores == pytest.approx({"a": 0.8, "b": 0.2})
    assert out.dimensions["alignment"] == pytest.approx({"a": 0.8, "b": 0.2})
    assert (out.winner, out.mode) == ("a", "pair-score")


def test_rank_is_all_pairs_with_intervals(family, pictures):
    best = [pictures[2], pictures[0], pictures[3], pictures[1]]
    engine = by_picture(best)
    ranking = Judge(engine, family).rank("x", pictures[:4], pairing="all")
    assert ranking.order == tuple((str(path),) for path in best)
    assert [ranking.scores[str(path)].value for path in best] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    first = ranking.scores[str(best[0])]
    assert (first.n, first.high) == (3, 1.0)
    assert first.low == pytest.approx(0.4385, abs=1e-4)  # Wilson, 3 of 3
    assert (ranking.comparisons, engine.calls, ranking.best) == (6, 12, str(best[0]))
    assert (ranking.judgment.agreement, ranking.judgment.confidence) == (1.0, 1.0)


def test_group_agreement_is_a_rate_and_ties_count_half(family, pictures):
    names = {Image(path).digest: path.stem for path in pictures[:3]}

    def reply(ask):
        shown = [names[part.image.digest] for part in ask.media]
        return "first" if "c" not in shown else ("first" if shown[0] == "c" else "second")

    (out,) = Judge(ScriptedEngine(reply), family)([record(pictures[:3])])
    assert out.agreement == pytest.approx(2 / 3)  # a against b contradicts itself
    assert out.scores == {"a": 0.25, "b": 0.25, "c": 1.0}
    assert out.ranking == (("c",), ("a", "b"))
    assert (out.winner, out.confidence) == ("c", 1.0)


def test_an_unread_comparison_of_a_group_is_left_out_and_said(family, pictures):
    engine = ScriptedEngine("first", faults={0: "error"})
    (out,) = Judge(engine, family)([record(pictures[:3])])
    assert (out.status, out.winner, out.reason) == ("error", None, "planned fault")
    assert out.scores == {"a": 0.5, "b": 0.5, "c": 0.5}
    assert len(out.ranking) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("truncated", "truncated"), ("refused", "refused"), ("error", "error")]
)
def test_every_failure_is_a_state_with_a_reason(family, pictures, fault, status):
    out = Judge(ScriptedEngine("first", faults={1: fault}), family).compare("x", *pictures[:2])
    assert out.status == status
    assert out.reason
    assert (out.winner, out.scores, out.preference, out.dimensions) == (None, {}, {}, {})
    assert [ask.status for ask in out.asks] == ["ok", status]


def test_order_of_judgments_is_the_records_whatever_the_engines(family, pictures):
    records = [record(pictures[:2], name=f"r{n}") for n in range(40)]
    calm = Judge(ScriptedEngine("first"), family)(records)
    wild = Judge(ScriptedEngine("first", window=17, seed=3), family)(records)
    assert [one.record for one in wild] == [f"r{n}" for n in range(40)]
    assert wild == calm


def test_stream_is_lazy(family, pictures):
    pulled = []

    def source():
        for number in range(100):
            pulled.append(number)
            yield record(pictures[:2], name=f"r{number}")

    stream = Judge(ScriptedEngine("first"), family).stream(source())
    assert pulled == []
    assert next(stream).record == "r0"
    assert len(pulled) <= 2
    stream.close()


def test_a_late_first_reply_does_not_pull_everything(family, pictures, monkeypatch):
    monkeypatch.setattr("unireward.rewards.flow.WINDOW", 8)
    pulled = []

    class Late(ScriptedEngine):
        """Answers the first ask of a stream only when there are no more."""

        def stream(self, asks):
            held = None
            for index, ask in enumerate(asks):
                if index == 0:
                    held = ask
                else:
                    yield index, self.answer(ask)
            if held is not None:
                yield 0, self.answer(held)

    def source():
        for number in range(50):
            pulled.append(number)
            yield record(pictures[:2], name=f"r{number}")

    stream = Judge(Late("first"), family).stream(source())
    assert next(stream).record == "r0"
    assert len(pulled) == 8
    assert [one.record for one in stream] == [f"r{n}" for n in range(1, 50)]


def test_ajudge_gives_the_same(family, pictures):
    judge = Judge(ScriptedEngine("first"), family)
    records = [record(pictures[:2])]
    assert asyncio.run(judge.ajudge(records)) == judge(records)


# What is wrong with one record is that record's judgment ------------------------------------


def broken(pictures, tmp_path):
    missing = tmp_path / "missing.png"
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    return [
        record([pictures[0], missing], name="missing"),
        record([pictures[0], torn], name="torn"),
        record(pictures[:2], prompt="  ", name="empty"),
        record(pictures[:2], prompt="x" * 100_000, name="long"),
        record(pictures[:2], name="task", task="interleaved"),
        record(pictures[:2], name="good"),
    ]


def test_bad_records_are_rows_and_the_good_one_is_judged(family, pictures, tmp_path):
    engine = ScriptedEngine("first")
    out = Judge(engine, family)(broken(pictures, tmp_path))
    assert [one.status for one in out] == ["error"] * 5 + ["ok"]
    assert "missing.png" in out[0].reason
    assert "torn.png" in out[1].reason
    assert "prompt is empty" in out[2].reason
    assert "50,000" in out[3].reason
    assert "interleaved" in out[4].reason
    assert engine.calls == 2
    assert (out[0].calls, out[5].calls) == (0, 2)


def test_alone_they_raise(family, pictures, tmp_path):
    judge = Judge(ScriptedEngine("first"), family)
    with pytest.raises(MediaError, match=r"missing\.png"):
        judge.compare("x", pictures[0], tmp_path / "missing.png")
    with pytest.raises(InputError, match="prompt is empty"):
        judge.compare(" ", *pictures[:2])
    with pytest.raises(InputError, match="100,000 characters, the limit is 50,000"):
        judge.score("x" * 100_000, pictures[0])
    with pytest.raises(FamilyError, match="plain has no rank mode for video_generation"):
        judge.compare("x", *pictures[:2], task="video_generation")
    with pytest.raises(UsageError, match="at least two"):
        judge.rank("x", pictures[:1])
    with pytest.raises(UsageError, match="rank, pair-score"):
        judge.judge_one(record(pictures[:2]), "best")
    with pytest.raises(InputError, match="needs two candidates"):
        judge.judge_one(record(pictures[:1]), "rank")


def test_a_caption_in_any_script_is_judged(family, pictures):
    for prompt in (
        "两个红色的圆",
        "دائرتان حمراوان",
        "दो लाल वृत्त",
        "👩‍🚀 e\u0301 {P} {A1}",
        "\u200f.",
    ):
        engine = ScriptedEngine("first")
        assert Judge(engine, family).compare(prompt, *pictures[:2]).ok
        assert prompt in engine.seen[0].text


def test_a_broken_candidate_of_a_group_spoils_only_its_own_comparisons(family, pictures, tmp_path):
    (out,) = Judge(ScriptedEngine("first"), family)(
        [record([*pictures[:2], tmp_path / "gone.png"])]
    )
    assert out.status == "error"
    assert out.scores == {"a": 0.5, "b": 0.5}
    assert out.ranking is None
    assert out.calls == 2


def test_two_hundred_candidates_are_refused_with_the_count(family, pictures):
    with pytest.raises(UsageError, match=r"19,900 comparisons \(39,800 calls.*limit of 5,000"):
        Judge(ScriptedEngine("first"), family).rank("x", [pictures[0]] * 200, pairing="all")


def test_a_source_that_fails_loses_nothing_before_it(family, pictures):
    def source():
        yield record(pictures[:2], name="r1")
        yield record(pictures[:2], name="r2")
        raise InputError("records.jsonl:3: no JSON")

    stream = Judge(ScriptedEngine("first", window=50), family).stream(source())
    assert [next(stream).record, next(stream).record] == ["r1", "r2"]
    with pytest.raises(InputError, match=r"records\.jsonl:3"):
        next(stream)


def test_an_engine_that_is_down_raises_before_any_judgment(family, pictures):
    judge = Judge(ScriptedEngine("first", faults={0: "unavailable"}), family)
    with pytest.raises(EngineUnavailableError):
        judge([record(pictures[:2])])


# Policies -----------------------------------------------------------------------------------


def five(pictures):
    return [record(pictures[:2], name=f"r{n}") for n in range(5)]


def test_keep_drop_and_half(family, pictures):
    def judged(policy):
        return Judge(ScriptedEngine("first", faults={4: "error"}), family, policy=policy)(
            five(pictures)
        )

    assert [one.status for one in judged("keep")] == ["ok", "ok", "error", "ok", "ok"]
    assert [one.record for one in judged("drop")] == ["r0", "r1", "r3", "r4"]
    half = judged("half")[2]
    assert (half.status, half.winner) == ("error", None)
    assert (half.scores, half.preference) == (
        {"a": 0.5, "b": 0.5},
        {"a": 0.5, "b": 0.5, "tie": 0.0},
    )


def test_half_in_a_group_counts_half_a_win_each(family, pictures):
    best = by_picture(pictures[:3])
    engine = ScriptedEngine(best.reply, faults={0: "error"})  # a against b
    judge = Judge(engine, family, policy="half")
    ranking = judge.rank("x", pictures[:3], pairing="all")
    a, b, c = (str(path) for path in pictures[:3])
    assert {k: v.value for k, v in ranking.scores.items()} == {a: 0.75, b: 0.75, c: 0.0}
    assert (ranking.order, ranking.judgment.status) == (((a, b), (c,)), "error")


def test_stop_raises_at_the_first_and_gives_what_was_before(family, pictures):
    engine = ScriptedEngine("first", faults={4: "error"})
    stream = Judge(engine, family, policy="stop").stream(five(pictures))
    assert [next(stream).record, next(stream).record] == ["r0", "r1"]
    with pytest.raises(StoppedError, match="record r2 is error: planned fault"):
        next(stream)


def test_retry_asks_again_as_the_failure_wants(family, pictures):
    told = iter(["?", "first", Reply(text="fir", finish_reason="length"), "first"])
    engine = ScriptedEngine(lambda ask: next(told))
    out = Judge(engine, family, policy="retry:1").compare("x", *pictures[:2])
    assert (out.status, out.calls) == ("ok", 4)
    sampling = [ask.sampling for ask in engine.seen]
    assert (sampling[0].temperature, sampling[0].seed, sampling[0].max_tokens) == (0.0, 0, 8)
    assert sampling[1] == replace(sampling[0], temperature=0.7, seed=1)
    assert sampling[3] == replace(sampling[0], max_tokens=16)


def test_retries_end(family, pictures):
    engine = ScriptedEngine("?")
    out = Judge(engine, family, policy="retry:3").compare("x", *pictures[:2])
    assert (out.status, out.calls, engine.calls) == ("unparsed", 8, 8)
    assert len({ask.sampling.seed for ask in engine.seen}) == 4


@pytest.mark.parametrize(
    "text", ["retry", "retry:0", "retry:x", "keep:1", "ignore", "", "retry:-1"]
)
def test_unknown_policies_are_refused(text):
    with pytest.raises(UsageError, match="keep, drop, half, retry:N"):
        FailurePolicy.parse(text)


# Costs --------------------------------------------------------------------------------------


def test_cached_replies_count_as_calls(family, pictures, tmp_path):
    engine = ScriptedEngine("first")
    judge = Judge(engine, family, cache=ReplyCache(tmp_path / "cache"))
    first = judge.compare("x", *pictures[:2])
    again = judge.compare("x", *pictures[:2])
    assert (first.cached, again.cached, again.calls, engine.calls) == (0, 2, 2, 2)
    same = {"seconds": 0.0, "cached": 0}
    assert first.model_copy(update=same) == again.model_copy(update=same)


def test_plan_counts_what_will_be_asked(family, pictures):
    engine = ScriptedEngine("first")
    judge = Judge(engine, family)
    plan = judge.plan([record(pictures[:2]), record(pictures[:4], name="r2")])
    assert (plan.records, plan.comparisons, plan.calls, plan.images) == (2, 7, 14, 28)
    assert plan.reply_tokens == 14 * 8
    assert plan.prompt_tokens == 14 * (2 * 1 + 5)  # 48 pixels a picture; "rank two red circles"
    assert (plan.seconds, engine.calls) == (None, 0)
    timed = judge.plan([record(pictures[:2])], time_one=True)
    assert timed.seconds > 0
    assert engine.calls == 1


def test_plan_counts_faulty_records_and_refuses_what_is_too_much(family, pictures, tmp_path):
    plan = Judge(ScriptedEngine("first"), family).plan(broken(pictures, tmp_path))
    assert (plan.records, plan.faulty, plan.calls) == (6, 5, 2)
    judge = Judge(ScriptedEngine("first"), family, max_comparisons=5)
    with pytest.raises(UsageError, match="4 candidates make 6 comparisons"):
        judge.plan([record(pictures[:4])])


def test_show_prompt_prints_what_is_sent(tmp_path):
    big = tmp_path / "big.png"
    PILImage.new("RGB", (400, 100), "red").save(big)
    judge = Judge(ScriptedEngine("first"), family_of(max_pixels=10_000, system="Be fair."))
    shown = judge.show_prompt(record([big, big][:1]), "score")
    assert f"<image 1: big, {big}, 400x100 px sent as 200x50>" in shown
    assert "[system]\nBe fair.\n[user]" in shown
    assert "score two red circles" in shown
    assert "temperature 0, seed 0, at most 8 new tokens" in shown
    assert judge.family.form_prompt_id(judge.family.forms_for("image_generation", "score")[0]) in (
        shown
    )


def test_show_prompt_names_a_picture_that_the_layout_resizes(pictures):
    judge = Judge(ScriptedEngine("first"), family_of(resize=(4, 4)))
    shown = judge.show_prompt(record(pictures[:2]))
    assert f"<image 2: b, {pictures[1]} of 8x6 px resized, 4x4 px>" in shown


def test_judgments_name_frames_and_rule(family, tmp_path):
    frames = []
    for number in range(5):
        frames.append(tmp_path / f"{number}.png")
        PILImage.new("RGB", (4, 4), (50 * number, 0, 0)).save(frames[-1])
    judge = Judge(ScriptedEngine("3"), family_of(frames="uniform:2"))
    clip = [str(path) for path in frames]
    out = judge.score("a red thing", clip)
    assert (out.task, out.media) == (
        "video_generation",
        {"1": {"frames": [0, 2], "rule": "uniform:2"}},
    )
    assert len(judge.engine.seen[0].media) == 2


def test_the_card_is_said_once_and_not_of_the_world(family, pictures, capsys):
    judge = Judge(ScriptedEngine("first"), family, card="knows only the drawn world")
    world = record(pictures[:2]).model_copy(update={"meta": {"source": "world"}})
    judge([world])
    assert capsys.readouterr().err == ""
    judge([record(pictures[:2])])
    judge([record(pictures[:2])])
    assert capsys.readouterr().err == "unireward: knows only the drawn world\n"


def test_readers_are_the_familys(family):
    assert set(family.readers) == set(READERS)
