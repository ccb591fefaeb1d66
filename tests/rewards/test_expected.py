"""Expected scores against their sums, and what is asked for them."""

import math

import pytest

from tests.rewards.conftest import record
from unireward.ask import Reply
from unireward.engines.scripted import ScriptedEngine
from unireward.families import get_family
from unireward.families.expect import numbers_of_choices, places, rescored
from unireward.families.family import Family
from unireward.families.spec import FamilySpec, Form, Reading, Scale
from unireward.families.unifiedreward_2.spec import SPECS
from unireward.record import Label
from unireward.rewards.calibrating import calibrate
from unireward.rewards.calibration import Calibration
from unireward.rewards.expected import moments
from unireward.rewards.judge import Judge
from unireward.stats.temperature import fit_temperature, tempered

LABELS = ("1", "2", "3", "4", "5")
SHARES = (0.05, 0.1, 0.15, 0.4, 0.3)


def read_number(reply: str, form: Form, prompt: str) -> Reading:
    value = float(reply)
    return Reading(scores={"1": (value - 1) / 4}, dimensions={"quality": {"1": value}})


def labelled_family() -> Family:
    form = Form(
        task="image_generation", mode="score", template="score {P}", media=("1",), reader="number",
        choices=LABELS, scales={"quality": Scale(low=1, high=5, integer=True)}, max_tokens=2,
    )  # fmt: skip
    return Family(FamilySpec(name="tiny", forms=(form,)), {"number": read_number})


def logs(shares=SHARES, labels=LABELS, start="") -> dict[str, float]:
    # Not normalised: half of the mass is other texts', and falls out.
    return {start + label: math.log(p / 2) for label, p in zip(labels, shares)}


def test_the_mean_over_labels_by_hand(pictures):
    judge = Judge(ScriptedEngine(lambda ask: logs()), labelled_family(), expected=True)
    out = judge.score("x", pictures[0])
    mean = sum(k * p for k, p in zip(range(1, 6), SHARES))  # 3.8
    assert out.score == pytest.approx((mean - 1) / 4)
    assert out.dimensions["quality"].popitem()[1] == pytest.approx(3.8)
    assert out.asks[0].preference == pytest.approx(dict(zip(LABELS, SHARES)))
    assert (out.calls, out.status, out.notes) == (1, "ok", ())
    said = Judge(ScriptedEngine("4"), labelled_family()).score("x", pictures[0])
    assert (said.score, said.asks[0].preference) == (0.75, {})


def test_moments_are_the_definition():
    mean, spread = moments(dict(zip(LABELS, SHARES)))
    second = sum(k * k * p for k, p in zip(range(1, 6), SHARES))
    assert (mean, spread) == pytest.approx((3.8, math.sqrt(second - 3.8**2)))


def test_an_engine_without_log_probabilities_is_read_in_words_and_that_is_noted(pictures):
    silent = ScriptedEngine(lambda ask: Reply(text="4", finish_reason="stop"))
    out = Judge(silent, labelled_family(), expected=True).score("x", pictures[0])
    assert (out.score, out.status) == (0.75, "ok")
    assert out.notes == ("the score is the likeliest one, not the expected",)
    words = ScriptedEngine("4", capabilities={"generate", "image"})
    out = Judge(words, labelled_family(), expected=True).score("x", pictures[0])
    assert (out.score, out.asks[0].preference) == (0.75, {})


REPLY = "alignment 4.0 coherence 3.5 style 5.0 overall 4.25"


def tiny_engine(ask):
    """The reply, then what it says of each of its numbers: half on the one said, half above or
    below."""
    if not ask.choices:
        return REPLY
    prefix = ask.choices[0][: -len("1.0")]
    number = REPLY[len(prefix) :].split()[0]
    place = [choice[len(prefix) :] for choice in ask.choices].index(number)
    other = place - 1 if place + 1 == len(ask.choices) else place + 1
    return {
        choice: math.log(0.5) if at in (place, other) else -50.0
        for at, choice in enumerate(ask.choices)
    }


def test_each_number_of_a_reply_is_asked_for_after_what_was_said_before_it(pictures):
    engine = ScriptedEngine(tiny_engine)
    out = Judge(engine, "tiny", expected=True).score("two red circles", pictures[0])
    (who,) = out.scores
    values = {name: row[who] for name, row in out.dimensions.items()}
    assert values == pytest.approx(
        {"alignment": 4.125, "coherence": 3.75, "style": 4.75, "overall": 4.375}, abs=1e-9
    )
    assert out.score == pytest.approx((4.375 - 1) / 4)
    assert out.sigma == pytest.approx({who: 0.125 / 4})
    assert (out.calls, out.status, out.notes) == (5, "ok", ())
    starts = {ask.choices[0] for ask in engine.seen if ask.choices}
    assert starts == {
        "alignment 1.0",
        "alignment 4.0 coherence 1.0",
        "alignment 4.0 coherence 3.5 style 1.0",
        "alignment 4.0 coherence 3.5 style 5.0 overall 1.0",
    }
    lengths = sorted(len(ask.choices) for ask in engine.seen)
    assert lengths == [0, 9, 9, 17, 17], "halves, and quarters of alignment and overall"


def test_one_number_that_is_not_answered_stays_as_it_was_said(pictures):
    def engine(ask):
        if ask.choices and "style" in ask.choices[0] and "overall" not in ask.choices[0]:
            return Reply(error="lost")
        return tiny_engine(ask)

    out = Judge(ScriptedEngine(engine), "tiny", expected=True).score("x", pictures[0])
    (who,) = out.scores
    assert out.status == "ok"
    assert out.dimensions["style"][who] == 5.0
    assert out.notes == ("the style is the likeliest one, not the expected: lost",)


def test_a_reply_that_cannot_be_read_is_asked_nothing_more(pictures):
    engine = ScriptedEngine("alignment much")
    (out,) = Judge(engine, "tiny", expected=True)([record(pictures[:1])], mode="score")
    assert (out.status, out.calls, out.scores) == ("unparsed", 1, {})


def test_a_family_whose_numbers_nobody_told_keeps_its_score(pictures):
    reply = "Alignment Score (1-5): 3.5\nCoherence Score (1-5): 4\nStyle Score (1-5): 2"
    engine = ScriptedEngine(reply)
    out = Judge(engine, "unifiedreward-2", expected=True).score("x", pictures[0])
    plain = Judge(ScriptedEngine(reply), "unifiedreward-2").score("x", pictures[0])
    assert (out.score, out.calls) == (plain.score, 1)
    assert any("the alignment is the likeliest one" in note for note in out.notes)


def test_pairs_are_judged_as_ever(pictures):
    engine = ScriptedEngine(lambda ask: {"1": -0.1, "2": -3.0, "tie": -4.0})
    plain = Judge(engine, "tiny").compare("x", *pictures[:2])
    assert Judge(engine, "tiny", expected=True).compare("x", *pictures[:2]) == plain


def test_places_are_where_the_number_was_read():
    assert places(REPLY, {"style": 5.0, "overall": 4.25}) == {"style": 34, "overall": 46}
    assert places("Style Score (1-5): 4\n", {"style": 4.0}) == {"style": 19}
    assert places("**Text to Video Alignment**: 3", {"text_to_video_alignment": 3.0}) == {
        "text_to_video_alignment": 29
    }
    assert places("style 4 or style 5", {"style": 4.0}) == {}
    assert places("style 4", {"style": 5.0}) == {}
    assert places("style 4.5", {"style": 4.0}) == {}
    assert places("lifestyle 4", {"style": 4.0}) == {}


def test_a_score_is_made_as_the_family_made_it():
    form = get_family("tiny").forms_for("image_generation", "score")[0]
    read = {"alignment": 4.0, "coherence": 3.0, "style": 5.0, "overall": 4.5}
    new = {"alignment": 3.0, "coherence": 3.0, "style": 3.0, "overall": 4.25}
    assert rescored(form, read, 0.875, new) == pytest.approx(0.8125)
    assert rescored(form, read, 0.75, new) == pytest.approx(0.5), "the mean of the three"
    assert rescored(form, read, 0.1, new) is None


def test_which_forms_are_labelled():
    assert numbers_of_choices(labelled_family().spec.forms[0]) == {
        str(k): float(k) for k in range(1, 6)
    }
    assert all(numbers_of_choices(form) == {} for spec in SPECS for form in spec.forms)
    assert numbers_of_choices(get_family("yes-no").spec.forms[0]) == {}


def test_label_probabilities_are_calibrated_by_their_likelihood(pictures, tmp_path):
    """The right label is the third for half of the records and the fourth for the others, so
    the judge is surer of the fourth than it may be."""
    from unireward.files import write_records

    rows = []
    for number in range(240):
        one = record(pictures[:1], prompt=f"number {number}", name=f"r{number}")
        label = Label(
            scores={one.candidates[0].id: {"quality": 3.0 if number % 2 else 4.1}},
            scales={"quality": (1.0, 5.0)},
        )
        rows.append(one.model_copy(update={"label": label}))
    write_records(tmp_path / "r.jsonl", rows)
    judge = Judge(
        ScriptedEngine(lambda ask: logs(), identity="w"), labelled_family(), expected=True
    )
    report = calibrate(
        judge, tmp_path / "r.jsonl", judgments=tmp_path / "j.jsonl", mode="score",
        method="temperature",
    )  # fmt: skip
    (entry,) = report.entries
    truth = [2 if number % 2 else 3 for number in range(240)]
    assert entry.temperature == pytest.approx(fit_temperature([SHARES] * 240, truth), rel=1e-6)
    section = {"confidence": Calibration().with_entries(report.entries)}
    mapped = Judge(judge.engine, labelled_family(), expected=True, calibration=section)
    out = mapped.score("x", pictures[0])
    shares = tempered(SHARES, entry.temperature)
    assert out.score == pytest.approx((sum(k * p for k, p in zip(range(1, 6), shares)) - 1) / 4)
    assert out.asks[0].preference == pytest.approx(dict(zip(LABELS, SHARES)))
    assert out.notes == (entry.note,)
