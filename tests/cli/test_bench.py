"""``unireward bench``: what it prints, writes and refuses."""

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios

import pytest

from unireward.benchmarks.benchmark import STRICT, get_benchmark
from unireward.benchmarks.result import BenchResult, BestWay, read_result
from unireward.cli.bench_tables import show_result
from unireward.stats import wilson

UNIREWARD = [sys.executable, "-c", "from unireward.cli import main; main()"]
FIRST = {"reply": "Image 1 is better"}


def words(table, *more):
    return ["bench", "world", "--items", "6", "--tasks", "image_generation", "--modes", "rank",
            *more, *table(FIRST)]  # fmt: skip


def test_the_machine_s_output_is_the_documented_object(unireward, table):
    ran = unireward(*words(table, "--json"))
    assert ran.code == 0
    assert {"benchmark", "judge", "protocol", "n", "statuses", "metrics"} <= set(ran.json)
    got = ran.json["metrics"]["image_generation/rank/accuracy"]
    assert set(got) == {"value", "low", "high", "n"}
    assert (got["value"], ran.json["benchmark"]) == (0.0, "world")
    assert ran.json["metrics"]["image_generation/rank/order_agreement"]["value"] == 0.0
    # Six pairs, level 4 and photographs; the seed is the one asked for, or the default.
    assert (ran.json["n"], ran.json["statuses"], ran.json["seed"]) == (18, {"ok": 18}, 2026)
    json.loads(ran.out, parse_constant=pytest.fail)


def test_out_holds_result_judgments_and_page(unireward, table, tmp_path):
    out = tmp_path / "bench"
    ran = unireward(*words(table, "--json", "--out", out))
    assert ran.code == 0
    assert read_result(out).to_dict() == ran.json
    assert len((out / "judgments/image_generation/pairs-rank.jsonl").read_text().splitlines()) == 6
    html = (out / "index.html").read_text(encoding="utf-8")
    assert "accuracy rests on" in html
    assert "fewer than the 600" in html
    assert "nan" not in re.findall(r"[a-z]+", html)
    assert not re.findall(r'(?:src|href)="http', html)
    again = unireward(*words(table, "--json", "--out", out))
    assert again.json == ran.json
    refused = unireward(*words(table, "--seed", "3", "--out", out))
    assert refused.code == 2
    assert "was begun with another" in refused.err.splitlines()[-1]


def test_what_cannot_be_asked_is_said_to_people(unireward, table):
    ran = unireward("bench", "world", "--items", "3", "--tasks", "image_generation", "--modes",
                    "rank,score", *table(FIRST, family="unifiedreward-flex"))  # fmt: skip
    assert ran.code == 0
    assert "not asked: score of image_generation: unifiedreward-flex has no score mode" in ran.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nothing"], "benchmark 'nothing' is unknown; use world"),
        (["world", "--tasks", "audio"], "'audio' is not drawn; set tasks to all"),
        (["world", "--tasks", ","], "no task is named"),
        (["world", "--modes", "best"], "mode 'best' is unknown; use score, rank, pair-score"),
    ],
)
def test_wrong_use_is_one_line(unireward, table, options, said):
    ran = unireward("bench", *options, *table(FIRST))
    assert ran.code == 2
    assert said in ran.line


def test_tables_fit_eighty_columns(table, pictures):
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    command = [*UNIREWARD, "bench", "world", "--items", "3", "--modes", "rank,score,pair-score",
               *table(FIRST)]  # fmt: skip
    running = subprocess.Popen(
        command, stdout=follower, stderr=subprocess.DEVNULL, env={**env, "TERM": "xterm"}
    )
    os.close(follower)
    text = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(leader)
    assert running.wait() == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).replace("\r", "").split("\n")
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)  # no column was cut
    for task in get_benchmark("world").config["tasks"]:
        assert any(line.strip().startswith(task.split("_")[0]) for line in lines)


def test_perfect_scores_in_many_ways_fit_too(capsys):
    tasks = tuple(get_benchmark("world").config["tasks"])
    ways = ("rank", "pair-score", "score", "rank:trace", "score:something")
    sure = {f"{t}/{w}/{m}": wilson(600, 600) for t in (*tasks, "mean") for w in ways
            for m in ("accuracy", "unread", "text_only", "order_agreement", "ece")}  # fmt: skip
    show_result(BenchResult(
        benchmark="world", judge="a/judge", protocol=STRICT.to_dict(), n=600, statuses={"ok": 600},
        metrics=sure, tasks=tasks, ways=ways,
        best={t: BestWay("rank", "judge.json") for t in tasks},
    ))  # fmt: skip
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("100.0 99–100") == 6 * 5
    assert "score:something" in shown
