"""Which examples a record gives: orders, pairs, ties, weights, and what is left out."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from unireward.errors import FamilyError, InputError
from unireward.families import get_family
from unireward.record import Candidate, Label, Part, Record, Span
from unireward.training.data_config import DataConfig, SourceConfig
from unireward.training.examples import asks_of
from unireward.training.labels import tiers_of
from unireward.training.maker import Made, Maker, Objective


def record(names: str = "ab", task: str = "image_generation", **label: Any) -> Record:
    return Record(
        id="r",
        task=task,
        prompt=(Part.of_text("two red circles"),),
        candidates=tuple(
            Candidate(id=name, content=(Part(type="image", path=f"{name}.png"),)) for name in names
        ),
        label=Label(**label) if label else None,
    )


def made(one: Record, objective: Objective = "sft", *, family: str = "tiny", turn: int = 0,
         **config: Any) -> Made:  # fmt: skip
    settings = DataConfig(sources=(SourceConfig(world="all/pair"),), **config)
    return Maker(settings, get_family(family), objective)(one, turn)


def orders(found: Made) -> list[str]:
    return ["".join(example.order) for example in found.examples]


RANKED = {"ranking": [["c"], ["a", "b"], ["d"]]}


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ("all", ["ab", "ca", "ad", "cb", "bd", "cd"]),
        ("adjacent", ["ab", "ca", "ad", "cb", "bd"]),
        ("best-worst", ["cd"]),
    ],
)
def test_pairs_of_a_group_better_first(pairs: str, wanted: list[str]) -> None:
    found = made(record("abcd", **RANKED), "pair", pairs=pairs)
    assert orders(found) == wanted
    assert [e.tie for e in found.examples] == [order == "ab" for order in wanted]
    without = made(record("abcd", **RANKED), "pair", pairs=pairs, ties="skip")
    assert orders(without) == [order for order in wanted if order != "ab"]
    assert without.left_out == ({"tie": 1} if "ab" in wanted else {})


def test_both_orders_are_two_examples_in_the_order_shown() -> None:
    one = record(ranking=[["b"], ["a"]])
    found = made(one)
    assert [("".join(e.order), e.replies[0]) for e in found.examples] == [
        ("ab", ("", "2")), ("ba", ("", "1")),
    ]  # fmt: skip
    assert orders(made(one, orders="given")) == ["ab"]


def test_a_random_order_is_the_turns_own_and_even() -> None:
    one = record(ranking=[["b"], ["a"]])
    drawn = [orders(made(one, orders="random", turn=turn)) for turn in range(200)]
    assert drawn == [orders(made(one, orders="random", turn=turn)) for turn in range(200)]
    counts = Counter(order for (order,) in drawn)
    assert set(counts) == {"ab", "ba"}
    # Of a fair coin 75 or fewer in 200 come once in 3,000 tries; these turns are fixed.
    assert min(counts.values()) > 75
    for turn in range(5):
        (example,) = made(one, orders="random", turn=turn).examples
        assert example.replies[0] == ("", str(example.order.index("b") + 1))


def test_ties_in_sft() -> None:
    tie = record(ranking=[["a", "b"]])
    assert [e.replies[0] for e in made(tie).examples] == [("", "tie")] * 2
    assert made(tie, ties="skip").left_out == {"tie": 1}
    edit = record(task="image_editing", ranking=[["a", "b"]])
    found = made(edit, family="unifiedreward-edit")
    assert (found.examples, found.left_out) == ([], {"tie, which the form has no word for": 1})


def test_modes_weights_and_what_lacks() -> None:
    scores = {"a": {"overall": 4.0, "alignment": 4.0, "coherence": 4.0, "style": 4.0}}
    one = record(ranking=[["a"], ["b"]], scores=scores)
    found = made(
        one, orders="given", modes={"rank": 2.0, "rank/trace": 1.0, "score": 0.5},
        task_weights={"image_generation": 0.1},
    )  # fmt: skip
    told = [(e.form.address if e.form else "", e.order, round(e.weight, 4)) for e in found.examples]
    assert told == [
        ("image_generation/rank/direct", ("a", "b"), 0.2),
        ("image_generation/score", ("a",), 0.05),
    ]
    # The trace needs the scores of both, the score of b is not known.
    assert sum(found.left_out.values()) == 2
    assert all("which the label has not" in reason for reason in found.left_out)


def test_a_task_the_family_cannot_be_asked_about() -> None:
    with pytest.raises(FamilyError, match="tiny has no rank mode for interleaved"):
        made(record(task="interleaved", ranking=[["a"], ["b"]]))
    # What it can, of what is asked, is enough.
    text = record(task="image_understanding", ranking=[["a"], ["b"]])
    found = made(text, family="unifiedreward", orders="given", modes={"rank": 1, "pair-score": 1})
    assert [e.form.mode for e in found.examples if e.form] == ["rank"]


def test_aspects_are_asked_one_by_one() -> None:
    scores = {"a": {"naturalness": 20, "artifacts": 25}}
    one = record("a", task="image_editing", scores=scores)
    found = made(one, family="unifiedreward-edit", modes={"score//quality": 1})
    (example,) = found.examples
    assert "".join(example.replies[0] or ()) == '{"reasoning": "", "score": [20, 25]}'


def test_candidates_that_are_the_same() -> None:
    one = record(ranking=[["a"], ["b"]])
    same = one.model_copy(
        update={
            "candidates": (
                one.candidates[0], Candidate(id="b", content=one.candidates[0].content)
            )
        }
    )  # fmt: skip
    with pytest.raises(InputError, match="candidates 'a' and 'b' are the same; leave one out"):
        made(same)
    twice = record(ranking=[["a"], ["b", "a"]])
    with pytest.raises(InputError, match=r"label\.ranking names 'a' twice"):
        made(twice)


def test_tiers_from_whatever_the_label_has() -> None:
    assert tiers_of(record()) is None
    assert tiers_of(record("abc", preference={"a": 0.2, "b": 0.5, "c": 0.2})) == (
        ("b",),
        ("a", "c"),
    )
    assert tiers_of(record(preference={"a": 0.1, "b": 0.2, "tie": 0.7})) == (("a", "b"),)
    scores = {"a": {"overall": 1.0}, "b": {"overall": 3.0}}
    assert tiers_of(record(scores=scores)) == (("b",), ("a",))
    assert tiers_of(record(scores={"a": {"style": 1.0}})) is None


def test_yes_shares() -> None:
    def shares(**label: Any) -> list[float]:
        cut = label.pop("threshold", None)
        return [e.yes for e in made(record(**label), "yes-no", threshold=cut).examples]

    scores = {"scores": {"a": {"overall": 4}, "b": {"overall": 2}}, "scales": {"overall": (0, 5)}}
    assert shares(**scores) == [0.8, 0.4]
    assert shares(**scores, threshold=0.5) == [1, 0]
    assert shares(preference={"a": 0.7, "b": 0.3}) == [0.7, 0.3]
    assert shares(ranking=[["b"], ["a"]]) == [0, 1]
    assert shares(ranking=[["a", "b"]], tie="good") == [1, 1]
    assert shares(ranking=[["a", "b"]], tie="bad") == [0, 0]
    found = made(record(ranking=[["a", "b"]]), "yes-no")
    assert (found.examples, found.left_out) == ([], {"no score, votes or winner": 2})


def test_margins() -> None:
    label = {
        "ranking": [["a"], ["b"]], "strength": 0.25,
        "scores": {"a": {"overall": 4}, "b": {"overall": 2}}, "scales": {"overall": (0, 5)},
    }  # fmt: skip

    def margin(kind: str, **changed: Any) -> float:
        return made(record(**{**label, **changed}), "pair", margin=kind).examples[0].margin

    assert margin("scores") == pytest.approx(0.4)
    assert margin("strength") == 0.25
    assert math.isnan(margin("none"))
    assert math.isnan(margin("scores", scores=None))
    assert margin("strength", ranking=[["a", "b"]]) == 0


def test_a_score_whose_scale_is_not_known() -> None:
    one = record("a", scores={"a": {"overall": 4}})
    with pytest.raises(InputError, match=r"label\.scales has no overall; add its range, or set"):
        made(one, "point")
    assert made(one, "point", score_unit="raw").examples[0].scores == ((4.0,),)


def test_captions_of_the_best_or_of_each() -> None:
    config: dict[str, Any] = {"caption": {"ask": "Describe it.", "weight": 0.5}, "orders": "given"}
    one = record(ranking=[["b"], ["a"]])
    *_, caption = made(one, **config).examples
    assert (caption.order, caption.replies, caption.weight) == (
        ("b",), (("", "two red circles"),), 0.5
    )  # fmt: skip
    (ask,) = asks_of(caption, get_family("unifiedreward"))
    assert ask.text == "Describe it."
    assert len(ask.media) == 1
    told = one.model_copy(update={"meta": {"captions": {"a": "one star", "b": " "}}})
    captions = [e for e in made(told, **config).examples if e.kind == "caption"]
    assert [(e.order, e.replies) for e in captions] == [(("a",), (("", "one star"),))]
    bad = record(ranking=[["a", "b"]], tie="bad")
    assert [e.kind for e in made(bad, **config).examples] == ["sft"]
    inline = {**config, "caption": {"ask": {"image_editing": "image 1 : <1> describe :"}}}
    assert [e.kind for e in made(one, **inline).examples] == ["sft"]


def test_dpo_of_pictures_needs_words() -> None:
    with pytest.raises(InputError, match="a candidate has no text, and dpo prefers answers"):
        made(record(ranking=[["a"], ["b"]]), "dpo")


def test_graded_words_reach_the_form_that_asks_for_them() -> None:
    span = Span(candidate="a", kind="token", dimension="word", text="red", value=2.5)
    scores = {"a": {"alignment": 3, "coherence": 4, "style": 5}}
    one = record("a", scores=scores, spans=[span])
    found = made(one, family="unifiedreward", modes={"score/words": 1})
    text = "".join(found.examples[0].replies[0] or ())
    assert text.startswith('Word-wise Scores: [["red", 2.5]]\n\nAlignment Score (1-5): 3\n')


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"modes": {"ranks": 1}}, "'ranks' is no mode; use score, rank, pair-score"),
        ({"modes": {"rank": 0}}, "rank has weight 0"),
        ({"task_weights": {"text": -1}}, "text has weight -1"),
        ({"dimensions": ["a", "a"]}, "each once"),
        ({"sources": [{"records": "a.jsonl", "world": "all/pair"}]}, "one of them"),
        ({"sources": [{"records": "a.jsonl", "seed": 1}]}, "seed belongs to a world"),
        ({"sources": [{"world": "all/pair", "quotas": {"text": 0}}]}, "share above 0"),
        ({"sources": []}, "at least one"),
        ({"order": "both"}, "order"),
    ],
)
def test_a_config_that_cannot_be(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig.model_validate({"sources": [{"world": "all/pair"}], **config})
