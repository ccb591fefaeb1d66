"""What is written from a label reads back as the label: every family and form that can be."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from unireward.families import Form, get_family, list_families
from unireward.families.family import Family
from unireward.families.spec import Scale
from unireward.families.unifiedreward_edit.parse import sigmoid
from unireward.families.writing import Told, Unwritable, number
from unireward.record import Candidate, Label, Part, Record, Span
from unireward.training.targets import target_pieces, target_text, told_of, writers_of, written

FORMS = [
    pytest.param(family, form, id=f"{family.id}-{form.address}")
    for family in list_families()
    for form in family.spec.forms
    if (form.mode == "rank" and form.choices) or form.reader in writers_of(family.name)
]
MANY = settings(max_examples=60, deadline=None)


def record_of(
    task: str = "image_generation", *, meta: dict | None = None, names: str = "ab", **label: object
) -> Record:
    """A record whose candidates are ``names``; what is judged has both a picture and words."""
    return Record(
        id="r",
        task=task,
        prompt=(
            Part(type="image", path="q.png"),
            Part(type="image", path="s.png", role="source"),
            Part.of_text("two red circles"),
        ),
        candidates=tuple(
            Candidate(
                id=n, content=(Part(type="image", path=f"{n}.png"), Part.of_text(f"It is {n}"))
            )
            for n in names
        ),
        label=Label(**label) if label else None,  # pyright: ignore[reportArgumentType]
        meta=meta or {},
    )


def grid(form: Form, name: str, family: Family) -> st.SearchStrategy[float]:
    """Numbers that the form's grammar can say exactly."""
    scale = form.scales.get(name)
    if scale is None:
        return st.integers(-40_000, 40_000).map(lambda n: n / 10_000)
    steps = 1 if scale.integer else 100
    if family.name == "tiny":
        steps = 4 if name in ("alignment", "overall") else 2
    if form.mode == "pair-score" and family.name == "unifiedreward-2":
        steps = 50  # half of a difference must be a hundredth
    low, high = round(scale.low * steps), round(scale.high * steps)
    return st.integers(low, high).map(lambda n: n / steps)


@st.composite
def labels(draw: st.DrawFn, family: Family, form: Form) -> Label:
    """Scores on the form's scales; the ranking by them where the form's own numbers rank."""
    names = list(form.scales) or ["overall"]
    scores = {c: {n: draw(grid(form, n, family)) for n in names} for c in "ab"}
    ranking = draw(st.sampled_from(((("a",), ("b",)), (("b",), ("a",)), (("a", "b"),))))
    if form.mode == "pair-score" or form.name == "trace":
        by = "overall" if "overall" in names else None
        total = {c: s[by] if by else math.fsum(s.values()) for c, s in scores.items()}
        assume(abs(total["a"] - total["b"]) > 1e-9)  # equal but for rounding is a tie
        ranking = (("a",), ("b",)) if total["a"] > total["b"] else (("b",), ("a",))
    spans = [
        Span(candidate=c, kind="token", dimension="word", text=word, value=draw(st.floats(0, 9)))
        for c in "ab"
        for word in ("two", "[No_mistakes]")
    ]
    return Label(ranking=ranking, scores=scores, spans=tuple(spans))


@pytest.mark.parametrize(("family", "form"), FORMS)
@MANY
@given(data=st.data())
def test_every_reply_reads_back_as_its_label(
    family: Family, form: Form, data: st.DataObject
) -> None:
    label = data.draw(labels(family, form))
    order = data.draw(st.sampled_from((("a", "b"), ("b", "a"))))
    shown = order[:1] if form.mode == "score" else order
    record = record_of(form.task, **dict(label))
    tied = len(label.ranking or ()) == 1
    if tied and form.mode == "rank" and len(form.choices) == 2:
        with pytest.raises(Unwritable, match="no word for a tie"):
            target_text(family, form, record, shown)
        return
    text = target_text(family, form, record, shown)
    # As the judge reads it: the prompt that was asked is known to the reader.
    template = "\n".join(family._fill(form, record, shown))
    for prompt in ("", template):
        reading = family.read(form, text, prompt=prompt)
        assert reading.status == "ok", (text, reading)
        assert reading.notes == () or reading.notes == ("no final score",)
        check(family, form, label, shown, reading)


def check(family: Family, form: Form, label: Label, shown: tuple[str, ...], reading) -> None:
    scores = label.scores or {}
    if form.mode != "score":
        best = (label.ranking or ())[0]
        winner = "tie" if len(best) == 2 else str(shown.index(best[0]) + 1)
        assert reading.preference[winner] == 1
    for name, said in reading.dimensions.items():
        told = {str(k): scores[c][name] for k, c in enumerate(shown, 1)}
        if form.mode == "pair-score" and family.name == "unifiedreward-2":
            told = {"1": (1 + told["1"] - told["2"]) / 2, "2": (1 + told["2"] - told["1"]) / 2}
            assert said["1"] + said["2"] == pytest.approx(1, abs=1e-12)
        assert said == pytest.approx(told, abs=1e-9)
    if form.mode != "rank":
        assert set(reading.dimensions) == set(form.scales or ("overall",))


def test_verdicts_word_for_word() -> None:
    said = []
    for name, task in (
        ("unifiedreward", "image_generation"), ("unifiedreward/llava", "video_generation"),
        ("unifiedreward", "video_understanding"), ("unifiedreward-edit", "image_editing"),
        ("tiny", "image_editing"),
    ):  # fmt: skip
        family = get_family(name)
        form = family.forms_for(task, "rank")[0]
        record = record_of(task, ranking=[["a"], ["b"]])
        said.append(
            [target_text(family, form, record, order) for order in (("a", "b"), ("b", "a"))]
        )
    assert said == [
        ["Image 1 is better", "Image 2 is better"],
        ["Video 1 is better than Video 2.", "Video 2 is better than Video 1."],
        [
            "Overall Judgment: Answer 1 is better than Answer 2.",
            "Overall Judgment: Answer 2 is better than Answer 1.",
        ],
        ["Edited image 1 is better", "Edited image 2 is better"],
        ["1", "2"],
    ]


def test_numbers_word_for_word() -> None:
    scores = {"a": {"alignment": 3.37, "coherence": 4.0, "style": 2.5, "overall": 3.45}}
    record = record_of(names="a", scores=scores)
    tiny = get_family("tiny")
    (form,) = tiny.forms_for("image_generation", "score")
    assert target_pieces(tiny, form, record, ("a",)) == (
        "alignment ", "3.25 ", "coherence ", "4.0 ", "style ", "2.5 ", "overall ", "3.5",
    )  # fmt: skip
    two = get_family("unifiedreward-2")
    (form,) = two.forms_for("image_generation", "score")
    assert target_text(two, form, record, ("a",)) == (
        "Alignment Score (1-5): 3.37\nCoherence Score (1-5): 4\nStyle Score (1-5): 2.5"
    )
    edit = get_family("unifiedreward-edit")
    (form,) = edit.forms_for("image_editing", "score", aspect="instruction")
    points = record_of("image_editing", names="a", scores={"a": {"success": 20, "overedit": 25}})
    assert json.loads(target_text(edit, form, points, ("a",)))["score"] == [20, 25]
    (form,) = edit.forms_for("image_editing", "pair-score")
    pair = record_of(
        "image_editing", scores={"a": {"overall": -0.25}, "b": {"overall": 1.5}},
        ranking=[["b"], ["a"]],
    )  # fmt: skip
    text = target_text(edit, form, pair, ("b", "a"))
    assert text == "Edited Image 1: +1.5\nEdited Image 2: -0.25"
    assert edit.read(form, text).scores["1"] == pytest.approx(sigmoid(1.75))


def test_a_trace_of_the_tiny_judge() -> None:
    tiny = get_family("tiny")
    (form,) = tiny.forms_for("video_understanding", "rank", "trace")
    scores = {"a": {"alignment": 5.0, "overall": 5.0}, "b": {"alignment": 1.0, "overall": 1.0}}
    record = record_of("video_understanding", scores=scores, ranking=[["a"], ["b"]])
    assert target_text(tiny, form, record, ("b", "a")) == (
        "answer 1 : alignment 1.0 overall 1.0 . answer 2 : alignment 5.0 overall 5.0 . rank : 2"
    )


def test_shares_of_pair_scores_add_up() -> None:
    family = get_family("unifiedreward-2")
    (form,) = family.forms_for("image_generation", "pair-score")
    scores = {
        "a": {"alignment": 4.0, "coherence": 3.0, "style": 5.0},
        "b": {"alignment": 2.0, "coherence": 3.0, "style": 1.0},
    }
    label = {"scores": scores, "scales": dict.fromkeys(scores["a"], (1, 5))}
    assert target_text(family, form, record_of(**label), ("a", "b")) == (
        "Alignment Score:\n Image 1: 0.75\n Image 2: 0.25\n\n"
        "Coherence Score:\n Image 1: 0.5\n Image 2: 0.5\n\n"
        "Style Score:\n Image 1: 1\n Image 2: 0"
    )


def test_scores_move_from_their_own_scale_to_the_forms() -> None:
    family = get_family("unifiedreward")
    (form,) = family.forms_for("image_generation", "score")
    record = record_of(names="a", scores={"a": {"overall": 3}}, scales={"overall": (0, 4)})
    assert told_of(form, record, ("a",)).values == {"overall": {"1": 4.0}}
    assert target_text(family, form, record, ("a",)) == "Final Score: 4"


def test_elements_before_the_final_score() -> None:
    family = get_family("unifiedreward")
    (form,) = family.forms_for("image_generation", "score")
    spans = [
        Span(candidate="a", kind="token", dimension="color", text="red", value=1),
        Span(candidate="a", kind="token", dimension="count", text="two", value=0),
    ]
    record = record_of(names="a", scores={"a": {"overall": 3}}, spans=spans)
    text = target_text(family, form, record, ("a",))
    assert text == "red (color): 1\ntwo (count): 0\nFinal Score: 3"
    assert [span.value for span in family.read(form, text).spans] == [1, 0]


@pytest.mark.parametrize("name", ["unifiedreward-think", "unifiedreward-flex"])
def test_thoughts_are_never_made_up(name: str) -> None:
    family = get_family(name)
    form = family.forms_for("image_generation", "rank")[0]
    record = record_of(ranking=[["a"], ["b"]])
    with pytest.raises(Unwritable, match=r"reasons that a label has not; .* meta\.reply"):
        target_text(family, form, record, ("a", "b"))


THOUGHT = (
    "<think>\n1. Aesthetics: \n    Image 1 (8/10) - sharp; \n    Image 2 (3/10) - dull\n"
    "Total score:\nImage 1: 8=8\nImage 2: 3=3\n</think>\n<answer>Image 1 is better</answer>"
)


def test_the_datas_own_reply_in_its_own_order() -> None:
    family = get_family("unifiedreward-think")
    form = family.forms_for("image_generation", "rank")[0]
    record = record_of(ranking=[["a"], ["b"]], meta={"reply": THOUGHT})
    assert target_text(family, form, record, ("a", "b")) == THOUGHT
    assert target_text(family, form, record_of(meta={"reply": THOUGHT}), ("a", "b")) == THOUGHT
    with pytest.raises(Unwritable, match="reasons"):
        target_text(family, form, record, ("b", "a"))
    with pytest.raises(Unwritable, match=r"meta\.reply is none to .* about b, a"):
        target_text(family, form, record, ("b", "a"), "data")


def test_a_reply_against_its_label_is_refused() -> None:
    family = get_family("unifiedreward-think")
    form = family.forms_for("image_generation", "rank")[0]
    record = record_of(ranking=[["b"], ["a"]], meta={"reply": THOUGHT})
    with pytest.raises(Unwritable, match="says 1, the label 2"):
        target_text(family, form, record, ("a", "b"))


def test_either_takes_the_datas_reply_else_writes() -> None:
    family = get_family("unifiedreward")
    form = family.forms_for("image_generation", "rank")[0]
    reply = "Overall, Image 1 is better because it shows both."
    record = record_of(ranking=[["a"], ["b"]], meta={"reply": reply})
    assert target_text(family, form, record, ("a", "b")) == reply
    assert target_text(family, form, record, ("a", "b"), "written") == "Image 1 is better"
    assert target_text(family, form, record, ("b", "a")) == "Image 2 is better"
    cut = record_of(ranking=[["a"], ["b"]], meta={"reply": "Overall, Im"})
    assert target_text(family, form, cut, ("a", "b")) == "Image 1 is better"
    with pytest.raises(Unwritable, match=r"has no meta\.reply"):
        target_text(family, form, record_of(ranking=[["a"], ["b"]]), ("a", "b"), "data")


def test_what_the_label_lacks_is_said() -> None:
    family = get_family("unifiedreward-2")
    (form,) = family.forms_for("image_generation", "score")
    with pytest.raises(Unwritable, match="says coherence, which the label has not"):
        target_text(family, form, record_of(scores={"a": {"alignment": 3}}), ("a",))
    (form,) = family.forms_for("image_generation", "rank")
    with pytest.raises(Unwritable, match="says a winner, which the label has not"):
        target_text(family, form, record_of(), ("a", "b"))
    (form,) = family.forms_for("image_generation", "score", "final")
    with pytest.raises(ValueError, match=r"overall of 'a' is 9, outside 1 to 5; mend it or"):
        target_text(family, form, record_of(scores={"a": {"overall": 9}}), ("a",))


def test_scores_against_the_ranking_are_refused() -> None:
    family = get_family("unifiedreward-edit")
    (form,) = family.forms_for("image_editing", "pair-score")
    scores = {"a": {"overall": 1.0}, "b": {"overall": 2.0}}
    record = record_of("image_editing", scores=scores, ranking=[["a"], ["b"]])
    with pytest.raises(Unwritable, match="says 2, the label 1"):
        target_text(family, form, record, ("a", "b"))


def test_number() -> None:
    whole = Scale(low=1, high=4, integer=True)
    assert [number(x, whole) for x in (2.5, 3.49, 4)] == ["3", "3", "4"]
    assert [number(x) for x in (3.0, 3.456, -0.001, 100, -2.5)] == ["3", "3.46", "0", "100", "-2.5"]


def test_off_the_scale() -> None:
    family = get_family("unifiedreward-2")
    (form,) = family.forms_for("image_generation", "score")
    with pytest.raises(Unwritable, match="alignment is 7, outside 1 to 5"):
        written(family, form, Told(values={"alignment": {"1": 7}}))
