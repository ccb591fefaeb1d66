"""The pages, the data card and the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import unireward  # noqa: F401 - a fixture
from tests.curation.conftest import POLICY, grey, rows_of
from unireward.curation import curate
from unireward.curation.drawn import drawn
from unireward.curation.dropped import read_dropped
from unireward.curation.page import write_review
from unireward.errors import InputError, MissingExtraError
from unireward.report.funnel import funnel_bars


@pytest.fixture(autouse=True)
def _fresh():
    POLICY.made.clear()
    POLICY.broken.clear()


def tag_count(page: str, tag: str) -> int:
    return len(re.findall(rf"<{tag}[\s>]", page))


def test_the_page_shows_kept_and_dropped_with_reasons(room):
    config = room(steps=["sample", "pair_rank", {"point_sift": {"form": "sift"}},
                         {"margin": {"min": 0.4}}])  # fmt: skip
    counts = curate(config).counts
    page = (config.output / "index.html").read_text()
    assert counts["prompts"]["dropped"]["margin"]["margin is too small"] > 0
    assert f"{counts['pairs']['kept']} pairs of" in page
    assert "Dropped by margin: margin is too small" in page
    assert len(re.findall("judge(?:'|&#39;)s choice", page)) >= counts["pairs"]["kept"]
    sources = re.findall(r'<img src="([^"]+)"', page)
    assert len(sources) >= 24
    assert all((config.output / source).is_file() for source in sources)
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", page)
    card = json.loads((config.output / "card.json").read_text())
    assert card["modes"] == {"pairwise": counts["pairs"]["kept"]}
    assert (config.output / "card.md").read_text().startswith("# Pairs in out")


def test_a_page_without_jinja_costs_no_pair(room, monkeypatch):
    from unireward.curation import page

    def missing(*given):
        raise MissingExtraError('pages need jinja2: pip install "unireward[report]"')

    monkeypatch.setattr(page, "write_page", missing)
    said = []
    result = curate(room(), say=said.append)
    assert result.counts["pairs"]["kept"] > 0
    assert 'no page: pages need jinja2: pip install "unireward[report]"' in said


def test_a_review_draws_by_lot_with_every_reason(room):
    POLICY.broken |= {("x", 0): "black"}
    config = room(prompts=30, steps=["sample", "pair_rank", {"margin": {"max": 0.0}}])
    curate(config)
    lines = list(read_dropped(config.output / "dropped.jsonl"))
    assert {(row.step, row.reason) for row in lines} >= {("margin", "margin is too large")}
    some = drawn(config.output, 10, seed=1)
    assert (some.kept, len(some.dropped)) == ([], 10)
    assert drawn(config.output, 10, seed=1) == some
    assert drawn(config.output, 10, seed=2) != some
    page = write_review(config, 100).read_text()
    assert tag_count(page, "article") == min(100, len(lines))


def test_a_review_is_half_kept_half_dropped(room):
    config = room(prompts=24, steps=["sample", "pair_rank", {"prompt_quota": {"n": 1}}])
    curate(config)
    some = drawn(config.output, 10)
    assert (len(some.kept), len(some.dropped)) == (5, 5)
    few = drawn(config.output, 60)
    assert (len(few.kept), len(few.dropped)) == (24, 24)


def test_dropped_lines_read_back(room):
    config = room(steps=["sample", "pair_rank", {"margin": {"max": 0.0}}])
    curate(config)
    (first, *_) = rows_of(config.output / "dropped.jsonl")
    assert first["whole"] is True
    assert first["pair"]["winner"] in first["pair"]["between"]
    assert first["candidates"][0]["content"][0]["path"].startswith("media/")
    (read, *_) = read_dropped(config.output / "dropped.jsonl")
    assert Path(read.candidates[0].content[0].path).is_file()


def test_a_funnel_draws_counts():
    drawing = funnel_bars([("prompts", 40), ("pair_rank", 10), ("margin", 0)], "Left")
    widths = [float(w) for w in re.findall(r'width="([\d.]+)"', drawing)]
    assert widths[1] == pytest.approx(widths[0] / 4)
    assert widths[2] == 0
    assert "<desc>prompts 40, pair_rank 10, margin 0</desc>" in drawing


# The command line -----------------------------------------------------------------------------


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """A config of answers that are there, and a scripted judge that likes the right ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.png").write_bytes(grey(100).png())
    rows = [
        {
            "schema": 1,
            "id": f"q{number}",
            "task": "image_understanding",
            "prompt": [{"type": "image", "path": "q.png"},
                       {"type": "text", "text": f"What is it, number {number}?"}],
            "candidates": [
                {"id": "a", "content": [{"type": "text", "text": f"wrong, it is a cat {number}"}]},
                {"id": "b", "content": [{"type": "text", "text": f"right, a grey card {number}"}]},
            ],
        }
        for number in range(4)
    ]  # fmt: skip
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = [
        {"regex": r"right, [\s\S]*wrong, ", "reply": "Overall Judgment: Answer 1 is better."},
        {"regex": r"wrong, [\s\S]*right, ", "reply": "Overall Judgment: Answer 2 is better."},
        {"contains": "right, a grey card 3", "reply": "I cannot say"},
        {"contains": "right, ", "reply": "Final Score: 100"},
        {"contains": "wrong, ", "reply": "Final Score: 99"},
    ]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (tmp_path / "pairs.yaml").write_text(
        "output: out\nrecords: in.jsonl\n"
        "judge: {path: 'scripted:table.jsonl', family: unifiedreward/qwen}\n"
        "steps: [pair_rank, point_sift]\n"
    )
    return tmp_path


def test_curate_on_the_command_line(unireward, answers):  # noqa: F811
    plan = unireward("curate", "pairs.yaml", "--plan")
    assert plan.code == 0
    assert "pair_rank: at most 8 calls" in plan.out
    assert not (answers / "out").exists()
    ran = unireward("curate", "pairs.yaml", "--json", "--review", "10")
    assert (ran.code, ran.json["counts"]["pairs"]["kept"]) == (0, 3)
    assert ran.json["counts"]["prompts"]["dropped"] == {
        "point_sift": {"no winner was scored": 1}
    }  # fmt: skip
    assert ran.json["counts"]["candidates"]["left_out"] == {"point_sift": {"unparsed": 1}}
    assert tag_count(Path(ran.json["review"]).read_text(), "article") == 4
    again = unireward("curate", "pairs.yaml")
    assert (again.code, again.out) == (0, "3 pairs in out/records.jsonl\n")
    refused = unireward("curate", "pairs.yaml", "steps.0=pair_rank: {both_orders: false}")
    assert refused.code == 2
    assert "both_orders: true then, false now" in refused.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("override", "mend"),
    [
        ("steps=nothing", "'nothing' is no preset; use published"),
        ("steps=[margin]", "steps make no pairs; add one of pair_rank"),
        ("steps=[pair_rank, nonsense]", "'nonsense' is no step; use holdout, sample"),
        ("steps=[{pair_rank: {pair: 3}}]", "steps.0.pair_rank.pair: is no field of the format"),
        ("steps=[sample, pair_rank]", "prompts need the step sample, and records"),
        ("steps=[margin, pair_rank]", "margin chooses among pairs; put one of pair_rank"),
        ("steps=[pair_rank, pass_band]", "pass_band needs verify"),
        ("steps=[{pair_rank: {judge: other}}]", "judge 'other' is not in judges (judge)"),
        ("prompts=x.txt", "give prompts (and a policy) or records"),
        ("judge=null", "a judge is asked and there is none"),
        ("candidates=1", "candidates: Input should be greater than or equal to 2"),
        ("output=", "output"),
        ("steps=[{pair_rank: {pairs: nearly}}]", "use disjoint, random:N, all"),
        ("limit=0", "limit"),
    ],
)
def test_a_config_that_is_none(unireward, answers, override, mend):  # noqa: F811
    ran = unireward("curate", "pairs.yaml", override)
    assert (ran.code, ran.out) == (2, "")
    assert mend in ran.err.splitlines()[-1]
    assert not (answers / "out").exists()


def test_a_policy_and_its_options_in_a_config():
    from unireward.curation.config import parse_config

    with pytest.raises(InputError, match="sample comes first, after holdout at most"):
        parse_config(
            {"output": "o", "prompts": "p", "policy": "x", "steps": ["pair_rank", "sample"]}
        )
    body = {"output": "o", "prompts": "p.txt", "steps": "published", "judge": "tiny",
            "policy": {"path": "tiny-t2i", "steps": 4}}  # fmt: skip
    config = parse_config(body, ["policy.guidance_scale=1.5", "judges.second=mine"])
    assert config.policy.options == {"steps": 4, "guidance_scale": 1.5}
    assert {name: judge.path for name, judge in config.judges.items()} == {
        "judge": "tiny", "second": "mine",
    }  # fmt: skip
    assert [next(iter(step)) for step in config.steps] == ["sample", "pair_rank", "point_sift"]
