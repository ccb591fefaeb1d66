"""``calibrate`` as a command: what it prints, writes, refuses, and how it is stopped."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import FAMILY, write_pairs
from tests.cli.test_process import UNIREWARD
from unireward.benchmarks.result import BenchResult
from unireward.families.judge_json import load_judge_json
from unireward.rewards.calibration import Calibration

SURE = {
    "Image 1 is better": -0.02,
    "Image 2 is better": -4.5,
    "Both images are equally good": -5.0,
}
"""0.98 sure of the first, of whatever is shown."""


def label(path: Path, right: int = 7) -> Path:
    """Of each ten pairs ``right`` are won by the first."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["label"] = {"ranking": [["a"], ["b"]] if number % 10 < right else [["b"], ["a"]]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def asked(table) -> list[str]:
    return ["--one-order", *table({"choices": SURE})]


def test_it_fits_saves_and_is_used(unireward, asked, pictures):
    records = label(write_pairs(pictures, 300))
    plain = unireward("compare", "x", "a.png", "b.png", *asked)
    assert "confidence 0.98 (uncalibrated)" in plain.out
    ran = unireward("calibrate", records, *asked, "--out", "mine", "--json")
    assert ran.code == 0
    (entry,) = ran.json["calibrated"]
    assert (entry["method"], entry["n"]) == ("temperature", 300)
    assert entry["ece"]["before"]["value"] == pytest.approx(0.982 - 0.7, abs=0.001)
    assert entry["ece"]["after"]["value"] < 0.05
    assert ran.json["out"] == "mine/judge.json"
    assert "calibration of 1 in mine/judge.json" in ran.err
    file = load_judge_json("mine")
    assert Calibration.of(file.calibration).entries[0].line == (
        f"temperature {entry['temperature']:.2f} on 300 records"
    )

    calibrated = [w if w != FAMILY else "mine/judge.json" for w in asked]
    after = unireward("compare", "x", "a.png", "b.png", *calibrated)
    assert "(calibrated)" in after.out
    assert f"note: calibrated: temperature {entry['temperature']:.2f}" in after.out
    sure = unireward("compare", "x", "a.png", "b.png", *calibrated, "--json").json
    assert sure["winner"] == "a"
    assert sure["confidence"] == pytest.approx(0.70, abs=0.02)


def test_its_table_says_before_and_after(unireward, asked, pictures):
    records = label(write_pairs(pictures, 250))
    ran = unireward("calibrate", records, *asked, "--out", "mine/judge.json")
    assert ran.code == 0
    assert "ECE before" in ran.out
    assert "ECE after, held out" in ran.out
    assert "before  0.98        0.70   250" in ran.out


def test_other_options_keep_their_own_judgments(unireward, asked, pictures):
    records = label(write_pairs(pictures, 200))
    assert unireward("calibrate", records, *asked, "--out", "mine").code == 0
    both = [word for word in asked if word != "--one-order"]
    ran = unireward("calibrate", records, *both, "--out", "mine")
    # Whatever is shown, it prefers the first: in both orders it knows nothing.
    assert ran.code == 0, ran.err
    assert len(list(Path("mine").glob("judge.calibration-rank-*.jsonl"))) == 2
    entries = Calibration.of(load_judge_json("mine").calibration).entries
    assert [entry.orders for entry in entries] == ["one", "both"]


def test_what_is_refused(unireward, asked, pictures):
    few = label(write_pairs(pictures, 199))
    ran = unireward("calibrate", few, *asked, "--out", "mine")
    assert ran.code == 2
    assert "image_generation rank has 199 labels and needs 200" in ran.line
    assert not Path("mine").exists()
    bare = write_pairs(pictures, 250, "bare.jsonl")
    ran = unireward("calibrate", bare, *asked, "--out", "mine")
    assert (ran.code, "250 without a labelled winner" in ran.line) == (2, True)
    many = label(write_pairs(pictures, 250))
    assert "add --out FOLDER" in unireward("calibrate", many, *asked).line
    assert "add --out FOLDER" in unireward("calibrate", many, "--judge", "tiny").line
    ran = unireward("calibrate", many, *asked, "--out", "mine", "--method", "platt")
    assert "method is 'platt'" in ran.line
    rows = many.read_text().splitlines()
    many.write_text("\n".join([*rows, rows[3]]) + "\n")
    ran = unireward("calibrate", many, *asked, "--out", "mine")
    assert (ran.code, "id 'r3' is given on line 4 already" in ran.err) == (2, True)


def test_votes_and_their_confidence_on_the_command_line(unireward, table, pictures):
    words = table("Image 1 is better")
    plain = ["compare", "x", "a.png", "b.png", "--json", "--one-order", *words]
    assert unireward(*plain).json["calls"] == 1
    # The scripted engine answers in words where its rule has no log-probabilities.
    assert "--votes 16" in unireward(*plain, "--vote-confidence", "0.9").line
    assert "votes is" in unireward(*plain, "--votes", "5000").line


def test_killed_and_begun_again(asked, pictures):
    records = label(write_pairs(pictures, 600))
    command = [*UNIREWARD, "calibrate", str(records), *asked, "--out"]
    running = subprocess.Popen([*command, "cut"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while not list(Path().glob("cut/*.jsonl")) and running.poll() is None:
        os.sched_yield()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    if Path("cut/judge.json").exists():
        load_judge_json("cut")  # it was done before the signal came
    for out in ("cut", "clean"):
        done = subprocess.run([*command, out], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    cut, clean = (Path(out, "judge.json").read_text() for out in ("cut", "clean"))
    assert cut == clean
    assert not list(Path("cut").glob(".judge.json*"))


def test_a_benchmarks_result_says_whether_confidence_was_calibrated():
    fields = {"benchmark": "world", "judge": "j", "protocol": {}, "n": 1, "statuses": {}}
    assert BenchResult(**fields, metrics={}).calibration == "uncalibrated"
    entry = {"line": "temperature 1.31 on 600 records"}
    identity = {"calibration": {"image_generation/rank/direct/both/1": entry}}
    assert BenchResult(**fields, metrics={}, identity=identity).calibration == (
        "calibrated: image_generation/rank temperature 1.31 on 600 records"
    )
