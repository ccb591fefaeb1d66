"""A curation on disk: what it writes, what it goes on with, what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.curation.conftest import (
    POLICY,
    SIFTING,
    GreyPolicy,
    judge_of,
    plain,
    rows_of,
)
from unireward.curation import curate, measure_pairs, run
from unireward.curation.claim import journal_path
from unireward.curation.run import read_cases
from unireward.errors import InputError, UsageError
from unireward.files import read_records
from unireward.jobs.journal import Journal
from unireward.record import Part
from unireward.rewards.policy import StoppedError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    POLICY.made.clear()
    POLICY.broken.clear()
    # Pages are drawn in a test of their own.
    monkeypatch.setattr(run, "write_pages", lambda config, say: None)


def test_records_are_pairs_with_their_provenance(room, tmp_path):
    result = curate(room())
    kept = list(read_records(result.records))
    assert 0 < len(kept) <= 12
    assert result.counts["pairs"]["kept"] == len(kept)
    (winner,), (loser,) = kept[0].label.ranking
    assert {c.id for c in kept[0].candidates} == {winner, loser}
    scores = kept[0].label.scores
    assert scores[winner]["score"] > scores[loser]["score"]
    assert scores[winner]["overall"] == pytest.approx(1 + 9 * scores[winner]["score"])
    assert kept[0].label.scales == {"score": (0, 1), "overall": (1, 10)}
    gap = scores[winner]["score"] - scores[loser]["score"]
    assert kept[0].label.strength == pytest.approx(gap)
    said = kept[0].meta["curation"]
    assert said["steps"] == ["sample", "pair_rank", "point_sift"]
    assert said["sampled"]["policy"] == "grey"
    assert set(said["sampled"]["seeds"]) == {winner, loser}
    ranked = said["said"]["pair_rank"]["ranked"]
    assert {row["winner"] for row in ranked} >= {winner}
    assert all(row["orders"] == 2 and row["prompt"].startswith("own:") for row in ranked)
    assert said["said"]["point_sift"]["judge"] == "scripted"
    orders = [r.candidates[0].id == r.label.ranking[0][0] for r in kept]
    assert 0 < sum(orders) < len(orders)


def test_a_judge_that_is_loaded_is_asked_and_stays_open(room, monkeypatch):
    closed: list[str] = []
    for name in ("bright", "lent"):
        room.judges[name] = judge_of()
        room.judges[name].close = lambda name=name: closed.append(name)
    config = room(steps=["sample", "pair_rank", {"point_sift": {"form": "sift", "judge": "other"}}],
                  judges={"other": "bright"}, judge="never loaded")  # fmt: skip
    assert curate(config, judges={"judge": room.judges["lent"]}).counts["pairs"]["kept"]
    assert closed == ["bright"]
    assert "never loaded" not in room.judges


def test_pictures_are_lossless_and_named_by_prompt_and_candidate(room, tmp_path):
    curate(room())
    (first, *_) = read_records(tmp_path / "out" / "records.jsonl")
    for candidate in first.candidates:
        path = Path(candidate.content[0].path)
        home = tmp_path / "out" / "media" / first.id
        assert path == home / f"{candidate.id}.png"
        level = np.asarray(candidate.content[0].load().load())
        assert level.std() == 0
    assert len(list((tmp_path / "out" / "media").glob("*/*.png"))) == 48
    row = rows_of(tmp_path / "out" / "records.jsonl")[0]
    assert row["candidates"][0]["content"][0]["path"].startswith(f"media/{first.id}/")


def test_an_output_may_be_moved(room, tmp_path):
    curate(room())
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    (first, *_) = read_records(tmp_path / "elsewhere" / "records.jsonl")
    assert first.candidates[0].content[0].load().size == (8, 6)
    (case, *_) = read_cases(tmp_path / "elsewhere")
    assert case.candidates[0].content[0].load().size == (8, 6)


def test_everything_is_counted(room, tmp_path):
    POLICY.broken |= {("x", 0): "black"}
    config = room(prompts=9)
    names = [row["record"] for row in _sampled(config)]
    POLICY.broken.clear()
    POLICY.broken |= {(names[0], 0): "not finite", (names[0], 1): "black"}
    POLICY.broken |= {(names[1], at): "black" for at in range(4)}
    with (tmp_path / "prompts.txt").open("a") as file:
        file.write("a grey card, 1\na grey card, 2\n")
    shutil.rmtree("out")
    counts = curate(config).counts
    prompts, candidates, pairs = counts["prompts"], counts["candidates"], counts["pairs"]
    assert (prompts["read"], prompts["duplicates"]) == (9, 2)
    assert prompts["kept"] + sum(sum(r.values()) for r in prompts["dropped"].values()) == 9
    assert prompts["dropped"]["sample"] == {"fewer than two candidates": 1}
    assert (candidates["asked"], candidates["made"]) == (36, 30)
    assert candidates["left_out"]["sample"] == {"black": 5, "not finite": 1}
    made = sum(pairs["made"].values())
    dropped = sum(sum(reasons.values()) for reasons in pairs["dropped"].values())
    assert made == pairs["kept"] + dropped
    assert counts["judgments"]["pair_rank"] == {"ok": 15}
    assert counts["calls"]["pair_rank"] == 30
    assert json.loads((tmp_path / "out" / "counts.json").read_text()) == counts
    for row in rows_of(tmp_path / "out" / "dropped.jsonl"):
        assert row["reason"]
        assert row["step"] in ("sample", "pair_rank", "point_sift")


def _sampled(config) -> list[dict]:
    """A first run's journal of the step sample."""
    curate(config)
    return rows_of(config.output / "steps" / "00-sample.jsonl")


def test_a_prompt_without_a_pair_is_no_error(room):
    config = room()
    room.judges["bright"] = judge_of("Both images are equally good")
    counts = curate(config).counts
    assert counts["prompts"]["kept"] == 0
    assert counts["prompts"]["dropped"] == {"pair_rank": {"tie": 12}}
    assert (config.output / "records.jsonl").read_bytes() == b""


def test_a_finished_curation_is_not_done_again(room):
    config = room()
    before = curate(config)
    content = before.records.read_bytes()
    POLICY.made.clear()
    room.judges.clear()
    said = []
    again = curate(config, say=said.append)
    assert (POLICY.made, room.judges) == ([], {})
    assert again.counts == before.counts
    assert said == [f"{config.output}: was finished before"]
    assert before.records.read_bytes() == content


@pytest.mark.parametrize(
    ("step", "keep", "torn"),
    [(0, 0, b""), (0, 2, b'{"record": "x", "sta'), (1, 0, b"\xf0\x9f"), (1, 4, b""),
     (2, 1, b'{"record": "p'), (2, 5, b"{}")],
)  # fmt: skip
def test_going_on_after_any_row_of_any_step_equals_a_clean_run(room, step, keep, torn):
    config = room(prompts=5)
    curate(config)
    clean = {p.name: plain(p) for p in config.output.rglob("*.jsonl")}
    _unfinish(config)
    for at, journal in enumerate(sorted((config.output / "steps").glob("*.jsonl"))):
        lines = journal.read_bytes().splitlines(keepends=True)
        if at >= step:
            journal.write_bytes(b"".join(lines[:keep]) + torn)
    (config.output / "records.jsonl").unlink()
    POLICY.made.clear()
    room.judges.clear()
    curate(config)
    assert {p.name: plain(p) for p in config.output.rglob("*.jsonl")} == clean
    assert len(POLICY.made) == (5 - keep if step == 0 else 0)
    (judge,) = room.judges.values()
    ranked = _calls(config, "pair_rank", keep if step <= 1 else 5)
    assert judge.engine.calls == ranked + _calls(config, "point_sift", keep)


def _unfinish(config) -> None:
    """As if the run had been stopped before its end."""
    path = config.output / "curation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}))


def _calls(config, step: str, done: int) -> int:
    """Calls of a step for the cases after the first ``done``."""
    (journal,) = (config.output / "steps").glob(f"*-{step}.jsonl")
    return sum(row["case"]["said"].get(step, {}).get("calls", 0) for row in rows_of(journal)[done:])


WORKER = """
    import os, signal, sys
    from tests.curation.conftest import POLICY, GreyPolicy, SIFTING, by_brightness, judge_of
    from unireward.curation import config, curate, judged

    judged.BATCH = 8
    output, die_at, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    count = {"sample": 0, "judge": 0}
    def tick(kind):
        count[kind] += 1
        if kind == what and count[kind] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
    def says(ask):
        tick("judge")
        return by_brightness(ask)
    made = GreyPolicy._of
    def of(self, prompt, n, seed):
        with open("made.txt", "a") as file:
            file.write(prompt.id + chr(10))
        sampled = made(self, prompt, n, seed)
        tick("sample")
        return sampled
    GreyPolicy._of = of
    config.JudgeConfig.load = lambda self: judge_of(says)
    curate(config.parse_config({
        "output": output, "prompts": "prompts.txt", "task": "image_generation", "candidates": 4,
        "policy": "tests.curation.conftest:POLICY", "judge": "bright",
        "steps": [{"sample": {"batch": 2}}, *SIFTING[1:]],
    }))
"""


def run_worker(output: str, die_at: int, what: str = "judge") -> int:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WORKER), output, str(die_at), what],
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    ).returncode


def test_kill_nine_in_each_stage_and_a_last_run_equal_a_clean_run(room, tmp_path):
    steps = [{"sample": {"batch": 2}}, *SIFTING[1:]]
    clean = room(prompts=14, output="clean", steps=steps)
    curate(clean)
    assert run_worker("out", 5, "sample") == -signal.SIGKILL
    # In the midst of ranking, with one batch of eight sampled; then in the midst of sifting.
    assert run_worker("out", 17) == -signal.SIGKILL
    ranked = len(rows_of(tmp_path / "out" / "steps" / "01-pair_rank.jsonl"))
    assert 0 < ranked < 8
    assert run_worker("out", 4 * (8 - ranked) + 14) == -signal.SIGKILL
    sifted = len(rows_of(tmp_path / "out" / "steps" / "02-point_sift.jsonl"))
    assert 0 < sifted < 8
    assert not (tmp_path / "out" / "records.jsonl").exists()
    POLICY.made.clear()
    curate(room(prompts=14, steps=steps))
    for file in ("records.jsonl", "dropped.jsonl", "steps/02-point_sift.jsonl"):
        assert plain(tmp_path / "out" / file) == plain(tmp_path / "clean" / file)
    made = [*(tmp_path / "made.txt").read_text().split(), *POLICY.made]
    # Sampled once each, but for the batch of two that the first kill took.
    assert len(set(made)) == 14
    assert len(made) <= 16


def test_another_config_is_refused_with_what_differs(room):
    curate(room())
    before = (room().output / "records.jsonl").read_bytes()
    for change, difference in (
        (("candidates=6",), "steps.sample.n: 4 then, 6 now"),
        (("seed=1",), "steps.sample.seed: 0 then, 1 now"),
        (("steps.1=pair_rank: {both_orders: false}",), "both_orders: true then, false now"),
        (("steps.2=point_sift",), 'steps.point_sift.judge.form: "sift" then, null now'),
        (("limit=3",), "limit: null then, 3 now"),
    ):
        with pytest.raises(UsageError, match=f"out was begun with another .*{difference}"):
            curate(room(*change))
    with pytest.raises(UsageError, match=r"out was begun with another .*margin"):
        curate(room(steps=["sample", "pair_rank", {"point_sift": {"form": "sift"}}, "margin"]))
    with pytest.raises(UsageError, match=r"another input\.sha256"):
        curate(room(prompts=13))
    assert (room().output / "records.jsonl").read_bytes() == before


def test_an_output_in_which_nothing_was_done_belongs_to_nobody(room):
    config = room()
    room.judges["bright"] = judge_of(faults={0: "error"}, policy="stop")
    with pytest.raises(StoppedError):
        curate(config)
    with pytest.raises(UsageError, match="begun with another"):
        curate(room("seed=1"))
    (config.output / "steps" / "00-sample.jsonl").write_bytes(b"")
    room.judges["bright"] = judge_of()
    assert curate(room("seed=1")).counts["prompts"]["read"] == 12


def test_records_of_unknown_making_are_not_touched(room, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "records.jsonl").write_text("precious\n")
    with pytest.raises(UsageError, match=r"no curation\.json says what made it"):
        curate(room())
    assert (tmp_path / "out" / "records.jsonl").read_text() == "precious\n"


def test_two_at_once_are_refused(room):
    config = room()
    curate(config)
    _unfinish(config)
    other = Journal(config.output / "steps" / "02-point_sift.jsonl")
    with other, pytest.raises(UsageError, match="another run is writing to it"):
        curate(config)


def test_what_fails_at_the_end_leaves_no_journal_locked_and_nothing_to_do_again(room, monkeypatch):
    config, made = room(), run.kept_record

    def full(case, *given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "kept_record", full)
    with pytest.raises(OSError, match="No space left") as failed:
        curate(config)
    assert sorted(p.name for p in config.output.iterdir()) == ["curation.json", "media", "steps"]
    monkeypatch.setattr(run, "kept_record", made)
    POLICY.made.clear()
    counts = curate(config).counts
    assert (counts["prompts"]["read"], POLICY.made) == (12, [])
    assert failed.traceback  # what holds the frames of the failed run alive


def test_a_journal_of_other_prompts_is_an_error(room):
    config = room()
    curate(config)
    _unfinish(config)
    journal = config.output / "steps" / "01-pair_rank.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(InputError, match=r"has prompt .* where the prompts now have"):
        curate(config)
    journal.write_bytes(b'{"record": "x"}\n')
    with pytest.raises(InputError, match=r"01-pair_rank\.jsonl:1: is no case of a curation"):
        curate(config)


# Before anything ------------------------------------------------------------------------------


def test_the_plan_counts_what_a_run_then_makes(room):
    config = room()
    found = run.plan(config)
    assert not config.output.exists()
    assert POLICY.made == []
    assert (found.prompts, found.candidates, found.guessed) == (12, 48, True)
    assert found.costs["pair_rank"].calls == 12 * 2 * 2
    assert found.costs["point_sift"].calls == 12 * 4
    assert found.bytes >= 48 * 3 * 1024 * 1024
    said = []
    counts = curate(config, say=said.append).counts
    assert counts["calls"] == {"pair_rank": 48, "point_sift": 48}
    assert said[0] == "prompts     12"
    assert said[2].startswith("disk        at most 151.")
    assert "pair_rank: at most 48 calls, 96 images" in "\n".join(said)


def test_a_policy_that_says_its_size_is_believed(room, monkeypatch):
    monkeypatch.setattr(
        GreyPolicy, "settings", {"width": 8, "height": 6, "steps": 4}, raising=False
    )
    found = run.plan(room())
    assert (found.guessed, found.bytes) == (False, 48 * (8 * 6 * 3 + 1024) + 12 * 4 * 4 * 200)


def test_a_disk_that_cannot_hold_it_is_refused_first(room, monkeypatch):
    from unireward.curation import estimate

    monkeypatch.setattr(estimate, "free_at", lambda output: 10_000_000)
    config = room()
    with pytest.raises(InputError, match=r"out has 10\.0 MB free and this may need 151\."):
        curate(config)
    assert POLICY.made == []
    assert not config.output.exists()


def test_what_was_sampled_needs_no_room_any_more(room, monkeypatch):
    from unireward.curation import estimate

    config = room()
    curate(config)
    _unfinish(config)
    monkeypatch.setattr(estimate, "free_at", lambda output: 1_000_000)
    assert run.plan(config).done == 12
    curate(config)


def test_no_prompt_at_all(room, tmp_path):
    config = room(prompts=0)
    with pytest.raises(InputError, match=r"prompts\.txt: holds no prompt"):
        curate(config)


def test_a_bad_line_keeps_what_was_before_it(room, tmp_path):
    config = room(prompts=3)
    (tmp_path / "prompts.txt").write_bytes(b"one\n\xff\xfe\nthree\n")
    with pytest.raises(InputError, match=r"prompts\.txt:2"):
        curate(config)


# Candidates that are there ----------------------------------------------------------------------


def test_records_that_have_candidates_need_no_policy(room, tmp_path):
    from tests.curation.conftest import case_of
    from unireward.files import write_records
    from unireward.record import Label

    records = []
    for number in range(6):
        case = case_of([10 + number, 90, 200, 40], number)
        label = Label(ranking=(("c",), ("b",), ("d",), ("a",)))
        records.append(case.prompt.with_candidates(case.candidates, label=label))
    write_records(tmp_path / "in.jsonl", records)
    steps = [{"verify": {"checker": "labels"}}, "pair_rank", {"point_sift": {"form": "sift"}}]
    config = room(records="in.jsonl", steps=steps)
    assert run.plan(config).bytes == 0
    result = curate(config)
    kept = list(read_records(result.records))
    assert [r.label.ranking for r in kept] == [(("c",), ("a",))] * 6
    assert result.counts["truth"]["accuracy"]["value"] == 1.0
    assert measure_pairs(kept).gap.value == 3.0
    assert kept[0].candidates[0].content[0].path.startswith(str(tmp_path / "media"))


def test_several_pairs_of_a_prompt_have_ids_of_their_own(room):
    result = curate(room(steps=["sample", "pair_rank"]))
    kept = list(read_records(result.records))
    assert len(kept) == len({record.id for record in kept})
    assert kept[0].id.endswith(":1")
    assert len({r.meta["curation"]["prompt"] for r in kept}) == 12


def test_clips_are_kept_as_files_or_frames(tmp_path):
    from unireward.curation.store import Store
    from unireward.media import Video
    from unireward.record import Candidate

    frames = np.zeros((5, 16, 32, 3), dtype=np.uint8)
    frames[:, :, :, 0] = (np.arange(5) * 50)[:, None, None]
    clip = Candidate(id="a", content=(Part(type="video", media=Video(frames, fps=4)),))
    part = Store(tmp_path).kept("p 1", clip).content[0]
    assert part.path.endswith("/a.mp4")
    info = part.load().info()
    assert (info.frames, info.fps, info.width, info.height) == (5, 4.0, 32, 16)
    exact = Store(tmp_path, "frames").kept("p 1", clip).content[0]
    assert (len(exact.frames), exact.fps) == (5, 4.0)
    shown = exact.load().frames("all").images
    assert (np.stack([np.asarray(f.load()) for f in shown]) == frames).all()
    odd = Candidate(id="b", content=(Part(type="video", media=Video(frames[:, :15], fps=4)),))
    assert Store(tmp_path).kept("p1", odd).content[0].frames is not None
    assert Path(part.path).parent.name.startswith("p-1-")
    with pytest.raises(UsageError, match="use mp4 or frames"):
        Store(tmp_path, "gif")


def test_journals_are_named_by_place_and_step(room):
    config = room(steps=["sample", "pair_rank", "margin", "margin"])
    curate(config)
    assert sorted(p.name for p in (config.output / "steps").iterdir()) == [
        "00-sample.jsonl", "01-pair_rank.jsonl",
    ]  # fmt: skip
    assert journal_path(config.output, 0, type("S", (), {"name": "x"})()).name == "00-x.jsonl"
