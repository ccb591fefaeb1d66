"""The demo's numbers, counted by hand from made-up records and judgments."""

import json

import pytest

from unireward.benchmarks.demo import DemoRun, Judged, TaskRun
from unireward.benchmarks.demo_cards import pair_verdict
from unireward.benchmarks.demo_numbers import numbers_of, reliability_of, report_of
from unireward.judgment import Judgment
from unireward.record import Candidate, Label, Part, Record


def record(name, tiers, answers=("a long answer", "short"), scores=None, ids=("a", "b")):
    return Record(
        id=name,
        task="image_understanding",
        prompt=[Part.of_text("how many circles ?")],
        candidates=[Candidate(id=i, content=[Part.of_text(t)]) for i, t in zip(ids, answers)],
        label=Label(ranking=tiers, scores=scores),
    )


def judgment(name, winner, status="ok", mode="rank", **more):
    return Judgment(
        record=name, judge="j", family="f", prompt="own:0", task="image_understanding",
        mode=mode, status=status, winner=winner, calls=2, **more,
    )  # fmt: skip


A, B, TIE = [["a"], ["b"]], [["b"], ["a"]], [["a", "b"]]
PAIRS = [record(str(i), tiers) for i, tiers in enumerate([A, A, B, TIE, A])]
SAID = [
    judgment("0", "a", confidence=0.95, agreement=True),
    judgment("1", "b", confidence=0.65, agreement=True),
    judgment("2", "tie", confidence=0.45, agreement=False),
    judgment("3", "tie", confidence=0.65, agreement=True),
    judgment("4", None, "unparsed", reason="no verdict"),
]


def run(pairs=PAIRS, said=SAID):
    ones = [
        record(f"s{i}", None, scores={"a": {"alignment": 1 + i}}, answers=("x",), ids=("a",))
        for i in range(5)
    ]
    scored = [
        judgment(f"s{i}", None, mode="score", dimensions={"alignment": {"a": value}})
        for i, value in enumerate([1.0, 2.0, 3.5, 3.0, 5.0])
    ]
    names = ("a", "b", "c", "d")
    four = record(
        "g", [["a"], ["b"], ["c"], ["d"]], ("1", "2", "3", "4"), ids=names,
        scores={n: {"overall": 5 - i} for i, n in enumerate(names)},
    )  # fmt: skip
    ranked = judgment("g", "a", scores={"a": 0.9, "b": 0.4, "c": 0.5, "d": 0.1})
    constant = [judgment(r.id, "a") for r in pairs]
    return TaskRun(
        "image_understanding",
        pairs=Judged(pairs, said),
        text_only=Judged(pairs, constant),
        image_only=Judged(pairs, [judgment(r.id, "tie") for r in pairs]),
        singles=Judged(ones, scored),
        groups=Judged([four], [ranked]),
        written=Judged(pairs[:1], said[:1]),
    )


def test_a_task_counted_by_hand():
    got = numbers_of(run())
    # Truth differs in 0, 1, 2, 4; 4 was not read: right, wrong, half.
    assert (got.accuracy.value, got.accuracy.n) == (0.5, 3)
    assert (got.strict.value, got.strict.n) == (pytest.approx(1 / 3), 3)
    assert (got.three_way.value, got.three_way.n) == (0.5, 4)
    assert (got.agreement.value, got.agreement.n) == (0.75, 4)
    assert {name: share.value for name, share in got.baselines.items()} == {
        "text only": 0.75,
        "image only": 0.5,
        "longer answer": 0.75,
        "majority": 0.75,
    }
    assert got.spearman.value == pytest.approx(0.9)  # one swap of neighbours among five
    assert (got.ordered.value, got.ordered.n) == (pytest.approx(5 / 6), 1)
    assert got.statuses == {"ok": 10, "unparsed": 1}


def test_reliability_leaves_out_what_was_not_read():
    bins = reliability_of(DemoRun("j", "f", 0, [run()], 1.0, 10))
    assert [(b.low, b.accuracy.n, b.accuracy.value) for b in bins] == [
        (0.4, 1, 0.0),
        (0.6, 2, 0.5),
        (0.9, 1, 1.0),
    ]


def test_the_report_names_every_measure_and_is_json():
    report = report_of(DemoRun("j", "f", 7, [run()], 1.0, 10))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["metrics"]["image_understanding/rank/accuracy"]["value"] == 0.5
    assert report["metrics"]["image_understanding/rank/longer_answer"]["value"] == 0.75
    assert report["statuses"] == {"ok": 10, "unparsed": 1}
    assert (report["judge"], report["seed"], report["n"]) == ("j", 7, 5)
    # Gaps of .45, .15 and .05 over one, two and one verdicts.
    assert report["calibration_error"] == pytest.approx((0.45 + 2 * 0.15 + 0.05) / 4)


def test_nothing_read_gives_no_numbers():
    unread = [judgment(r.id, None, "error", reason="x") for r in PAIRS]
    got = numbers_of(run(said=unread))
    assert (got.accuracy, got.strict, got.three_way, got.agreement) == (None,) * 4


@pytest.mark.parametrize(
    ("index", "state", "text"),
    [
        (0, "right", "The judge prefers a, rightly"),
        (1, "wrong", "The judge prefers b; the truth is a"),
        (2, "wrong", "The judge calls it a tie; the truth is b"),
        (3, "right", "The judge calls it a tie, rightly"),
        (4, "open", "Not read (unparsed): no verdict"),
    ],
)
def test_verdicts_in_words(index, state, text):
    got = pair_verdict(PAIRS[index], SAID[index])
    assert (got.state, got.text) == (state, text)
