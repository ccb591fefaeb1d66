"""Calibration end to end on a scripted judge that is twice as sure as it may be."""

import json
import math
import random
import re
from pathlib import Path

import numpy as np
import pytest

from tests.rewards.conftest import VERDICTS, read_pair, read_verdict
from unireward.ask import Ask, Reply
from unireward.engines.scripted import ScriptedEngine
from unireward.errors import InputError, UsageError
from unireward.families.family import Family
from unireward.families.judge_json import load_judge_json, save_judge_json
from unireward.families.spec import FamilySpec, Form
from unireward.files import read_judgments, write_records
from unireward.record import Candidate, Label, Part, Record
from unireward.rewards.calibrating import calibrate, keep
from unireward.rewards.calibration import Calibration
from unireward.rewards.combine import softmax
from unireward.rewards.judge import Judge
from unireward.stats.calibration import expected_calibration_error, reliability
from unireward.stats.temperature import tempered

SURE = 2.0


def family_of(choices: tuple[str, ...] = VERDICTS, template: str = "{Q} / {A1} / {A2}") -> Family:
    rank = Form(
        task="text", mode="rank", template=template, reader="verdict", choices=choices, max_tokens=4
    )
    pair = Form(task="text", mode="pair-score", template=template, reader="pair_scores")
    spec = FamilySpec(name="tiny", forms=(rank, pair))
    return Family(spec, {"verdict": read_verdict, "pair_scores": read_pair})


def logits(number: int) -> list[float]:
    """What the world is like for record ``number``: a, b, tie."""
    drawn = random.Random(number)
    return [drawn.gauss(0, 1.5), drawn.gauss(0, 1.5), drawn.gauss(-1, 1)]


def shown(ask: Ask) -> tuple[int, bool]:
    """Which record an ask is of, and whether a is shown first."""
    found = re.search(r"number (\d+) / (\w)", ask.text)
    assert found is not None
    return int(found[1]), found[2] == "a"


def said(ask: Ask) -> list[float]:
    number, straight = shown(ask)
    a, b, tie = (SURE * x for x in logits(number))
    lean = 0.4  # to what is shown first
    values = [(a if straight else b) + lean, b if straight else a, tie]
    return [value - max(values) - 0.01 for value in values]


def soft(ask: Ask) -> dict[str, float]:
    return dict(zip(VERDICTS, said(ask)))


def hard(ask: Ask) -> str:
    values = said(ask)
    return VERDICTS[values.index(max(values))]


def records(count: int, start: int = 0, ties: bool = True) -> list[Record]:
    rows = []
    for number in range(start, start + count):
        shares = tempered(np.exp(logits(number)), 1.0)
        at = random.Random(f"truth {number}").random()
        place = next((k for k in range(3) if at < shares[: k + 1].sum()), 2)
        ranking = [(("a",), ("b",)), (("b",), ("a",)), (("a", "b"),)][place]
        label = Label(ranking=ranking) if ties or place < 2 else None
        candidates = tuple(Candidate(id=n, content=(Part.of_text(n),)) for n in "ab")
        prompt = (Part.of_text(f"number {number}"),)
        rows.append(
            Record(id=f"r{number}", task="text", prompt=prompt, candidates=candidates, label=label)
        )
    return rows


@pytest.fixture
def labelled(tmp_path) -> Path:
    path = tmp_path / "records.jsonl"
    write_records(path, records(600))
    return path


def test_it_is_fitted_saved_and_used(labelled, tmp_path):
    judge = Judge(ScriptedEngine(soft, identity="weights"), family_of())
    report = calibrate(judge, labelled, judgments=tmp_path / "judged.jsonl")
    (entry,) = report.entries
    assert (entry.task, entry.mode, entry.orders, entry.votes) == ("text", "rank", "both", 1)
    assert entry.method == "temperature"
    assert entry.temperature == pytest.approx(SURE, rel=0.15)
    assert (entry.n, sum(entry.labels.values())) == (600, 600)
    assert entry.ece.before.value > 0.1
    assert entry.ece.after.value < 0.05

    # The same error, by hand, from the judgments as they lie there.
    truths = {record.id: record.label.winner() for record in records(600)}
    rows = list(read_judgments(tmp_path / "judged.jsonl"))
    sure = [min(row.confidence, 1.0) for row in rows]
    right = [row.winner == truths[row.record] for row in rows]
    by_hand = expected_calibration_error(reliability(sure, right, 10))
    assert entry.ece.before.value == pytest.approx(by_hand, abs=1e-12)

    path = keep(report.entries, tmp_path / "out", judge)
    calibrated = Judge(judge.engine, family_of(), calibration=load_judge_json(path).calibration)
    fresh = records(200, start=5_000)
    for before, after in zip(judge(fresh), calibrated(fresh)):
        keys = ("a", "b", "tie")
        expected = tempered([before.preference[key] for key in keys], entry.temperature)
        assert [after.preference[key] for key in keys] == pytest.approx(list(expected))
        assert after.winner == before.winner
        assert after.confidence == after.preference[after.winner]
        assert after.scores["a"] == pytest.approx(
            after.preference["a"] + after.preference["tie"] / 2
        )
        assert after.asks == before.asks, "asks stay as the model said them"
        assert after.notes == (f"calibrated: temperature {entry.temperature:.2f} on 600 records",)
        assert before.notes == ()


def test_each_orders_or_the_merged_ones_is_the_same_temperature():
    """T divides log-probabilities, and the orders merge by their mean."""
    one, two = np.array([-0.1, -3.0, -2.5]), np.array([-1.5, -0.6, -1.8])
    merged = softmax(dict(enumerate((one + two) / 2)))
    each = softmax(dict(enumerate((one / 1.7 + two / 1.7) / 2)))
    assert tempered(list(merged.values()), 1.7) == pytest.approx(list(each.values()))


def test_a_group_keeps_its_order_and_gets_its_confidence(labelled, tmp_path):
    judge = Judge(ScriptedEngine(soft, identity="w"), family_of())
    report = calibrate(judge, labelled, judgments=tmp_path / "j.jsonl", method="temperature")

    def of_three(ask):
        first, second = re.search(r"/ (\w) / (\w)", ask.text).groups()
        return dict(zip(VERDICTS, (-2.0 * (second < first), -2.0 * (first < second), -5.0)))

    engine = ScriptedEngine(of_three, identity="w")
    section = {"confidence": Calibration().with_entries(report.entries)}
    candidates = tuple(Candidate(id=n, content=(Part.of_text(n),)) for n in "abc")
    group = Record(id="g", task="text", prompt=(Part.of_text("which"),), candidates=candidates)
    (plain,) = Judge(engine, family_of())([group])
    (mapped,) = Judge(engine, family_of(), calibration=section)([group])
    assert mapped.scores == plain.scores
    assert mapped.ranking == plain.ranking == (("a",), ("b",), ("c",))
    assert mapped.confidence < plain.confidence
    assert mapped.notes[0].startswith("calibrated: temperature")


def test_fewer_than_200_labels_are_refused_with_the_count(tmp_path):
    path = tmp_path / "few.jsonl"
    write_records(path, [*records(199), *records(20, start=900, ties=False)])
    few = sum(record.label is not None for record in records(20, start=900, ties=False))
    engine = ScriptedEngine(soft)
    if few:
        write_records(path, records(199))
    with pytest.raises(InputError, match="text rank has 199 labels and needs 200"):
        calibrate(Judge(engine, family_of()), path, judgments=tmp_path / "j.jsonl")
    assert engine.calls == 0, "nothing is spent on what will be refused"
    assert not (tmp_path / "j.jsonl").exists()


def test_unread_ones_are_no_labels(tmp_path):
    path = tmp_path / "r.jsonl"
    write_records(path, records(210))
    engine = ScriptedEngine(lambda ask: soft(ask) if shown(ask)[0] % 10 else "gibberish")
    with pytest.raises(InputError, match=r"has 189 labels and needs 200.*\(21 were not read\)"):
        calibrate(Judge(engine, family_of()), path, judgments=tmp_path / "j.jsonl")


def test_ties_count_where_the_judge_can_say_one(labelled, tmp_path):
    two = family_of(VERDICTS[:2])
    engine = ScriptedEngine(lambda ask: dict(zip(VERDICTS[:2], said(ask))))
    report = calibrate(Judge(engine, two), labelled, judgments=tmp_path / "j.jsonl")
    tied = sum(record.label.winner() == "tie" for record in records(600))
    assert report.left_out == {"a tie, which the judge cannot say": tied}
    assert report.entries[0].n == 600 - tied
    assert "tie" not in report.entries[0].labels


def test_a_judge_of_words_alone(labelled, tmp_path):
    """Both orders agree (1), one calls a tie (0.5), they are opposed (0): three confidences."""
    judge = Judge(ScriptedEngine(hard, capabilities={"generate"}), family_of())
    with pytest.raises(InputError, match="gives no log-probabilities"):
        calibrate(judge, labelled, judgments=tmp_path / "t.jsonl", method="temperature")
    report = calibrate(judge, labelled, judgments=tmp_path / "b.jsonl", method="isotonic")
    (entry,) = report.entries
    assert entry.method == "isotonic"
    assert [x for x, _ in entry.knots] == [0.0, 0.5, 1.0]
    assert entry.ece.after.value < entry.ece.before.value
    section = {"confidence": Calibration().with_entries(report.entries)}
    mapped = Judge(judge.engine, family_of(), calibration=section)
    for before, after in zip(judge(records(50)), mapped(records(50))):
        assert after.winner == before.winner
    alone = Judge(ScriptedEngine(hard, capabilities={"generate"}), family_of(), both_orders=False)
    with pytest.raises(InputError, match="needs 3 distinct confidences and there is 1"):
        calibrate(alone, labelled, judgments=tmp_path / "o.jsonl")


class StoppedError(Exception):
    pass


def test_an_interrupted_calibration_goes_on(labelled, tmp_path):
    clean = calibrate(
        Judge(ScriptedEngine(soft, identity="w"), family_of()),
        labelled,
        judgments=tmp_path / "clean.jsonl",
    )
    asked = []

    def until(ask):
        asked.append(ask)
        if len(asked) == 501:
            raise StoppedError
        return soft(ask)

    judge = Judge(ScriptedEngine(until, identity="w"), family_of())
    with pytest.raises(StoppedError):
        calibrate(judge, labelled, judgments=tmp_path / "cut.jsonl")
    kept = len((tmp_path / "cut.jsonl").read_text().splitlines())
    assert 0 < kept <= 250
    again = ScriptedEngine(soft, identity="w")
    report = calibrate(Judge(again, family_of()), labelled, judgments=tmp_path / "cut.jsonl")
    assert again.calls == 2 * (600 - kept)
    assert report.job.kept == kept
    assert report.entries == clean.entries


@pytest.mark.parametrize("change", ["prompt", "weights", "way"])
def test_what_is_asked_otherwise_is_not_calibrated_and_that_is_said_once(
    labelled, tmp_path, capsys, change
):
    judge = Judge(ScriptedEngine(soft, identity="w"), family_of())
    report = calibrate(judge, labelled, judgments=tmp_path / "j.jsonl")
    section = {"confidence": Calibration().with_entries(report.entries)}
    other = Judge(
        ScriptedEngine(soft, identity="v" if change == "weights" else "w"),
        family_of(template="{Q} / {A1} / {A2} ?") if change == "prompt" else family_of(),
        both_orders=change != "way",
        calibration=section,
    )
    capsys.readouterr()
    assert [row.notes for row in other(records(3))] == [(), (), ()]
    lines = [line for line in capsys.readouterr().err.splitlines() if "calibration" in line]
    assert len(lines) == 1
    assert f"another {change}" in lines[0]


def test_it_stands_beside_what_the_file_holds(labelled, tmp_path):
    judge = Judge(ScriptedEngine(soft, identity="w"), family_of())
    first = calibrate(judge, labelled, judgments=tmp_path / "j.jsonl")
    scoring = {"scoring": {"temperature": 2.0}}
    path = save_judge_json(
        tmp_path, family_of(), judge="mine", calibration=scoring, meta={"kept": 1}
    )
    keep(first.entries, path, judge)
    one = Judge(ScriptedEngine(soft, identity="w"), family_of(), both_orders=False)
    second = calibrate(one, labelled, judgments=tmp_path / "k.jsonl", method="temperature")
    keep(second.entries, path, judge)
    keep(second.entries, path, judge)
    file = load_judge_json(path)
    assert file.calibration["scoring"] == {"temperature": 2.0}
    assert (file.judge, file.meta) == ("mine", {"kept": 1})
    found = Calibration.of(file.calibration)
    assert [entry.orders for entry in found.entries] == ["both", "one"]
    assert found.entries == (*first.entries, *second.entries)
    other = Judge(ScriptedEngine("first"), "unifiedreward-think")
    with pytest.raises(InputError, match="is of family"):
        keep(first.entries, path, other)


def test_a_job_begun_before_goes_on_and_another_calibration_does_not(labelled, tmp_path):
    from unireward.jobs.manifest import check_same

    judge = Judge(ScriptedEngine(soft, identity="w"), family_of())
    old = {k: v for k, v in judge.identity.items() if v is not None}
    check_same(tmp_path / "out.jsonl", old, judge.identity)
    report = calibrate(judge, labelled, judgments=tmp_path / "j.jsonl")
    section = {"confidence": Calibration().with_entries(report.entries)}
    mapped = Judge(judge.engine, family_of(), calibration=section)
    with pytest.raises(UsageError, match="begun with another calibration"):
        check_same(tmp_path / "out.jsonl", old, mapped.identity)
    json.dumps(mapped.identity)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"confidence": {"a": 1}}, "calibration.confidence: is no list"),
        ({"confidence": ["x"]}, r"calibration.confidence\[0\]"),
        ({"confidence": [{"task": "text"}]}, r"calibration.confidence\[0\]: mode"),
    ],
)
def test_a_spoilt_section_is_named(section, words):
    with pytest.raises(InputError, match=words):
        Calibration.of(section)


def test_a_spoilt_entry_is_named(labelled, tmp_path):
    judge = Judge(ScriptedEngine(soft, identity="w"), family_of())
    report = calibrate(judge, labelled, judgments=tmp_path / "j.jsonl")
    (row,) = Calibration().with_entries(report.entries)
    for change in (
        {"temperature": -1.0},
        {"temperature": None},
        {"knots": [[0.5, 0.5]]},
        {"method": "isotonic", "temperature": None, "knots": [[0.5, 0.5], [0.4, 0.6]]},
    ):
        with pytest.raises(InputError, match=r"confidence\[0\]"):
            Calibration.of({"confidence": [{**row, **change}]})
    with pytest.raises(InputError, match="two entries"):
        Calibration.of({"confidence": [row, row]})


def test_modes_and_methods_that_cannot_be(labelled, tmp_path):
    judge = Judge(ScriptedEngine(soft), family_of())
    with pytest.raises(UsageError, match="method is 'platt'"):
        calibrate(judge, labelled, judgments=tmp_path / "j.jsonl", method="platt")
    with pytest.raises(UsageError, match="a plain score has no confidence"):
        calibrate(judge, labelled, judgments=tmp_path / "j.jsonl", mode="score")
    assert math.isfinite(Reply().seconds)
