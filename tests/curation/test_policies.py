"""Curation with the policies and the judge that there are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.curation.conftest import grey
from unireward.curation import curate, run
from unireward.curation.config import parse_config
from unireward.curation.run import read_cases
from unireward.files import read_records
from unireward.media import Image


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    monkeypatch.setattr(run, "write_pages", lambda config, say: None)


def test_black_and_broken_pictures_are_counted_and_never_judged(room):
    config = room(policy="tests.curation.conftest:draw", prompts=3, candidates=6)
    counts = curate(config).counts
    assert counts["candidates"]["left_out"]["sample"] == {"black": 3, "not finite": 3}
    assert (counts["candidates"]["asked"], counts["candidates"]["made"]) == (18, 12)
    assert counts["judgments"]["pair_rank"] == {"ok": 6}
    for case in read_cases(config.output):
        assert case.names == ["c", "d", "e", "f"]
        assert {name: out.reason for name, out in case.left_out.items()} == {
            "a": "black", "b": "not finite",
        }  # fmt: skip


def test_finished_candidates_stay_where_they_are(room, tmp_path):
    config = room(prompts=2)
    ids = [prompt.id for prompt in (case.prompt for case in run.cases_of(config))]
    for name in ids:
        (tmp_path / "made" / name).mkdir(parents=True)
        for at in range(4):
            pixels = np.random.default_rng(at).integers(0, 40 + 50 * at, (6, 8, 3)).astype(np.uint8)
            (tmp_path / "made" / name / f"{at}.png").write_bytes(Image(pixels).png())
    config = room(prompts=2, policy="folder:made")
    result = curate(config)
    (first, *_) = read_records(result.records)
    assert first.candidates[0].content[0].path.startswith(str(tmp_path / "made"))
    assert not (config.output / "media").exists()


def test_answers_of_a_model(tmp_path, monkeypatch):
    """A scripted model whose answers hang on their seed, and a judge that likes the right ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.png").write_bytes(grey(100).png())
    asked = [{"type": "image", "path": "q.png"}, {"type": "text", "text": "What is it?"}]
    row = {"schema": 1, "id": "q", "task": "image_understanding", "prompt": asked}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "model.jsonl").write_text(json.dumps({"reply": "a grey card"}) + "\n")
    (tmp_path / "judge.jsonl").write_text(json.dumps({"reply": "Overall Judgment: a tie."}) + "\n")
    config = parse_config({
        "output": "out", "prompts": "p.jsonl", "candidates": 4,
        "policy": {"path": "scripted:model.jsonl", "temperature": 0.7},
        "judge": {"path": "scripted:judge.jsonl", "family": "unifiedreward/qwen"},
        "steps": ["sample", "pair_rank", "near_duplicates"],
    })  # fmt: skip
    found = run.plan(config)
    assert (found.guessed, found.costs["pair_rank"].calls) == (False, 4)
    curate(config)
    (case,) = read_cases(config.output)
    assert [c.text for c in case.candidates] == ["a grey card"] * 4
    assert case.sampled["settings"]["temperature"] == 0.7
    assert len(set(case.sampled["seeds"].values())) == 4
    assert case.dropped.step == "pair_rank"


def test_the_tiny_judge_on_the_drawn_world(tmp_path, monkeypatch):
    """Pictures and answers of known truth, judged by the shipped judge from first to last."""
    from unireward.world import write_world

    monkeypatch.chdir(tmp_path)
    write_world(["image_generation", "image_understanding"], 16, 11, "w", candidates=4)
    config = parse_config({
        "output": "out", "records": "w/records.jsonl",
        "judge": {"path": "tiny", "cache": False, "device": "cpu"},
        "steps": [{"verify": {"checker": "labels"}}, "pair_rank", "point_sift"],
    })  # fmt: skip
    counts = curate(config).counts
    kept = list(read_records(tmp_path / "out" / "records.jsonl"))
    assert {record.task for record in kept} == {"image_generation", "image_understanding"}
    assert counts["judgments"]["pair_rank"] == {"ok": 32}
    for record in kept:
        scores = record.label.scores
        (winner,), (loser,) = record.label.ranking
        assert scores[winner]["score"] > scores[loser]["score"]
        assert record.label.scales["alignment"] == (1.0, 5.0)
        assert record.meta["curation"]["said"]["point_sift"]["family"] == "tiny"
    # Not how good the judge is, but that winners are not losers: a coin would give half.
    truth = counts["truth"]
    assert truth["right"] > 2 * truth["wrong"]
