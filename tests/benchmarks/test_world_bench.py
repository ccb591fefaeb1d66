"""The drawn world put to judges whose every answer is known beforehand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from unireward.ask import Reply
from unireward.benchmarks.bench import bench
from unireward.benchmarks.benchmark import STRICT, get_benchmark
from unireward.benchmarks.result import read_result
from unireward.benchmarks.ways import Way, every_way
from unireward.engines import ScriptedEngine
from unireward.errors import MissingExtraError, UsageError
from unireward.families import get_family
from unireward.rewards.face import Face
from unireward.rewards.judge import Judge
from unireward.rewards.scorer import ScorerReward
from unireward.stats import wilson
from unireward.world import iter_items
from unireward.world.truth import TIE

TASK = "image_generation"
ITEMS, SEED = 24, 5
RANK = (Way("rank"),)
TINY = get_family("tiny")
NAMES = ("alignment", "coherence", "style", "overall")


def drawn(**more):
    return list(iter_items(TASK, ITEMS, SEED, **more))


def known(*sets):
    """Digest of a picture as the judge is shown it -> its true scores."""
    return {
        seen(item.record, name): scores
        for items in sets
        for item in items
        for name, scores in item.truth.items()
    }


def seen(record, name):
    (form,) = TINY.forms_for(TASK, "score")
    (part,) = TINY.ask(form, record, (name,), engine_kind="scripted").media
    return part.image.digest


def written(scores):
    return " ".join(f"{name} {scores[name]:.4f}" for name in NAMES)


def oracle(truths):
    """Answers by what is true of the pictures it knows; of others that they are equal."""

    def reply(ask):
        found = [truths.get(part.image.digest) for part in ask.media]
        if ask.text.rstrip().endswith("score :"):
            return written(found[0] or dict.fromkeys(NAMES, 3.0))
        if None in found:
            return Reply(text="tie", finish_reason="stop")
        one, two = (scores["overall"] for scores in found)
        word = "tie" if abs(one - two) < TIE else "1" if one > two else "2"
        return Reply(text=word, finish_reason="stop")

    return reply


def judge_of(reply, **options):
    options.setdefault("identity", "scripted:fixed")
    return Judge(ScriptedEngine(reply, **options), "tiny")


def measured(reply, ways=RANK, **more):
    judge = reply if isinstance(reply, Face) else judge_of(reply)
    return bench("world", judge, items=ITEMS, seed=SEED, tasks=[TASK], ways=list(ways), **more)


PAIRS = drawn()
WINNERS = [item.record.label.winner() for item in PAIRS]
SURE = sum(winner != "tie" for winner in WINNERS)


def value(result, metric, name=TASK, way="rank"):
    got = result.get(name, way, metric)
    return None if got is None else got.value


def test_a_judge_that_knows_is_right_everywhere():
    truths = known(PAIRS, drawn(candidates=1), drawn(level=4), drawn(track="photographs"))
    result = measured(oracle(truths), [Way("rank"), Way("score")])
    assert result.get(TASK, "rank", "accuracy") == wilson(SURE, SURE)
    assert value(result, "accuracy_with_ties") == 1.0
    assert value(result, "order_agreement") == 1.0
    assert value(result, "ece") == 0.0
    levels = [result.get(TASK, "rank", f"accuracy_level_{n}").n for n in (1, 2, 3)]
    assert sum(levels) == SURE
    kinds = ("one_fact", "quality", "random")
    found = [result.get(TASK, "rank", f"accuracy_kind_{kind}") for kind in kinds]
    assert sum(got.n for got in found if got) == SURE
    assert [value(result, f"{name}_spearman", way="score") for name in NAMES] == [1.0] * 4
    assert value(result, "accuracy", f"{TASK}-level-4") == 1.0
    assert result.get("photographs", "rank", "accuracy") == wilson(ITEMS, ITEMS)
    assert (result.tasks, result.apart) == ((TASK,), (f"{TASK}-level-4", "photographs"))
    # 24 pairs, singles, level 4 and photographs; pairs are asked in two ways.
    assert (result.n, result.statuses) == (4 * ITEMS, {"ok": 5 * ITEMS})
    # Both orders of three sets, two scores a pair, one a single, and two blind judges once.
    assert result.calls == ITEMS * (3 * 2 + 2 + 1 + 2)
    assert result.metrics["mean/rank/accuracy"] == result.get(TASK, "rank", "accuracy")


def test_what_a_blind_judge_makes_of_the_same_pairs():
    result = measured(oracle(known(PAIRS)))
    assert value(result, "text_only") == 0.5  # grey pictures are unknown: ties, half each
    assert value(result, "image_only") == 1.0  # it never read the words
    assert value(result, "longer") == 0.5  # pictures lie in no file
    first = sum(winner == "a" for winner in WINNERS)
    assert value(result, "majority") == max(first, SURE - first) / SURE
    assert result.baseline_statuses == {"ok": 2 * ITEMS}


def test_a_judge_of_position_is_never_right_and_never_agrees():
    result = measured(lambda ask: Reply(text="1", finish_reason="stop"))
    assert value(result, "accuracy") == 0.0
    assert value(result, "order_agreement") == 0.0
    assert value(result, "ties") == 1.0
    assert result.get(TASK, "rank", "accuracy_with_ties") == wilson(ITEMS - SURE, ITEMS)
    # In one order it is right as often as the better one comes first.
    first = sum(winner == "a" for winner in WINNERS) / SURE
    assert value(result, "text_only") == value(result, "image_only") == first


def test_ties_and_unread_replies_are_wrong_and_counted():
    said = oracle(known(PAIRS))
    hidden = {
        seen(item.record, candidate.id)
        for item in PAIRS[::3]
        for candidate in item.record.candidates
    }

    def reply(ask):
        if {part.image.digest for part in ask.media} & hidden:
            return Reply(text="cannot say", finish_reason="stop")
        return said(ask)

    result = measured(reply)
    lost = sum(winner != "tie" for winner in WINNERS[::3])
    assert result.get(TASK, "rank", "accuracy") == wilson(SURE - lost, SURE)
    assert result.get(TASK, "rank", "unread") == wilson(8, ITEMS)
    assert result.statuses["unparsed"] == 8
    even = measured(lambda ask: Reply(text="tie", finish_reason="stop"))
    assert value(even, "accuracy") == 0.0
    assert value(even, "order_agreement") == 1.0
    assert result.get(TASK, "rank", "accuracy_with_ties").n == ITEMS


def test_a_dropped_row_is_an_unread_one():
    faults = {0: "error", 5: "truncated"}
    engine = ScriptedEngine(oracle(known(PAIRS)), faults=faults)
    result = measured(Judge(engine, "tiny", policy="drop"), baselines=False)
    lost = sum(WINNERS[k] != "tie" for k in (0, 2))
    assert result.get(TASK, "rank", "accuracy") == wilson(SURE - lost, SURE)
    assert result.statuses["error"] == 2


def test_what_a_judge_cannot_do_is_said_and_left_out():
    judge = Judge(ScriptedEngine("no idea"), "unifiedreward-flex")
    ways = [Way("rank"), Way("score"), Way("rank", "trace")]
    tasks = [TASK, "image_understanding"]
    result = bench("world", judge, items=3, tasks=tasks, ways=ways)
    assert [(row["set"], row["way"]) for row in result.skipped] == [
        (TASK, "score"), (TASK, "rank:trace"), ("image_understanding", "rank"),
        ("image_understanding", "score"), ("image_understanding", "rank:trace"),
    ]  # fmt: skip
    assert "has no score mode for image_generation" in result.skipped[0]["reason"]
    assert result.tasks == (TASK,)
    assert not [name for name in result.metrics if "/score/" in name]
    with pytest.raises(UsageError, match=r"nothing can be asked: .* no score mode"):
        bench("world", judge, items=3, tasks=[TASK], ways=[Way("score")])


def test_a_scorer_is_asked_about_each_candidate_alone():
    # Its own family shows pictures as they are, not reduced to what the tiny judge sees.
    plain = {
        candidate.content[0].load().digest: item.truth[candidate.id]["overall"]
        for item in PAIRS
        for candidate in item.record.candidates
    }

    def reply(ask):
        return json.dumps({"score": plain.get(ask.media[0].image.digest, 0.0)})

    scorer = ScorerReward(ScriptedEngine(reply), "head")
    assert [str(way) for way in every_way(scorer, [PAIRS[0].record])] == ["rank", "score"]
    result = measured(scorer, [Way("rank"), Way("score"), Way("pair-score")])
    assert result.get(TASK, "rank", "accuracy") == wilson(SURE, SURE)
    assert result.get(TASK, "score", "accuracy") == wilson(SURE, SURE)
    assert value(result, "order_agreement") is None  # there are no orders to agree
    assert value(result, "text_only") == 0.5
    assert [row["way"] for row in result.skipped] == ["pair-score"]


def test_every_way_of_a_judge():
    record = PAIRS[0].record
    tiny = judge_of("1")
    names = ["rank", "pair-score", "score", "rank:trace"]
    assert [str(way) for way in every_way(tiny, [record])] == names
    flex = Judge(ScriptedEngine("x"), "unifiedreward-flex")
    assert [str(way) for way in every_way(flex, [record])] == ["rank"]


def test_the_best_way_is_chosen_on_other_records():
    """Scores are right on every seed; the verdict on the reported seed alone."""
    tuning = list(iter_items(TASK, 60, SEED + 1000))
    scores, verdict = oracle(known(PAIRS, tuning)), oracle(known(PAIRS))

    def reply(ask):
        return (scores if ask.text.rstrip().endswith("score :") else verdict)(ask)

    result = measured(reply, [Way("rank"), Way("score")], choose=True)
    best = result.best[TASK]
    assert (best.way, best.tuning) == ("score", {"rank": 0.0, "score": 1.0})
    assert best.chosen == "on 60 records of seed 1005"
    assert result.best_modes == {TASK: "score"}
    assert result.metrics["mean/best/accuracy"] == result.get(TASK, "score", "accuracy")
    # What was chosen on is in no number.
    assert "tuning" not in json.dumps(sorted(result.metrics) + sorted(result.records))
    alone = measured(reply, [Way("rank"), Way("score")])
    assert alone.best == {}
    assert {k: v for k, v in result.metrics.items() if "/best/" not in k} == alone.metrics


def test_one_order_is_another_protocol():
    rules = {"orders": "one"}
    result = measured(
        lambda ask: Reply(text="1", finish_reason="stop"), rules=replace(STRICT, **rules)
    )
    assert value(result, "accuracy") == sum(w == "a" for w in WINNERS) / SURE
    assert value(result, "order_agreement") is None
    assert result.protocol["orders"] == "one"


def test_level_and_seed_are_the_records_and_are_written():
    result = bench(
        "world", judge_of("1"), items=6, seed=9, tasks=[TASK], level=2, ways=[Way("rank")]
    )
    again = bench(
        "world", judge_of("2"), items=6, seed=9, tasks=[TASK], level=2, ways=[Way("rank")]
    )
    other = bench(
        "world", judge_of("1"), items=6, seed=8, tasks=[TASK], level=2, ways=[Way("rank")]
    )
    assert result.records == again.records != other.records
    assert result.apart == ("photographs",)
    assert (result.seed, result.config["level"], result.config["items"]) == (9, 2, 6)
    assert {"unireward", "python", "numpy"} <= set(result.versions)
    assert result.identity["family"] == "tiny"


def test_photographs_that_cannot_be_drawn_are_said(monkeypatch):
    from unireward.world import photographs

    def absent(name):
        raise MissingExtraError("photographs need scikit-image; install unireward[world]")

    monkeypatch.setattr(photographs, "_photograph", absent)
    result = measured(lambda ask: "1", baselines=False)
    assert result.apart == (f"{TASK}-level-4",)
    assert result.skipped[-1]["set"] == "photographs"
    assert "scikit-image" in result.skipped[-1]["reason"]


# Going on -------------------------------------------------------------------------------------


class Count:
    """Progress that is told what a bar would be."""

    def __init__(self):
        self.started, self.rows, self.stopped = [], 0, 0

    def start(self, total, done):
        self.started.append((total, done))

    def advance(self, status):
        self.rows += 1

    def stop(self):
        self.stopped += 1


def test_a_finished_bench_asks_nothing_again(tmp_path):
    judge, told = judge_of("1"), Count()
    first = measured(judge, out=tmp_path, progress=told)
    rows = 5 * ITEMS  # pairs, two blind, level 4, photographs
    assert (told.started, told.rows, told.stopped) == ([(rows, 0)], rows, 1)
    asked, told = judge.engine.calls, Count()
    assert measured(judge, out=tmp_path, progress=told) == first == read_result(tmp_path)
    assert judge.engine.calls == asked
    assert (told.started, told.rows) == ([(rows, rows)], 0)
    assert measured(judge).metrics == first.metrics  # no folder, the same numbers


def test_another_seed_or_judge_is_refused_with_the_difference(tmp_path):
    measured(judge_of("1"), out=tmp_path)
    before = (tmp_path / "result.json").read_bytes()
    with pytest.raises(UsageError, match=r"pairs-rank\.jsonl was begun with another items: 24"):
        bench("world", judge_of("1"), items=25, seed=SEED, tasks=[TASK], ways=[Way("rank")],
              out=tmp_path)  # fmt: skip
    with pytest.raises(UsageError, match="another model"):
        measured(judge_of("1", identity="scripted:other"), out=tmp_path)
    assert (tmp_path / "result.json").read_bytes() == before


def test_more_ways_later_judge_only_what_is_new(tmp_path):
    judge = judge_of(oracle(known(PAIRS)))
    first = measured(judge, out=tmp_path)
    asked = judge.engine.calls
    both = measured(judge, [Way("rank"), Way("score")], out=tmp_path)
    assert judge.engine.calls == asked + 3 * ITEMS  # two a pair, one a single
    assert both.get(TASK, "rank", "accuracy") == first.get(TASK, "rank", "accuracy")


WORKER = """
    import os, signal, sys
    from tests.benchmarks.test_world_bench import judge_of, measured
    out, die_at = sys.argv[1], int(sys.argv[2])
    answered = 0
    def reply(ask):
        global answered
        answered += 1
        if answered == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return "1" if "red" in ask.text else "2"
    measured(judge_of(reply), out=out)
"""


def test_killed_twice_it_goes_on_and_ends_as_a_clean_run(tmp_path):
    def run(die_at):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(WORKER), str(tmp_path / "out"), str(die_at)],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            check=False,
        ).returncode

    assert run(31) == -signal.SIGKILL
    assert not (tmp_path / "out" / "result.json").exists()
    assert run(60) == -signal.SIGKILL
    assert run(-1) == 0
    clean = measured(lambda ask: "1" if "red" in ask.text else "2")
    got = read_result(tmp_path / "out")
    assert (got.metrics, got.calls, got.records) == (clean.metrics, clean.calls, clean.records)


def test_the_shipped_judge_is_reported_as_it_answers():
    """Too few to say how good it is: what is held is that bench counts what the judge says."""
    from unireward.rewards.load import load

    task, n = "image_editing", 9
    records = [item.record for item in iter_items(task, n, SEED)]
    with load("tiny", cache=False) as judge:
        result = bench("world", judge, items=n, seed=SEED, tasks=[task],
                       ways=[Way("rank"), Way("score")])  # fmt: skip
        said = judge(records, "rank")
    truths = [record.label.winner() for record in records]
    sure = [(j.winner, true) for j, true in zip(said, truths) if true != "tie"]
    right = sum(winner == true for winner, true in sure)
    assert result.get(task, "rank", "accuracy") == wilson(right, len(sure))
    agreed = sum(j.agreement for j in said)
    assert result.get(task, "rank", "order_agreement") == wilson(agreed, n)
    assert result.statuses == {"ok": 4 * n}
    assert result.best_modes == {task: "rank"}
    assert result.best[task].chosen == "judge.json"


def test_the_world_s_sets_come_task_by_task():
    sets = get_benchmark("world", items=7).sets(tuning=True)
    assert [(s.name, s.role, s.total) for s in sets[:4]] == [
        ("image_generation", "tuning", 60),
        ("image_generation", "main", 7),
        ("image_generation", "main", 7),
        ("image_generation-level-4", "apart", 7),
    ]
    assert sets[-1].name == "photographs"
    assert len(sets) == 5 * 4 + 1
