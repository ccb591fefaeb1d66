"""The rules that pairs are held to."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.curation.conftest import (
    answers_of,
    case_of,
    grey,
    judge_of,
    one,
    prompt_of,
    prompts_of,
    run,
)
from unireward.curation import (
    Case,
    ConfidenceBand,
    Holdout,
    LengthGuard,
    Margin,
    NearDuplicates,
    Pair,
    PairRank,
    PassBand,
    PointSift,
    PromptQuota,
    Verify,
    chain,
)
from unireward.errors import InputError, UsageError
from unireward.files import read_prompts, write_prompts
from unireward.media import Image
from unireward.prompt import Prompt
from unireward.record import Candidate, Label, Part


def paired(case: Case, *pairs: tuple[str, str], **more) -> Case:
    """The case with these (winner, loser) pairs."""
    made = tuple(Pair(between=pair, winner=pair[0], step="by_hand", **more) for pair in pairs)
    return case.model_copy(update={"pairs": made})


def reasons(case: Case) -> list[str | None]:
    return [pair.dropped.reason if pair.dropped else None for pair in case.pairs]


def test_margin_keeps_what_lies_between():
    case = case_of([1, 2, 3, 4, 5, 6])
    made = [
        Pair(between=names, winner=names[0], step="x", margin=margin)
        for names, margin in ((("a", "b"), 0.05), (("c", "d"), 0.5), (("e", "f"), 0.95))
    ]
    case = case.model_copy(update={"pairs": tuple(made)})
    after = one(Margin(0.1, 0.9), case)
    assert reasons(after) == ["margin is too small", None, "margin is too large"]
    assert after.pairs[0].dropped.detail == "0.05 under 0.1"
    assert reasons(one(Margin(), paired(case_of([1, 2]), ("a", "b")))) == ["has no margin"]
    with pytest.raises(UsageError, match="give min and max in 0 to 1"):
        Margin(0.5, 0.2)


def test_margins_are_of_what_made_the_pair():
    ranked = one(PairRank(judge_of()), case_of([50, 225]))
    assert ranked.kept[0].margin == 1.0  # one-hot: 1 - 0
    sifted = one(PointSift(judge_of(), form="sift"), ranked)
    assert sifted.kept[0].margin == pytest.approx((9 - 2) / 9)


def test_confidence_band():
    case = paired(case_of([1, 2]), ("a", "b"), confidence=0.7)
    assert one(ConfidenceBand(0.6, 0.9), case).alive
    assert one(ConfidenceBand(0.8), case).dropped.reason == "confidence is too low"
    assert one(ConfidenceBand(0.5, 0.6), case).dropped.reason == "confidence is too high"
    without = paired(case_of([1, 2]), ("a", "b"))
    assert one(ConfidenceBand(), without).dropped.reason == "has no confidence"


def test_length_guard_is_for_answers():
    long = paired(answers_of("yes, it is, it really is so", "it is"), ("a", "b"))
    assert one(LengthGuard(2.0), long).dropped.reason == "winner is much longer"
    assert one(LengthGuard(2.0), long).dropped.detail == "27 characters against 5"
    assert one(LengthGuard(6.0), long).alive
    short = paired(answers_of("no", "that is hard to say"), ("a", "b"))
    assert one(LengthGuard(2.0), short).alive
    assert one(LengthGuard(2.0, 0.5), short).dropped.reason == "winner is much shorter"
    assert one(LengthGuard(1.1), paired(case_of([1, 2]), ("a", "b"))).alive


def test_quota_of_each_prompt_keeps_the_largest_margins():
    case = case_of([1, 2, 3, 4])
    made = [
        Pair(between=("a", "b"), winner="a", step="x", margin=0.1),
        Pair(between=("c", "d"), winner="c", step="x", margin=0.4),
    ]
    case = case.model_copy(update={"pairs": tuple(made)})
    assert [p.between for p in one(PromptQuota(1), case).kept] == [("c", "d")]


def test_quota_of_a_kind_of_prompt_goes_over_all_of_them():
    cases = []
    for number in range(5):
        prompt = prompt_of(number).model_copy(update={"meta": {"topic": "cards", "n": number % 2}})
        case = paired(case_of([1, 2], number), ("a", "b"))
        cases.append(case.model_copy(update={"prompt": prompt}))
    after = run(PromptQuota(2, "meta.topic"), cases)
    assert [case.alive for case in after] == [True, True, False, False, False]
    assert after[4].dropped.detail == "meta.topic cards"
    assert [c.alive for c in run(PromptQuota(1, "meta.n"), cases)] == [True, True] + [False] * 3
    assert [c.alive for c in run(PromptQuota(3, "task"), cases)] == [True] * 3 + [False] * 2
    with pytest.raises(UsageError, match="use task, or meta"):
        PromptQuota(1, "topic")


def noise(seed: int) -> Image:
    """A smooth picture of its own."""
    cells = np.random.default_rng(seed).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    return Image(Image(cells).load().resize((64, 64), resample=3))


def shown(number: int, *images: Image) -> Case:
    made = tuple(
        Candidate(id="ab"[at], content=(Part(type="image", media=image),))
        for at, image in enumerate(images)
    )
    return paired(Case(prompt=prompt_of(number), candidates=made), ("a", "b"))


def test_near_duplicates_within_a_pair_and_across_prompts():
    close = Image(noise(1).load().resize((60, 60), resample=3))
    cases = [
        shown(0, noise(1), close),
        shown(1, noise(2), noise(3)),
        shown(1, noise(3), noise(2)),
        shown(2, noise(2), noise(4)),
    ]
    after = run(NearDuplicates(), cases)
    assert [c.dropped and c.dropped.reason for c in after] == [
        "both candidates are nearly the same", None, "nearly the same pair again", None,
    ]  # fmt: skip
    assert after[2].dropped.detail == "as of p1"
    assert [c.alive for c in run(NearDuplicates(across=False), cases)] == [False, True, True, True]


def test_answers_that_differ_in_a_word_are_a_pair():
    one_word = paired(
        answers_of("the circle at the left of the picture is red",
                   "the circle at the left of the picture is blue"), ("a", "b"),
    )  # fmt: skip
    same = paired(answers_of("It is red.", "it is  red"), ("a", "b"))
    assert one(NearDuplicates(), one_word).alive
    assert not one(NearDuplicates(), same).alive


def test_holdout_drops_what_something_is_measured_by(tmp_path):
    held = tmp_path / "held.txt"
    held.write_text("A grey card, 2!\nnothing of the kind\n")
    after = run(Holdout(held), [Case(prompt=prompt) for prompt in prompts_of(4)])
    assert [case.alive for case in after] == [True, True, False, True]
    assert after[2].dropped.reason == "held out (exact)"
    assert after[2].dropped.detail == f"stands in {held}:1"
    words = "one two three four five six seven eight nine ten eleven twelve thirteen"
    inside = Prompt(id="x", task="text", prompt=(Part.of_text(f"well, {words}, and so on"),))
    other = Prompt(id="y", task="text", prompt=(Part.of_text(words),))
    assert one(Holdout.of([other]), Case(prompt=inside)).dropped.reason == "held out (overlap)"


def test_holdout_knows_the_picture_a_question_is_about(tmp_path):
    def asked(name: str, level: int) -> Prompt:
        parts = (Part(type="image", media=grey(level)), Part.of_text(f"what is {name}?"))
        return Prompt(id=name, task="image_understanding", prompt=parts)

    step = Holdout.of([asked("held", 40)])
    assert one(step, Case(prompt=asked("this", 40))).dropped.reason == "held out (media)"
    assert one(step, Case(prompt=asked("that", 90))).alive
    same_words = asked("held", 90).model_copy(update={"id": "other"})
    assert one(step, Case(prompt=same_words)).alive  # the same question about another picture
    write_prompts(tmp_path / "held.jsonl", [asked("held", 40)])
    (held,) = read_prompts(tmp_path / "held.jsonl")
    this = held.model_copy(update={"prompt": (held.prompt[0], Part.of_text("what is this?"))})
    read = Holdout(tmp_path / "held.jsonl")
    assert one(read, Case(prompt=this)).dropped.reason == "held out (media)"


def test_an_empty_holdout_is_an_error(tmp_path):
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(InputError, match="no prompt in"):
        Holdout(tmp_path / "none.txt")


def brightness(record):
    return {c.id: float(np.asarray(c.content[0].load().load()).mean()) for c in record.candidates}


def test_verify_writes_and_chooses_nothing():
    wrong = paired(case_of([10, 60]), ("a", "b"))
    after = one(Verify(brightness), wrong)
    assert after.alive
    assert after.truth == {"a": 10.0, "b": 60.0}
    assert after.kept[0].marks["verify"] == {"truth": {"a": 10.0, "b": 60.0}}
    told = one(Verify(brightness, select=True), wrong)
    assert str(told.dropped) == "winner is not truly better (10 against 60)"
    assert one(Verify(brightness, select=True), paired(case_of([90, 60]), ("a", "b"))).alive


def test_a_checker_that_fails_leaves_the_truth_unknown():
    def broken(record):
        raise RuntimeError("no camera")

    case = paired(case_of([10, 60]), ("a", "b"))
    after = one(Verify(broken), case)
    assert (after.alive, after.truth) == (True, {})
    assert after.said["verify"] == {
        "statuses": {"error": 1}, "reason": "RuntimeError: no camera",
    }  # fmt: skip
    assert one(Verify(broken, select=True), case).dropped.reason == "truth is not known"
    nan = one(Verify(lambda record: {"a": float("nan")}), case)
    assert "leave out what is not known" in nan.said["verify"]["reason"]


def test_verify_takes_the_labels_of_the_input():
    label = Label(ranking=(("b",), ("a",)))
    case = paired(case_of([10, 60]), ("a", "b")).model_copy(update={"label": label})
    assert one(Verify("labels"), case).truth == {"b": 0.0, "a": -1.0}
    scored = Label(scores={"a": {"overall": 4.0}, "b": {"overall": 2.0}})
    case = case.model_copy(update={"label": scored})
    assert one(Verify("labels"), case).truth == {"a": 4.0, "b": 2.0}


def test_a_checker_by_name():
    step = Verify("tests.curation.test_filters:brightness")
    assert one(step, case_of([10, 60])).truth == {"a": 10.0, "b": 60.0}
    with pytest.raises(InputError, match="has no 'nothing'"):
        Verify("tests.curation.test_filters:nothing")


def test_pass_band_keeps_the_middle():
    def passes(record):
        return {name: level > 100 for name, level in brightness(record).items()}

    step = chain([Verify(passes), PassBand(0.25, 0.75)])
    cases = run(step, [case_of([10, 20, 30, 40]), case_of([200, 20, 30, 40]),
                       case_of([200, 210, 220, 230])])  # fmt: skip
    assert [c.dropped and c.dropped.reason for c in cases] == ["too hard", None, "too easy"]
    assert cases[2].dropped.detail == "100% of 4 pass"
    assert one(PassBand(), case_of([1, 2])).dropped.reason == "no truth is known"


def test_dropped_cases_go_through_untouched_and_in_order(tmp_path):
    (tmp_path / "held.txt").write_text("a grey card, 1\n")
    judge = judge_of()
    steps = [Holdout(tmp_path / "held.txt"), PairRank(judge), Margin(0.5), Margin(0.0, 1.0),
             PointSift(judge, form="sift"), PromptQuota(1)]  # fmt: skip
    before = [case_of([10, 60 + n], n) for n in range(70)]
    after = run(chain(steps), before)
    assert [case.id for case in after] == [case.id for case in before]
    assert [step.name for step in steps] == [
        "holdout", "pair_rank", "margin", "margin-2", "point_sift", "prompt_quota",
    ]  # fmt: skip
    assert after[1].dropped.step == "holdout"
    assert after[1].pairs == ()


def test_steps_are_lazy():
    pulled = []

    def endless():
        number = 0
        while True:
            pulled.append(number)
            yield case_of([10, 200], number)
            number += 1

    stream = chain([PairRank(judge_of()), Margin(0.1), PromptQuota(1)])(endless())
    assert next(stream).id == "p0"
    assert len(pulled) <= 64


def test_cases_are_json():
    judge = judge_of()
    case = run(chain([PairRank(judge), PointSift(judge, form="sift"), Verify(brightness)]),
               [case_of([10, 60, 200, 90])])[0]  # fmt: skip
    text = case.model_dump_json(exclude={"candidates"})
    assert "NaN" not in text
    body = json.loads(text)
    assert Case.model_validate(body).pairs == case.pairs
