"""A chain of rounds on a real, small generator: what it writes, and that it goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import unireward
from tests.alignment import bright
from unireward.alignment import align, run
from unireward.alignment.chain import START
from unireward.alignment.rounds import read_done
from unireward.alignment.rows import read_rows
from unireward.cli import run as command
from unireward.errors import InputError, UsageError
from unireward.files import read_records
from unireward.files.prompts import read_prompts
from unireward.jobs.journal import Journal, JournalError
from unireward.policies.load import load_policy

TINY = Path(unireward.__file__).parent / "assets" / "tiny"


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rounds_brighten_what_a_judge_of_brightness_judges(room, tmp_path):
    result = align(room())
    assert [looked.record for looked in result.evaluations] == [START, "round-001", "round-002"]
    gap = result.end.figures.differences["reward"]
    assert gap.low > 0
    win = result.end.figures.win
    assert win is not None
    assert win.value > 0.5
    # The truth is that darker is right, and the facts say how dark.
    assert result.end.figures.differences["fact dark"].high < 0
    assert result.stopped is None
    # The same noise before and after, whatever the weights are.
    before, after = (list(read_rows(tmp_path / f"out/evaluations/{name}.jsonl"))
                     for name in (START, "round-002"))  # fmt: skip
    assert [r.record for r in before] == [r.record for r in after]
    for one, other in zip(before, after):
        assert {n: s.seed for n, s in one.samples.items()} == {
            n: s.seed for n, s in other.samples.items()
        }
    # Held-out prompts never enter what is trained on.
    held = set(bright.CAPTIONS[20:30])
    for number in (1, 2):
        folder = tmp_path / f"out/rounds/{number:03}"
        assert not held & {r.text for r in read_records(folder / "curation/records.jsonl")}
        assert not list(folder.glob("training/stages/*/checkpoint-*"))
        done = read_done(tmp_path / "out", number)
        assert done is not None
        assert done.truth is not None
        # To the truth the darker one is better, so the judge is never right.
        assert done.truth["accuracy"]["value"] == 0.0
    dropped = [done.counts["prompts"]["dropped"].get("holdout", {}) for done in result.rounds]
    assert sum(sum(reasons.values()) for reasons in dropped) > 0
    # What is kept loads as any policy does, and the next sitting makes nothing again.
    assert load_policy(result.policy.path).name == "generator"
    asked = bright.JUDGES["bright"].asked
    again = align(room())
    assert again == result
    assert bright.JUDGES["bright"].asked == asked
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    for told in ("On the way", "Before and after", "What it learned from", "Costs", "round-002"):
        assert told in page
    with pytest.raises(UsageError, match=r"out was begun with another training\.steps"):
        align(room("training.steps=8"))


def test_the_alarm_keeps_the_weights_before_the_truth_fell(room, tmp_path):
    config = room(
        "training.steps=8", "evaluation.samples=4", alarm="stop",
        method={"online": {"rounds": 4, "prompts": 8}},
    )  # fmt: skip
    result = align(config)
    assert result.stopped is not None
    assert result.stopped.startswith("alarm: at round-")
    last = result.evaluations[-1]
    assert last.alarm is not None
    assert last.alarm.measure == "right"
    assert last.alarm.reward.low > 0
    assert last.alarm.fall.high < 0
    assert result.kept == last.alarm.kept == result.evaluations[-2].record
    assert result.policy == result.evaluations[-2].policy
    assert align(config) == result


def test_one_long_training_is_looked_at_and_halted(room, tmp_path):
    config = room(
        method="dpo", alarm="stop", truth="tests.alignment.bright:dimness", training={
            "steps": 24, "batch": {"size": 8}, "optimiser": {"lr": 1e-2}, "average": 0.5,
            "objective": {"diffusion-dpo": {"beta": 2000}}, "device": "cpu", "threads": 1,
        }, evaluation={"prompts": "held_out.txt", "samples": 4, "every": 8},
    )  # fmt: skip
    result = align(config)
    labels = [looked.record for looked in result.evaluations]
    assert labels[0] == START
    assert labels[1:] == [f"step-{8 * k:06}" for k in range(1, len(labels))]
    halted = result.evaluations[-1]
    assert halted.alarm is not None
    assert result.kept == labels[-2] != START
    # What was kept draws what was seen at that look, sample by sample.
    prompts = list(read_prompts(tmp_path / "out/held_out.jsonl"))
    made = load_policy(result.policy.path).sample(prompts, 4, config.evaluation.seed)
    seen = list(read_rows(tmp_path / f"out/evaluations/{result.kept}.jsonl"))
    for sampled, row in zip(made, seen):
        for candidate in sampled.candidates:
            level = bright.level(candidate)
            assert row.samples[candidate.id].reward == pytest.approx(level, abs=2e-3)


@pytest.mark.parametrize("method", ["rejection", "sft"])
def test_imitation_learns_the_better_one(method, room, tmp_path):
    given = {"method": method, "training": {
        "steps": 2, "batch": {"size": 4}, "optimiser": {"lr": 1e-3}, "device": "cpu", "threads": 1,
    }, "evaluation": {"prompts": "held_out.txt", "samples": 1}}  # fmt: skip
    if method == "sft":
        given["method"] = {"sft": {"sources": [{"world": "image_generation/right", "level": 1}]}}
    result = align(room(**given))
    assert [looked.record for looked in result.evaluations] == [START, "end"]
    done = read_done(tmp_path / "out", 1)
    assert done is not None
    assert "denoise/error" in done.metrics
    assert result.end.figures.made == 20 // 2


def test_a_model_that_answers_goes_the_same_way(room, tmp_path):
    """With adapters, and a judge that only compares."""
    bright.JUDGES["wordy"] = bright.Wordy()
    asked = [f"how many {shape} are there ?" for shape in ("circles", "stars", "hearts", "crosses")]
    bright.write_captions(tmp_path / "ask.txt", asked[:3])
    bright.write_captions(tmp_path / "asked.txt", asked[3:])
    config = room(
        policy={"path": str(TINY), "max_tokens": 6, "device": "cpu"}, judge="wordy", truth=None,
        task="text", method="dpo", prompts="ask.txt", candidates=6, curation=["pair_rank"],
        training={
            "steps": 4, "batch": {"size": 4}, "optimiser": {"lr": 1e-3}, "device": "cpu",
            "threads": 1, "model": {"lora": {"r": 2}},
        }, evaluation={"prompts": "asked.txt", "samples": 3, "every": 2, "modes": ["rank"]},
    )  # fmt: skip
    result = align(config)
    assert [looked.record for looked in result.evaluations] == [START, "step-000002", "step-000004"]
    assert result.start.figures.reward is not None
    assert result.start.figures.reward.value == 0.5
    assert result.end.figures.win == result.end.figures.reward
    assert "dpo/margin" in result.rounds[0].metrics
    (row,) = read_rows(tmp_path / "out/evaluations/step-000004.jsonl")
    assert {*row.samples, *row.left_out} == {"a", "b", "c"}
    # The adapters are in the weights that are kept.
    (sampled,) = load_policy(result.policy.path, max_tokens=6, device="cpu").sample(
        list(read_prompts(tmp_path / "out/held_out.jsonl")), 3, config.evaluation.seed
    )
    assert {*sampled.seeds} == {"a", "b", "c"}
    assert not list(Path(result.policy.path).glob("adapter*"))


def test_best_of_n_trains_nothing(room, tmp_path):
    config = room(method={"best-of-n": {"n": 4}}, prompts=None)
    result = align(config)
    assert result.policy.best_of == 4
    assert result.end.record == "best-of-4"
    assert result.end.figures.differences["reward"].value > 0
    assert not (tmp_path / "out/rounds").exists()
    # Ten prompts, two samples each: four candidates judged in a call, and then once more each.
    assert result.end.figures.calls > result.start.figures.calls


def test_a_page_tells_candidates_that_nobody_compared_from_those_the_judge_could_not(
    room, tmp_path
):
    """A judge that is never asked which of the two is better said nothing wrong."""
    looked = {"prompts": str(tmp_path / "held_out.txt"), "samples": 1, "limit": 3}
    method = {"best-of-n": {"n": 2}}
    scored = align(room(method=method, evaluation={**looked, "modes": ["score"]}))
    page = (scored.output / "index.html").read_text(encoding="utf-8")
    assert (page.count("Not compared"), page.count("The judge said nothing")) == (3, 0)
    bright.JUDGES["bright"].broken = lambda record: record.candidates[0].id == "start"
    broken = align(room("output=other", method=method, evaluation=looked))
    page = (broken.output / "index.html").read_text(encoding="utf-8")
    assert (page.count("Not compared"), page.count("The judge said nothing")) == (0, 3)
    # In the order in which they are read, on a wide page and on a narrow one.
    figures = ("Judge&#39;s score.", "Right in truth.", "Diversity, start = 1.")
    places = [page.index(f"<figcaption>{one}") for one in figures if one in page]
    assert len(places) > 1
    assert places == sorted(places)


# Stopped ---------------------------------------------------------------------------------------


def in_a_child(config, kill) -> None:
    """Align in a process of its own, which ``kill`` is to end as the system would."""
    child = os.fork()
    if not child:
        try:
            kill()
            align(config)
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), (
        f"it was not killed but left with {os.waitstatus_to_exitcode(status)}"
    )
    assert os.WTERMSIG(status) == signal.SIGKILL


def after(calls: int, owner, name: str):
    """Kill this process at that call of a function."""
    before, left = getattr(owner, name), [calls]

    def counted(*given, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*given, **more)

    setattr(owner, name, counted)


def test_kill_in_each_stage_loses_and_repeats_nothing(room, tmp_path):
    from unireward.training.trainer import RewardTrainer

    whole = align(room("output=uncut", "training.save_every=2"))
    config = room("output=cut", "training.save_every=2")
    # A look, a curation, a training between two checkpoints, the marker of a round.
    in_a_child(config, lambda: after(4, Journal, "append"))
    assert len(rows_of(tmp_path / "cut/evaluations/start.jsonl")) == 3
    in_a_child(config, lambda: after(12, Journal, "append"))
    assert (tmp_path / "cut/rounds/001/curation/steps").is_dir()
    in_a_child(config, lambda: after(4, RewardTrainer, "training_step"))
    assert (tmp_path / "cut/rounds/001/training/stages/1-train/checkpoint-2").is_dir()
    result = align(config)
    assert [looked.record for looked in result.evaluations] == [
        looked.record for looked in whole.evaluations
    ]
    for label in (START, "round-001", "round-002"):
        cut, uncut = (rows_of(tmp_path / out / f"evaluations/{label}.jsonl")
                      for out in ("cut", "uncut"))  # fmt: skip
        assert [row["samples"] for row in cut] == [row["samples"] for row in uncut]


def test_a_full_disk_keeps_what_was_found(room, tmp_path, monkeypatch):
    config = room(method={"best-of-n": {"n": 2}}, prompts=None)
    real, left = os.write, [5]

    def full(file: int, data) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return real(file, data)

    with monkeypatch.context() as patched:
        patched.setattr("unireward.jobs.journal.os.write", full)
        with pytest.raises(JournalError, match="free some space"):
            align(config)
    assert 0 < len(rows_of(tmp_path / "out/evaluations/start.jsonl")) < 10
    assert align(config).end.record == "best-of-2"


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompts", ["empty.txt", "missing.txt"])
def test_prompts_that_are_none_are_said_before_anything_is_sampled(room, tmp_path, prompts):
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"prompts: {prompts} ?(:|holds no prompt)"):
        align(room(prompts=prompts))
    assert not (tmp_path / "out/evaluations").exists()


def test_rounds_without_a_pair_are_counted_and_end_the_chain(room, tmp_path):
    bright.JUDGES["bright"].broken = lambda record: "-" in record.id
    config = room(method={"online": {"rounds": 5, "prompts": 4}})
    result = align(config)
    assert len(result.rounds) == run.EMPTY_ROUNDS
    assert result.stopped == (
        f"3 rounds in a row gave nothing to learn from ({result.rounds[-1].skipped})"
    )
    assert "unparsed" in str(result.rounds[-1].skipped)
    assert result.kept == START


def test_a_judge_that_fails_on_half_is_counted(room):
    bright.JUDGES["bright"].broken = lambda record: "triangle" in record.text
    result = align(room(method={"online": {"rounds": 1, "prompts": 12}}))
    dropped = result.rounds[0].counts["judgments"]["pair_rank"]
    assert dropped["unparsed"] > 0
    assert dropped["ok"] > 0
    statuses = result.end.figures.statuses["judge"]
    assert statuses["unparsed"] > 0
    assert statuses["ok"] > 0
    read = result.end.figures.reward
    assert read is not None
    assert read.n == statuses["ok"]


def test_a_policy_that_makes_nothing_stops_with_the_reason(room, tmp_path, generator):
    broken = spoilt(generator, tmp_path / "nan")
    result = align(room(policy=str(broken)))
    assert result.stopped == "the policy makes nothing to judge (not finite: 20)"
    assert result.kept == START
    assert not (tmp_path / "out/rounds").exists()


def spoilt(generator: Path, to: Path) -> Path:
    """The generator with weights that are not finite."""
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(generator, to)
    (file,) = (to / "transformer").glob("*.safetensors")
    weights = load_file(file)
    name = next(name for name in weights if name.endswith("proj_out.weight"))
    weights[name] = weights[name] * float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    return to


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"training.model.lora": "{targets: [no_such_layer]}"}, "lora.targets: no layer has them"),
        ({"policy": "{path: %s, lora: /none/lora}"}, "no such folder; give the folder of LoRA"),
        ({"training.objective": "{sft: {}}"}, "sft is nothing that a generator learns by"),
        ({"policy": "tests.alignment.bright:darkness"}, "is no folder of a generator"),
        ({"evaluation.prompts": "none.txt"}, "none.txt: no such file"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sampled(
    given, said, room, tmp_path, generator
):
    told = [f"{name}={value.replace('%s', str(generator))}" for name, value in given.items()]
    with pytest.raises(InputError, match=said):
        align(room(*told))
    assert not (tmp_path / "out/evaluations").exists()


# Command ---------------------------------------------------------------------------------------


def test_command_plans_aligns_and_says_how_it_ended(room, generator, tmp_path, capsys):
    import yaml

    from tests.alignment.conftest import body

    given = body(generator, tmp_path, method={"online": {"rounds": 1, "prompts": 4}})
    Path("align.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    assert command(["align", "align.yaml", "--plan", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["rounds"] == 1
    assert planned["candidates"] == {"rounds": 16, "evaluations": 40}
    weights = planned["memory"]["weights"]
    assert planned["memory"]["gradients"] == weights
    assert planned["memory"]["reference"] == weights
    # The config says no size: it is the generator's own, of 16 x 16 pixels.
    assert planned["bytes"] < 1_000_000 + 10 * planned["memory"]["total"]
    assert not Path("out").exists()
    assert command(["align", "align.yaml", "training.steps=1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stopped"] is None
    assert Path(told["policy"]["path"], "model_index.json").is_file()
    bright.JUDGES["bright"].broken = lambda record: True
    assert command(["align", "align.yaml", "output=none"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("stopped: round 1 gave nothing to learn from")
