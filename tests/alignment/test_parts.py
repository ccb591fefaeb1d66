"""The parts of a chain one by one: methods, best of n, figures, diversity, the alarm, truths."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import entropy as bits_of

from tests.alignment.bright import CAPTIONS, Bright
from unireward.alignment import BestOfN
from unireward.alignment.alarm import sounded
from unireward.alignment.best_of_n import CALLS, UNREAD
from unireward.alignment.config import parse_config
from unireward.alignment.diversity import entropies, entropy, ratio
from unireward.alignment.figures import difference, figures_of, reward
from unireward.alignment.methods.online import Online
from unireward.alignment.rows import PromptRow, SampleRow, read_rows
from unireward.alignment.truth import told
from unireward.alignment.world_truth import world_truth
from unireward.errors import InputError, UsageError
from unireward.media import Image
from unireward.policies import FunctionPolicy
from unireward.prompt import Prompt
from unireward.record import Candidate, Part, Record
from unireward.report.steps import Point, steps_chart
from unireward.stats.intervals import Estimate
from unireward.world.facts import caption
from unireward.world.render import render
from unireward.world.scene import sample_spec, scene_of


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(id=f"p{k}", task="image_generation", prompt=(Part.of_text(CAPTIONS[k]),))
        for k in range(count)
    ]


# Methods ---------------------------------------------------------------------------------------


def test_rounds_take_every_prompt_before_any_comes_again():
    way, every = Online(rounds=6, prompts=4), prompts(10)
    rounds = [way.prompts_of(every, number, seed=3) for number in range(1, 7)]
    assert [len({p.id for p in some}) for some in rounds] == [4] * 6
    first = Counter(p.id for some in rounds[:2] for p in some)
    assert max(first.values()) == 1
    assert set(Counter(p.id for some in rounds for p in some)) == {p.id for p in every}
    assert rounds[0] == way.prompts_of(every, 1, seed=3)
    assert rounds[0] != way.prompts_of(every, 1, seed=4)
    assert len(Online(prompts=64).prompts_of(every, 3, seed=0)) == 10


def test_the_rate_falls_over_the_last_rounds():
    rates = [Online(rounds=10, decay=0.5).rate(number) for number in range(1, 11)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert Online(rounds=3).rate(3) == 1.0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("method=grpo", "method: 'grpo' is no method; use dpo, online, best-of-n, rejection, sft"),
        ("method.online.round=3", "method.online.round: is no field"),
        ("curation=[sift]", "curation: steps: 'sift' is no step"),
        ("curation=[margin]", "curation: steps make no pairs; add one of pair_rank"),
        ("prompts=null", "prompts is missing; give a file of them, which online learns on"),
        ("training.model={generator: {export: beside}, lora: {}}", "set it to merged"),
        ("evaluation.samples=0", "evaluation.samples: "),
    ],
)
def test_configs_that_cannot_be(override, said):
    body = {
        "output": "out", "policy": "tiny-t2i", "judge": "tiny", "prompts": "p.txt",
        "method": {"online": {}}, "evaluation": {"prompts": "e.txt"},
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        parse_config(body, [override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert parse_config(body, ["alarm=off"]).alarm.do == "off"
    assert parse_config(body, ["method=dpo", "curation=published"]).way.kind == "dpo"


def test_looks_of_one_training_end_with_its_last_weights():
    body = {
        "output": "out", "policy": "tiny-t2i", "judge": "tiny", "prompts": "p.txt",
        "method": "dpo", "evaluation": {"prompts": "e.txt", "every": 30},
    }  # fmt: skip
    with pytest.raises(InputError, match=r"every \(30\) must divide training.steps \(100\)"):
        parse_config(body)


# Best of n -------------------------------------------------------------------------------------


def greys(texts: list[str], n: int, seed: int):
    """Pictures of 40, 41, ... by index, none at every index that 5 divides."""
    levels = [None if k % 5 == 0 else 40 + k for k in range(n)]
    ramp = np.linspace(0, 20, 8, dtype=np.uint8)[None, :, None]
    return [
        [None if at is None else np.broadcast_to(at + ramp, (8, 8, 3)).copy() for at in levels]
        for _ in texts
    ]


def test_best_of_n_picks_the_best_of_each_own_group():
    base = FunctionPolicy(greys, name="greys")
    (sampled,) = BestOfN(base, Bright(), 3).sample(prompts(1), 4, seed=0)
    # Groups of candidates 0-2, 3-5, 6-8, 9-11; 0, 5 and 10 were not made.
    means = [
        round(float(np.asarray(c.content[0].load().load()).mean())) for c in sampled.candidates
    ]
    assert means == [40 + best + 10 for best in (2, 4, 8, 11)]
    assert [c.id for c in sampled.candidates] == ["a", "b", "c", "d"]
    assert sampled.settings[CALLS] == 4
    (dark,) = BestOfN(base, Bright(-1), 3, by="rank").sample(prompts(1), 1, seed=0)
    assert round(float(np.asarray(dark.candidates[0].content[0].load().load()).mean())) == 51


def test_best_of_n_never_takes_what_was_not_read():
    base = FunctionPolicy(greys, name="greys")
    unread = Bright(broken=lambda record: record.id.endswith(" 1"))
    (sampled,) = BestOfN(base, unread, 3).sample(prompts(1), 2, seed=0)
    assert [c.id for c in sampled.candidates] == ["a"]
    assert sampled.left_out == {"b": "the judge's reply: unparsed"}
    none = FunctionPolicy(lambda texts, n, seed: [[None] * n for _ in texts], name="none")
    (sampled,) = BestOfN(none, Bright(), 2).sample(prompts(1), 1, seed=0)
    assert sampled.left_out == {"a": "none was made"}
    with pytest.raises(UsageError, match="best of 1"):
        BestOfN(base, Bright(), 1)


def test_best_of_n_picks_among_those_that_were_read():
    class Brief(Bright):
        """Does not get to the brighter half of a group."""

        def said(self, record, mode, scores):
            names = sorted(scores, key=lambda name: scores[name])
            read = {name: scores[name] for name in names[: len(names) // 2]}
            whole = super().said(record, mode, scores)
            return whole.model_copy(update={"status": "unparsed", "scores": read, "winner": None})

    base = FunctionPolicy(greys, name="greys")
    (sampled,) = BestOfN(base, Brief(), 5).sample(prompts(1), 2, seed=0)
    # Groups of 1-4 and 6-9, of which 1, 2 and 6, 7 were read.
    means = [
        round(float(np.asarray(c.content[0].load().load()).mean())) for c in sampled.candidates
    ]
    assert means == [40 + best + 10 for best in (2, 7)]
    assert (sampled.settings[UNREAD], sampled.left_out) == (4, {})


# Figures ---------------------------------------------------------------------------------------


def rows(values: np.ndarray, right: np.ndarray | None = None, second=None) -> list[PromptRow]:
    """One prompt a row of values [n, samples]; NaN is not read."""
    found = []
    for at, line in enumerate(values):
        samples = {
            "ab"[k]: SampleRow(
                reward=None if np.isnan(value) else float(value),
                right=None if right is None else bool(right[at, k]),
                second=None if second is None else float(second[at, k]),
            )
            for k, value in enumerate(line)
        }
        found.append(PromptRow(record=f"p{at}", text="", samples=samples))
    return found


def test_differences_are_paired_and_leave_out_what_was_not_read():
    rng = np.random.default_rng(0)
    before = rng.random((200, 2))
    after = before + 0.05 + 0.01 * rng.standard_normal(before.shape)
    after[0, 0] = np.nan
    gap = difference(rows(after), rows(before), reward)
    per_prompt = np.nanmean(after - before, axis=1)
    assert gap is not None
    assert gap.value == pytest.approx(per_prompt.mean())
    assert gap.n == 200
    # The interval is that of the paired mean, far narrower than that of either mean.
    half = 1.96 * per_prompt.std(ddof=1) / np.sqrt(200)
    assert (gap.high - gap.low) / 2 == pytest.approx(half, rel=0.15)
    figures = figures_of(rows(after), rows(before))
    assert figures.reward is not None
    assert figures.reward.n == 399
    assert figures.reward.value == pytest.approx(np.nanmean(after))


def test_rows_are_read_back_as_they_were_written(tmp_path):
    (row,) = rows(np.array([[0.25, np.nan]]), np.array([[True, False]]))
    picture = Part(type="image", media=Image(np.full((4, 4, 3), 9, np.uint8)))
    row = row.model_copy(update={
        "left_out": {"c": "black"}, "candidates": (Candidate(id="a", content=(picture,)),),
    })  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_bytes(row.line(tmp_path) + b"\n" + b'{"torn": ')
    (found,) = read_rows(path)
    assert found.samples == row.samples
    assert found.left_out == row.left_out
    assert np.asarray(found.candidates[0].content[0].load().load()).max() == 9


# Diversity -------------------------------------------------------------------------------------


def test_entropy_is_shannons_with_miller_and_madows_correction():
    counts = np.array([7, 2, 1, 0])
    expected = bits_of(counts[:3], base=2) + 2 / (2 * 10 * np.log(2))
    assert entropy(counts) == pytest.approx(expected)
    chosen = [[{"place": ("top",), "size": ("small",)}], [{"place": ("top", "left")}], []]
    found = entropies(chosen)
    assert found["size"] == 0.0
    assert found["place"] == pytest.approx(bits_of([2, 1], base=2) + 1 / (6 * np.log(2)))


def test_the_ratio_says_what_collapsed_and_not_how_many_were_right():
    rng = np.random.default_rng(1)
    words = [f"w{k}" for k in range(8)]

    def drawn(n: int, kinds: int, share: float) -> list[list[dict[str, tuple[str, ...]]]]:
        return [
            [{"place": (words[rng.integers(kinds)],)}] if rng.random() < share else []
            for _ in range(n)
        ]

    before = drawn(400, 8, 0.4)
    same = ratio(drawn(400, 8, 0.9), before)
    fewer = ratio(drawn(400, 2, 0.9), before)
    assert same is not None
    assert fewer is not None
    assert same.low < 1 < same.high
    assert fewer.value == pytest.approx(1 / 3, abs=0.03)
    assert fewer.high < 0.5
    assert ratio([[] for _ in before], before) is None


# Alarm -----------------------------------------------------------------------------------------


def looks(rewards, rights, n: int = 200, seed: int = 0) -> list[tuple[str, list[PromptRow]]]:
    """Evaluations whose means are those, on prompts that differ: of share s the first s n are
    right."""
    rng = np.random.default_rng(seed)
    ease, level = rng.random((n, 1)), (np.arange(n)[:, None] + 0.5) / n
    noise = [0.02 * rng.standard_normal((n, 1)) for _ in rewards]
    return [
        (f"e{k}", rows(r + 0.1 * ease + off, level < share))
        for k, (r, share, off) in enumerate(zip(rewards, rights, noise))
    ]


def test_the_alarm_sounds_where_reward_rises_and_truth_falls():
    seen = looks([0.3, 0.4, 0.5], [0.5, 0.5, 0.4])
    alarm = sounded("e2", seen[2][1], seen[:2])
    assert alarm is not None
    assert (alarm.kept, alarm.since, alarm.measure) == ("e1", "e1", "right")
    assert alarm.fall.value == pytest.approx(-0.1)
    assert alarm.confidence == pytest.approx(0.975)
    assert "truth -0.1" in alarm.reason


def test_the_alarm_hears_a_fall_in_small_steps_after_a_rise():
    seen = looks([0.3, 0.4, 0.41, 0.42, 0.43], [0.3, 0.5, 0.49, 0.48, 0.46])
    for k in range(1, 4):
        assert sounded(f"e{k}", seen[k][1], seen[:k]) is None
    alarm = sounded("e4", seen[4][1], seen[:4])
    assert alarm is not None
    assert alarm.since in ("e1", "e2")
    assert alarm.kept == "e3"


def test_the_alarm_is_silent_where_both_move_alike_or_by_chance():
    assert sounded("e1", *both(looks([0.3, 0.4], [0.4, 0.5]))) is None
    assert sounded("e1", *both(looks([0.4, 0.3], [0.5, 0.4]))) is None
    false = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        chance = [
            (f"e{k}", rows(rng.random((100, 1)), rng.random((100, 1)) < 0.5)) for k in range(4)
        ]
        false += sounded("e3", chance[3][1], chance[:3]) is not None
    assert false <= 1


def both(seen):
    return seen[1][1], seen[:1]


def test_a_second_judge_sounds_it_where_there_is_no_truth():
    values = np.random.default_rng(0).random((100, 1))
    before = rows(values, second=values)
    after = rows(values + 0.1, second=values - 0.05)
    alarm = sounded("e1", after, [("e0", before)])
    assert alarm is not None
    assert alarm.measure == "second"
    assert "the second judge -0.05" in alarm.reason


# Truth -----------------------------------------------------------------------------------------


def test_the_worlds_truth_reads_the_worlds_own_pictures():
    rng = np.random.default_rng(5)
    specs = [sample_spec(rng, 1, "train") for _ in range(6)]
    pictures = [render(scene_of(spec, rng), 32) for spec in specs]
    records = [
        Record(
            id=f"r{k}", task="image_generation", prompt=(Part.of_text(caption(spec)),),
            candidates=tuple(
                Candidate(id=name, content=(Part(type="image", media=Image(pixels)),))
                for name, pixels in (("own", pictures[k]), ("other", pictures[k - 1]))
            ),
        )
        for k, spec in enumerate(specs)
    ]  # fmt: skip
    said = told(world_truth, records)
    assert all(one["own"].right for one in said)
    assert not any(one["other"].right for one in said)
    assert said[0]["own"].facts == {
        "count": 1, "colour": 1, "shape": 1, "clear": 1, "alignment": 1
    }  # fmt: skip
    smeared = render(scene_of(specs[0], np.random.default_rng(7)), 32)
    smeared[:6, :6] = (90, 60, 30)
    blot = records[0].model_copy(update={"candidates": (Candidate(
        id="own", content=(Part(type="image", media=Image(smeared)),)),)})  # fmt: skip
    (said_of,) = told(world_truth, [blot])
    assert not said_of["own"].right
    assert said_of["own"].facts["clear"] == 0
    assert set(said[0]["own"].open) >= {"background", "place", "size", "texture"}
    assert said[0]["own"].number > said[0]["other"].number
    unknown = records[0].model_copy(update={"prompt": (Part.of_text("a dog in the rain"),)})
    assert told(world_truth, [unknown]) == [{}]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ([], "gave no list of 1 mappings"),
        ([3], "gave a int for r"),
        ([{"a": {"colour": 1}}], "r a: says no 'right'"),
        ([{"a": {"right": True, "colour": float("nan")}}], "colour is nan"),
    ],
)
def test_truths_of_another_shape_are_refused(said, fault):
    record = prompts(1)[0].with_candidates([Candidate(id="a", content=(Part.of_text("x"),))])
    record = record.model_copy(update={"id": "r"})
    with pytest.raises(InputError, match=fault):
        told(lambda records: said, [record])


# Chart -----------------------------------------------------------------------------------------


def test_a_chart_of_steps_says_in_words_what_it_draws():
    points = [Point(0, Estimate(0.4, 0.35, 0.45, 100)), Point(4, Estimate(0.6, 0.5, 0.7, 90), True)]
    drawn = steps_chart(points, "Right", "rounds", line=0.5)
    assert "rounds 0: 40 % (35 % to 45 %); rounds 4: 60 % (50 % to 70 %), marked" in drawn
    assert drawn.count("<circle") == 2
    assert "stroke-dasharray" in drawn
    assert steps_chart(points[:1], "Right", "rounds").count("<circle") == 1
