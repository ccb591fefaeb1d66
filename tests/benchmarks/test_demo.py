"""The demo from end to end, with a scripted judge that always prefers what it is shown first."""

import re

import pytest

from unireward.ask import Reply
from unireward.benchmarks.demo import TASKS, run_demo
from unireward.benchmarks.demo_numbers import numbers_of
from unireward.benchmarks.demo_page import write_demo_page
from unireward.engines import ScriptedEngine
from unireward.rewards.judge import Judge

SCORES = {
    "image_generation": "alignment 4.0 coherence 3.0 style 2.0 overall 3.4",
    "video_generation": "alignment 4.0 coherence 3.0 physics 2.0 overall 3.4",
    "understanding": "alignment 4.0 overall 4.0",
}


def always_first(ask):
    if ask.text.rstrip().endswith("rank :"):
        return Reply(text="1", finish_reason="stop")
    if "answer 1" in ask.text:
        return SCORES["understanding"]
    return SCORES["video_generation" if "video 1" in ask.text else "image_generation"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    judge = Judge(ScriptedEngine(always_first), "tiny", name="first")
    run = run_demo(judge, out, items=9, seed=3)
    return run, write_demo_page(run, out)


def test_every_task_is_judged_in_every_mode(demo):
    run, _ = demo
    assert [task.task for task in run.tasks] == list(TASKS)
    assert [numbers_of(task).statuses["ok"] for task in run.tasks] == [55, 19, 19, 19, 19]
    assert all(len(task.groups.records[0].candidates) == 4 for task in run.tasks)
    # A pair is two calls, one in each of two baselines, and a group of four is six pairs.
    calls = [n * 4 + n + groups * 12 + 3 * 2 for n, groups in [(27, 1)] + [(9, 1)] * 4]
    assert run.calls == sum(calls)


def test_a_judge_of_position_gets_half_and_no_agreement(demo):
    run, _ = demo
    for task in run.tasks:
        got = numbers_of(task)
        assert got.accuracy.value == 0.5
        assert got.strict.value == 0.0
        assert got.agreement.value == 0.0
        assert got.spearman is None
        truths = [record.label.winner() for record in task.pairs.records]
        first = truths.count("a") / (len(truths) - truths.count("tie"))
        assert got.baselines["text only"].value == first


def test_the_page_shows_real_files_and_the_small_print(demo):
    _, page = demo
    html = page.read_text(encoding="utf-8")
    shown = re.findall(r'(?:src)="([^"]+)"', html)
    assert {name.rpartition(".")[2] for name in shown} == {"png", "mp4"}
    assert all((page.parent / name).stat().st_size > 0 for name in shown)
    assert "fewer than the 600" in html
    assert "ok 131" in html
    assert "always prefers" not in html
    assert html.count('<article class="card">') == 5 * (3 + 1 + 1)
